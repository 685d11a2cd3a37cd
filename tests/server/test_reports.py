"""What becomes of signed reports: each rule of `server.intake.intake` is broken once, on both databases."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from certs.envelope import sign_envelope
from policy.names import PhoneId
from policy.report_results import ReportStatus
from policy.schemas import dump_report
from server.errors import StorageBusy
from server.evidence.alarms import AlarmKind, open_alarms
from server.reports import kept_reports
from server.reports.station_activity import activity_of
from server.stations.stations import revoke_station
from tests.server.authority import NOW, Authority, Bench


def test_a_report_is_stored_with_its_envelope(authority: Authority) -> None:
    bench = authority.bench()
    report = bench.report(authority.phone(bench))

    [result] = authority.accept(bench.sign(report))

    assert (result.status, result.report_id) == (ReportStatus.STORED, report.report_id)
    with authority.database.reading() as session:
        assert kept_reports.stored_report(session, report.report_id) == report


def test_the_same_report_again_is_a_duplicate(authority: Authority) -> None:
    bench = authority.bench()
    envelope = bench.sign(bench.report(authority.phone(bench)))
    authority.accept(envelope)

    [result] = authority.accept(envelope)

    assert result.status is ReportStatus.DUPLICATE
    assert _stored(authority, bench) == 1


def test_a_duplicate_within_one_batch_is_stored_once(authority: Authority) -> None:
    bench = authority.bench()
    envelope = bench.sign(bench.report(authority.phone(bench)))

    results = authority.accept(envelope, envelope)

    assert [result.status for result in results] == [ReportStatus.STORED, ReportStatus.DUPLICATE]
    assert _stored(authority, bench) == 1


def test_the_same_id_with_other_content_is_kept_and_raises_an_alarm(authority: Authority) -> None:
    bench = authority.bench()
    report = bench.report(authority.phone(bench))
    authority.accept(bench.sign(report))

    [result] = authority.accept(bench.sign(replace(report, release="13")))

    assert (result.status, result.code) == (ReportStatus.CONFLICT, "report_id_reused")
    assert _alarms(authority) == [AlarmKind.CONFLICT]
    with authority.database.reading() as session:
        assert kept_reports.stored_report(session, report.report_id) == report


def test_the_same_conflict_again_raises_no_second_alarm(authority: Authority) -> None:
    bench = authority.bench()
    report = bench.report(authority.phone(bench))
    authority.accept(bench.sign(report))
    other = bench.sign(replace(report, release="13"))
    authority.accept(other)

    [result] = authority.accept(other)

    assert result.status is ReportStatus.CONFLICT
    assert len(_alarms(authority)) == 1


def test_a_lower_unused_counter_is_stored_as_late(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    first, second = bench.report(phone_id), bench.report(phone_id)
    authority.accept(bench.sign(second))

    [result] = authority.accept(bench.sign(first))

    assert result.status is ReportStatus.LATE
    assert _stored(authority, bench) == 2


def test_a_used_counter_goes_to_quarantine_and_raises_an_alarm(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    report = bench.report(phone_id)
    authority.accept(bench.sign(report))
    cloned = bench.report(phone_id, counter=report.counter)

    [result] = authority.accept(bench.sign(cloned))

    assert (result.status, result.code) == (ReportStatus.QUARANTINED, "counter_reused")
    assert _alarms(authority) == [AlarmKind.CLONED_STATION]
    assert _stored(authority, bench) == 1


def test_two_stations_may_use_the_same_counter(authority: Authority) -> None:
    here, there = authority.bench("here"), authority.bench("there")
    phone_id = authority.phone(here)
    authority.accept(here.sign(here.report(phone_id, counter=7)))

    [result] = authority.accept(there.sign(there.report(phone_id, counter=7)))

    assert result.status is ReportStatus.STORED


def test_the_counter_of_a_quarantined_report_is_not_used_up_twice_in_one_batch(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    pair = [bench.report(phone_id, counter=5), bench.report(phone_id, counter=5)]

    results = authority.accept(*map(bench.sign, pair))

    assert [result.status for result in results] == [ReportStatus.STORED, ReportStatus.QUARANTINED]


def test_one_bad_report_does_not_keep_the_others_of_its_batch_out(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    good = [bench.sign(bench.report(phone_id)) for _ in range(2)]

    results = authority.accept(good[0], b"{}", good[1])

    assert [result.status for result in results] == [
        ReportStatus.STORED,
        ReportStatus.REJECTED,
        ReportStatus.STORED,
    ]


def test_a_report_that_the_database_refuses_does_not_keep_out_those_that_came_with_it(
    authority: Authority,
) -> None:
    benches = [authority.bench(f"bench {number}") for number in range(8)]
    reports = [bench.report(authority.phone(bench)) for bench in benches]
    refused = replace(reports[3], report_id="refused")
    envelopes = [bench.sign(refused if n == 3 else reports[n]) for n, bench in enumerate(benches)]
    _let_the_database_refuse(authority, "refused")

    with ThreadPoolExecutor(8) as senders:
        sending = [senders.submit(authority.accept, envelope) for envelope in envelopes]

    with pytest.raises(StorageBusy):
        sending.pop(3).result()
    assert [sent.result()[0].status for sent in sending] == [ReportStatus.STORED] * 7


def _let_the_database_refuse(authority: Authority, report_id: str) -> None:
    statement = f"ALTER TABLE report ADD CONSTRAINT refusing CHECK (report_id <> '{report_id}')"
    if authority.config.database_url.startswith("sqlite"):
        statement = (
            "CREATE TRIGGER refusing BEFORE INSERT ON report"
            f" WHEN NEW.report_id = '{report_id}' BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    with authority.database.writing() as session:
        session.execute(text(statement))


def test_a_key_that_is_known_already_does_not_help_a_station_revoked_since(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    authority.accept(bench.sign(bench.report(phone_id)))
    with authority.database.writing() as session:
        revoke_station(session, bench.station_id, NOW)

    [result] = authority.accept(bench.sign(bench.report(phone_id)))

    assert (result.status, result.code) == (ReportStatus.REJECTED, "station_revoked")
    assert _stored(authority, bench) == 1


def test_a_station_that_a_restored_backup_does_not_know_is_told_to_enrol_anew(authority: Authority) -> None:
    known, lost = authority.bench("known"), authority.bench("lost")
    phone_id = authority.phone(known)
    authority.accept(b"{}", lost.sign(lost.report(PhoneId.random())))
    with authority.database.writing() as session:
        session.execute(text("DELETE FROM station WHERE name = 'lost'"))

    [result] = authority.accept(lost.sign(lost.report(phone_id)))

    assert (result.status, result.code) == (ReportStatus.REJECTED, "station_unknown")


def test_a_counter_of_ten_thousand_reports_ago_is_still_known_as_used(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    authority.accept(*[bench.sign(bench.report(phone_id, counter=counter)) for counter in (3, 10_000)])

    results = authority.accept(*[bench.sign(bench.report(phone_id, counter=n)) for n in (3, 4, 10_001)])

    assert [result.status for result in results] == [
        ReportStatus.QUARANTINED,
        ReportStatus.LATE,
        ReportStatus.STORED,
    ]


def _flip_a_bit_of_the_payload(bench: Bench, phone_id: PhoneId) -> bytes:
    envelope = json.loads(bench.sign(bench.report(phone_id)))
    payload = bytearray(base64.b64decode(envelope["payload"]))
    payload[payload.index(b"Pixel")] ^= 1
    envelope["payload"] = base64.b64encode(payload).decode()
    return json.dumps(envelope).encode()


def _flip_a_bit_of_the_signature(bench: Bench, phone_id: PhoneId) -> bytes:
    envelope = json.loads(bench.sign(bench.report(phone_id)))
    signature = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    signature[-1] ^= 1
    envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    return json.dumps(envelope).encode()


def _sign_as_another_kind(bench: Bench, phone_id: PhoneId) -> bytes:
    return sign_envelope(
        dump_report(bench.report(phone_id)), "application/vnd.curfew.request+json", bench.signer
    )


def _leave_a_field_out(bench: Bench, phone_id: PhoneId) -> bytes:
    report = json.loads(dump_report(bench.report(phone_id)))
    del report["verdict"]
    return sign_envelope(json.dumps(report).encode(), "application/vnd.curfew.report+json", bench.signer)


def _name_no_station(bench: Bench, phone_id: PhoneId) -> bytes:
    return sign_envelope(b'{"verdict":"compliant"}', "application/vnd.curfew.report+json", bench.signer)


def _report_an_unknown_phone(bench: Bench, phone_id: PhoneId) -> bytes:
    return bench.sign(bench.report(PhoneId.random()))


def _name_an_unknown_station(bench: Bench, phone_id: PhoneId) -> bytes:
    return bench.sign(bench.report(phone_id, station_id="0" * 8 + "-0000-4000-8000-" + "0" * 12))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_flip_a_bit_of_the_payload, "bad_signature"),
        (_flip_a_bit_of_the_signature, "bad_signature"),
        (_sign_as_another_kind, "bad_signature"),
        (_leave_a_field_out, "bad_report"),
        (_name_no_station, "bad_envelope"),
        (_report_an_unknown_phone, "phone_unknown"),
        (_name_an_unknown_station, "station_unknown"),
        (lambda *_: b'{"payload":"!"}', "bad_envelope"),
        (lambda *_: b"null", "bad_envelope"),
        (lambda *_: b"[" * 5000 + b"]" * 5000, "bad_envelope"),
    ],
)
def test_a_spoilt_report_is_rejected_by_its_own_code(
    authority: Authority, spoil: Callable[[Bench, PhoneId], bytes], code: str
) -> None:
    bench = authority.bench()

    [result] = authority.accept(spoil(bench, authority.phone(bench)))

    assert (result.status, result.code) == (ReportStatus.REJECTED, code)
    assert _stored(authority, bench) == 0


def test_a_report_signed_by_another_station_is_refused(authority: Authority) -> None:
    honest, other = authority.bench("honest"), authority.bench("other")
    report = honest.report(authority.phone(honest))

    [result] = authority.accept(other.sign(report))

    assert result.code == "bad_signature"


def test_a_revoked_station_is_refused(authority: Authority) -> None:
    bench = authority.bench()
    envelope = bench.sign(bench.report(authority.phone(bench)))
    with authority.database.writing() as session:
        revoke_station(session, bench.station_id, NOW)

    [result] = authority.accept(envelope)

    assert (result.status, result.code) == (ReportStatus.REJECTED, "station_revoked")
    assert _stored(authority, bench) == 0


def test_a_virtual_report_is_taken_under_a_demo_root(small_authority: Authority) -> None:
    bench = small_authority.bench()
    report = bench.report(small_authority.phone(bench, virtual=True), virtual=True)

    [result] = small_authority.accept(bench.sign(report))

    assert result.status is ReportStatus.STORED


def test_a_virtual_report_is_refused_under_any_other_root(service_authority: Authority) -> None:
    bench = service_authority.bench()
    report = bench.report(service_authority.phone(bench), virtual=True)

    [result] = service_authority.accept(bench.sign(report))

    assert (result.status, result.code) == (ReportStatus.REJECTED, "virtual_refused")


def test_the_highest_storable_counter_is_stored(authority: Authority) -> None:
    bench = authority.bench()

    [result] = authority.accept(bench.sign(bench.report(authority.phone(bench), counter=(1 << 63) - 1)))

    assert result.status is ReportStatus.STORED


def test_texts_of_the_greatest_length_are_stored(authority: Authority) -> None:
    bench = authority.bench()
    report = bench.report(authority.phone(bench), release="r" * 300, boot_state="ä" * 300)

    [result] = authority.accept(bench.sign(report))

    assert result.status is ReportStatus.STORED


def test_a_hundred_reports_are_stored_in_one_batch(authority: Authority) -> None:
    bench = authority.bench()
    phone_ids = [authority.phone(bench) for _ in range(5)]
    reports = [
        bench.report(phone_ids[n % 5], checked_at=NOW - timedelta(minutes=100 - n)) for n in range(100)
    ]

    results = authority.accept(*map(bench.sign, reports))

    assert {result.status for result in results} == {ReportStatus.STORED}
    assert _stored(authority, bench) == 100


def _stored(authority: Authority, bench: Bench) -> int:
    with authority.database.reading() as session:
        activity = activity_of(session, [bench.station_id]).get(bench.station_id)
    return activity.reports if activity else 0


def _alarms(authority: Authority) -> list[AlarmKind]:
    with authority.database.reading() as session:
        return [alarm.kind for alarm in open_alarms(session)]
