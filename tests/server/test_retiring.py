"""A phone that does not come back is retired by an admin: nobody waits for it, and what shows it again undoes that."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from policy.names import PhoneId
from policy.report import Consent
from server.app import create_app
from server.cli import main
from server.errors import InConflict, Malformed, NotThere
from server.evidence.alarms import AlarmKind, open_alarms
from server.fleet.blocks import BlockCause, blocks
from server.fleet.counts import fleet_counts
from server.fleet.lift import lift_counts
from server.fleet.phone_rows import PhoneNow, phone_now
from server.fleet.phones import count_phones, find_phones, pictured
from server.fleet.readiness import not_ready
from server.fleet.recounting import differences, make_anew
from server.fleet.retiring import retire, take_back
from server.fleet.standing import Standing
from server.people.people import Role, put_person
from server.policies.bundles import situation
from server.storage.database import Base, Database
from server.storage.migrating import schemas
from tests.server.authority import (
    NOT_ENFORCEABLE,
    NOW,
    PASSWORD,
    VIOLATING,
    Authority,
    Bench,
    disabled_ledger,
)
from tests.server.test_migrations import bring
from tests.server.test_probes import PROBE

HOUR = timedelta(hours=1)
WHY = "stolen on a journey"


def checked(authority: Authority, bench: Bench, phone_id: PhoneId, **changes: Any) -> None:
    report = bench.report(phone_id, **({"checked_at": NOW - HOUR} | changes))
    assert authority.accept(bench.sign(report), now=NOW + 9 * HOUR)[0].status.is_kept


def row_of(session: Session, phone_id: PhoneId, now: datetime = NOW) -> PhoneNow:
    [phone] = find_phones(session, [phone_id])
    return phone_now(session, phone, situation(session, now))


def causes(authority: Authority, session: Session) -> list[BlockCause]:
    return [one.cause for one in blocks(session, NOW, authority.config.holder_key).blocks]


def retired(authority: Authority, phone_id: PhoneId, at: datetime = NOW) -> None:
    with authority.database.writing() as session:
        retire(session, phone_id, WHY, "admin-1", "admin-1", at)


def test_nobody_waits_for_a_retired_phone_and_its_holder_is_not_blocked(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    checked(authority, bench, phone_id, **NOT_ENFORCEABLE)

    retired(authority, phone_id)

    with authority.database.reading() as session:
        here = situation(session, NOW)
        counts = fleet_counts(session, here)
        assert causes(authority, session) == [BlockCause.RETIRED]
        assert counts.by_standing[Standing.RETIRED] == counts.total == 1
        assert (not_ready(counts).total, not_ready(counts).of) == (0, 0)
        assert set(counts.by_reach.values()) == {0}
        assert row_of(session, phone_id, NOW + 99 * HOUR).standing is Standing.RETIRED
        assert list(differences(session)) == []


def test_the_audit_row_tells_how_the_phone_stood_and_what_was_off_on_it(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    checked(authority, bench, phone_id, **VIOLATING, ledger=disabled_ledger())

    retired(authority, phone_id)

    audit = Base.metadata.tables["audit"]
    with authority.database.reading() as session:
        found = session.execute(select(audit).order_by(audit.c.number.desc()).limit(1)).mappings().one()
        assert row_of(session, phone_id).retirement is not None
        assert lift_counts(session, situation(session, NOW), NOW).waiting == 0
    assert (found["actor"], found["action"], found["subject"]) == ("admin-1", "phone retired", phone_id)
    assert '"stood as":"violating"' in found["detail"].replace(": ", ":")
    assert '"to put back":1' in found["detail"].replace(": ", ":")


def test_a_check_that_is_newer_brings_it_back_and_raises_one_alarm(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    checked(authority, bench, phone_id, **VIOLATING)
    retired(authority, phone_id)

    for later in (1, 2):
        checked(authority, bench, phone_id, **VIOLATING, checked_at=NOW + later * HOUR)

    with authority.database.reading() as session:
        row = row_of(session, phone_id)
        assert (row.standing, row.retirement) == (Standing.VIOLATING, None)
        assert [one.kind for one in open_alarms(session, phone_id)] == [AlarmKind.RETIRED_PHONE]
        assert causes(authority, session) == [BlockCause.ENFORCED_ON_PHONE]
        assert list(differences(session)) == []


def test_a_check_that_waited_in_a_spool_does_not_bring_it_back(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    retired(authority, phone_id)

    checked(authority, bench, phone_id, **VIOLATING)

    with authority.database.reading() as session:
        assert row_of(session, phone_id).standing is Standing.RETIRED
        assert open_alarms(session, phone_id) == []


@pytest.mark.parametrize("changes", [{"probe": PROBE}, {"consent": Consent.DECLINED}])
def test_provisioning_it_again_or_another_word_of_its_owner_brings_it_back(
    authority: Authority, changes: dict[str, Any]
) -> None:
    bench, identity = authority.bench(), "ab" * 32
    phone_id = authority.phone(bench, identity=identity)
    retired(authority, phone_id)

    authority.phone(bench, identity=identity, **changes, now=NOW + HOUR)

    with authority.database.reading() as session:
        assert row_of(session, phone_id).standing is not Standing.RETIRED
        assert list(differences(session)) == []


def test_it_can_be_taken_back(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    checked(authority, bench, phone_id, **NOT_ENFORCEABLE)
    retired(authority, phone_id)

    with authority.database.writing() as session:
        take_back(session, phone_id, "admin-1", NOW + HOUR)

    with authority.database.reading() as session:
        assert row_of(session, phone_id).standing is Standing.NOT_ENFORCEABLE
        assert causes(authority, session) == [BlockCause.NOT_ENFORCEABLE]


@pytest.mark.parametrize("why", ["", "  ", "two\nlines", "x" * 301])
def test_a_retirement_has_a_reason_in_one_line(authority: Authority, why: str) -> None:
    phone_id = authority.phone(authority.bench())

    with authority.database.writing() as session, pytest.raises(Malformed):
        retire(session, phone_id, why, "admin-1", "admin-1", NOW)


def test_what_is_no_phone_or_several_or_gone_already_is_refused(authority: Authority) -> None:
    bench = authority.bench()
    first, _ = (authority.phone(bench, label="drawer") for _ in range(2))
    retired(authority, first)

    with authority.database.writing() as session:
        with pytest.raises(NotThere):
            retire(session, "nobody", WHY, "admin-1", "admin-1", NOW)
        with pytest.raises(InConflict, match="several"):
            retire(session, "drawer", WHY, "admin-1", "admin-1", NOW)
        with pytest.raises(InConflict, match="retired already"):
            retire(session, first, WHY, "admin-1", "admin-1", NOW)


def test_what_is_not_retired_cannot_be_taken_back(authority: Authority) -> None:
    phone_id = authority.phone(authority.bench())

    with authority.database.writing() as session, pytest.raises(InConflict, match="not retired"):
        take_back(session, phone_id, "admin-1", NOW)


# Handed back -----------------------------------------------------------------------------------------------------


def test_a_phone_that_was_handed_back_is_waited_for_by_nobody(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench, now=NOW - 2 * HOUR)

    checked(authority, bench, phone_id, handed_back=True)

    with authority.database.reading() as session:
        row = row_of(session, phone_id, NOW + 99 * HOUR)
        assert (row.standing, row.mail) == (Standing.HANDED_BACK, BlockCause.HANDED_BACK)


def test_what_is_still_off_makes_it_no_hand_back_whatever_the_station_says(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench, now=NOW - 2 * HOUR)

    checked(authority, bench, phone_id, handed_back=True, **NOT_ENFORCEABLE, ledger=disabled_ledger())

    with authority.database.reading() as session:
        assert row_of(session, phone_id).standing is Standing.NOT_ENFORCEABLE
        assert causes(authority, session) == [BlockCause.NOT_ENFORCEABLE]


def test_only_a_check_that_is_newer_brings_a_handed_back_phone_back(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench, now=NOW - 9 * HOUR)
    checked(authority, bench, phone_id, handed_back=True)

    checked(authority, bench, phone_id, **VIOLATING, checked_at=NOW - 2 * HOUR)
    with authority.database.reading() as session:
        assert row_of(session, phone_id).standing is Standing.HANDED_BACK
    checked(authority, bench, phone_id, **VIOLATING, checked_at=NOW)

    with authority.database.reading() as session:
        assert row_of(session, phone_id).standing is Standing.VIOLATING


def test_a_hand_back_that_arrives_behind_a_new_provisioning_does_not_hide_the_phone(
    authority: Authority,
) -> None:
    bench, identity = authority.bench(), "cd" * 32
    phone_id = authority.phone(bench, identity=identity, now=NOW - 9 * HOUR)
    authority.phone(bench, identity=identity, probe=PROBE, now=NOW)

    checked(authority, bench, phone_id, handed_back=True)

    with authority.database.reading() as session:
        assert row_of(session, phone_id).standing is Standing.COMPLIANT


def test_who_declined_stays_declined_though_the_phone_was_left(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench, consent=Consent.DECLINED, now=NOW - 9 * HOUR)

    checked(authority, bench, phone_id, handed_back=True, consent=Consent.DECLINED)

    with authority.database.reading() as session:
        assert row_of(session, phone_id).standing is Standing.DECLINED
        assert causes(authority, session) == [BlockCause.DECLINED]


def test_of_a_holder_with_two_phones_the_one_that_is_still_there_is_told(authority: Authority) -> None:
    bench = authority.bench()
    gone = authority.phone(bench, holder="mailbox-7", now=NOW - 9 * HOUR)
    there = authority.phone(bench, holder="mailbox-7", now=NOW - 2 * HOUR)
    checked(authority, bench, gone, handed_back=True, checked_at=NOW - 8 * HOUR)
    checked(authority, bench, there)

    with authority.database.reading() as session:
        assert causes(authority, session) == [BlockCause.COMPLIANT]


# By the API and on the command line ------------------------------------------------------------------------------


def test_the_api_retires_a_phone_and_takes_it_back(authority: Authority) -> None:
    phone_id = authority.phone(authority.bench(), label="CW-17")
    client = create_app(authority.config).test_client()
    headers = {"Authorization": f"Bearer {authority.person_token(Role.ADMIN)}"}

    done = client.post("/api/v1/phones/CW-17/retirement", json={"reason": WHY}, headers=headers)
    again = client.post("/api/v1/phones/CW-17/retirement", json={"reason": WHY}, headers=headers)
    back = client.delete(f"/api/v1/phones/{phone_id}/retirement", headers=headers)

    assert (done.status_code, done.get_json()["retired"], done.get_json()["reason"]) == (200, True, WHY)
    assert (again.status_code, again.get_json()["error"]["code"]) == (409, "phone_gone")
    assert (back.status_code, back.get_json()["retired"], back.get_json()["retired_at"]) == (200, False, None)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_an_admin_retires_a_phone(authority: Authority, role: Role) -> None:
    phone_id = authority.phone(authority.bench())
    client = create_app(authority.config).test_client()
    headers = {"Authorization": f"Bearer {authority.person_token(role)}"}

    for method in ("post", "delete"):
        asked = {"json": {"reason": WHY}} if method == "post" else {}
        answer = getattr(client, method)(f"/api/v1/phones/{phone_id}/retirement", headers=headers, **asked)
        assert (answer.status_code, answer.json["error"]["code"]) == (403, "right_missing")


def test_the_command_retires_a_phone_and_takes_it_back(
    authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    phone_id = authority.phone(authority.bench(), label="CW-17")
    with authority.database.writing() as session:
        put_person(session, "admin-1", PASSWORD, [Role.ADMIN], "test", NOW)
        put_person(session, "desk-1", PASSWORD, [Role.TECHNICIAN], "test", NOW)
    here = ["--config", str(authority.write_settings()), "retire", "CW-17"]

    assert main([*here, "--because", WHY, "--by", "desk-1"]) == 1
    assert "may not retire phones" in capsys.readouterr().err
    assert main([*here, "--by", "admin-1"]) == 2
    assert main([*here, "--because", WHY, "--take-back", "--by", "admin-1"]) == 2
    assert main([*here, "--because", WHY, "--by", "admin-1"]) == 0
    assert capsys.readouterr().out == f"{phone_id} is retired: nobody waits for it.\n"
    assert main([*here, "--take-back", "--by", "admin-1"]) == 0
    assert "is not retired any more" in capsys.readouterr().out


def test_a_rehearsal_tries_no_phone_that_is_gone(authority: Authority) -> None:
    bench = authority.bench()
    there, gone, lost = (authority.phone(bench, now=NOW - 2 * HOUR) for _ in range(3))
    checked(authority, bench, gone, handed_back=True)
    retired(authority, lost)

    with authority.database.reading() as session:
        assert [one.phone_id for one in pictured(session, "", 9)] == [there]
        assert count_phones(session) == 1


def test_the_version_before_lists_and_counts_a_gone_phone_by_its_latest_check(authority: Authority) -> None:
    bench = authority.bench()
    phone_ids = [authority.phone(bench, now=NOW - 2 * HOUR) for _ in range(3)]
    checked(authority, bench, phone_ids[0], handed_back=True)
    checked(authority, bench, phone_ids[1], **NOT_ENFORCEABLE)
    for phone_id in phone_ids[1:]:
        retired(authority, phone_id)
    database = Database(authority.config.database_url)

    bring(database, "0026")

    with database.reading() as session:
        fresh = session.execute(text("SELECT fresh, has_open, reach FROM fleet_entry ORDER BY fresh")).all()
        counted = session.execute(text("SELECT fresh, phones FROM fleet_tally ORDER BY fresh")).all()
    assert [row[0] for row in fresh] == ["compliant", "not_enforceable", "unseen"]
    assert [tuple(row) for row in counted] == [("compliant", 1), ("not_enforceable", 1), ("unseen", 1)]
    bring(database, schemas()[-1])
    with database.writing() as session:
        make_anew(session)
        assert list(differences(session)) == []
    database.close()
