"""The page of a phone that was handed back or retired, and of one that an admin may retire."""

from __future__ import annotations

from flask.testing import FlaskClient

from policy.ledger import Ledger
from server.people.people import Role
from tests.pages.office import Office, now

HERE = "https://localhost"


def page(client: FlaskClient, phone_id: str) -> str:
    return client.get(f"/phones/{phone_id}", base_url=HERE).text


def test_an_admin_retires_a_phone_on_its_page_and_takes_it_back(staffed: Office) -> None:
    phone_id = staffed.phone(label="CW-17")
    admin = staffed.client(Role.ADMIN)
    assert "Retire it" in page(admin, phone_id)

    staffed.send(admin, f"/phones/{phone_id}/retire", {"reason": "stolen in a train"}, form_on="/account")

    shown = page(admin, phone_id)
    assert "It was retired on" in shown
    assert "as a phone that does not come back" in shown
    assert "stolen in a train" in shown
    assert "Because the phone was retired" in shown
    assert "No check is due." in shown
    assert "Retire it" not in shown
    staffed.send(admin, f"/phones/{phone_id}/take-back", {}, form_on="/account")
    assert "stolen in a train" not in page(admin, phone_id)


def test_nobody_else_is_shown_the_form(staffed: Office) -> None:
    phone_id = staffed.phone()

    assert all(
        "Retire it" not in page(staffed.client(role), phone_id) for role in Role if role is not Role.ADMIN
    )


def test_the_page_of_a_phone_that_was_handed_back_says_so_first(staffed: Office) -> None:
    phone_id = staffed.phone(label="CW-18")
    admin = staffed.client(Role.ADMIN)
    back = {"checked_at": now(), "ledger": Ledger("marker"), "managed": (), "actions": ()}
    staffed.report(phone_id, **back, handed_back=True)

    shown = page(admin, phone_id)

    assert "This phone was handed back on" in shown
    assert "nothing of ours is left on it." in shown
    assert "The owner has nothing to do." in shown
    assert "Because the phone was handed back" in shown
    assert "Retire it" not in shown
    fleet = admin.get("/?standing=handed_back", base_url=HERE).text
    assert "CW-18" in fleet
