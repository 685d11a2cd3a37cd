"""The drill: a server that is lost altogether is stood up again from its backup, and its stations go on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3

from tests.check.office import PROGRAMS, Bench, Office
from tests.server.databases import Databases
from tests.server.postgresql import find_programs


@pytest.fixture(autouse=True)
def _programs_of_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{find_programs()}{os.pathsep}{os.environ['PATH']}")


def backed_up(office: Office, meanwhile: Callable[[], object] = lambda: None) -> Path:
    """Make a backup while the server serves and `meanwhile` is done, and return the file."""
    archive = office.folder / "office.backup"
    command = [str(PROGRAMS / "curfew-server"), "--config", str(office.config), "backup", str(archive)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as making:
        meanwhile()
        said = making.communicate(timeout=60)[1]
    assert making.returncode == 0, said
    return archive


def lose_everything(office: Office) -> None:
    """Take the server's machine away: its folder, and the keys and certificate that its settings named."""
    office.stop()
    shutil.rmtree(office.config.parent)
    for name in ("keys/snapshot.pem", "keys/timestamp.pem", "tls/server.key", "tls/server.pem"):
        (office.trust / name).unlink()


def parts_that_fail(office: Office) -> list[str]:
    rows = map(json.loads, office.server("check", "--json", configured=True).splitlines())
    return [row["part"] for row in rows if not row["ok"]]


def standing_on_page(office: Office) -> tuple[int, int]:
    """Return the status of the page of signing in, and of the API for stations."""
    pool = urllib3.PoolManager(ca_certs=str(office.trust / "tls" / "authority.pem"))
    return tuple(pool.request("GET", f"{office.url}{path}").status for path in ("/sign-in", "/readyz"))  # type: ignore[return-value]


def counters(office: Office) -> list[int]:
    return [counter for (counter,) in office.rows("SELECT counter FROM report ORDER BY counter")]


def alarms(office: Office) -> list[str]:
    return [kind for (kind,) in office.rows("SELECT kind FROM alarm")]


@pytest.mark.about_sqlite("its file is lost with the server's folder")
def test_a_lost_server_is_stood_up_again_and_its_stations_go_on_reporting(
    tmp_path: Path, databases: Databases
) -> None:
    with Office.opened(tmp_path, databases) as office:
        office.at(hours=3)
        bench = office.new_bench()
        with office.phone("tiktok-personal") as phone:
            address = bench.provision(phone)
            assert bench.check(address)[0] == 10
            archive = backed_up(office, meanwhile=lambda: bench.check(address))
            known = counters(office)
            lose_everything(office)

            office.server("restore", str(archive), configured=True)

            assert parts_that_fail(office) == []
            restored = counters(office)
            office.start()
            assert standing_on_page(office) == (200, 200)
            code, row = bench.row(address)
            after = counters(office)
    assert known[: len(restored)] == restored
    assert restored
    assert (code, row["verdict"]) == (10, "violating")
    assert after[:-1] == restored
    assert after[-1] > known[-1]


def published_since(bench: Bench, address: str) -> None:
    """Let the server's time and trust go on beyond its backup, and the station see it."""
    for hours in (16, 29, 42):
        bench.office.at(hours=hours)
        bench.check(address)


def test_what_stations_saw_after_the_backup_is_told_once_and_trust_goes_on_above_it(
    tmp_path: Path, databases: Databases
) -> None:
    with Office.opened(tmp_path, databases) as office:
        office.at(hours=3)
        bench = office.new_bench()
        with office.phone("clean") as phone:
            address = bench.provision(phone)
            archive = backed_up(office)
            office.server("enrolment-code", configured=True)
            published_since(bench, address)
            office.stop()
            office.server("restore", str(archive), "--replace", configured=True)
            office.start()
            said = []
            for hours in (43, 56, 69):
                office.at(hours=hours)
                bench.check(address)
                said.append(bench.said)
            found = alarms(office)
            failing = parts_that_fail(office)
    assert found == ["audit_head_unknown"]
    assert failing == []
    assert ["audit chain was rewritten" in one for one in said] == [True] * 3
    assert ["refused" in one for one in said] == [False] * 3
