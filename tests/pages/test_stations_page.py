"""The stations page: revoking a station, and enrolment codes that are shown once."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path

import pytest

from certs.tls import fingerprint
from server.evidence import audit
from server.pages.stations import STATIONS_PER_PAGE
from server.people.people import Role
from server.stations.enrolment import use_token
from server.stations.stations import revoke_station
from tests.pages.office import Office, now

HERE = "https://localhost"


def following(page: str) -> str:
    found = re.search(r'rel="next" href="([^"]+)"', page)
    assert found
    return html.unescape(found[1])


def make_code(office: Office, **fields: str) -> str:
    client = office.client(Role.TECHNICIAN)
    answer = office.send(
        client,
        "/stations/enrolment-codes",
        {"made_for": "bench 3", "hours": "8", **fields},
        form_on="/stations",
    )
    return str(answer.text)


def fields_of(page: str) -> dict[str, str]:
    found = re.search(r"curfew1:([\w-]+)", page)
    assert found, page
    decoded: dict[str, str] = json.loads(base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4)))
    return decoded


def test_without_a_station_the_page_says_how_to_enrol_one(office: Office) -> None:
    page = office.client(Role.TECHNICIAN).get("/stations", base_url=HERE).text

    assert "No station is enrolled yet" in page
    assert "curfew-agent enrol CODE" in page


def test_a_station_shows_its_name_and_state(staffed: Office) -> None:
    page = staffed.client(Role.AUTHOR).get("/stations", base_url=HERE).text

    assert "Bench 2" in page
    assert "in service" in page


def test_many_stations_are_shown_in_pages(staffed: Office, tmp_path: Path) -> None:
    for number in range(STATIONS_PER_PAGE):
        staffed.station(f"bench {number:03}", tmp_path / f"{number}.key")
    client = staffed.client(Role.AUTHOR)

    first = client.get("/stations", base_url=HERE).text
    second = client.get(following(first), base_url=HERE).text

    assert "Stations 1 to 100 of 101" in first
    # By name; capitals come first.
    assert "bench 099" in second
    assert "bench 098" not in second
    assert "Stations 101 to 101 of 101" in second
    assert 'rel="first" href="/stations"' in second
    assert "Show the first page" in client.get("/stations?search=zzz", base_url=HERE).text


def test_revoked_stations_come_last_and_the_pieces_go_over_to_them(either: Office, tmp_path: Path) -> None:
    either.publish()
    for number in range(STATIONS_PER_PAGE):
        either.station(f"bench {number:03}", tmp_path / f"{number}.key")
    lost = either.station("a lost one", tmp_path / "lost.key")
    with either.database.writing() as session:
        revoke_station(session, lost, now())
    client = either.client(Role.AUTHOR)

    first = client.get("/stations", base_url=HERE).text
    second = client.get(following(first), base_url=HERE).text

    assert "a lost one" not in first
    assert "a lost one" in second
    turned = client.get("/stations?sort=-state", base_url=HERE).text
    assert turned.index("a lost one") < turned.index("bench 099") < turned.index("bench 001")


def test_revoking_asks_first_and_names_the_station(staffed: Office) -> None:
    page = staffed.client(Role.TECHNICIAN).get(f"/stations/{staffed.station_id}/revoke", base_url=HERE).text

    assert "Revoke Bench 2?" in page
    assert "This cannot be taken back" in page


def test_a_revoked_station_is_refused_and_the_act_is_audited(staffed: Office) -> None:
    client = staffed.client(Role.APPROVER)
    phone = staffed.phone()

    staffed.send(
        client,
        f"/stations/{staffed.station_id}/revoke",
        {"reason": "the computer was stolen"},
        form_on=f"/stations/{staffed.station_id}/revoke",
    )

    assert ">revoked<" in client.get("/stations", base_url=HERE).text
    with pytest.raises(AssertionError):
        staffed.report(phone)
    with staffed.database.reading() as session:
        newest = audit.newest_rows(session)[0]
    assert (newest.actor, newest.action, newest.subject) == (
        "approver",
        "station revoked",
        staffed.station_id,
    )
    assert newest.detail == {"name": "Bench 2", "reason": "the computer was stolen"}


def test_a_reason_that_no_database_can_hold_is_refused_and_nothing_is_revoked(staffed: Office) -> None:
    client = staffed.client(Role.APPROVER)

    answer = staffed.send(
        client, f"/stations/{staffed.station_id}/revoke", {"reason": "x\0"}, form_on="/account"
    )

    assert answer.status_code == 400
    assert ">revoked<" not in client.get("/stations", base_url=HERE).text


def test_revoking_twice_changes_and_records_nothing_more(staffed: Office) -> None:
    client = staffed.client(Role.APPROVER)
    staffed.send(client, f"/stations/{staffed.station_id}/revoke", {}, form_on="/account")
    with staffed.database.reading() as session:
        before = audit.head(session)

    staffed.send(client, f"/stations/{staffed.station_id}/revoke", {}, form_on="/account")

    assert "was revoked before" in client.get("/stations", base_url=HERE).text
    with staffed.database.reading() as session:
        assert audit.head(session) == before


def test_an_unknown_station_cannot_be_revoked(staffed: Office) -> None:
    client = staffed.client(Role.TECHNICIAN)

    assert staffed.send(client, "/stations/nonsense/revoke", {}, form_on="/account").status_code == 404
    assert client.get("/stations/nonsense/revoke", base_url=HERE).status_code == 404


def test_a_code_names_server_root_and_authority(staffed: Office) -> None:
    fields = fields_of(make_code(staffed))

    assert fields["url"] == "https://curfew.example.org"
    assert fields["root_sha256"] == hashlib.sha256(b"a root").hexdigest()
    assert fields["authority_sha256"] == fingerprint(
        (staffed.config.tls_folder / "authority.pem").read_bytes()
    )


def test_a_code_enrols_once(staffed: Office) -> None:
    token = fields_of(make_code(staffed))["token"]

    with staffed.database.writing() as session:
        use_token(session, token, now())


def test_a_code_is_shown_once_with_a_qr_code(staffed: Office) -> None:
    page = make_code(staffed)
    token = fields_of(page)["token"]

    assert "It is shown this once." in page
    assert '<svg viewBox="0 0 ' in page
    client = staffed.client(Role.TECHNICIAN, Role.AUDITOR)
    for address in ("/stations", "/audit", "/"):
        assert token not in client.get(address, base_url=HERE).text


def test_making_a_code_is_audited_without_its_secret(staffed: Office) -> None:
    token = fields_of(make_code(staffed))["token"]

    with staffed.database.reading() as session:
        newest = audit.newest_rows(session)[0]

    assert (newest.action, newest.subject, newest.detail) == ("enrolment code made", "bench 3", {"hours": 8})
    assert token not in repr(newest)


@pytest.mark.parametrize(
    "fields",
    [
        {"made_for": ""},
        {"made_for": "  "},
        {"made_for": "x" * 101},
        {"made_for": "a\x00b"},
        {"hours": "9999"},
        {"hours": "x"},
    ],
)
def test_a_code_for_nobody_or_for_ever_is_refused(staffed: Office, fields: dict[str, str]) -> None:
    page = make_code(staffed, **fields)

    assert "curfew1:" not in page
    assert "Go back" in page


def test_no_code_can_be_made_before_trust_is_published(office: Office) -> None:
    page = make_code(office)

    assert "no trust is published yet" in page
    assert "curfew-server --config SERVER.env publish FOLDER" in page
