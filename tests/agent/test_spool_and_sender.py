"""Reports on their way: nothing is lost, and only the server's own answer lets one go."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent_scripts.errors import FileDamaged, ServerProtocolError, ServerRefused, ServerUnreachable
from agent_scripts.server_link.client import ServerClient
from agent_scripts.server_link.sender import SendResult, send_spool
from agent_scripts.station_files.spool import Spool
from agent_scripts.station_files.station import Station
from agent_scripts.station_files.trusted_time import TrustedClock, TrustedMoment
from certs.envelope import public_key_pem, sign_envelope
from tests.agent.conftest import MakeStation, Serve
from tests.agent.small_server import Asked, SmallServer, Told, refusal, server_now, told

REPORT = "application/vnd.curfew.report+json"
AUDIT_HEADS = "/api/v1/audit-heads"
DOES_NOT_FIT = Told(200, b'{"fits":false}')


def envelope_of(station: Station, report_id: str, padding: int = 0) -> bytes:
    payload = json.dumps({"report_id": report_id, "station_id": station.station_id, "padding": "x" * padding})
    return sign_envelope(payload.encode(), REPORT, station.signer)


def fill(station: Station, count: int, padding: int = 0) -> list[str]:
    """Spool reports named r1, r2, … and return their names."""
    spool = Spool(station.spool_folder)
    names = [f"r{number}" for number in range(1, count + 1)]
    for name in names:
        spool.keep(station.reserve_counters(1)[0], envelope_of(station, name, padding))
    return names


def ids_in(asked: Asked) -> list[str]:
    return [json.loads(base64.b64decode(e["payload"]))["report_id"] for e in asked.json()["reports"]]


def answering(status_of: Callable[[str], str], code: str = "code", **fields: Any) -> Callable[[Asked], Told]:
    """Return an answer that gives every report the status that `status_of` names for its id, all with one `code`."""

    def answer(asked: Asked) -> Told:
        results = [
            {"report_id": name, "status": status_of(name), "code": code, "message": f"about {name}"}
            for name in ids_in(asked)
        ]
        return told(results=results, bundle_number=3, next_contact_s=900, audit_head=None, **fields)

    return answer


def stored(asked: Asked) -> Told:
    return answering(lambda _: "stored")(asked)


def send(station: Station) -> SendResult:
    return send_spool(station, ServerClient(station, lambda _: None), TrustedClock(station.folder))


def waiting(station: Station) -> list[str]:
    spool = Spool(station.spool_folder)
    reports = [spool.read(path) for path in spool.waiting()]
    return [report.report_id for report in reports if report]


def aside(station: Station) -> dict[str, str]:
    """Return the reasons by report id; every report set aside is there whole."""
    folder = station.folder / "aside"
    reasons = {}
    for path in sorted(folder.glob("*.json")):
        report_id = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))["report_id"]
        reasons[report_id] = (folder / f"{path.stem}.reason.txt").read_text()
    return reasons


# --- the spool ----------------------------------------------------------------------------------------------------


def test_reports_wait_in_the_order_of_their_counters(make_station: MakeStation) -> None:
    station = make_station()
    spool = Spool(station.spool_folder)
    for counter in (12, 3, 100):
        spool.keep(counter, envelope_of(station, f"r{counter}"))

    assert waiting(station) == ["r3", "r12", "r100"]


def test_a_counter_in_use_is_never_overwritten(make_station: MakeStation) -> None:
    station = make_station()
    spool = Spool(station.spool_folder)
    spool.keep(1, envelope_of(station, "first"))

    with pytest.raises(FileDamaged, match="counter of this station went back"):
        spool.keep(1, envelope_of(station, "second"))
    assert waiting(station) == ["first"]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"payload":"x"}', b'{"payload":"e30="}', b"\x00" * 100])
def test_a_damaged_file_is_set_aside_and_said_so(
    make_station: MakeStation, serve: Serve, data: bytes
) -> None:
    station = make_station(serve(stored).url)
    fill(station, 2)
    damaged = Spool(station.spool_folder).waiting()[0]
    damaged.write_bytes(data)

    result = send(station)

    assert result.stored == 1
    assert [f"report 1 was set aside in {station.folder / 'aside'}: the file is damaged"] == list(
        result.set_aside
    )
    assert (station.folder / "aside" / damaged.name).read_bytes() == data


def test_a_process_killed_at_any_durable_write_loses_no_report(make_station: MakeStation) -> None:
    """Keep three reports and set one aside, killed at the n-th write for every n, and look what is there."""
    station = make_station()
    program = """
import os, signal, sys
from pathlib import Path
from agent_scripts.station_files import durable_file
from agent_scripts.station_files.spool import Spool
left = int(sys.argv[2])
def witness(step, path):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
durable_file.witnesses.append(witness)
spool = Spool(Path(sys.argv[1]))
for counter in (1, 2, 3):
    spool.keep(counter, (Path(sys.argv[3]) / str(counter)).read_bytes())
    print(counter, flush=True)
spool.set_aside(spool.waiting()[0], "why")
"""
    envelopes = station.folder.parent / "envelopes"
    envelopes.mkdir()
    for counter in (1, 2, 3):
        (envelopes / str(counter)).write_bytes(envelope_of(station, f"r{counter}"))

    ends = []
    for killed_at in range(1, 100):
        folder = station.folder.parent / f"run{killed_at}" / "spool"
        run = subprocess.run(
            [sys.executable, "-c", program, str(folder), str(killed_at), str(envelopes)],
            capture_output=True,
            text=True,
            check=False,
        )
        spool = Spool(folder)
        reports = [spool.read(path) for path in [*spool.waiting(), *spool.aside.glob("*.json")]]
        found = {report.report_id for report in reports if report}
        assert {f"r{number}" for number in run.stdout.split()} <= found, f"killed at {killed_at}"
        ends.append(run.returncode)
        if run.returncode == 0:
            break
    assert len(ends) == 11, "3 reports kept, a reason written, a file moved: 5 changes, each with two sides"


# --- sending ------------------------------------------------------------------------------------------------------


def test_what_the_server_stored_leaves_the_spool(make_station: MakeStation, serve: Serve) -> None:
    server = serve(stored)
    station = make_station(server.url)
    names = fill(station, 3)

    result = send(station)

    assert (result.stored, result.left, result.set_aside) == (3, 0, ())
    assert [ids_in(asked) for asked in server.asked] == [names]
    assert waiting(station) == []


def test_an_empty_spool_asks_nothing(make_station: MakeStation, serve: Serve) -> None:
    server = serve(stored)

    assert send(make_station(server.url)) == SendResult()
    assert server.asked == []


@pytest.mark.parametrize("status", ["stored", "duplicate", "late"])
def test_what_the_server_has_for_good_leaves(make_station: MakeStation, serve: Serve, status: str) -> None:
    station = make_station(serve(answering(lambda _: status)).url)
    fill(station, 1)

    assert send(station).stored == 1
    assert (waiting(station), aside(station)) == ([], {})


@pytest.mark.parametrize("status", ["conflict", "quarantined", "rejected"])
def test_what_a_person_must_look_at_is_set_aside_whole_with_the_reason(
    make_station: MakeStation, serve: Serve, status: str
) -> None:
    station = make_station(serve(answering(lambda name: status if name == "r2" else "stored")).url)
    fill(station, 3)

    result = send(station)

    assert (result.stored, result.left) == (2, 0)
    assert result.set_aside == (
        f'report 2 was set aside in {station.folder / "aside"}: {status}: "about r2" (code)',
    )
    assert aside(station) == {"r2": f'{status}: "about r2" (code)\n'}


def test_what_to_do_about_a_rejected_report_is_said_in_our_own_words(
    make_station: MakeStation, serve: Serve
) -> None:
    station = make_station(serve(answering(lambda _: "rejected", code="phone_not_met")).url)
    fill(station, 1)

    [line] = send(station).set_aside

    assert line.endswith(
        'rejected: "about r1" (phone_not_met); connect the phone here and check it again;'
        " if that is refused too, provision it at this station"
    )


def test_batches_hold_a_hundred_reports_oldest_first(make_station: MakeStation, serve: Serve) -> None:
    server = serve(stored)
    station = make_station(server.url)
    names = fill(station, 205)

    assert send(station).stored == 205
    assert [ids_in(asked) for asked in server.asked] == [names[:100], names[100:200], names[200:]]


def test_batches_stay_below_a_mebibyte(make_station: MakeStation, serve: Serve) -> None:
    server = serve(stored)
    station = make_station(server.url)
    fill(station, 10, padding=200_000)

    assert send(station).stored == 10
    assert max(len(asked.body) for asked in server.asked) <= 1024 * 1024
    assert len(server.asked) == 4  # three of 267 KiB fit


def test_a_report_longer_than_a_request_may_be_is_set_aside(make_station: MakeStation, serve: Serve) -> None:
    station = make_station(serve(stored).url)
    fill(station, 1, padding=900_000)

    result = send(station)

    assert (result.stored, result.left) == (0, 0)
    assert list(aside(station)) == ["r1"]


def test_what_was_set_aside_is_told_though_the_server_is_away(make_station: MakeStation) -> None:
    station = make_station("https://127.0.0.1:1")
    fill(station, 1, padding=1_100_000)
    fill(station, 1)

    result = send(station)

    assert (result.stored, result.left) == (0, 1)
    assert "longer than one request may be" in result.set_aside[0]
    assert "127.0.0.1" in result.problem


def test_without_a_server_everything_stays(make_station: MakeStation) -> None:
    station = make_station("https://127.0.0.1:1")
    names = fill(station, 2)

    with pytest.raises(ServerUnreachable):
        send(station)
    assert waiting(station) == names


def test_a_server_lost_half_way_keeps_the_rest_and_says_why(make_station: MakeStation, serve: Serve) -> None:
    answers = iter([stored])

    def answer(asked: Asked) -> Told:
        return next(answers, lambda _: refusal(503, "storage_full", "disk full", "wait"))(asked)

    station = make_station(serve(answer).url)
    names = fill(station, 101)

    result = send(station)

    assert (result.stored, result.left) == (100, 1)
    assert result.problem.startswith('the server says "disk full" (storage_full); try again later')
    assert waiting(station) == names[100:]


def test_a_report_that_comes_while_others_are_sent_is_not_told_as_left_behind(
    make_station: MakeStation, serve: Serve
) -> None:
    def answer(asked: Asked) -> Told:
        Spool(station.spool_folder).keep(station.reserve_counters(1)[0], envelope_of(station, "late"))
        return stored(asked)

    station = make_station(serve(answer).url)
    fill(station, 2)

    result = send(station)

    assert (result.stored, result.left, result.problem) == (2, 0, "")
    assert waiting(station) == ["late"]


def test_a_revoked_station_keeps_its_reports(make_station: MakeStation, serve: Serve) -> None:
    station = make_station(serve(lambda _: refusal(403, "station_revoked")).url)
    names = fill(station, 2)

    with pytest.raises(ServerRefused):
        send(station)
    assert waiting(station) == names


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_one_report_that_spoils_its_batch_is_found_and_set_aside(
    make_station: MakeStation, serve: Serve, status: int
) -> None:
    def answer(asked: Asked) -> Told:
        return refusal(status, "bad_request", "spoilt") if "r2" in ids_in(asked) else stored(asked)

    station = make_station(serve(answer).url)
    fill(station, 3)

    result = send(station)

    assert (result.stored, result.left) == (2, 0)
    (reason,) = aside(station).values()
    assert reason.startswith('the server says "spoilt" (bad_request); check that')
    assert list(aside(station)) == ["r2"]


def test_over_a_line_too_slow_for_a_batch_reports_go_one_by_one(
    make_station: MakeStation, serve: Serve
) -> None:
    def answer(asked: Asked) -> Told:
        if asked.body.count(b"payloadType") > 1:
            return refusal(408, "body_too_slow", "3 of 500 bytes came", "fewer reports at once")
        return stored(asked)

    station = make_station(serve(answer).url)
    fill(station, 3)

    assert (send(station).stored, waiting(station)) == (3, [])


def test_a_line_too_slow_for_one_report_keeps_it_and_sets_nothing_aside(
    make_station: MakeStation, serve: Serve
) -> None:
    slow = refusal(408, "body_too_slow", "3 of 500 bytes came", "fewer reports at once")
    station = make_station(serve(lambda _: slow).url)
    names = fill(station, 1)

    with pytest.raises(ServerRefused):
        send(station)
    assert (waiting(station), aside(station)) == (names, {})


def test_a_single_conflict_answered_by_409_is_set_aside(make_station: MakeStation, serve: Serve) -> None:
    def answer(asked: Asked) -> Told:
        return Told(409, answering(lambda _: "conflict")(asked).body)

    station = make_station(serve(answer).url)
    fill(station, 1)

    send(station)

    assert aside(station) == {"r1": 'conflict: "about r1" (code)\n'}


RESULT = {"report_id": "r1", "status": "stored", "code": "", "message": ""}


@pytest.mark.parametrize(
    "results",
    [
        [],
        [RESULT, RESULT],
        [{**RESULT, "report_id": "r9"}],
        [{**RESULT, "report_id": ""}],
        [{**RESULT, "report_id": "r9", "status": "rejected"}],
        [{**RESULT, "status": "perhaps"}],
        [{**RESULT, "status": None}],
        ["stored"],
        {"r1": "stored"},
        None,
    ],
)
def test_an_answer_that_is_not_about_our_reports_removes_nothing(
    make_station: MakeStation, serve: Serve, results: Any
) -> None:
    station = make_station(serve(lambda _: told(results=results, bundle_number=1, next_contact_s=1)).url)
    names = fill(station, 1)

    with pytest.raises(ServerProtocolError):
        send(station)
    assert waiting(station) == names
    assert aside(station) == {}


def test_an_answer_cut_half_way_removes_nothing(make_station: MakeStation, serve: Serve) -> None:
    def answer(asked: Asked) -> Told:
        whole = stored(asked)
        return Told(200, whole.body, cut=len(whole.body) // 2)

    station = make_station(serve(answer).url)
    names = fill(station, 1)

    with pytest.raises(ServerUnreachable):
        send(station)
    assert waiting(station) == names


def test_the_servers_time_is_trusted_once_it_answered_for_our_report(
    make_station: MakeStation, serve: Serve
) -> None:
    station = make_station(serve(stored).url)
    fill(station, 1)
    assert not TrustedClock(station.folder).read().trusted

    send(station)

    assert (TrustedClock(station.folder).read().now - server_now()).total_seconds() < 3600


def test_the_time_of_an_answer_that_names_none_of_our_reports_is_not_believed(
    make_station: MakeStation, serve: Serve
) -> None:
    nameless = {**RESULT, "report_id": "", "status": "rejected"}
    station = make_station(serve(lambda _: told(results=[nameless], bundle_number=1, next_contact_s=1)).url)
    fill(station, 1)

    send(station)

    assert not TrustedClock(station.folder).read().trusted


def head(number: int, digest: str) -> dict[str, Any]:
    payload = base64.b64encode(
        json.dumps({"kind": "curfew-audit-head", "number": number, "hash": digest}).encode()
    )
    return {"payload": payload.decode(), "payloadType": "application/vnd.curfew.audit+json", "signatures": []}


def with_heads(heads: Iterable[Any], compared: Told = DOES_NOT_FIT) -> Callable[[Asked], Told]:
    """Return an answer that stores every report and shows one of these heads with each batch."""
    said = iter(heads)

    def answer(asked: Asked) -> Told:
        if asked.path == AUDIT_HEADS:
            return compared
        return told(**{**json.loads(stored(asked).body), "audit_head": next(said)})

    return answer


def heads_told(server: SmallServer) -> list[Any]:
    """Return all heads that the server was shown, in order."""
    return [head for asked in server.asked if asked.path == AUDIT_HEADS for head in asked.json()["heads"]]


@pytest.mark.parametrize(
    ("heads", "kept", "alarmed"),
    [
        ([(1, "a"), (1, "a"), (2, "b")], 2, False),
        ([(1, "a"), (2, "b"), (1, "a")], 3, True),
        ([(1, "a"), (1, "b")], 2, True),
        ([(1, "a"), (2, "b"), (1, "c"), (1, "c"), (2, "d"), (3, "e")], 5, True),
    ],
)
def test_a_rewritten_audit_chain_is_noticed(
    make_station: MakeStation, serve: Serve, heads: list[tuple[int, str]], kept: int, alarmed: bool
) -> None:
    station = make_station(serve(with_heads(head(*one) for one in heads)).url)
    alarms: list[str] = []
    for _ in heads:
        fill(station, 1)
        alarms += send(station).alarms

    assert len((station.folder / "audit_heads.jsonl").read_text().splitlines()) == kept
    assert bool(alarms) is alarmed


def test_a_damaged_file_of_heads_keeps_no_report_back(make_station: MakeStation, serve: Serve) -> None:
    station = make_station(serve(stored).url)
    (station.folder / "audit_heads.jsonl").write_bytes(b"\xff\xfe no text\n")
    fill(station, 1)

    assert send(station).stored == 1


def test_a_head_that_the_server_no_longer_shows_is_an_alarm_and_one_it_never_had_is_none(
    make_station: MakeStation, serve: Serve
) -> None:
    server = serve(with_heads([None, head(1, "a"), None]))
    station = make_station(server.url)
    alarms = []
    for _ in range(3):
        fill(station, 1)
        alarms.append(send(station).alarms)

    assert [len(one) for one in alarms] == [0, 0, 1]
    assert "has no head any more" in alarms[2][0]
    assert heads_told(server) == [head(1, "a")]


def test_the_server_is_shown_the_head_that_it_contradicts_under_the_stations_signature(
    make_station: MakeStation, serve: Serve
) -> None:
    server = serve(with_heads([head(1, "a"), head(2, "b"), head(1, "c")]))
    station = make_station(server.url)

    for _ in range(3):
        fill(station, 1)
        send(station)

    assert heads_told(server) == [head(2, "b")]
    [asked] = [asked for asked in server.asked if asked.path == AUDIT_HEADS]
    assert asked.statement(public_key_pem(station.signer))["station_id"] == station.station_id


FITS = Told(200, b'{"fits":true}')


def send_on_days(station: Station, *days: float) -> list[SendResult]:
    """Send a report at each of these moments, told in days after the first."""
    results = []
    for day in days:
        fill(station, 1)
        clock = StoppedClock(server_now() + timedelta(days=day))
        results.append(send_spool(station, ServerClient(station, lambda _: None), clock))
    return results


class StoppedClock(TrustedClock):
    """A trusted clock that stands at one moment."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def read(self) -> TrustedMoment:
        return TrustedMoment(self._now, True, "")

    def confirm(self, server_time: datetime) -> None:
        pass


def test_once_a_day_the_server_is_shown_what_was_kept_since(make_station: MakeStation, serve: Serve) -> None:
    heads = [head(1, "a"), head(2, "b"), head(3, "c"), head(3, "c"), head(4, "d")]
    server = serve(with_heads(heads, compared=FITS))
    station = make_station(server.url)

    results = send_on_days(station, 0, 0.5, 1.1, 1.2, 2.3)

    assert heads_told(server) == [
        *(head(1, "a"), head(2, "b"), head(3, "c")),
        *(head(3, "c"), head(4, "d")),
    ]
    assert not any(result.alarms for result in results)


def test_a_chain_that_was_written_anew_beyond_what_was_seen_is_told_until_the_file_is_moved_away(
    make_station: MakeStation, serve: Serve
) -> None:
    server = serve(with_heads([head(1, "a"), head(9, "x"), head(9, "x")]))
    station = make_station(server.url)

    results = send_on_days(station, 0, 1.1, 1.2)
    assert [bool(result.alarms) for result in results] == [False, True, True]
    assert "lacks what this station saw of it" in results[1].alarms[0]
    (station.folder / "audit_heads.jsonl").unlink()
    server.answer = with_heads([head(9, "x")], compared=FITS)

    assert send_on_days(station, 1.3)[0].alarms == ()


def test_a_day_of_comparing_that_is_not_readable_shows_all_that_is_kept(
    make_station: MakeStation, serve: Serve
) -> None:
    server = serve(with_heads([head(1, "a"), head(2, "b")], compared=FITS))
    station = make_station(server.url)
    send_on_days(station, 0)
    (station.folder / "audit_heads.shown").write_bytes(b"\xff")

    send_on_days(station, 0.1)

    assert heads_told(server) == [head(1, "a"), head(2, "b")]


@pytest.mark.parametrize("answer", [Told(404, b""), Told(500, b"<html>"), Told(200, b"[]"), Told(200, cut=0)])
def test_a_server_that_cannot_be_shown_a_head_keeps_no_report_back(
    make_station: MakeStation, serve: Serve, answer: Told
) -> None:
    station = make_station(serve(with_heads([head(2, "b"), head(1, "a")], compared=answer)).url)
    results = []

    for _ in range(2):
        fill(station, 1)
        results.append(send(station))

    assert [result.stored for result in results] == [1, 1]
    assert len(results[1].alarms) == 1
    assert results[1].problem == ""


def test_the_spool_holds_only_private_files(make_station: MakeStation) -> None:
    station = make_station()
    fill(station, 1)

    assert [os.stat(path).st_mode & 0o777 for path in Path(station.spool_folder).iterdir()] == [0o600]
