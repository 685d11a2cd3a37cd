"""The page of the rings: whom each has, how far it has come, and the phones behind each number; the API beside it."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from policy.document import LISTING_JUDGEMENT, Ring
from policy.names import PhoneId, UserNumber
from policy.observation import EnabledState
from policy.report import ReportedApp
from server.fleet.stop_rule import hold_failing_ring
from server.people import people, tokens
from server.people.people import Role
from tests.pages.office import COMPLIANT, OUTLOOK, PASSWORD, UNREADABLE, Office, now, policy_in_force

HERE = "https://localhost"
STILL_ON: dict[str, Any] = {
    "managed": (ReportedApp(UserNumber(10), OUTLOOK, EnabledState.DEFAULT, EnabledState.DEFAULT),)
}


def plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def page(office: Office, address: str = "/rings") -> str:
    answer = office.client(Role.AUTHOR).get(address, base_url=HERE)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def in_rings(office: Office, *rings: Ring) -> None:
    office.publish(2, policy=replace(policy_in_force(), rings=rings))


def everybody() -> Ring:
    return Ring(1.0, now() - timedelta(days=1))


def ask(office: Office, address: str) -> Any:
    with office.database.writing() as session:
        people.put_person(session, "api", PASSWORD, (Role.AUTHOR,), "test", now())
        token = tokens.issue_token(session, "api", "test", now()).secret
    return office.app.test_client().get(
        f"/api/v1{address}", base_url=HERE, headers={"Authorization": f"Bearer {token}"}
    )


def test_without_a_policy_the_page_leads_to_publishing(office: Office) -> None:
    assert "Without a policy there are no rings" in plain(page(office))


def test_a_policy_without_rings_says_what_they_are_for_and_how_to_get_them(staffed: Office) -> None:
    found = plain(page(staffed))

    assert "The policy in force has no rings" in found
    assert "what goes wrong is seen on few phones first" in found
    assert 'href="/drafts"' in page(staffed)


def test_each_ring_tells_what_has_become_of_its_phones(staffed: Office) -> None:
    in_rings(staffed, everybody())
    staffed.report(staffed.phone())
    staffed.report(staffed.phone(), **COMPLIANT)
    staffed.report(staffed.phone(), **UNREADABLE)
    staffed.report(staffed.phone(), **STILL_ON)
    staffed.phone()

    found = plain(page(staffed)).replace("\N{NO-BREAK SPACE}", " ")

    assert "Ring 1 0 % to 100 %" in found
    assert "5 phones" in found
    for line in (
        "switched off 1 20 %",
        "complies 1 20 %",
        "unreadable 1 20 %",
        "not done 1 20 %",
        "not heard of 1 20 %",
        "an app still ran after the check, which gave no reason not done 1",
        "an app could not be read unreadable 1",
    ):
        assert line in found


def test_each_number_leads_to_its_phones(staffed: Office) -> None:
    in_rings(staffed, everybody())
    failed, other = staffed.phone(label="CW-1"), staffed.phone(label="CW-2")
    staffed.report(failed, **STILL_ON)
    staffed.report(other)

    links = re.findall(r'href="(/\?ring=1&amp;progress=not_done[^"]*)"', page(staffed))
    shown = [page(staffed, html.unescape(link)) for link in links]

    assert len(links) == 2
    assert all(failed in one and other not in one for one in shown)
    assert all("Only ring 1 , not done" in plain(one) for one in shown)


def listing(*phones: PhoneId, days: int = -1, **names: str) -> Ring:
    return Ring(None, now() + timedelta(days=days), frozenset(phones), **names)


def in_lists(office: Office, *rings: Ring) -> None:
    office.publish(2, policy=replace(policy_in_force(), rings=rings, minimum_judgement=LISTING_JUDGEMENT))


def test_rings_that_list_their_phones_are_told_by_what_they_are_called(staffed: Office) -> None:
    pilot, other = staffed.phone(label="CW-1"), staffed.phone(label="CW-2")
    in_lists(staffed, listing(pilot, PhoneId.random(), unit="A"), everybody())
    staffed.report(pilot, **STILL_ON)
    staffed.report(other)

    found = plain(page(staffed)).replace("\N{NO-BREAK SPACE}", " ")
    told = ask(staffed, "/rings").json["rings"]

    assert "Ring 1 unit A" in found
    assert "2 phones by list (unit A), since" in found
    assert "1 phone . The others that it lists are not with us." in found
    assert "one that came to it since is in the ring of its share" in found
    assert "0 % to 100 % of all other phones, since" in found
    assert [(one["unit"], one["name"], one["listed"], one["below"], one["phones"]) for one in told] == [
        ("A", None, 2, None, 1),
        (None, None, None, 1.0, 1),
    ]
    for number, inside, outside in ((1, pilot, other), (2, other, pilot)):
        shown = page(staffed, f"/?ring={number}")
        assert inside in shown
        assert outside not in shown


def test_a_search_stays_within_a_ring_that_lists_its_phones(staffed: Office) -> None:
    phones = [staffed.phone(label=label) for label in ("CW-1", "CW-2", "CW-12")]
    in_lists(staffed, listing(*phones[:2], name="Pilot"), everybody())

    shown = page(staffed, "/?ring=1&search=CW-1")

    assert [phone in shown for phone in phones] == [True, False, False]


def test_a_list_of_which_nobody_is_with_us_says_so(staffed: Office) -> None:
    in_lists(staffed, listing(PhoneId.random(), name="Pilot"), everybody())

    assert "none of the phones that it lists is with us" in plain(page(staffed))


def test_a_ring_that_nobody_is_in_says_so(staffed: Office) -> None:
    in_rings(staffed, Ring(1e-12, now() - timedelta(days=1)), Ring(1.0, now() + timedelta(days=9)))
    staffed.phone()

    assert "no phone . Nobody is in this ring" in plain(page(staffed))


def test_of_a_ring_that_has_not_started_no_progress_is_told(staffed: Office) -> None:
    in_rings(staffed, Ring(1.0, now() + timedelta(days=9)))
    staffed.report(staffed.phone())

    found = plain(page(staffed))

    assert "not before" in found
    assert "Nothing is disabled in this ring yet" in found
    assert "Failures, by cause" not in found


def test_after_a_lift_the_page_says_that_it_is_over(staffed: Office) -> None:
    staffed.publish(2, policy=replace(policy_in_force(), rings=(everybody(),), lifted=True))
    staffed.phone()

    assert "The ban is over" in plain(page(staffed))


def test_a_ring_that_is_not_there_is_no_filter(staffed: Office) -> None:
    phone = staffed.phone()

    assert phone in page(staffed, "/?ring=7&progress=not_done")


def test_a_search_stays_within_the_ring(staffed: Office) -> None:
    in_rings(staffed, everybody())
    failed, other = staffed.phone(label="CW-1"), staffed.phone(label="CW-2")
    staffed.report(failed, **STILL_ON)
    staffed.report(other)

    found = page(staffed, "/?ring=1&progress=not_done&search=CW")

    assert failed in found
    assert other not in found
    assert '<input type="hidden" name="progress" value="not_done">' in found


def test_programs_are_told_the_same(staffed: Office) -> None:
    in_rings(staffed, everybody())
    failed = staffed.phone()
    staffed.report(failed, **STILL_ON)
    staffed.report(staffed.phone())

    rings = ask(staffed, "/rings").json
    listed = ask(staffed, "/phones?ring=1&progress=not_done&failure=still_runs").json

    [ring] = rings["rings"]
    assert (rings["bundle_number"], ring["phones"], ring["started"]) == (2, 2, True)
    assert ring["progress"]["switched_off"] == ring["progress"]["not_done"] == 1
    assert [row["phone_id"] for row in listed["phones"]] == [failed]


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/phones?ring=7", 404, "ring_unknown"),
        ("/phones?progress=not_done", 400, "ring_missing"),
        ("/phones?failure=still_runs", 400, "ring_missing"),
    ],
)
def test_programs_are_refused_what_there_is_not(
    staffed: Office, address: str, status: int, code: str
) -> None:
    answer = ask(staffed, address)

    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)


def two_rings(office: Office) -> None:
    in_rings(office, Ring(0.5, now() - timedelta(days=1)), Ring(1.0, now() + timedelta(days=9)))


def act(office: Office, role: Role, address: str, reason: str = "help desk closed") -> Any:
    return office.send(office.client(role), address, {"reason": reason}, form_on="/rings")


def test_an_approver_holds_a_ring_and_releases_it_and_the_page_says_who_and_why(staffed: Office) -> None:
    two_rings(staffed)

    assert act(staffed, Role.APPROVER, "/rings/2/hold").status_code == 302
    held = plain(page(staffed))
    assert act(staffed, Role.APPROVER, "/rings/release", "open again").status_code == 302
    released = plain(page(staffed))

    assert "Held from ring 2 on by approver" in held
    assert "help desk closed. In these rings nothing new is disabled" in held
    assert "Ring 2 held 50 % to 100 %" in held.replace("\N{NO-BREAK SPACE}", " ")
    assert "Held from ring" not in released
    assert "1 earlier hold From ring 2 on by approver" in released
    assert "Released by approver" in released


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.APPROVER])
def test_nobody_but_an_approver_holds_or_releases(staffed: Office, role: Role) -> None:
    two_rings(staffed)

    for address in ("/rings/2/hold", "/rings/release"):
        answer = staffed.send(staffed.client(role), address, {"reason": "why"}, form_on="/account")
        assert answer.status_code == 403
    assert "Hold a ring by hand" not in page(staffed)


@pytest.mark.parametrize(
    ("address", "reason", "status", "told"),
    [
        ("/rings/7/hold", "why", 404, "there is no ring 7: the policy in force has 2"),
        ("/rings/2/hold", "", 400, "expected why, in 1 to 300 characters"),
        ("/rings/release", "why", 404, "no ring of the policy in force is held"),
    ],
)
def test_what_cannot_be_held_or_released_says_why(
    staffed: Office, address: str, reason: str, status: int, told: str
) -> None:
    two_rings(staffed)

    answer = act(staffed, Role.APPROVER, address, reason)

    assert answer.status_code == status
    assert told in plain(answer.text)


def test_the_stop_rule_tells_how_near_it_is(staffed: Office) -> None:
    in_rings(staffed, Ring(0.999999, now() - timedelta(days=1)), Ring(1.0, now() + timedelta(days=9)))
    staffed.report(staffed.phone(), **STILL_ON)
    staffed.report(staffed.phone())

    found = plain(page(staffed)).replace("\N{NO-BREAK SPACE}", " ")

    assert "Where more than 20 % of the phones of the ring under way" in found
    assert "Ring 1: 1 of 2 checked phones (50 %)" in found


def test_the_alarm_of_a_held_ring_leads_to_the_rings(staffed: Office) -> None:
    in_rings(staffed, Ring(0.999999, now() - timedelta(days=1)), Ring(1.0, now() + timedelta(days=9)))
    for _ in range(10):
        staffed.report(staffed.phone(), **STILL_ON)
    hold_failing_ring(staffed.database, 20, 10, now())

    shown = page(staffed, "/alarms")

    assert "ring 2 and all behind it are held: ring 1 failed on 10 of 10 phones" in plain(shown)
    assert 'href="/rings"' in shown
    assert "Needs a person: ring held" in plain(page(staffed, "/"))


@pytest.mark.parametrize("address", ["/rings", "/bundles"])
def test_one_step_returns_to_an_earlier_bundle_as_a_draft(staffed: Office, address: str) -> None:
    two_rings(staffed)
    client = staffed.client(Role.AUTHOR)
    shown = client.get(address, base_url=HERE).text
    sent = {"from": "bundle", "number": "1", "title": "Return to bundle 1"}
    answer = staffed.send(client, "/drafts", sent, form_on=address)
    draft = client.get(answer.headers["Location"], base_url=HERE).text

    assert "Return to bundle 1" in shown
    assert "Return to bundle 2" not in shown
    assert "Return to bundle 1" in plain(draft)


@pytest.mark.parametrize(("number", "status"), [("2", 409), ("7", 404), ("x", 404)])
def test_to_what_is_newest_or_not_there_nobody_returns(staffed: Office, number: str, status: int) -> None:
    two_rings(staffed)
    sent = {"from": "bundle", "number": number, "title": "Back"}

    assert staffed.send(staffed.client(Role.AUTHOR), "/drafts", sent, form_on="/rings").status_code == status


def test_who_may_not_draft_is_offered_no_return(staffed: Office) -> None:
    two_rings(staffed)

    for address in ("/rings", "/bundles"):
        shown = staffed.client(Role.AUDITOR).get(address, base_url=HERE).text
        assert "Return to" not in shown
