"""Rule 9 and the spool: without a server work goes on; what a server refuses is put where a person sees it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Office


def test_reports_made_while_the_server_is_away_are_kept_and_sent_by_send(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        phone.model.uninstall(0, TIKTOK)
        with bench.without_server():
            code, row = bench.row(address)
            assert (code, row["verdict"]) == (ExitCode.NOT_SENT, "compliant")
            assert "`curfew-agent send` sends them later" in bench.said
            assert bench.agent("send")[0] == ExitCode.NOT_SENT

        assert bench.agent("send")[0] == ExitCode.COMPLIANT

        assert not list(bench.station().spool_folder.iterdir())
        assert bench.last_report()["report_id"] == row["report_id"]


def test_a_station_that_never_had_a_bundle_judges_nothing_and_says_so(enforcing: Office) -> None:
    bench, other = enforcing.new_bench(), enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        address = other.provision(phone)
        with bench.without_server():
            code, row = bench.row(address)

        assert (code, row["verdict"]) == (ExitCode.UNREADABLE, "unreadable")
        assert "no accepted bundle" in row["next_step"]
        assert phone.model.state(10, "com.microsoft.office.outlook").enabled == 0


def test_a_station_that_never_had_a_bundle_lifts_nothing_that_another_enforced(enforcing: Office) -> None:
    bench, other = enforcing.new_bench(), enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        address = other.provision(phone)
        other.row(address)
        assert disabled(phone)
        with bench.without_server():
            code, row = bench.row(address)

            assert (code, row["verdict"], row["done"]) == (ExitCode.UNREADABLE, "unreadable", [])
            assert disabled(phone)
            bench.agent("restore", "--yes", address)
            assert not disabled(phone), "restoring by order needs no bundle"


@pytest.mark.parametrize("server_answers", [True, False])
def test_a_damaged_bundle_stops_judging_and_never_restoring(enforcing: Office, server_answers: bool) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        stored = bench.folder / "trust" / "trust.json"
        stored.write_bytes(stored.read_bytes()[:50])
        with nullcontext() if server_answers else bench.without_server():
            code, row = bench.row(address)
            assert (code, row["verdict"], row["done"]) == (ExitCode.UNREADABLE, "unreadable", [])
            assert "The stored bundle is refused" in bench.said
            assert "restore it from a copy" in bench.said
            assert "could not be told" not in bench.said
            assert disabled(phone), "a damaged file on a station lifts nothing"
            assert bench.agent("status")[0] == 0

            bench.agent("restore", "--yes", address)
            assert not disabled(phone)


def disabled(phone: VirtualPhone) -> bool:
    return [int(phone.model.state(10, package).enabled) for package in (OUTLOOK, LYNC)] == [3, 3]


def test_the_reports_of_a_revoked_station_are_set_aside_loudly(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        enforcing.server("revoke", bench.station().station_id, configured=True)

        code, _ = bench.row(address)

        assert code == ExitCode.NOT_SENT
        assert "was set aside" in bench.said
        assert "revoked" in bench.said
        aside = sorted(path.suffix for path in (bench.folder / "aside").iterdir())
        assert aside == [".json", ".txt"]


@contextmanager
def hanging_up(said: list[str]) -> Iterator[int]:
    """Hold a port at which each caller is noted in `said` and hung up on; yields its number."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            while True:
                try:
                    caller, _ = listening.accept()
                except OSError:  # the listening socket was shut down: the test is over
                    return
                said.append("called")
                caller.close()

        hearing = threading.Thread(target=hang_up)
        hearing.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            hearing.join()


def test_without_a_server_provisioning_says_that_the_phone_is_not_provisioned_and_asks_neither_twice(
    enforcing: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_scripts.server_link.https._PAUSES_S", (0.0,))
    bench = enforcing.new_bench()
    described = json.loads((bench.folder / "station.json").read_text())
    calls: list[str] = []
    with enforcing.phone("clean") as new, enforcing.phone("clean") as known, hanging_up(calls) as port:
        there = bench.provision(known)
        (bench.folder / "station.json").write_text(
            json.dumps({**described, "server_url": f"https://127.0.0.1:{port}"})
        )
        known.commands.clear()
        each = ("--holder", "h-1", "--consent", "agreed")

        code, _ = bench.agent("provision", f"tcp:127.0.0.1:{new.port}", *each)

        assert code == ExitCode.NOT_REACHED
        assert (
            f"tcp:127.0.0.1:{new.port}: not provisioned. The server registers each phone first" in bench.said
        )
        assert len(calls) == 2, "the first try and the one after its pause"
        assert bench.agent("provision", there, *each)[0] == ExitCode.NOT_REACHED
        assert f"{there}: not provisioned anew." in bench.said
        assert not [*new.commands, *known.commands]
