"""Requests for exemptions: asked, withdrawn, refused, signed; each refusal has its own answer and its audit row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from policy.document import Exemption
from policy.names import PhoneId
from server.exemptions.requests import find_request
from server.people.people import Role
from tests.server.approving import Approving, Someone, later, refused
from tests.server.authority import Authority

DAY = timedelta(days=1)


@pytest.fixture
def here(authority: Authority) -> Approving:
    authority.trust = authority.trust.copy(authority.folder / "trust")
    return Approving(authority)


@pytest.fixture
def phone(here: Approving) -> PhoneId:
    return here.authority.phone(here.authority.bench(), label="CW-17")


def desk(here: Approving, number: int = 1) -> Someone:
    return here.someone(f"desk-{number}", Role.TECHNICIAN)


def ask(here: Approving, phone: str, someone: Someone | None = None, **changes: Any) -> tuple[int, Any]:
    told = {"phone": phone, "until": written(days=9), "reason": "travel"} | changes
    return here.ask("POST", "/exemption-requests", someone or desk(here), told)


def asked(here: Approving, phone: str, someone: Someone | None = None, **changes: Any) -> int:
    status, answer = ask(here, phone, someone, **changes)
    assert status == 201, answer
    return int(answer["request_id"])


def written(**length: float) -> str:
    return f"{later(**length):%Y-%m-%dT%H:%M:%SZ}"


def state(here: Approving, request: int) -> str:
    return str(here.ask("GET", f"/exemption-requests/{request}", desk(here))[1]["state"])


def exempt(here: Approving, phone: PhoneId, days: float, number: int = 1) -> None:
    """Publish an exemption by the trust folder."""
    here.authority.trust.publish_fleet(number, Exemption(phone, later(days=days), "travel"))
    here.authority.publish()


def last_refusal(here: Approving) -> tuple[str, str, str]:
    actor, action, detail = here.audited()[0]
    assert action == "exemption act refused"
    return actor, detail["act"], detail["reason"]


def test_a_technician_asks_by_label_and_the_chain_is_told(here: Approving, phone: PhoneId) -> None:
    status, answer = ask(here, "CW-17")
    assert status == 201
    assert (answer["phone_id"], answer["state"], answer["asked_by"]) == (phone, "asked", "desk-1")
    actor, action, detail = here.audited()[0]
    assert (actor, action) == ("desk-1", "exemption asked for")
    assert detail == {"phone": phone, "until": written(days=9), "reason": "travel"}


def test_nothing_is_exempt_by_asking(here: Approving, phone: PhoneId) -> None:
    asked(here, phone)
    assert here.ask("GET", "/exemptions", desk(here))[1]["exemptions"] == []


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"phone": "CW-18"}, 404, "phone_unknown"),
        ({"until": written(days=-1)}, 400, "end_is_over"),
        ({"until": written(days=91)}, 400, "end_too_far"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_and_written_down(
    here: Approving, phone: PhoneId, changes: dict[str, Any], status: int, code: str
) -> None:
    refused(ask(here, **{"phone": phone, **changes}), status, code)
    assert last_refusal(here) == ("desk-1", "ask", code)
    assert here.ask("GET", "/exemption-requests", desk(here))[1]["exemption_requests"] == []


def test_what_was_typed_for_a_phone_that_is_not_known_is_not_kept(here: Approving, phone: PhoneId) -> None:
    refused(ask(here, "mailbox-4711"), 404, "phone_unknown")
    assert "4711" not in str(here.audited())


@pytest.mark.parametrize("changes", [{"reason": "his wife is ill"}, {"until": None}])
def test_a_reason_of_ones_own_and_no_end_are_refused_at_the_door(
    here: Approving, phone: PhoneId, changes: dict[str, Any]
) -> None:
    assert ask(here, phone, **changes)[0] in (400, 422)


def test_a_label_of_two_phones_names_none(here: Approving, phone: PhoneId) -> None:
    here.authority.phone(here.authority.bench("bench 2"), label="CW-17")
    assert "2 phones have this label" in refused(ask(here, "CW-17"), 409, "phone_ambiguous")


def test_who_is_exempt_for_as_long_needs_no_other(here: Approving, phone: PhoneId) -> None:
    exempt(here, phone, 9)
    refused(ask(here, phone), 409, "already_exempt")
    assert last_refusal(here) == ("desk-1", "ask", "already_exempt")
    assert asked(here, phone, until=written(days=10))


def test_a_second_request_for_the_same_phone_is_told_of_the_first(here: Approving, phone: PhoneId) -> None:
    first = asked(here, phone)
    said = refused(ask(here, "CW-17", desk(here, 2)), 409, "request_open")
    assert said.startswith("desk-1 has asked for this phone already")
    assert f"request {first}" in said


def test_who_asked_withdraws_and_may_ask_anew(here: Approving, phone: PhoneId) -> None:
    first = asked(here, phone)
    status, answer = here.ask("DELETE", f"/exemption-requests/{first}", desk(here))
    assert (status, answer["state"], answer["ended_by"]) == (200, "withdrawn", "desk-1")
    assert here.audited()[0][:2] == ("desk-1", "exemption request withdrawn")
    assert asked(here, phone) != first


def test_nobody_else_withdraws_it(here: Approving, phone: PhoneId) -> None:
    request = asked(here, phone)
    answer = here.ask("DELETE", f"/exemption-requests/{request}", desk(here, 2))
    assert "desk-1 has asked" in refused(answer, 403, "request_of_another")
    assert last_refusal(here) == ("desk-2", "withdraw", "request_of_another")
    assert state(here, request) == "asked"


def test_an_approver_refuses_with_a_reason(here: Approving, phone: PhoneId) -> None:
    request = asked(here, phone)
    told = {"why": "a bench is in reach"}
    status, answer = here.ask("POST", f"/exemption-requests/{request}/refusal", here.approver(1), told)
    assert (status, answer["state"], answer["why"]) == (200, "refused", "a bench is in reach")
    assert here.audited()[0][:2] == ("approver-1", "exemption request refused")


def test_who_asks_does_not_refuse_and_who_refuses_does_not_ask(here: Approving, phone: PhoneId) -> None:
    request = asked(here, phone)
    refused(
        here.ask("POST", f"/exemption-requests/{request}/refusal", desk(here), {"why": "no"}),
        403,
        "right_missing",
    )
    refused(ask(here, phone, here.approver(1)), 403, "right_missing")


@pytest.mark.parametrize(("how", "code"), [("withdrawn", "request_withdrawn"), ("signed", "request_signed")])
def test_too_late_tells_how_it_ended(here: Approving, phone: PhoneId, how: str, code: str) -> None:
    request = asked(here, phone)
    if how == "withdrawn":
        here.ask("DELETE", f"/exemption-requests/{request}", desk(here))
    else:
        exempt(here, phone, 9)
    answer = here.ask("POST", f"/exemption-requests/{request}/refusal", here.approver(1), {"why": "no"})
    assert f"too late: the request was {how} by" in refused(answer, 409, code)
    refused(here.ask("DELETE", f"/exemption-requests/{request}", desk(here)), 409, code)
    assert last_refusal(here) == ("desk-1", "withdraw", code)


def test_a_request_whose_end_came_is_over_and_does_not_stand_in_the_way(
    here: Approving, phone: PhoneId
) -> None:
    request = asked(here, phone)
    with here.authority.database.writing() as session:
        session.execute(text("UPDATE exemption_request SET until = asked_at"))
    assert state(here, request) == "over"
    refused(here.ask("DELETE", f"/exemption-requests/{request}", desk(here)), 409, "request_over")
    assert asked(here, phone)


def test_a_publication_signs_what_it_fulfils_whichever_way_it_came(here: Approving, phone: PhoneId) -> None:
    request = asked(here, phone)
    exempt(here, phone, 8)
    assert state(here, request) == "asked"
    exempt(here, phone, 9, number=2)
    assert state(here, request) == "signed"
    changed = next(detail for _, action, detail in here.audited() if action == "exemption changed")
    assert (changed["request"], changed["asked_by"]) == (request, "desk-1")


def test_what_was_exempt_once_is_listed_for_ever(here: Approving, phone: PhoneId) -> None:
    exempt(here, phone, 8)
    exempt(here, phone, 9, number=2)
    here.authority.trust.publish_fleet(3)
    here.authority.publish()
    rows = here.ask("GET", "/exemptions", desk(here))[1]["exemptions"]
    assert [(row["state"], row["in_force"]) for row in rows] == [("replaced", False), ("ended", False)]
    assert [row["until"][:16] for row in rows] == [written(days=8)[:16], written(days=9)[:16]]
    assert here.ask("GET", "/exemptions?in_force=true", desk(here))[1]["exemptions"] == []


def test_requests_are_listed_open_and_ended(here: Approving, phone: PhoneId) -> None:
    first = asked(here, phone)
    here.ask("DELETE", f"/exemption-requests/{first}", desk(here))
    second = asked(here, phone)

    def listed(query: str) -> list[int]:
        found = here.ask("GET", f"/exemption-requests{query}", desk(here))[1]["exemption_requests"]
        return [row["request_id"] for row in found]

    assert listed("") == [second, first]
    assert listed("?open=true") == [second]
    assert listed("?open=false&sort=oldest") == [first]


@pytest.mark.parametrize("number", [9, 1 << 40])
def test_a_request_that_is_not_there(here: Approving, number: int) -> None:
    refused(here.ask("GET", f"/exemption-requests/{number}", desk(here)), 404, "request_unknown")


def test_how_far_ahead_is_a_setting(here: Approving, phone: PhoneId) -> None:
    here.configure(exemption_days=8)
    assert "at most 8 days ahead" in refused(ask(here, phone), 400, "end_too_far")


def test_a_request_is_found_as_it_was_asked(here: Approving, phone: PhoneId) -> None:
    request = asked(here, phone)
    with here.authority.database.reading() as session:
        found = find_request(session, request, later())
    assert found.exemption == Exemption(phone, later(days=9).replace(microsecond=0), "travel")
