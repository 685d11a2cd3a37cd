"""Every right is refused to every role that lacks it, and every page lies behind one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from server.fleet.retiring import retire
from server.owners.requests import RequestKind, ask
from server.pages.access import unguarded_views
from server.people.people import RIGHTS, Right, Role
from tests.pages.office import Office, now

HERE = "https://localhost"
GET, POST = "GET", "POST"

ADDRESSES = {
    Right.LOOK: [
        (GET, "/"),
        (GET, "/phones/PHONE"),
        (GET, "/phones/PHONE/print"),
        (GET, "/phones/PHONE/checks"),
        (GET, "/drafts"),
        (GET, "/drafts/DRAFT"),
        (GET, "/bundles"),
        (GET, "/changes"),
        (GET, "/changes?change=new"),
        (GET, "/deadline"),
        (GET, "/deadline.ics"),
        (GET, "/stations"),
        (GET, "/alarms"),
        (GET, "/rehearsals"),
        (GET, "/exemptions"),
        (GET, "/tokens"),
        (POST, "/tokens"),
        (POST, "/filters"),
        (POST, "/filters/FILTER/remove"),
        (GET, "/rings"),
        (GET, "/lift"),
        (GET, "/lists/phones.csv"),
        (GET, "/lists/stations.ndjson"),
        (GET, "/lists/alarms.csv"),
        (GET, "/lists/exemptions.csv"),
        (GET, "/lists/tokens.csv"),
    ],
    Right.DRAFT: [
        (POST, "/drafts"),
        (GET, "/drafts/DRAFT/edit"),
        (POST, "/drafts/DRAFT/rebuild"),
        (POST, "/drafts/DRAFT/rehearsals"),
        (POST, "/drafts/DRAFT/withdraw"),
        (POST, "/rehearsals"),
    ],
    # What these need is a draft under trust of its own: tests/server/test_approval_page.py holds them.
    Right.PROPOSE: [],
    Right.APPROVE: [],
    # Units are set by the API and on the command line: tests/server/test_rehearsals.py and test_units.py hold it.
    Right.SET_UNITS: [],
    Right.REQUEST_EXEMPTION: [(POST, "/exemption-requests"), (POST, "/exemption-requests/REQUEST/withdraw")],
    Right.DECIDE_EXEMPTION: [(POST, "/exemption-requests/REQUEST/refuse")],
    # Granted, it needs a lift: test_lift_page.py holds it.
    Right.CERTIFY_LIFT: [],
    Right.ENROL_STATIONS: [(POST, "/stations/enrolment-codes")],
    Right.REVOKE_STATIONS: [(GET, "/stations/STATION/revoke"), (POST, "/stations/STATION/revoke")],
    # What this needs is a policy with rings: test_rings_page.py holds it.
    Right.HOLD_RINGS: [],
    Right.RETIRE_PHONES: [(POST, "/phones/PHONE/retire"), (POST, "/phones/PHONE/take-back")],
    Right.SETTLE_ALARMS: [(POST, "/alarms/1/settle"), (POST, "/alarms/conflict/STATION/9/settle")],
    Right.ANSWER_OWNERS: [(GET, "/owner-requests"), (POST, "/owner-requests/1/answer")],
    Right.READ_AUDIT: [(GET, "/audit"), (GET, "/audit?verify=yes"), (GET, "/lists/audit.csv")],
    # Within the page of a phone it is a right as well: test_phone_page.py holds it.
    Right.MANAGE_PEOPLE: [
        (GET, "/people"),
        (GET, "/lists/people.csv"),
        (POST, "/people"),
        (GET, "/people/PERSON"),
        (POST, "/people/PERSON/roles"),
        (POST, "/people/PERSON/first-password"),
        (POST, "/people/PERSON/switch"),
        (POST, "/people/PERSON/sign-out"),
    ],
    Right.SEE_HOLDERS: [
        (GET, "/holders/search"),
        (POST, "/holders/search"),
        (GET, "/blocks"),
        (GET, "/blocks.csv"),
    ],
}
FIELDS = {
    "made_for": "bench 3",
    "hours": "24",
    "reason": "travel",
    "until": f"{now() + timedelta(days=9):%Y-%m-%dT%H:%M}",
    "why": "a bench is in reach",
    "answer": "Bring it along.",
    "title": "Next",
    "holder": "mailbox-4711",
    "from": "ready_made",
    "name": "desk-8",
    "role": "technician",
    "state": "off",
    "scope": "read",
    "days": "7",
    "list": "phones",
    "query": "standing=violating",
}


def request(office: Office, client: object, method: str, address: str) -> int:
    if address.startswith("/alarms/"):
        raised = office.report(office.phone())
        office.send_reports([replace(raised, phone_skew_s=77)])
    if address.startswith("/owner-requests/"):
        phone = office.phone()
        with office.database.writing() as session:
            ask(session, phone, RequestKind.CHECK, "", now())
    if "PERSON" in address:
        office.person("desk-7", Role.TECHNICIAN)
        address = address.replace("PERSON", "desk-7")
    if "FILTER" in address:
        office.send(client, "/filters", FIELDS, form_on="/account")  # type: ignore[arg-type]
        with office.database.reading() as session:
            number = session.scalar(text("SELECT MAX(id) FROM saved_filter"))
        address = address.replace("FILTER", str(number))
    if "DRAFT" in address:
        address = address.replace("DRAFT", str(office.draft()))
    if "REQUEST" in address:
        asked = {**FIELDS, "phone": office.phone()}
        # Their own where they may, which is theirs to withdraw; else somebody else's.
        if office.send(client, "/exemption-requests", asked, form_on="/account").status_code == 403:  # type: ignore[arg-type]
            office.person("desk-9", Role.TECHNICIAN)
            desk = office.app.test_client()
            office.sign_in(desk, "desk-9")
            office.send(desk, "/exemption-requests", asked, form_on="/account")
        address = address.replace("REQUEST", "1")
    if address.endswith("/take-back"):
        gone = office.phone()
        with office.database.writing() as session:
            retire(session, gone, "lost", "admin-1", "admin-1", now())
        address = address.replace("PHONE", gone)
    fields = {**FIELDS, "phone": office.phone()}
    address = address.replace("STATION", office.station_id).replace("PHONE", office.phone())
    if method == POST:
        return int(office.send(client, address, fields, form_on="/account").status_code)  # type: ignore[arg-type]
    return int(client.get(address, base_url=HERE).status_code)  # type: ignore[attr-defined]


# In the order of the enumerations: parallel runs collect the same tests only then.
TESTED = [(role, right) for role in Role for right in Right if ADDRESSES[right]]
REFUSED = [(role, right) for role, right in TESTED if right not in RIGHTS[role]]
GRANTED = [(role, right) for role, right in TESTED if right in RIGHTS[role]]


def answers(office: Office, role: Role, right: Right) -> dict[str, int]:
    """The status that each address of this right answers to somebody with this role."""
    client = office.client(role)
    return {
        f"{method} {address}": request(office, client, method, address)
        for method, address in ADDRESSES[right]
    }


def test_every_right_has_an_address_to_test_it_at() -> None:
    assert set(ADDRESSES) == set(Right)


@pytest.mark.parametrize(("role", "right"), REFUSED)
def test_a_role_without_the_right_is_refused(staffed: Office, role: Role, right: Right) -> None:
    told = answers(staffed, role, right)

    assert {address: status for address, status in told.items() if status != 403} == {}


@pytest.mark.parametrize(("role", "right"), GRANTED)
def test_a_role_with_the_right_is_let_in(staffed: Office, role: Role, right: Right) -> None:
    told = answers(staffed, role, right)

    assert {address: status for address, status in told.items() if status not in (200, 201, 302)} == {}


def test_a_refusal_says_whom_to_ask(staffed: Office) -> None:
    page = staffed.client(Role.AUTHOR).get("/audit", base_url=HERE).text

    assert "Your account may not read the audit chain" in page
    assert "Ask a colleague with the role auditor" in page


def test_a_refused_revocation_changes_nothing(staffed: Office) -> None:
    auditor = staffed.client(Role.AUDITOR)

    staffed.send(auditor, f"/stations/{staffed.station_id}/revoke", {}, form_on="/account")

    assert '<span class="tag good">in service</span>' in auditor.get("/stations", base_url=HERE).text


def test_several_roles_add_up(staffed: Office) -> None:
    client = staffed.client(Role.AUTHOR, Role.AUDITOR)

    assert client.get("/audit", base_url=HERE).status_code == 200


def test_tabs_and_buttons_are_shown_only_to_those_who_may_use_them(staffed: Office) -> None:
    author = staffed.client(Role.AUTHOR).get("/stations", base_url=HERE).text
    technician = staffed.client(Role.TECHNICIAN).get("/stations", base_url=HERE).text

    assert "Revoke" not in author
    assert "Make a code" not in author
    assert ">Audit<" not in author
    assert "Revoke" in technician
    assert "Make a code" in technician


def test_no_page_is_open_to_strangers(office: Office) -> None:
    assert unguarded_views(office.app) == set()


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/phones/x",
        "/bundles",
        "/exemptions",
        "/lift",
        "/deadline",
        "/deadline.ics",
        "/stations",
        "/stations/x/revoke",
        "/alarms",
        "/account",
        "/audit",
    ],
)
def test_a_stranger_is_asked_to_sign_in(office: Office, address: str) -> None:
    answer = office.app.test_client().get(address, base_url=HERE)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in")
