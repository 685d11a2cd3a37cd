"""The lift: counted down to all restored, and certified with the proof of each phone that was switched off."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from certs.envelope import public_key_pem, sign_envelope
from certs.keys import load_signer
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PhoneId, UserNumber
from policy.observation import EnabledState
from policy.report import REPORT_PAYLOAD_TYPE, ActionResult, Consent, Report, ReportedAction, ReportedApp
from policy.schemas import dump_report
from policy.verdict import ActionKind, Reason, ReasonCode, Stage, Verdict
from server.cli import main as curfew_server
from server.evidence import audit
from server.evidence.lift_certificates import open_lift_certificate
from server.fleet.lift import WaitCause, lift_counts, lifted_since
from server.people import tokens
from server.people.people import Role
from server.policies.bundles import situation_and_history
from tests.pages.office import COMPLIANT, OUTLOOK, UNREADABLE, Office, now, policy_in_force

HERE = "https://localhost"
WORK = UserNumber(10)
MINUTE = timedelta(minutes=1)


def entry(state: EntryState) -> LedgerEntry:
    return LedgerEntry(WORK, OUTLOOK, EnabledState.DEFAULT, state, 1, now() - timedelta(hours=1))


RESTORED: dict[str, Any] = {
    **COMPLIANT,
    "stage": Stage.LIFTED,
    "bundle_number": 2,
    "actions": (ReportedAction(ActionKind.RESTORE, WORK, OUTLOOK, ActionResult.DONE),),
    "managed": (ReportedApp(WORK, OUTLOOK, EnabledState.DISABLED_BY_USER, EnabledState.DEFAULT),),
    "ledger": Ledger("0" * 32, (entry(EntryState.RESTORED),)),
}


class Lift:
    """An office whose measure is lifted, and phones that were switched off before."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def off(self, label: str, **registered: Any) -> PhoneId:
        """Return a phone on which Outlook was disabled an hour ago."""
        phone = self.office.phone(label=label, **registered)
        self.office.report(phone, checked_at=now() - timedelta(hours=1))
        return phone

    def lifted(self) -> None:
        self.office.publish(2, policy=replace(policy_in_force(), lifted=True))

    def restored(self, phone: PhoneId, **changes: Any) -> Report:
        return self.office.report(phone, **{**RESTORED, "checked_at": now() + MINUTE, **changes})

    def causes(self) -> dict[WaitCause, int]:
        with self.office.database.reading() as session:
            here = situation_and_history(session, now() + 2 * MINUTE)
            counts = lift_counts(session, here, lifted_since(here) or now())
        assert sum(counts.by_age.values()) == counts.waiting == sum(counts.by_cause.values())
        return {cause: phones for cause, phones in counts.by_cause.items() if phones}

    def page(self, client: FlaskClient) -> str:
        return html.unescape(client.get("/lift", base_url=HERE).text)

    def certify(self, client: FlaskClient, accept_rest: str = "") -> Any:
        fields = {"accept_rest": accept_rest}
        return self.office.send(client, "/lift/certificates", fields, form_on="/account")

    def audited(self) -> audit.AuditRow:
        with self.office.database.reading() as session:
            return audit.newest_rows(session)[0]

    def key(self) -> bytes:
        return public_key_pem(load_signer(str(self.office.config.audit_key)))


@pytest.fixture
def lift(staffed: Office) -> Lift:
    return Lift(staffed)


@pytest.fixture
def approver(staffed: Office) -> FlaskClient:
    return staffed.client(Role.APPROVER)


# Counting down -----------------------------------------------------------------------------------------------------


def test_before_a_lift_the_page_says_how_one_lifts(lift: Lift, approver: FlaskClient) -> None:
    lift.off("CW-1")
    shown = lift.page(approver)
    assert "Lifting it is one draft and one approval" in shown
    assert "<strong>1 phone</strong> would have to be restored" in shown
    assert "Sign the certificate" not in shown


def test_without_a_policy_there_is_nothing_to_lift(office: Office) -> None:
    assert "there is nothing to lift" in office.client(Role.AUTHOR).get("/lift", base_url=HERE).text


def test_phones_that_were_not_reached_wait_until_they_are(lift: Lift, approver: FlaskClient) -> None:
    first, _second = lift.off("CW-1"), lift.off("CW-2")
    lift.office.phone(label="never off")
    lift.lifted()
    shown = lift.page(approver)
    assert "<strong>2</strong> phones wait to be restored" in shown
    assert "not reached since the lift" in shown
    assert "never off" not in shown
    lift.restored(first)
    shown = lift.page(approver)
    assert "<strong>1</strong> phone waits to be restored" in shown
    assert "CW-1" not in shown


def test_nothing_is_red_once_all_is_restored(lift: Lift, approver: FlaskClient) -> None:
    phone = lift.off("CW-1")
    lift.lifted()
    lift.restored(phone)
    shown = lift.page(approver)
    assert "All restored" in shown
    for address in ("/lift", "/deadline", "/"):
        assert 'class="tag bad"' not in approver.get(address, base_url=HERE).text


OPEN = Ledger("0" * 32, (entry(EntryState.DONE),))
CLOSED_PLACE = (Reason(ReasonCode.BANNED_APP_GONE), Reason(ReasonCode.PLACE_CLOSED, "user 10"))


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({**UNREADABLE, "ledger": OPEN}, WaitCause.UNREADABLE),
        ({"ledger": OPEN, "reasons": CLOSED_PLACE}, WaitCause.CLOSED),
        (
            {"ledger": OPEN, "contradictions": ("Outlook: phone says done, station says restored",)},
            WaitCause.CONTRADICTION,
        ),
        (
            # What memories contradict each other on is left out of the ledger, and may be off all the same.
            {"contradictions": ("Outlook: phone says done, station says restored",)},
            WaitCause.CONTRADICTION,
        ),
        ({"ledger": OPEN}, WaitCause.LEFT),
    ],
)
def test_each_phone_that_was_checked_since_has_its_cause(
    lift: Lift, approver: FlaskClient, changes: dict[str, Any], cause: WaitCause
) -> None:
    phone = lift.off("CW-1")
    lift.lifted()
    lift.office.report(phone, **{**RESTORED, "checked_at": now() + MINUTE, **changes})
    assert lift.causes() == {cause: 1}
    with lift.office.database.writing() as session:
        token = tokens.issue_token(session, "approver", "test", now()).secret
    answer = lift.office.app.test_client().get(
        "/api/v1/lift/phones", base_url=HERE, headers={"Authorization": f"Bearer {token}"}
    )
    [row] = (answer.json or {})["phones"]
    assert (row["phone_id"], row["cause"]) == (phone, cause.value)
    assert row["next_step"]


def test_an_owner_who_does_not_agree_any_more_is_a_cause_of_its_own(lift: Lift) -> None:
    lift.off("CW-1", consent=Consent.DECLINED)
    lift.lifted()
    assert lift.causes() == {WaitCause.DECLINED: 1}


def test_a_measure_that_ended_by_the_clock_is_over_since_its_end(lift: Lift) -> None:
    lift.off("CW-1")
    ended = now() - timedelta(minutes=30)
    policy = replace(policy_in_force(), review_at=ended, ends_at=ended)
    lift.office.publish(2, policy=policy)
    with lift.office.database.reading() as session:
        assert lifted_since(situation_and_history(session, now())) == ended
    assert lift.causes() == {WaitCause.NOT_REACHED: 1}


def test_phones_that_wait_are_paged_by_the_longest_unseen(
    lift: Lift, approver: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        phone = lift.office.phone(label=f"CW-{number}")
        lift.office.report(phone, checked_at=now() - timedelta(hours=9 - number))
    lift.lifted()
    with lift.office.database.writing() as session:
        token = tokens.issue_token(session, "approver", "test", now()).secret

    def piece(after: str) -> Any:
        address = f"/api/v1/lift/phones?limit=2&after={after}"
        bearer = {"Authorization": f"Bearer {token}"}
        return lift.office.app.test_client().get(address, base_url=HERE, headers=bearer).json

    first = piece("")
    assert [row["label"] for row in first["phones"]] == ["CW-0", "CW-1"]
    assert [row["label"] for row in piece(first["next"])["phones"]] == ["CW-2"]


# Certifying --------------------------------------------------------------------------------------------------------


def certified(lift: Lift, approver: FlaskClient, accept_rest: str = "") -> bytes:
    assert lift.certify(approver, accept_rest).status_code == 302
    number = lift.audited().number
    return bytes(approver.get(f"/lift/certificates/{number}.json", base_url=HERE).data)


def test_the_certificate_names_the_report_that_read_each_phone_back(
    lift: Lift, approver: FlaskClient
) -> None:
    phone, never = lift.off("CW-1"), lift.office.phone(label="CW-2")
    lift.office.report(never, **{**COMPLIANT, "ledger": Ledger("1" * 32)})
    lift.lifted()
    proof = lift.restored(phone)
    # A later check that does nothing is not the one that put it back.
    lift.restored(phone, actions=(), checked_at=now() + 2 * MINUTE)
    proven = open_lift_certificate(certified(lift, approver), lift.key())
    assert [(one.phone_id, one.report_id) for one in proven.proofs] == [(phone, proof.report_id)]
    assert (proven.certificate.bundle_number, proven.certificate.made_by) == (2, "approver")
    row = lift.audited()
    assert (row.action, row.number) == ("lift certified", proven.certificate.audit_row)
    assert "lift-" in lift.page(approver)


def test_what_others_put_back_is_proven_by_the_latest_check(lift: Lift, approver: FlaskClient) -> None:
    phone = lift.off("CW-1")
    lift.lifted()
    proof = lift.restored(phone, actions=())
    proven = open_lift_certificate(certified(lift, approver), lift.key())
    assert [one.report_id for one in proven.proofs] == [proof.report_id]


def test_before_a_lift_nothing_is_certified(lift: Lift, approver: FlaskClient) -> None:
    answer = lift.certify(approver)
    assert answer.status_code == 409
    assert "the measure is not over" in answer.text
    assert (lift.audited().action, lift.audited().detail["reason"]) == (
        "lift certificate refused",
        "not_lifted",
    )


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"ledger": OPEN}, "still_open"),
        ({"contradictions": ("phone says done, station says restored",)}, "still_open"),
        ({"managed": (ReportedApp(WORK, OUTLOOK, None, None),)}, "not_read_back"),
        ({"verdict": Verdict.UNREADABLE, "reasons": UNREADABLE["reasons"]}, "not_read_back"),
    ],
)
def test_a_phone_without_a_proof_is_let_be_by_name_and_reason_alone(
    lift: Lift, approver: FlaskClient, changes: dict[str, Any], cause: str
) -> None:
    phone = lift.off("CW-1")
    lift.lifted()
    lift.restored(phone, **changes)
    answer = lift.certify(approver)
    assert answer.status_code == 409
    assert f"1 phone was switched off and not read back restored: {phone}" in answer.text
    assert lift.audited().detail == {"reason": "phones_not_proven", "unproven": 1}
    proven = open_lift_certificate(certified(lift, approver, "it is lost"), lift.key())
    assert [(one.phone_id, one.cause) for one in proven.unproven] == [(phone, cause)]
    told = proven.certificate
    assert (told.accepted_by, told.accepted_because) == ("approver", "it is lost")


def test_who_may_not_certify_is_refused(lift: Lift) -> None:
    lift.lifted()
    for role in (Role.AUTHOR, Role.TECHNICIAN, Role.AUDITOR):
        client = lift.office.client(role)
        assert lift.certify(client).status_code == 403
        assert "Sign the certificate" not in lift.page(client)


def test_a_certificate_that_is_not_there(lift: Lift, approver: FlaskClient) -> None:
    assert approver.get("/lift/certificates/9.json", base_url=HERE).status_code == 404


# On the command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def run(lift: Lift, tmp_path: Path) -> Callable[..., int]:
    names = ("database_url", "secret_key", "holder_key", "audit_key", "public_url", "tls_folder")
    env = tmp_path / "server.env"
    env.write_text("".join(f"CURFEW_{name.upper()}={getattr(lift.office.config, name)}\n" for name in names))
    env.chmod(0o600)
    return lambda *words: curfew_server(["--config", str(env), *map(str, words)])


def test_the_way_of_a_lift_on_the_command_line(
    lift: Lift, run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lift.office.person("approver-1", Role.APPROVER)
    phone = lift.off("CW-1")
    assert run("lift", "status") == 0
    assert "1 phone would have to be restored" in capsys.readouterr().out
    lift.lifted()
    assert run("lift", "status", "--phones") == 0
    assert "CW-1: not reached since the lift" in capsys.readouterr().out
    assert run("lift", "certify", "--by", "approver-1") == 1
    assert "accept the rest with a reason" in capsys.readouterr().err
    proof = lift.restored(phone)
    assert run("lift", "certify", "--by", "approver-1") == 0
    assert run("lift", "write", tmp_path) == 0
    [file] = tmp_path.glob("lift-*.json")
    kept = tmp_path / "kept.json"
    kept.write_bytes(sign_envelope(dump_report(proof), REPORT_PAYLOAD_TYPE, lift.office.signer))
    (tmp_path / "audit.pub").write_bytes(lift.key())
    capsys.readouterr()
    # Without the server's settings: the public half of the key is all it needs.
    assert (
        curfew_server(
            ["verify-lift", str(file), "--audit-key", str(tmp_path / "audit.pub"), "--report", str(kept)]
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "1 phone read back restored" in said
    assert f"proves phone {phone}" in said


def test_a_certificate_that_was_altered_proves_nothing(
    lift: Lift,
    approver: FlaskClient,
    run: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    phone = lift.off("CW-1")
    lift.lifted()
    lift.restored(phone)
    file = tmp_path / "lift.json"
    told = json.loads(certified(lift, approver))
    told["proofs"][0]["report_id"] = "another"
    file.write_text(json.dumps(told))
    assert run("verify-lift", file) == 1
    assert "proves nothing: expected the proofs of 1 phone as they were signed" in capsys.readouterr().err
    file.write_text("{}")
    assert run("verify-lift", file) == 1


def test_a_report_that_is_no_proof_is_told_apart(
    lift: Lift,
    approver: FlaskClient,
    run: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    phone = lift.off("CW-1")
    lift.lifted()
    proof = lift.restored(phone)
    file, kept = tmp_path / "lift.json", tmp_path / "kept.json"
    file.write_bytes(certified(lift, approver))
    other = replace(proof, phone_skew_s=99)
    kept.write_bytes(sign_envelope(dump_report(other), REPORT_PAYLOAD_TYPE, lift.office.signer))
    assert run("verify-lift", file, "--report", kept) == 1
    assert "is none of the proofs" in capsys.readouterr().err
    kept.write_text("nothing")
    assert run("verify-lift", file, "--report", kept) == 1
