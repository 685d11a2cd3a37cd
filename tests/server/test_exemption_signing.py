"""Exemptions signed from afar: the fleet key's machine believes nothing, and the server publishes what requests say."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from certs.cli import main
from certs.fleet_proposal import (
    FleetProposal,
    fleet_base_of,
    make_fleet_proposal,
    sign_fleet_proposal,
)
from certs.fleet_proposal_document import (
    FleetApproval,
    FleetProposalDocument,
    dump_fleet_approval,
    dump_fleet_proposal,
    fleet_approval,
    load_fleet_proposal,
)
from certs.keys import create_key, load_signer
from certs.proposal_document import write_approval
from certs.rotation import rotate
from policy.document import Exemption, Fleet
from policy.names import PhoneId
from server.policies.bundles import newest_bundle
from tests.agent.small_server import Asked, SmallServer, Told, running_server
from tests.pages.office import SHOWN, Office
from tests.server.approving import Approving, Someone, later, refused
from tests.server.authority import NOW, PASSWORD, Authority, banning_policy
from tests.server.test_exemption_requests import asked, desk, state

HERE = "https://localhost"
DAY = timedelta(days=1)


@pytest.fixture
def here(authority: Authority) -> Approving:
    authority.trust = authority.trust.copy(authority.folder / "trust")
    return Approving(authority)


@pytest.fixture
def phone(here: Approving) -> PhoneId:
    return here.authority.phone(here.authority.bench(), label="CW-17")


def fleet_key(here: Approving) -> Path:
    return here.authority.trust.path / "keys" / "fleet.pem"


def fetched(here: Approving) -> FleetProposalDocument:
    status, answer = here.ask("GET", "/exemptions/proposal", here.approver(1))
    assert status == 200, answer
    return load_fleet_proposal(json.dumps(answer).encode())


def signed(here: Approving, document: FleetProposalDocument, key: Path | None = None) -> FleetApproval:
    """Sign a proposal as the fleet key's machine does once it has checked it."""
    base = fleet_base_of(document.published)
    approval = sign_fleet_proposal(document.proposal, base, load_signer(str(key or fleet_key(here))))
    return fleet_approval(document, approval)


def hand_in(here: Approving, handed_in: FleetApproval, **changes: Any) -> tuple[int, Any]:
    told = dump_fleet_approval(handed_in) | changes
    return here.ask("POST", "/exemptions/approvals", here.approver(1), told)


def in_force(here: Approving) -> Fleet:
    with here.authority.database.reading() as session:
        bundle = newest_bundle(session)
    assert bundle
    return bundle.fleet


def test_what_was_asked_for_is_signed_published_and_told(here: Approving, phone: PhoneId) -> None:
    request = asked(here, phone)
    status, answer = hand_in(here, signed(here, fetched(here)))
    assert (status, answer["outcome"], answer["requests"]) == (200, "published", 1)
    assert in_force(here).exemptions == (Exemption(phone, later(days=9).replace(microsecond=0), "travel"),)
    assert state(here, request) == "signed"
    actions = {action: (actor, detail) for actor, action, detail in here.audited()[:4]}
    assert actions["bundle published"][0] == "approver-1"
    assert actions["bundle published"][1]["requests"] == [request]
    assert actions["phone exempted"][1]["asked_by"] == "desk-1"
    assert actions["phone exempted"][1]["signers"]


def test_what_is_in_force_stays_and_what_is_over_is_left_out(here: Approving, phone: PhoneId) -> None:
    other = here.authority.phone(here.authority.bench("bench 2"))
    stays = Exemption(other, later(days=3), "guests")
    over = Exemption(PhoneId.random(), later(days=-1), "guests")
    here.authority.trust.publish_fleet(1, over, stays)
    here.authority.publish()
    asked(here, phone)
    hand_in(here, signed(here, fetched(here)))
    found = in_force(here)
    assert stays in found.exemptions
    assert over not in found.exemptions
    assert found.number == 2


def test_without_a_request_the_signature_on_what_is_in_force_is_prolonged(here: Approving) -> None:
    here.authority.trust.publish_fleet(1, Exemption(PhoneId.random(), later(days=60), "guests"))
    here.authority.publish()
    before = in_force(here)
    document = fetched(here)
    assert document.asked == ()
    assert hand_in(here, signed(here, document))[0] == 200
    assert in_force(here) == Fleet(before.number + 1, before.exemptions)


def test_a_longer_exemption_takes_the_place_of_the_shorter(here: Approving, phone: PhoneId) -> None:
    here.authority.trust.publish_fleet(1, Exemption(phone, later(days=3), "guests"))
    here.authority.publish()
    asked(here, phone)
    hand_in(here, signed(here, fetched(here)))
    assert [one.until for one in in_force(here).exemptions] == [later(days=9).replace(microsecond=0)]


def last_refusal(here: Approving) -> str:
    actor, action, detail = here.audited()[0]
    assert (actor, action, detail["act"]) == ("approver-1", "exemption act refused", "sign")
    return str(detail["reason"])


def test_a_request_that_was_withdrawn_meanwhile_is_not_signed(here: Approving, phone: PhoneId) -> None:
    request = asked(here, phone)
    handed_in = signed(here, fetched(here))
    here.ask("DELETE", f"/exemption-requests/{request}", desk(here))
    refused(hand_in(here, handed_in), 409, "request_withdrawn")
    assert last_refusal(here) == "request_withdrawn"
    assert in_force(here).exemptions == ()


def test_a_request_that_was_refused_meanwhile_is_not_signed(here: Approving, phone: PhoneId) -> None:
    request = asked(here, phone)
    handed_in = signed(here, fetched(here))
    here.ask("POST", f"/exemption-requests/{request}/refusal", here.approver(2), {"why": "no"})
    refused(hand_in(here, handed_in), 409, "request_refused")


def test_the_same_signature_twice_is_too_late(here: Approving, phone: PhoneId) -> None:
    asked(here, phone)
    handed_in = signed(here, fetched(here))
    assert hand_in(here, handed_in)[0] == 200
    assert "was signed by approver-1" in refused(hand_in(here, handed_in), 409, "request_signed")
    assert last_refusal(here) == "request_signed"


def test_after_another_publication_of_exemptions_it_is_signed_anew(here: Approving, phone: PhoneId) -> None:
    asked(here, phone)
    handed_in = signed(here, fetched(here))
    here.authority.trust.publish_fleet(1)
    here.authority.publish()
    assert "fleet document 1 is published" in refused(hand_in(here, handed_in), 409, "fleet_overtaken")
    assert hand_in(here, signed(here, fetched(here)))[0] == 200


def test_a_policy_published_meanwhile_does_not_overtake_exemptions(here: Approving, phone: PhoneId) -> None:
    asked(here, phone)
    handed_in = signed(here, fetched(here))
    here.authority.trust.publish(2, banning_policy(name="Next"))
    here.authority.publish()
    assert hand_in(here, handed_in)[0] == 200


@pytest.mark.parametrize(
    "change", [{"requests": []}, {"made_at": "2026-01-01T00:00:00Z"}, {"made_at": "2099-12-31T00:00:00Z"}]
)
def test_other_bytes_than_the_requests_say_are_refused(
    here: Approving, phone: PhoneId, change: dict[str, Any]
) -> None:
    asked(here, phone)
    status, answer = hand_in(here, signed(here, fetched(here)), **change)
    assert status == 409
    assert answer["error"]["code"] in ("signature_of_other_bytes", "exemptions_not_fitting")
    assert in_force(here).exemptions == ()


def test_more_exemptions_than_were_asked_for_are_refused(here: Approving, phone: PhoneId) -> None:
    asked(here, phone)
    document = fetched(here)
    base = fleet_base_of(document.published)
    more = (*document.proposal.fleet.exemptions, Exemption(PhoneId.random(), later(days=9), "guests"))
    other = make_fleet_proposal(base, more, document.proposal.made_at)
    handed_in = signed(here, replace(document, proposal=other))
    refused(hand_in(here, handed_in), 409, "signature_of_other_bytes")
    forged = replace(
        handed_in, approval=replace(handed_in.approval, signed_sha256=document.proposal.signed_sha256)
    )
    assert "does not hold" in refused(hand_in(here, forged), 409, "signature_of_other_bytes")


def test_an_approvers_key_signs_no_exemptions(here: Approving, phone: PhoneId) -> None:
    asked(here, phone)
    document = fetched(here)
    approver = load_signer(str(here.key(1)))
    handed_in = signed(here, document)
    other = replace(handed_in, approval=replace(handed_in.approval, key_id=approver.public_key.keyid))
    assert "does not sign exemptions" in refused(hand_in(here, other), 403, "key_not_fleet")
    assert last_refusal(here) == "key_not_fleet"


def test_a_fleet_key_that_was_rotated_out_is_refused(here: Approving, phone: PhoneId, tmp_path: Path) -> None:
    asked(here, phone)
    trust = here.authority.trust
    old = tmp_path / "old-fleet.pem"
    old.write_bytes(fleet_key(here).read_bytes())
    old.chmod(0o600)
    before = signed(here, fetched(here), old)
    rotate(trust.path, "fleet", [load_signer(str(trust.path / "keys" / "root.pem"))], NOW)
    trust.publish(1, banning_policy())
    here.authority.publish()
    refused(hand_in(here, replace(before, fleet_number=in_force(here).number + 1)), 403, "key_not_fleet")
    assert hand_in(here, signed(here, fetched(here)))[0] == 200


def test_who_may_not_sign_is_told_whom_to_ask(here: Approving, phone: PhoneId) -> None:
    asked(here, phone)
    told = dump_fleet_approval(signed(here, fetched(here)))
    refused(here.ask("POST", "/exemptions/approvals", desk(here), told), 403, "right_missing")


def test_a_server_without_online_keys_sends_to_the_trust_folder(here: Approving, phone: PhoneId) -> None:
    here.configure(trust_keys=None)
    asked(here, phone)
    answer = here.ask("GET", "/exemptions/proposal", here.approver(1))
    assert "no online keys" in refused(answer, 409, "exemptions_not_proposable")


@pytest.mark.parametrize(
    "change",
    [
        {"signature": "zz"},
        {"key_id": "short"},
        {"requests": [0]},
        {"kind": "other"},
        {"more": 1},
        {"fleet_number": -1},
    ],
)
def test_what_is_no_signature_is_refused_at_the_door(
    here: Approving, phone: PhoneId, change: dict[str, object]
) -> None:
    asked(here, phone)
    assert hand_in(here, signed(here, fetched(here)), **change)[0] in (400, 422)


# On its page ------------------------------------------------------------------------------------------------------


class Browsers:
    """The page of exemptions, as an approver and a technician have it open."""

    def __init__(self, here: Approving) -> None:
        self.office = Office(here.app, here.authority.config)
        self.approver, self.desk = (self._signed_in(one) for one in (here.approver(1), desk(here)))

    def _signed_in(self, someone: Someone) -> FlaskClient:
        client = self.office.app.test_client()
        assert self.office.sign_in(client, someone.person.name, PASSWORD).status_code == 302
        return client

    def hand_in(self, client: FlaskClient, data: bytes) -> Any:
        token = SHOWN.search(client.get("/account", base_url=HERE).text)
        assert token
        return client.post(
            "/exemptions/approvals",
            data={"csrf_token": token[1], "signature": (io.BytesIO(data), "signature.json")},
            base_url=HERE,
            headers={"Referer": f"{HERE}/exemptions"},
        )


def test_a_file_goes_out_and_its_signature_comes_in_by_the_page(here: Approving, phone: PhoneId) -> None:
    asked(here, phone)
    browsers = Browsers(here)
    file = browsers.approver.get("/exemptions/proposal.json", base_url=HERE)
    assert "attachment" in file.headers["Content-Disposition"]
    handed_in = signed(here, load_fleet_proposal(file.data))
    answer = browsers.hand_in(browsers.approver, write_approval(dump_fleet_approval(handed_in)))
    assert answer.status_code == 302
    shown = browsers.approver.get("/exemptions", base_url=HERE).text
    assert "Signed and published as fleet document 1." in shown
    assert "1 phone is exempt" in shown


def test_the_page_refuses_what_is_no_signature_and_who_may_not_hand_one_in(
    here: Approving, phone: PhoneId
) -> None:
    asked(here, phone)
    browsers = Browsers(here)
    assert browsers.hand_in(browsers.approver, b"{}").status_code == 400
    assert browsers.hand_in(browsers.desk, b"{}").status_code == 403
    assert "curfew-certs approve" not in browsers.desk.get("/exemptions", base_url=HERE).text


# On the machine of the fleet key ----------------------------------------------------------------------------------


class Machine:
    """The computer that has the fleet key, and a server that may say anything."""

    def __init__(
        self,
        here: Approving,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        folder: Path,
    ) -> None:
        self.here, self.capsys, self.folder = here, capsys, folder
        self.alter: dict[str, Any] = {}
        self.server: SmallServer
        monkeypatch.setenv("CURFEW_TOKEN", here.approver(1).token)
        monkeypatch.setenv("COLUMNS", "200")

    def answer(self, request: Asked) -> Told:
        answered = self.here.client.open(
            request.path, method=request.method, headers=request.headers, data=request.body
        )
        if not request.path.endswith("/proposal"):
            return Told(answered.status_code, answered.data)
        return Told(answered.status_code, json.dumps({**answered.get_json(), **self.alter}).encode())

    def approves(self, place: str = "", *options: str) -> tuple[int, str]:
        """Return exit code and what was said."""
        code = main(
            [
                "approve",
                place or f"{self.server.url}/exemptions",
                *("--key", str(fleet_key(self.here)), "--trust", str(self.here.authority.trust.path)),
                *("--authority", str(self.server.tls / "authority.pem"), "--yes", *options),
            ]
        )
        said = self.capsys.readouterr()
        return code, said.out + said.err


@pytest.fixture
def machine(
    here: Approving, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Machine]:
    made = Machine(here, monkeypatch, capsys, tmp_path)
    with running_server(here.authority.config.tls_folder, made.answer) as running:
        made.server = running
        yield made


def proposal_told(proposal: FleetProposal) -> dict[str, str]:
    return {
        "fleet": base64.b64encode(proposal.fleet_bytes).decode(),
        "targets": base64.b64encode(proposal.targets_bytes).decode(),
    }


def test_the_command_shows_what_it_signs_and_hands_it_in(machine: Machine, phone: PhoneId) -> None:
    here = machine.here
    here.authority.trust.publish_fleet(1, Exemption(PhoneId.random(), later(days=-1), "guests"))
    here.authority.publish()
    request = asked(here, phone)
    code, said = machine.approves()
    assert code == 0, said
    assert f"{phone} until {later(days=9):%Y-%m-%d %H:%M} UTC: travel" in said
    assert "over, left out" in said
    assert "desk-1 asked for" in said
    assert "complete and published" in said
    assert state(here, request) == "signed"


def test_a_machine_without_network_signs_a_file(machine: Machine, phone: PhoneId, tmp_path: Path) -> None:
    here = machine.here
    asked(here, phone)
    file, out = tmp_path / "exemptions.json", tmp_path / "signature.json"
    file.write_text(json.dumps(dump_fleet_proposal(fetched(here))))
    code, said = machine.approves(str(file), "--out", str(out))
    assert code == 0, said
    assert "hand it in on the page of exemptions" in said
    assert here.ask("POST", "/exemptions/approvals", here.approver(1), json.loads(out.read_text()))[0] == 200


def test_a_server_that_ends_an_exemption_gets_no_signature(machine: Machine, phone: PhoneId) -> None:
    here = machine.here
    stays = Exemption(PhoneId.random(), later(days=3), "guests")
    here.authority.trust.publish_fleet(1, stays)
    here.authority.publish()
    asked(here, phone)
    base = fleet_base_of(fetched(here).published)
    robbed = replace(
        base, fleet_bytes=base.fleet_bytes.replace(str(stays.phone_id).encode(), str(phone).encode())
    )
    machine.alter = proposal_told(make_fleet_proposal(robbed, [], datetime.now(UTC)))
    code, said = machine.approves()
    assert code == 1
    assert f"would end the exemption of phone {stays.phone_id}" in said
    assert in_force(here).exemptions == (stays,)


def test_a_server_that_shows_other_bytes_gets_no_signature(machine: Machine, phone: PhoneId) -> None:
    asked(machine.here, phone)
    proposal = fetched(machine.here).proposal
    machine.alter = {"fleet": base64.b64encode(proposal.fleet_bytes.replace(b"travel", b"repair")).decode()}
    code, said = machine.approves()
    assert code == 1
    assert "not all that would be signed" in said


def test_a_server_that_skips_a_number_gets_no_signature(machine: Machine, phone: PhoneId) -> None:
    asked(machine.here, phone)
    base = fleet_base_of(fetched(machine.here).published)
    newer = replace(base, fleet_bytes=base.fleet_bytes.replace(b'"number":0', b'"number":7'))
    machine.alter = proposal_told(make_fleet_proposal(newer, [], datetime.now(UTC)))
    code, said = machine.approves()
    assert code == 1
    assert "is the newest" in said


@pytest.mark.parametrize("moment", [NOW - 36 * DAY, NOW + DAY])
def test_a_signature_that_would_hold_too_long_or_not_at_all_is_not_made(
    machine: Machine, phone: PhoneId, moment: datetime
) -> None:
    asked(machine.here, phone)
    base = fleet_base_of(fetched(machine.here).published)
    machine.alter = proposal_told(make_fleet_proposal(base, [], moment))
    code, said = machine.approves()
    assert code == 1
    assert "expected a proposal of the last 35 days" in said


def test_a_foreign_key_signs_nothing(machine: Machine, phone: PhoneId) -> None:
    asked(machine.here, phone)
    create_key(machine.folder / "other.pem")
    code, said = machine.approves("", "--key", str(machine.folder / "other.pem"))
    assert code == 1
    assert "sign with the fleet key" in said


def test_what_is_no_proposal_of_exemptions_is_refused(machine: Machine, phone: PhoneId) -> None:
    machine.alter = {"requests": None}
    code, said = machine.approves()
    assert code == 1
    assert "download it anew from the page of exemptions" in said


def test_a_withdrawal_while_it_is_read_is_told_by_the_command(machine: Machine, phone: PhoneId) -> None:
    here = machine.here
    request = asked(here, phone)
    document = dump_fleet_proposal(fetched(here))
    here.ask("DELETE", f"/exemption-requests/{request}", desk(here))
    machine.alter = document
    code, said = machine.approves()
    assert code == 1
    assert "exemptions are fetched anew" in said
