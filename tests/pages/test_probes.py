"""What can be promised, on the fleet page in numbers and on a phone's page in words."""

from __future__ import annotations

import re
from uuid import uuid4

from policy.document import PlaceKind
from policy.names import PhoneId, UserNumber
from policy.observation import UserKind
from policy.probe import Limit, LimitCode, Owner, Probe, ProbedPlace, ProbedUser, Reach
from policy.report import Consent
from server.fleet.phones import Registration, register_phone
from server.people.people import Role
from tests.pages.office import Office, now

HERE = "https://localhost"
CLOSED = Probe(
    release="14",
    api_level=34,
    manufacturer="Google",
    model="Pixel 8",
    reach=Reach.CLOSED,
    users=(ProbedUser(UserNumber(10), UserKind.WORK, False, False, Owner.POLICY),),
    company_owned=True,
    places=(ProbedPlace(UserNumber(10), PlaceKind.WORK_PROFILE, False, False, False),),
    limits=(
        Limit(
            LimitCode.PLACE_CLOSED,
            "Adb is <b>shut</b> out.",
            "docs/android/commands.md 9",
            "the owner drops it",
            True,
        ),
    ),
)


def provisioned(office: Office, probe: Probe | None) -> PhoneId:
    registration = Registration(
        uuid4().hex * 2,
        PhoneId.random(),
        "Google",
        "Pixel 8",
        "",
        "mailbox-1",
        Consent.AGREED,
        34,
        False,
        probe,
    )
    with office.database.writing() as session:
        return register_phone(session, registration, office.station_id, office.config.holder_key, now())[0]


def page(office: Office, path: str) -> str:
    text = office.client(Role.TECHNICIAN).get(path, base_url=HERE).text
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_the_fleet_page_tells_how_much_of_the_fleet_can_be_enforced_on(staffed: Office) -> None:
    for probe in (CLOSED, CLOSED, None):
        provisioned(staffed, probe)

    shown = page(staffed, "/")

    assert "0 places open , 2 out of reach , 0 no place , 1 not known" in shown


def test_a_phones_page_tells_what_cannot_be_promised_why_and_what_would_change_it(staffed: Office) -> None:
    shown = page(staffed, f"/phones/{provisioned(staffed, CLOSED)}")

    assert "user 10 (work profile): closed to adb, enforcing cannot be promised" in shown
    assert "an owner of the policy" not in shown
    assert "company-owned" in shown
    assert "10 (work profile, not running, closed to adb)" in shown
    assert "Adb is &lt;b&gt;shut&lt;/b&gt; out. What would change it: the owner drops it." in shown
    assert "docs/" not in shown, "whoever looks at a page has no repository"


def test_a_phone_that_was_never_probed_says_so(staffed: Office) -> None:
    assert "It was not probed." in page(staffed, f"/phones/{provisioned(staffed, None)}")
