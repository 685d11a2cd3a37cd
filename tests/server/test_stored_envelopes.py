"""What a station signed is stored in few bytes, and comes back each byte as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from certs.envelope import open_envelope, public_key_pem
from policy.names import PhoneId
from policy.report import REPORT_PAYLOAD_TYPE, Report
from policy.report_results import ReportStatus
from policy.schemas import load_report
from policy.watched import ScriptState, Watched
from server.errors import EvidenceDamaged
from server.maintenance.checks import run_checks
from server.reports import old_reports
from server.storage.packing import base_of, taken_apart
from tests.server.authority import NOW, UNREADABLE, VIOLATING, Authority, Bench, disabled_ledger

HOUR = timedelta(hours=1)
DIGEST = "ab12" * 16


@pytest.fixture
def bench(authority: Authority) -> Bench:
    return authority.bench()


def stored(authority: Authority, bench: Bench, phone: PhoneId, *checks: Mapping[str, Any]) -> list[bytes]:
    """Let one check an hour arrive, the last one now; return the envelopes as they were sent."""
    envelopes = [
        bench.sign(bench.report(phone, checked_at=NOW - HOUR * (len(checks) - 1 - place), **changes))
        for place, changes in enumerate(checks)
    ]
    results = authority.accept(*envelopes)
    assert {result.status for result in results} == {ReportStatus.STORED}
    return envelopes


def read_back(authority: Authority, phone: PhoneId) -> list[old_reports.KeptEnvelope]:
    with authority.database.reading() as session:
        return list(old_reports.envelopes_of(session, phone))


def rows(authority: Authority, statement: str) -> list[Any]:
    with authority.database.reading() as session:
        return list(session.execute(text(statement)))


def change(authority: Authority, statement: str) -> None:
    with authority.database.writing() as session:
        session.execute(text(statement))


def test_every_envelope_comes_back_as_it_was_signed(authority: Authority, bench: Bench) -> None:
    watched = {"watched": Watched(ScriptState.RUNNING), "answers_sha256": DIGEST}
    phone = authority.phone(bench)
    sent = stored(
        authority, bench, phone, {}, VIOLATING, watched, UNREADABLE, {"ledger": disabled_ledger()}, {}
    )

    found = [one.envelope for one in read_back(authority, phone)]

    assert found == sent
    key = public_key_pem(bench.signer)
    reports = [load_report(open_envelope(one, REPORT_PAYLOAD_TYPE, key)) for one in found]
    assert all(isinstance(report, Report) for report in reports)


def test_what_is_said_again_takes_little_more_than_its_signature(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    sent = stored(authority, bench, phone, *[{"answers_sha256": DIGEST[:n] + DIGEST[n:]} for n in range(5)])

    sizes = [one.stored_bytes for one in read_back(authority, phone)]

    assert max(sizes) < 180 < 1000 < min(map(len, sent))
    assert len(rows(authority, "SELECT number FROM report_base")) == 1


def test_a_report_of_another_kind_becomes_the_base_of_those_that_follow(
    authority: Authority, bench: Bench
) -> None:
    other = {"contradictions": tuple(f"line {n} of {n * n * 7919} for a person" for n in range(40))}
    phone = authority.phone(bench)
    sent = stored(authority, bench, phone, {}, other, other, {})

    found = read_back(authority, phone)

    assert [one.envelope for one in found] == sent
    assert found[2].stored_bytes < 180
    assert len(rows(authority, "SELECT number FROM report_base")) >= 2


def test_an_envelope_in_the_other_alphabet_of_base64_is_kept_as_it_came(
    authority: Authority, bench: Bench
) -> None:
    report = bench.report(authority.phone(bench))
    signed = (json.loads(bench.sign(report)) for _ in range(1000))
    form = next(one for one in signed if {"+", "/"} & set(one["signatures"][0]["sig"]))
    signature = form["signatures"][0]
    signature["sig"] = signature["sig"].replace("+", "-").replace("/", "_")
    other = json.dumps(form, separators=(",", ":"), sort_keys=True).encode()

    [result] = authority.accept(other)

    assert result.status is ReportStatus.STORED
    assert [one.envelope for one in read_back(authority, report.phone_id)] == [other]


@pytest.mark.parametrize("written", ["QQ==", "QR==", "QQ", "QQ== ", "Q-=="])
def test_only_base64_that_is_written_back_as_it_came_is_taken_apart(written: str) -> None:
    form = {
        "payload": "e30=",
        "payloadType": REPORT_PAYLOAD_TYPE,
        "signatures": [{"keyid": "ab", "sig": written}],
    }
    envelope = json.dumps(form, separators=(",", ":")).encode()

    assert (taken_apart(envelope) is not None) == (written == "QQ==")


def test_an_envelope_of_before_is_read_as_it_stands(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    [sent] = stored(authority, bench, phone, {})
    with authority.database.writing() as session:
        session.execute(text("UPDATE report SET envelope = :envelope"), {"envelope": sent})

    assert [one.envelope for one in read_back(authority, phone)] == [sent]


def test_a_row_that_was_changed_gives_no_other_envelope_but_an_error(
    authority: Authority, bench: Bench
) -> None:
    phone = authority.phone(bench)
    stored(authority, bench, phone, {}, {})
    change(authority, "UPDATE report SET counter = counter + 100")

    with pytest.raises(EvidenceDamaged, match=r"expected the payload .*, found .*curfew-server"):
        read_back(authority, phone)


def test_a_base_that_is_gone_is_named_by_reading_and_by_the_check(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    stored(authority, bench, phone, {}, {})
    assert dict(run_checks(authority.config, authority.database))["bases"].ok
    change(authority, "DELETE FROM report_base")

    with pytest.raises(EvidenceDamaged, match=r"expected the base 1 .*, found none"):
        read_back(authority, phone)
    finding = dict(run_checks(authority.config, authority.database))["bases"]
    assert not finding.ok
    assert "1 base is gone" in finding.found


def test_bases_that_nothing_names_go_and_those_that_are_named_stay(
    authority: Authority, bench: Bench
) -> None:
    phone = authority.phone(bench)
    many = [{"contradictions": tuple(f"{k} {n} {n * k * 7919}" for n in range(60))} for k in range(1, 5)]
    sent = stored(authority, bench, phone, *many)
    first = read_back(authority, phone)[0]
    with authority.database.writing() as session:
        old_reports.drop_envelopes(session, [first.report_id])
        gone = old_reports.drop_unnamed_bases(session, phone)

    assert gone == 1
    assert [one.envelope for one in read_back(authority, phone)] == [b"", *sent[1:]]


def test_a_number_is_never_used_for_a_second_base(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    stored(authority, bench, phone, {})
    before = rows(authority, "SELECT number FROM report_base")
    change(authority, "DELETE FROM report_base")

    stored(authority, bench, phone, {})

    assert rows(authority, "SELECT number FROM report_base") > before


def test_the_oldest_byte_tells_what_is_packed() -> None:
    assert [base_of(one) for one in (b"", b'{"payload"', b"\x01\0\0\0\0\7\0\0")] == [None, None, 7]
