"""The trial: bad days one after the other, under load, and what each cost.

python -m tests.benchmarks.failover [--stations N] [--workers N] [--away SECONDS] [DAY ...]

By hand and as root: it wants etcd, Patroni, PgBouncer, HAProxy and a network of its own, and takes some minutes.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path

from server.loadtest.trial_server import TrialServer
from server.people.people import Role
from tests.benchmarks.failover.balancer import BALANCER
from tests.benchmarks.failover.databases import DATABASES
from tests.benchmarks.failover.load import Told, faults_since, longest_gap, lost, sending
from tests.benchmarks.failover.programs import enter_own_network, require_programs, until
from tests.benchmarks.failover.site import NODES, Site, older_version

Day = Callable[[Site, argparse.Namespace], str]
"""What happens on one day; returns what is to be told of it."""

_QUIET_S = 8
"""Before and after each day, so that what it does is seen apart from the others."""


def main() -> None:
    """Run the days that are named, or all, and print a row for each."""
    days = _days()
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks.failover")
    asked.add_argument("--stations", type=int, default=8)
    asked.add_argument("--workers", type=int, default=1)
    asked.add_argument("--away", type=int, default=60, help="seconds without network")
    asked.add_argument("days", nargs="*", choices=[*days, []], metavar="DAY", help=", ".join(days))
    given = asked.parse_args()
    asked_for = given.days or list(days)
    require_programs()
    enter_own_network()
    with tempfile.TemporaryDirectory(prefix="curfew-failover-") as name:
        folder = Path(name)
        before = older_version(folder / "older") if "upgrade" in asked_for else None
        with Site(folder, given.workers, before) as site:
            _try(site, {day: days[day] for day in asked_for}, given)


def _try(site: Site, days: Mapping[str, Day], given: argparse.Namespace) -> None:
    config, pid = site.authority.config, site.node_pid("node1")
    server = TrialServer(site.authority.database, 443, site.tls, pid, site.folder, config.holder_key)
    print(
        "| day | seconds without any answer | longest wait of one station | failed requests, each sent again |"
    )
    print("| --- | --- | --- | --- |", flush=True)
    with sending(server, given.stations) as told:
        for name, day in days.items():
            _run(name, day, site, told, given)
        for name in NODES:
            print(f"\n{name}: {_memory(site.node_pid(name))}")
    _prove(site, told)


def _run(name: str, day: Day, site: Site, told: Told, given: argparse.Namespace) -> None:
    time.sleep(_QUIET_S)
    began = time.monotonic()
    note = day(site, given)
    time.sleep(_QUIET_S)
    gap, wait = longest_gap(told, began)
    faults = (
        ", ".join(f"{count} {kind}" for kind, count in sorted(faults_since(told, began).items())) or "none"
    )
    print(f"| {name}: {note} | {gap:.1f} | {wait:.1f} | {faults} |", flush=True)


def _memory(parent: int) -> str:
    """Return what each process of a server takes, after all this load."""
    workers = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    told = []
    for what, pid in (("parent", parent), *(("worker", pid) for pid in workers)):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        sizes = {words[0]: int(words[1]) / 1024 for words in map(str.split, lines[1:])}
        told.append(f"{what} {sizes['Rss:']:.0f} MiB, its share {sizes['Pss:']:.0f}")
    return "; ".join(told)


def _prove(site: Site, told: Told) -> None:
    """Compare what stations were told with what is stored, id by id, and let the server check itself."""
    stored = site.databases.stored_reports()
    missing, twice = lost(told, stored)
    print(
        f"\nacknowledged {len(told.acknowledged)}, stored {len(stored)}, lost {len(missing)}, stored twice {twice}"
    )
    settings = str(site.folder / "node1" / "server.env")
    subprocess.run([sys.executable, "-m", "server.cli", "--config", settings, "check"], check=True)
    if missing or twice:
        raise SystemExit(1)


def _days() -> Mapping[str, Day]:
    return {
        "upgrade": _upgrade,
        "quiet": _quiet,
        "node-killed": _node_killed,
        "balancer-reload": _balancer_reload,
        "rolling-restart": _rolling_restart,
        "plain-restart": _plain_restart,
        "no-network": _no_network,
        "etcd-killed": _etcd_killed,
        "standby-killed": _standby_killed,
        "postgresql-killed": _postgresql_killed,
        "primary-killed": _primary_killed,
        "primary-frozen": _primary_frozen,
    }


def _quiet(site: Site, _given: argparse.Namespace) -> str:
    token = site.authority.person_token(Role.AUDITOR)
    ages = []
    for _ in range(20):
        time.sleep(0.5)
        ages.append(_age_of_lists(site, token))
    of_replica = [age for age in ages if age is not None]
    oldest = max(of_replica, default=0.0) * 1000
    return f"nothing happens; {len(of_replica)} of {len(ages)} lists from the replica, {oldest:.0f} ms behind at most"


def _age_of_lists(site: Site, token: str) -> float | None:
    """Return how old a list is that the balancer hands out, None where it is read from the primary."""
    with closing(HTTPSConnection(BALANCER, 443, timeout=30, context=site.tls)) as connection:
        connection.request("GET", "/api/v1/phones?limit=10", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
    as_of = answer.headers["Curfew-As-Of"]
    return None if as_of is None else (datetime.now(UTC) - datetime.fromisoformat(as_of)).total_seconds()


def _upgrade(site: Site, _given: argparse.Namespace) -> str:
    return f"from a version of an older schema, {_one_by_one(site)}"


def _node_killed(site: Site, _given: argparse.Namespace) -> str:
    site.kill_node("node2")
    time.sleep(10)
    ready = site.start_node("node2")
    until(lambda: site.balancer.is_up("node2"), "the balancer to find node2")
    return f"kill -9 of a server and its workers; started again, first answer after {ready:.1f} s"


def _balancer_reload(site: Site, _given: argparse.Namespace) -> str:
    for _ in range(5):
        site.balancer.reload()
        time.sleep(3)
    return "HAProxy reloaded 5 times"


def _rolling_restart(site: Site, _given: argparse.Namespace) -> str:
    return _one_by_one(site)


def _one_by_one(site: Site) -> str:
    ready: list[str] = []
    for name in NODES:
        site.balancer.tell(f"set server curfew/{name} state drain")
        until(partial(_is_idle, site, name), f"{name} to be out of work")
        site.stop_node(name)
        ready.append(f"{site.start_node(name):.1f} s")
        site.balancer.tell(f"set server curfew/{name} state ready")
        until(partial(site.balancer.is_up, name), f"the balancer to find {name}")
    return f"each server drained, stopped, started; first answers after {' and '.join(ready)}"


def _plain_restart(site: Site, _given: argparse.Namespace) -> str:
    for name in NODES:
        site.stop_node(name)
        site.start_node(name)
        until(partial(site.balancer.is_up, name), f"the balancer to find {name}")
    return "each server stopped and started, nothing drained"


def _no_network(site: Site, given: argparse.Namespace) -> str:
    address = NODES["node1"]
    rules = (
        f"add table inet trial; add chain inet trial cut {{ type filter hook input priority 0; }};"
        f" add rule inet trial cut ip saddr {address} ip daddr {{ {', '.join(DATABASES.values())} }} drop;"
        f" add rule inet trial cut ip daddr {address} ip saddr {{ {', '.join(DATABASES.values())} }} drop;"
    )
    subprocess.run(["nft", rules], check=True)
    began = time.monotonic()
    until(lambda: not site.balancer.is_up("node1"), "the balancer to leave node1")
    left = time.monotonic() - began
    time.sleep(max(given.away - left, 0))
    subprocess.run(["nft", "delete table inet trial"], check=True)
    began = time.monotonic()
    until(lambda: site.balancer.is_up("node1"), "the balancer to find node1 again")
    back = time.monotonic() - began
    told = f"{given.away} s without network between a node and the databases"
    return f"{told}: left after {left:.1f} s, back {back:.1f} s after its return"


def _etcd_killed(site: Site, given: argparse.Namespace) -> str:
    before = site.databases.primary()
    site.databases.kill_etcd()
    time.sleep(given.away)
    site.databases.start_etcd()
    until(lambda: site.databases.standbys() == 1, "a synchronous standby")
    kept = "kept" if site.databases.primary() == before else "changed"
    return f"etcd away for {given.away} s; primary {kept}"


def _standby_killed(site: Site, _given: argparse.Namespace) -> str:
    primary = site.databases.primary()
    standby = next(name for name in DATABASES if name != primary)
    site.databases.kill(standby)
    time.sleep(20)
    back = _return_of(site, standby)
    return f"kill -9 of the standby; synchronous again {back:.1f} s after its start"


def _postgresql_killed(site: Site, _given: argparse.Namespace) -> str:
    primary = site.databases.primary()
    site.databases.kill_postgresql(primary)
    until(lambda: _is_replaced(site, primary), "another primary")
    until(lambda: site.databases.standbys() == 1, "a synchronous standby")
    return "kill -9 of the primary's PostgreSQL, Patroni lives"


def _primary_killed(site: Site, _given: argparse.Namespace) -> str:
    primary = site.databases.primary()
    began = time.monotonic()
    site.databases.kill(primary)
    until(lambda: _is_replaced(site, primary), "another primary")
    promoted = time.monotonic() - began
    time.sleep(10)
    back = _return_of(site, primary)
    told = f"kill -9 of the primary and its Patroni; another one after {promoted:.1f} s"
    return f"{told}, the old one its synchronous standby {back:.1f} s after its start"


def _primary_frozen(site: Site, given: argparse.Namespace) -> str:
    primary = site.databases.primary()
    site.databases.signal(primary, signal.SIGSTOP)
    time.sleep(given.away)
    # It wakes in the belief that it is the primary, with connections on which transactions are under way.
    site.databases.signal(primary, signal.SIGCONT)
    until(lambda: site.databases.standbys() == 1, "a synchronous standby")
    return f"all of the primary's machine frozen for {given.away} s, and then awake again"


def _is_idle(site: Site, name: str) -> bool:
    return site.balancer.under_way(name) == 0


def _is_replaced(site: Site, before: str) -> bool:
    try:
        return site.databases.primary() != before
    except StopIteration:
        return False


def _return_of(site: Site, name: str) -> float:
    began = time.monotonic()
    site.databases.start(name)
    until(lambda: site.databases.standbys() == 1, "a synchronous standby")
    return time.monotonic() - began


if __name__ == "__main__":
    main()
