"""Measures what showing the fleet costs, by its size: CPU of a page or an answer, the database's included.

python -m tests.benchmarks.reading [PHONES ...]      (default: 1000 and 32000; 1000000 takes minutes to seed)

The application answers in this process, without TLS; each view is asked for in turn, on SQLite and on PostgreSQL. The
exponent is that of the growth between the smallest and the largest fleet: 0 costs the same, 1 grows with the fleet.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from math import log
from pathlib import Path
from statistics import median

from flask.testing import FlaskClient

from demo.seeded_fleet import seed_fleet
from policy.document import Exemption, Fleet, Ring
from policy.names import PhoneId
from server.app import create_app
from server.fleet.listing import Wanted, list_phones
from server.fleet.phone_states import latest_checks
from server.fleet.ring_phones import keep_ring_counts
from server.fleet.standing import Standing
from server.loadtest.process_cpu import cpu_of_tree
from server.people.people import Role
from server.people.tokens import issue_token
from server.policies.bundles import situation
from server.running.logs import configure_logs
from tests.benchmarks.copied_fleet import copy_fleet
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.benchmarks.views import LIFTED, VIEWS
from tests.pages.office import Office, make_config, migrate_once, now, policy_in_force
from tests.server.postgresql import Postgresql

_TIMES = 9
_BASE = "https://localhost"
_EXEMPT = 50
_SEEDED = 32_000
"""Beyond so many phones the fleet is copied."""
_RINGS = {0.01: 9, 0.1: 7, 0.5: 3, 1.0: 1}
"""By where a ring ends, how many days ago it started."""

Costs = Mapping[str, float]
"""Milliseconds of CPU by view."""


def main() -> None:
    """Print each view's CPU at each size, and how it grows."""
    configure_logs()
    sizes = sorted({int(word) for word in sys.argv[1:]} or {1_000, 32_000})
    with folder_for_a_while() as folder, Postgresql(durable=True) as postgresql:
        for engine in ("SQLite", "PostgreSQL"):
            costs: dict[int, Costs] = {}
            for size in sizes:
                place = folder / f"{engine}-{size}"
                place.mkdir()
                url = f"sqlite:///{place / 'curfew.sqlite'}"
                if engine == "PostgreSQL":
                    url = postgresql.create_database(f"fleet_{size}")
                with _seeded(place, url, size) as office:
                    costs[size] = _measured(office, postgresql.process_id if engine == "PostgreSQL" else None)
            show(list(_figures(engine, costs)))


@contextmanager
def _seeded(folder: Path, url: str, size: int) -> Iterator[Office]:
    config = make_config(folder, url)
    migrate_once(url)
    office = Office(create_app(config), config)
    seed_fleet(office.database, config.holder_key, min(size, _SEEDED), now())
    if size > _SEEDED:
        copy_fleet(office.database, round(size / _SEEDED) - 1, now())
    publish_exemptions_and_rings(office)
    yield office
    office.database.close()


def publish_exemptions_and_rings(office: Office) -> None:
    """Publish a policy whose rings have started, and some exemptions."""
    policy, hour = policy_in_force(), now().replace(minute=0, second=0)
    rings = tuple(Ring(share, hour - timedelta(days=days)) for share, days in _RINGS.items())
    office.publish(policy=replace(policy, rings=rings))
    with office.database.reading() as session:
        rows = list_phones(session, situation(session, now()), Wanted(Standing.VIOLATING), limit=_EXEMPT).rows
    until = now().replace(year=now().year + 1)
    exempt = tuple(Exemption(PhoneId(row.phone_id), until, "travel") for row in rows)
    office.publish(2, policy=replace(policy, rings=rings), fleet=Fleet(1, exempt))
    keep_ring_counts(office.database, now())


def _measured(office: Office, database_pid: int | None) -> Costs:
    client = office.client(*Role)
    with office.database.writing() as session:
        secret = issue_token(session, "-".join(role.value for role in Role), "test", now()).secret
    with office.database.reading() as session:
        here = situation(session, now())
        [row] = list_phones(session, here, Wanted(Standing.SILENT), limit=1).rows
        [seen] = list_phones(session, here, Wanted(Standing.UNREADABLE), limit=1).rows
        report_id = latest_checks(session, [seen.phone_id])[seen.phone_id].report_id
    assert row.latest
    names = {
        "phone": row.phone_id,
        "report": report_id,
        "station": row.latest.station_id,
        "draft": office.draft(),
    }

    def cost(address: str) -> float:
        return _cost(_asked(client, address.format(**names), secret), database_pid)

    costs = {address: cost(address) for addresses in VIEWS.values() for address in addresses}
    # Each time by a new application: what stands is kept for a minute.
    fresh = [create_app(office.config).test_client() for _ in range(_TIMES + 1)]
    costs["/metrics"] = _cost(lambda: fresh.pop().get("/metrics"), database_pid)
    office.publish(3, policy=replace(policy_in_force(), lifted=True))
    return costs | {f"{address}, lifted": cost(address) for address in LIFTED}


def _asked(client: FlaskClient, path: str, secret: str) -> Callable[[], object]:
    headers = {"Authorization": f"Bearer {secret}"} if path.startswith("/api/") else {}

    def ask() -> None:
        answer = client.get(path, base_url=_BASE, headers=headers)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])

    return ask


def _cost(ask: Callable[[], object], database_pid: int | None) -> float:
    """Return the median milliseconds of CPU; the database's, which is told in hundredths of a second, as the mean."""
    ask()
    database_before = cpu_of_tree(database_pid) if database_pid else 0.0
    ours = []
    for _ in range(_TIMES):
        before = time.process_time()
        ask()
        ours.append(time.process_time() - before)
    database = (cpu_of_tree(database_pid) - database_before) / _TIMES if database_pid else 0.0
    return (median(ours) + database) * 1000


def _figures(engine: str, costs: Mapping[int, Costs]) -> Iterator[Figure]:
    smallest, largest = min(costs), max(costs)
    for view in costs[smallest]:
        told = ", ".join(f"{size:,}: {costs[size][view]:.0f} ms".replace(",", " ", 1) for size in costs)
        growth = costs[largest][view] / costs[smallest][view]
        exponent = log(growth) / log(largest / smallest) if largest > smallest else 0.0
        yield Figure(f"{engine}: {view}, CPU by phones", told, f"{growth:.1f} x, exponent {exponent:.2f}")


if __name__ == "__main__":
    main()
