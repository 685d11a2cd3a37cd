"""A rehearsal on a server: what is counted from reports that came in, whom it names, and how it is started and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from policy.document import JUDGEMENT_VERSION, Exemption, Family, Policy, Ring
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState, UserKind
from policy.rehearsal import Outcome
from policy.report import Consent, ReportedApp, ReportedUser
from policy.schemas import dump_policy_document
from policy.verdict import Finding, Reason, ReasonCode, Verdict
from server.app import create_app
from server.cli import main as curfew_server
from server.errors import ComeLater, NotThere
from server.evidence import audit
from server.people.people import Role
from server.rehearsal import kept_rehearsals
from server.rehearsal.kept_rehearsals import KeptRehearsal, RehearsalState
from server.rehearsal.phones import rehearsed_phones
from server.rehearsal.running import run_rehearsal, start_rehearsal
from tests.server.authority import BANNED, MANAGED, NOW, Authority, Bench, banning_policy, disabled_ledger

DAY = timedelta(days=1)
USERS = (
    ReportedUser(UserNumber(0), UserKind.PERSONAL, True),
    ReportedUser(UserNumber(10), UserKind.WORK, True),
)
CLEAN: dict[str, Any] = {
    "judgement_version": JUDGEMENT_VERSION,
    "reasons": (Reason(ReasonCode.BANNED_APP_GONE),),
    "users": USERS,
    "managed": (ReportedApp(UserNumber(10), MANAGED, EnabledState.DEFAULT, EnabledState.DEFAULT),),
}
VIOLATING: dict[str, Any] = {
    **CLEAN,
    "verdict": Verdict.VIOLATING,
    "reasons": (Reason(ReasonCode.BANNED_APP_PRESENT, f"{BANNED} in user 0"),),
    "findings": (Finding("TikTok", UserNumber(0), BANNED),),
}
OFF: dict[str, Any] = {
    **VIOLATING,
    "managed": (ReportedApp(UserNumber(10), MANAGED, EnabledState(3), EnabledState(3)),),
    "ledger": disabled_ledger(),
}
CLOSED: dict[str, Any] = {
    **VIOLATING,
    "users": (USERS[0], replace(USERS[1], open_to_shell=False)),
    "enforceable": False,
}
UNREADABLE: dict[str, Any] = {
    "judgement_version": JUDGEMENT_VERSION,
    "verdict": Verdict.UNREADABLE,
    "reasons": (Reason(ReasonCode.PHONE_UNREADABLE, "the answer ended early"),),
}


class Fleet:
    """Phones that were checked, in a server's storage."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.bench: Bench = authority.bench()
        self.rehearsed = 0

    def add(
        self, told: dict[str, Any] | None = None, age: timedelta = timedelta(0), **changes: Any
    ) -> PhoneId:
        phone_id = self.authority.phone(self.bench, **changes)
        if told is not None:
            report = self.bench.report(phone_id, checked_at=NOW - age, **told)
            assert self.authority.accept(self.bench.sign(report))[0].status.is_kept
        return phone_id

    def rehearse(self, policy: Policy, number: int = 2, moment: datetime | None = None) -> KeptRehearsal:
        document = dump_policy_document(number, policy)
        # Each starts later than those before.
        self.rehearsed += 1
        now = NOW + timedelta(seconds=self.rehearsed)
        with self.authority.database.writing() as session:
            made = kept_rehearsals.new_rehearsal(session, document, "author-1", now, moment=moment)
        run_rehearsal(self.authority.database, made, lambda: now)
        with self.authority.database.reading() as session:
            found = kept_rehearsals.find_rehearsal(session, made, NOW)
        assert found.state is RehearsalState.DONE, found.failure
        return found

    def named(self, rehearsal: KeptRehearsal, outcome: Outcome) -> Sequence[PhoneId]:
        with self.authority.database.reading() as session:
            return [one.phone_id for one in rehearsed_phones(session, rehearsal, outcome, "", 100)]


@pytest.fixture
def fleet(authority: Authority) -> Fleet:
    return Fleet(authority)


@pytest.fixture
def small_fleet(small_authority: Authority) -> Fleet:
    return Fleet(small_authority)


def outcomes(rehearsal: KeptRehearsal) -> dict[str, int]:
    assert rehearsal.result is not None
    return {outcome: phones for outcome, phones in rehearsal.result["outcomes"].items() if phones}


def test_every_phone_is_counted_once_by_what_its_newest_report_says(fleet: Fleet) -> None:
    phones = {
        Outcome.BLOCKED: fleet.add(VIOLATING),
        Outcome.STAYS_BLOCKED: fleet.add(OFF),
        Outcome.NOT_ENFORCEABLE: fleet.add(CLOSED),
        Outcome.NOTHING: fleet.add(CLEAN),
        Outcome.DECLINED: fleet.add(consent=Consent.DECLINED),
    }
    unknown = {fleet.add(UNREADABLE), fleet.add(), fleet.add(CLEAN, age=20 * DAY)}

    done = fleet.rehearse(banning_policy())

    assert done.result is not None
    assert outcomes(done) == {**{outcome.value: 1 for outcome in phones}, "unknown": 3}
    assert {outcome: fleet.named(done, outcome) for outcome in phones} == {o: [p] for o, p in phones.items()}
    assert set(fleet.named(done, Outcome.UNKNOWN)) == unknown
    assert done.result["causes"] == {"unreadable": 1, "never_checked": 1, "too_old": 1}
    assert done.result["ages"] == {"day": 5, "week": 0, "month": 1, "longer": 0, "never": 2}
    assert (done.blocked_share, done.result["blocked_share_at_most"]) == (2 / 8, 5 / 8)
    assert done.result["banned"] == {BANNED: {"blocked": 1, "stays_blocked": 1, "not_enforceable": 1}}
    assert done.result["disabled"] == {MANAGED: 1}


def test_a_lift_is_compared_with_the_policy_in_force(fleet: Fleet) -> None:
    fleet.add(VIOLATING)
    held = fleet.add(OFF)

    done = fleet.rehearse(banning_policy(lifted=True))

    assert done.result is not None
    assert fleet.named(done, Outcome.RESTORED) == [held]
    assert sorted(done.result["changes"]) == [["blocked", "nothing", 1], ["stays_blocked", "restored", 1]]
    assert (done.result["in_force"], done.blocked_share) == (1, 0.0)


def test_a_newly_banned_app_is_unknown_on_a_clean_phone(fleet: Fleet) -> None:
    fleet.add(CLEAN)
    fleet.add(VIOLATING)
    policy = banning_policy()
    another = Family("another", (PackageName("com.example.another"),))

    done = fleet.rehearse(replace(policy, families=(*policy.families, another)))

    assert done.result is not None
    assert outcomes(done) == {"blocked": 1, "unknown": 1}
    assert done.result["causes"] == {"not_asked": 1}


def test_a_ring_that_has_not_come_is_only_reminded(fleet: Fleet) -> None:
    for _ in range(12):
        fleet.add(VIOLATING)
    rings = (Ring(0.5, NOW - DAY), Ring(1.0, NOW + DAY))

    now = fleet.rehearse(banning_policy(rings=rings), moment=NOW)
    later = fleet.rehearse(banning_policy(rings=rings))

    assert outcomes(later) == {"blocked": 12}
    assert set(outcomes(now)) <= {"blocked", "reminded"}
    assert sum(outcomes(now).values()) == 12


def test_an_exempt_phone_is_exempt_and_gets_back_what_is_off(fleet: Fleet) -> None:
    exempt, held = fleet.add(VIOLATING), fleet.add(OFF)
    trust = fleet.authority.trust.copy(fleet.authority.folder / "exempting")
    trust.publish_fleet(1, *(Exemption(phone_id, NOW + 400 * DAY, "travel") for phone_id in (exempt, held)))
    fleet.authority.trust = trust
    fleet.authority.publish()

    done = fleet.rehearse(banning_policy())

    assert outcomes(done) == {"exempt": 1, "restored": 1}


def test_a_report_from_before_there_were_pictures_is_rehearsed_all_the_same(fleet: Fleet) -> None:
    fleet.add(VIOLATING)
    fleet.add(CLEAN)
    with fleet.authority.database.writing() as session:
        session.execute(text("UPDATE phone_state SET picture_sha256 = NULL"))
        session.execute(text("DELETE FROM picture"))

    assert outcomes(fleet.rehearse(banning_policy())) == {"blocked": 1, "nothing": 1}


def test_phones_that_say_the_same_share_one_picture_and_a_later_check_has_its_own(fleet: Fleet) -> None:
    first, _ = fleet.add(VIOLATING), fleet.add(VIOLATING)

    def pictures() -> int:
        with fleet.authority.database.reading() as session:
            return len(session.execute(text("SELECT DISTINCT picture_sha256 FROM phone_state")).all())

    assert pictures() == 1
    report = fleet.bench.report(first, checked_at=NOW + DAY, **CLEAN)
    fleet.authority.accept(fleet.bench.sign(report), now=NOW + DAY)
    assert pictures() == 2
    # One that comes late is not its phone's newest, and changes nothing.
    late = fleet.bench.report(first, checked_at=NOW - DAY, **CLOSED)
    fleet.authority.accept(fleet.bench.sign(late), now=NOW + DAY)
    assert outcomes(fleet.rehearse(banning_policy())) == {"blocked": 1, "nothing": 1}


def test_lists_of_phones_are_whole_in_pieces_and_kept_of_the_newest_rehearsals_alone(
    small_fleet: Fleet,
) -> None:
    phones = sorted(small_fleet.add(CLEAN) for _ in range(7))
    first = small_fleet.rehearse(banning_policy())

    with small_fleet.authority.database.reading() as session:
        top = rehearsed_phones(session, first, Outcome.NOTHING, "", 4)
        rest = rehearsed_phones(session, first, Outcome.NOTHING, top[-1].phone_id, 4)
    assert [one.phone_id for one in (*top, *rest)] == phones

    for _ in range(5):
        small_fleet.rehearse(banning_policy())
    with pytest.raises(NotThere, match="no longer kept"):
        small_fleet.named(first, Outcome.NOTHING)


def test_a_rehearsal_is_found_by_its_draft_and_by_the_bytes_of_its_policy(small_fleet: Fleet) -> None:
    database, document = small_fleet.authority.database, dump_policy_document(2, banning_policy())
    made = start_rehearsal(database, lambda: NOW, document, "author-1", draft=(7, 3))
    wait_for(small_fleet, made)

    with database.reading() as session:
        [of_draft] = kept_rehearsals.rehearsals_of(session, 7, NOW)
        of_bytes = next(kept_rehearsals.done_rehearsals(session, hashlib.sha256(document).hexdigest()), None)
        [row, *_] = audit.newest_rows(session)
    assert of_bytes is not None
    assert of_draft.rehearsal_id == of_bytes.rehearsal_id == made
    assert of_draft.draft == (7, 3)
    assert (row.actor, row.action, row.subject) == ("author-1", "policy rehearsed", f"rehearsal {made}")


def wait_for(fleet: Fleet, rehearsal_id: str) -> KeptRehearsal:
    """Look until the thread that runs it has come to an end."""
    while True:
        with fleet.authority.database.reading() as session:
            found = kept_rehearsals.find_rehearsal(session, rehearsal_id, NOW)
        if found.state is not RehearsalState.RUNNING:
            return found


def test_one_that_nobody_works_on_any_more_shows_as_stopped_and_holds_no_place(small_fleet: Fleet) -> None:
    database, document = small_fleet.authority.database, dump_policy_document(2, banning_policy())
    with database.writing() as session:
        made = [
            kept_rehearsals.new_rehearsal(session, document, "author-1", NOW)
            for _ in range(kept_rehearsals.WAITING_MAX)
        ]
    with database.writing() as session, pytest.raises(ComeLater, match="under way or waiting"):
        kept_rehearsals.new_rehearsal(session, document, "author-1", NOW)

    later = NOW + timedelta(minutes=2)
    with database.writing() as session:
        assert kept_rehearsals.find_rehearsal(session, made[0], later).state is RehearsalState.STOPPED
        assert kept_rehearsals.new_rehearsal(session, document, "author-1", later)


def test_one_that_fails_says_so_and_names_nobody(small_fleet: Fleet) -> None:
    small_fleet.add(CLEAN)
    document = dump_policy_document(2, banning_policy())
    with small_fleet.authority.database.writing() as session:
        made = kept_rehearsals.new_rehearsal(session, document, "author-1", NOW)
        session.execute(text("UPDATE rehearsal SET policy_bytes = '{}'"))

    run_rehearsal(small_fleet.authority.database, made, lambda: NOW)

    with small_fleet.authority.database.reading() as session:
        found = kept_rehearsals.find_rehearsal(session, made, NOW)
    assert (found.state, found.result) == (RehearsalState.FAILED, None)
    assert "the server's log" in found.failure


class TestOverTheApi:
    @pytest.fixture
    def client(self, small_authority: Authority) -> FlaskClient:
        return create_app(small_authority.config).test_client()

    def ask(self, client: FlaskClient, fleet: Fleet, path: str, role: Role = Role.AUTHOR, **more: Any) -> Any:
        token = fleet.authority.person_token(role)
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return client.open(f"/api/v1{path}", headers=headers, **more)

    def test_a_policy_is_sent_and_its_outcomes_and_phones_are_asked_for(
        self, client: FlaskClient, small_fleet: Fleet
    ) -> None:
        phone = small_fleet.add(VIOLATING, label="=CMD()")
        document = dump_policy_document(2, banning_policy())

        started = self.ask(
            client, small_fleet, "/rehearsals", method="POST", data=document, content_type="application/json"
        )
        made = started.json["rehearsal_id"]
        wait_for(small_fleet, made)
        told = self.ask(client, small_fleet, f"/rehearsals/{made}", Role.AUDITOR).json
        listed = self.ask(client, small_fleet, f"/rehearsals/{made}/phones?outcome=blocked").json
        as_csv = self.ask(
            client,
            small_fleet,
            f"/rehearsals/{made}/phones?outcome=blocked&whole=true",
            headers={"Accept": "text/csv"},
        )

        assert started.status_code == 202
        assert (told["state"], told["result"]["outcomes"]["blocked"]) == ("done", 1)
        [row] = listed["phones"]
        assert (row["phone_id"], row["before"], row["found"]) == (phone, "blocked", [BANNED])
        assert b"'=CMD()" in as_csv.data
        assert b"mailbox" not in as_csv.data

    def test_what_is_no_policy_is_refused_with_what_is_wrong(
        self, client: FlaskClient, small_fleet: Fleet
    ) -> None:
        answer = self.ask(
            client, small_fleet, "/rehearsals", method="POST", data=b"{}", content_type="application/json"
        )

        assert (answer.status_code, answer.json["error"]["code"]) == (400, "policy_malformed")

    @pytest.mark.parametrize("role", [Role.TECHNICIAN, Role.AUDITOR])
    def test_who_does_not_write_policies_rehearses_none(
        self, client: FlaskClient, small_fleet: Fleet, role: Role
    ) -> None:
        document = dump_policy_document(2, banning_policy())

        answer = self.ask(
            client,
            small_fleet,
            "/rehearsals",
            role,
            method="POST",
            data=document,
            content_type="application/json",
        )

        assert answer.status_code == 403

    def test_of_a_small_unit_no_count_is_told(self, client: FlaskClient, small_fleet: Fleet) -> None:
        phones = [small_fleet.add(CLEAN) for _ in range(6)]
        units = [{"phone": phone, "unit": "HR" if phone == phones[0] else "DIGIT"} for phone in phones]
        done = self.ask(client, small_fleet, "/units", Role.TECHNICIAN, method="POST", json={"units": units})
        made = small_fleet.rehearse(banning_policy()).rehearsal_id

        told = self.ask(client, small_fleet, f"/rehearsals/{made}").json

        assert done.json["changed"] == 6
        assert told["result"]["units"] == {"DIGIT": {"nothing": 5}, "HR": {"nothing": None}}


class TestOnTheCommandLine:
    def test_a_table_tells_what_a_policy_would_mean(
        self, office: Authority, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Fleet(office).add(VIOLATING)
        file = office.folder / "policy.json"
        file.write_bytes(dump_policy_document(2, banning_policy()))

        assert self.curfew(office, "policy", "rehearse", str(file)) == 0

        told = capsys.readouterr().out
        assert "would be blocked           1  100.0 %         1" in told
        assert "cut off, by the phone or by the mail side: 1 phone, 100.0 % of all" in told

    def test_the_policy_in_force_is_rehearsed_as_json(
        self, office: Authority, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Fleet(office).add(CLEAN)

        assert self.curfew(office, "policy", "rehearse", "--in-force", "--json") == 0

        told = json.loads(capsys.readouterr().out)
        assert (told["outcomes"]["nothing"], told["number"], told["in_force"]) == (1, 1, 1)

    def test_a_file_that_is_no_policy_is_refused(
        self, office: Authority, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = office.folder / "policy.json"
        file.write_bytes(b"{}")

        assert self.curfew(office, "policy", "rehearse", str(file)) == 1
        assert "this is no policy document" in capsys.readouterr().err

    def curfew(self, office: Authority, *words: str) -> int:
        return curfew_server(["--config", str(office.folder / "office" / "server.env"), *words])
