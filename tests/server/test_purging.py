"""Purging: what is older than is kept goes, what anything rests on stays, and a certificate tells what is gone."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from certs.audit_chain import AuditHead
from certs.errors import EnvelopeRefused
from policy.names import PhoneId
from policy.report import Report
from policy.report_results import ReportStatus
from server.cli import main
from server.evidence import alarms, audit
from server.evidence.alarms import Settlement
from server.evidence.audit import HeadSigner
from server.evidence.purge_certificates import (
    ProvenPurge,
    PurgeCertificate,
    certificate_file,
    leaf_of,
    open_certificate,
)
from server.fleet import phone_states, recounting
from server.reports import kept_reports, old_reports
from server.reports.purges import certificates
from server.reports.station_activity import activity_of
from server.retention import purging
from server.retention.purging import PurgePolicy
from tests.forked import Forked
from tests.server.authority import NOW, UNREADABLE, VIOLATING, Authority, Bench, disabled_ledger

DAY = timedelta(days=1)
KEPT_DAYS = 30
POLICY = PurgePolicy.keeping(KEPT_DAYS, NOW)


@pytest.fixture
def bench(authority: Authority) -> Bench:
    return authority.bench()


def story(authority: Authority, bench: Bench, phone: PhoneId, *checks: Mapping[str, Any]) -> list[Report]:
    """Let one check a day arrive, the last but one of them 40 days ago, the last one now; return the reports."""
    ages = [*(40 + len(checks) - 2 - place for place in range(len(checks) - 1)), 0]
    reports = []
    for age, changes in zip(ages, checks, strict=True):
        report = bench.report(phone, checked_at=NOW - DAY * age, **changes)
        [result] = authority.accept(bench.sign(report), now=report.checked_at + timedelta(seconds=1))
        assert result.status is ReportStatus.STORED
        reports.append(report)
    return reports


def purge(authority: Authority) -> list[PurgeCertificate]:
    planned = purging.plan(authority.database, POLICY)
    signer = HeadSigner(authority.config.audit_key)
    return list(purging.purge(authority.database, planned, POLICY, signer, "test", NOW))


def gone(authority: Authority, reports: Sequence[Report]) -> list[int]:
    """Return which of these reports are not there any more, by their place."""
    with authority.database.reading() as session:
        there = kept_reports.payload_hashes(session, {report.report_id for report in reports})
    return [place for place, report in enumerate(reports) if report.report_id not in there]


def proven(authority: Authority) -> list[ProvenPurge]:
    key = HeadSigner(authority.config.audit_key).public_key_pem
    with authority.database.reading() as session:
        files = [certificate_file(envelope, leaves) for _, envelope, leaves in certificates(session)]
    return [open_certificate(file, key) for file in files]


def test_old_reports_go_but_for_those_that_tell_since_when(authority: Authority, bench: Bench) -> None:
    reports = story(authority, bench, authority.phone(bench), {}, {}, VIOLATING, {}, {}, {}, {})

    [certificate] = purge(authority)

    # 2 ended the run before, 3 began the one that lasts; 5 is the last old one that could look.
    assert gone(authority, reports) == [0, 1, 4]
    assert (certificate.reports, certificate.phones) == (3, 1)


def test_what_is_kept_long_enough_is_not_touched(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    for age in (29, 20, 10, 0):
        authority.accept(bench.sign(bench.report(phone, checked_at=NOW - DAY * age)), now=NOW - DAY * age)

    assert purging.plan(authority.database, POLICY).older == 0
    assert purge(authority) == []


def test_a_check_that_arrived_lately_stays_however_old_it_is(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    reports = story(authority, bench, phone, {}, {}, {}, {}, {})
    late = bench.report(phone, checked_at=reports[2].checked_at + timedelta(hours=1))
    authority.accept(bench.sign(late), now=NOW - DAY)

    purge(authority)

    assert gone(authority, [*reports, late]) == [1, 2]


def test_the_latest_of_a_phone_stays_however_old_it_is(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    reports = story(authority, bench, phone, {}, {}, {}, {}, {})[:-1]
    silent = authority.phone(bench)
    [only] = [bench.report(silent, checked_at=NOW - 90 * DAY)]
    authority.accept(bench.sign(only), now=NOW - 90 * DAY)

    purge(authority)

    assert gone(authority, [*reports, only]) == [1, 2]


@pytest.mark.parametrize(
    "latest", [{"ledger": disabled_ledger()}, UNREADABLE], ids=["open", "not read since"]
)
def test_nothing_goes_of_a_phone_on_which_something_is_switched_off(
    authority: Authority, bench: Bench, latest: Mapping[str, Any]
) -> None:
    switched_off = {**VIOLATING, "ledger": disabled_ledger()}
    unread = {**latest} if "ledger" in latest else {**latest, "ledger": type(disabled_ledger())()}
    reports = story(authority, bench, authority.phone(bench), {}, {}, switched_off, switched_off, unread)

    assert purge(authority) == []
    assert gone(authority, reports) == []


def test_what_an_open_alarm_is_about_stays_until_it_is_settled(authority: Authority, bench: Bench) -> None:
    reports = story(authority, bench, authority.phone(bench), *[{}] * 6)
    other = authority.phone(bench)
    clone = bench.report(other, counter=reports[1].counter)
    [result] = authority.accept(bench.sign(clone))
    assert result.status is ReportStatus.QUARANTINED

    purge(authority)
    assert gone(authority, reports) == [2, 3], "the one whose counter was used again stays"

    with authority.database.writing() as session:
        [alarm] = alarms.open_alarms(session)
        alarms.settle_alarm(session, alarm.number, Settlement("anna", NOW, "looked into"))
    purge(authority)
    assert gone(authority, reports) == [1, 2, 3]


def test_standing_ledger_counts_and_times_are_what_they_were(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    not_looked = {**UNREADABLE, "ledger": type(disabled_ledger())()}
    story(authority, bench, phone, {}, VIOLATING, {}, not_looked, {}, VIOLATING, VIOLATING, not_looked)
    with authority.database.reading() as session:
        before = (
            phone_states.latest_checks(session, [phone]),
            kept_reports.newest_ledger(session, phone),
            activity_of(session, [bench.station_id]),
        )

    assert purge(authority)

    with authority.database.reading() as session:
        after = (
            phone_states.latest_checks(session, [phone]),
            kept_reports.newest_ledger(session, phone),
            activity_of(session, [bench.station_id]),
        )
        assert after == before
        assert list(recounting.differences(session)) == []


def test_a_late_report_asks_those_that_stayed_since_when_it_has_been_so(
    authority: Authority, bench: Bench
) -> None:
    phone = authority.phone(bench)
    reports = story(authority, bench, phone, {}, {}, VIOLATING, {}, {}, {})
    purge(authority)
    late = bench.report(phone, checked_at=NOW - DAY)
    authority.accept(bench.sign(late))

    with authority.database.reading() as session:
        [latest] = phone_states.latest_checks(session, [phone]).values()
    assert latest.unchanged_since == reports[3].checked_at


def test_what_stays_is_read_whole_and_bases_that_nothing_names_are_gone(
    authority: Authority, bench: Bench
) -> None:
    many = [{"contradictions": tuple(f"{k} {n} {n * k * 7919}" for n in range(60))} for k in range(1, 6)]
    phone = authority.phone(bench)
    reports = story(authority, bench, phone, *many, {})

    purge(authority)

    with authority.database.reading() as session:
        left = [one.report_id for one in old_reports.envelopes_of(session, phone) if one.envelope]
        assert left == [reports[place].report_id for place in (0, 4, 5)]
        assert old_reports.drop_unnamed_bases(session, phone) == 0


def test_a_copy_of_a_report_is_proved_to_have_been_among_them(authority: Authority, bench: Bench) -> None:
    reports = story(authority, bench, authority.phone(bench), *[{}] * 6)
    with authority.database.reading() as session:
        hashes = kept_reports.payload_hashes(session, {report.report_id for report in reports})
    purge(authority)

    [found] = proven(authority)

    held = [place for place, one in enumerate(reports) if found.holds(one.report_id, hashes[one.report_id])]
    assert held == gone(authority, reports) == [1, 2, 3]
    assert not found.holds(reports[1].report_id, hashes[reports[2].report_id])


def test_a_certificate_is_a_row_of_the_audit_chain(authority: Authority, bench: Bench) -> None:
    reports = story(authority, bench, authority.phone(bench), *[{}] * 5)

    [certificate] = purge(authority)

    with authority.database.reading() as session:
        row = audit.newest_rows(session)[0]
        assert audit.stands(session, AuditHead(certificate.audit_row, certificate.audit_hash))
        assert audit.verify_chain(session).whole
    assert (row.number, row.actor, row.action) == (certificate.audit_row, "test", "reports purged")
    assert row.detail["digest"] == certificate.digest
    assert certificate.setting == "CURFEW_KEEP_REPORTS_DAYS=30"
    assert certificate.first_check_at == reports[1].checked_at.isoformat()


@pytest.mark.parametrize("what", ["leaf", "fewer", "signed", "form"])
def test_a_certificate_that_was_changed_proves_nothing(authority: Authority, bench: Bench, what: str) -> None:
    story(authority, bench, authority.phone(bench), *[{}] * 5)
    purge(authority)
    with authority.database.reading() as session:
        [(_, envelope, leaves)] = certificates(session)
    told = json.loads(certificate_file(envelope, leaves))
    match what:
        case "leaf":
            told["leaves"][0] = leaf_of("another", "report").hex()
        case "fewer":
            told["leaves"].pop()
        case "signed":
            told["certificate"]["payload"] = told["certificate"]["payload"][:-8] + "AAAAAAA="
        case "form":
            told = {"leaves": told["leaves"]}

    with pytest.raises(EnvelopeRefused):
        open_certificate(json.dumps(told).encode(), HeadSigner(authority.config.audit_key).public_key_pem)


def test_each_part_of_a_large_fleet_has_its_own_certificate(
    authority: Authority, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "_AT_ONCE", 4)
    stories = [story(authority, bench, authority.phone(bench), *[{}] * 5) for _ in range(4)]

    made = purge(authority)

    assert [(one.reports, one.phones) for one in made] == [(4, 2), (4, 2)]
    assert {tuple(gone(authority, reports)) for reports in stories} == {(1, 2)}
    assert [one.certificate for one in proven(authority)] == made


def test_purging_again_finds_nothing(authority: Authority, bench: Bench) -> None:
    story(authority, bench, authority.phone(bench), *[{}] * 5)

    assert [len(purge(authority)), len(purge(authority))] == [1, 0]


def dying(words: Sequence[str]) -> int:
    """Type a command whose power goes after as many statements as its first word says."""
    left = int(words[0])

    def after(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", after)
    return main(words[1:])


def settings(authority: Authority) -> Path:
    env = authority.write_settings()
    env.write_text(env.read_text() + f"CURFEW_KEEP_REPORTS_DAYS={KEPT_DAYS}\n")
    return env


def test_killed_at_any_statement_the_certificates_tell_what_is_gone(
    small_authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = small_authority
    bench = authority.bench()
    reports = story(authority, bench, authority.phone(bench), *[{}] * 8)
    with authority.database.reading() as session:
        hashes = kept_reports.payload_hashes(session, {report.report_id for report in reports})
    words = ["--config", str(settings(authority)), "purge", "--yes"]
    died = 0
    for statements in range(3, 1000, 7):
        killed = Forked(dying, [str(statements), *words], dict(os.environ), tmp_path / "log")
        code = killed.wait(60)
        told = {
            place
            for found in proven(authority)
            for place, one in enumerate(reports)
            if found.holds(one.report_id, hashes[one.report_id])
        }
        assert sorted(told) == gone(authority, reports)
        if code == 0:
            break
        died += 1

    assert died > 2
    assert gone(authority, reports) == [1, 2, 3, 4, 5]


def test_the_command_tells_first_acts_when_told_and_its_certificate_is_verified(
    small_authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = small_authority
    bench = authority.bench()
    reports = story(authority, bench, authority.phone(bench), *[{}] * 5)
    for name, place in (("gone", 1), ("there", 0)):
        (tmp_path / name).write_bytes(bench.sign(reports[place]))
    config = ["--config", str(settings(authority))]

    assert main([*config, "purge"]) == 0
    assert "2 of 4 reports older than 30 days may go; they are of 1 phone" in capsys.readouterr().out
    assert gone(authority, reports) == []

    assert main([*config, "purge", "--yes", "--certificates", str(tmp_path)]) == 0
    assert "Deleted 2 reports of 1 phone" in capsys.readouterr().out
    [file] = tmp_path.glob("purge-*.json")
    assert main([*config, "verify-purge", str(file), "--report", str(tmp_path / "gone")]) == 0
    assert f"report {reports[1].report_id} was among them" in capsys.readouterr().out
    assert main([*config, "verify-purge", str(file), "--report", str(tmp_path / "there")]) == 1
    assert f"report {reports[0].report_id} was not among them" in capsys.readouterr().err


def test_without_a_time_in_the_settings_nothing_is_purged(
    small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    env = small_authority.write_settings()

    assert main(["--config", str(env), "purge", "--yes"]) == 1
    assert "set CURFEW_KEEP_REPORTS_DAYS in the server.env" in capsys.readouterr().err
