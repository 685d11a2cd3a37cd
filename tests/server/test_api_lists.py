"""Lists for programs: pieces behind a cursor, three forms, and nothing again where nothing changed."""

from __future__ import annotations

import csv
import io
import json

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from policy.report import Consent
from server.app import create_app
from server.people.people import Role
from tests.server.authority import VIOLATING, Authority, Bench


@pytest.fixture
def client(small_authority: Authority) -> FlaskClient:
    return create_app(small_authority.config).test_client()


@pytest.fixture
def bench(small_authority: Authority) -> Bench:
    return small_authority.bench()


class Reader:
    """A program with an auditor's token."""

    def __init__(self, client: FlaskClient, authority: Authority) -> None:
        self.client = client
        self.token = authority.person_token(Role.AUDITOR)

    def get(self, path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {self.token}", **named})


@pytest.fixture
def reader(client: FlaskClient, small_authority: Authority) -> Reader:
    return Reader(client, small_authority)


def test_a_phone_is_listed_with_what_it_stands_as_and_without_its_holder(
    reader: Reader, bench: Bench, small_authority: Authority
) -> None:
    phone_id = small_authority.phone(bench, label="desk 1", holder="mailbox-9")
    small_authority.accept(bench.sign(bench.report(phone_id, **VIOLATING)))

    answer = reader.get("/phones")

    [phone] = answer.get_json()["phones"]
    assert (phone["phone_id"], phone["label"], phone["standing"]) == (phone_id, "desk 1", "violating")
    assert phone["families"] == ["TikTok"]
    assert phone["station"] == "bench 1"
    assert "mailbox-9" not in answer.text


def test_pieces_of_a_list_follow_each_other_by_cursor_and_by_link(
    reader: Reader, bench: Bench, small_authority: Authority
) -> None:
    phones = {small_authority.phone(bench) for _ in range(5)}

    found: list[str] = []
    path = "/phones?limit=2&standing=unseen"
    while path:
        answer = reader.get(path)
        found += [phone["phone_id"] for phone in answer.get_json()["phones"]]
        link = answer.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix("</api/v1")
        assert ("after=" in path) == (answer.get_json()["next"] is not None)

    assert len(found) == 5
    assert set(found) == phones


def test_phones_are_filtered_and_searched(reader: Reader, bench: Bench, small_authority: Authority) -> None:
    wanted = small_authority.phone(bench, label="front desk")
    small_authority.phone(bench, label="front door", consent=Consent.DECLINED)

    found = reader.get("/phones?standing=unseen&search=FRONT").get_json()["phones"]

    assert [phone["phone_id"] for phone in found] == [wanted]


def test_stations_are_listed(reader: Reader, bench: Bench, small_authority: Authority) -> None:
    small_authority.accept(bench.sign(bench.report(small_authority.phone(bench))))
    small_authority.bench("bench 2")

    first = reader.get("/stations?limit=1").get_json()
    second = reader.get(f"/stations?limit=1&after={first['next']}").get_json()

    stations = {one["name"]: one for one in [*first["stations"], *second["stations"]]}
    assert stations["bench 1"]["reports"] == 1
    assert stations["bench 2"]["last_report_at"] is None
    assert second["next"] is None


@pytest.mark.parametrize("path", ["/phones", "/stations", "/blocks"])
def test_each_list_comes_as_csv_and_as_lines_of_json(
    reader: Reader, bench: Bench, small_authority: Authority, path: str
) -> None:
    small_authority.phone(bench)
    [row] = reader.get(path).get_json()[path[1:]]

    table = list(csv.DictReader(io.StringIO(reader.get(path, Accept="text/csv").text)))
    lines = [json.loads(line) for line in reader.get(path, Accept="application/x-ndjson").text.splitlines()]

    assert lines == [row]
    assert [set(found) for found in table] == [set(row)]


@pytest.mark.parametrize("label", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)"])
def test_no_cell_of_a_table_is_a_formula(
    reader: Reader, bench: Bench, small_authority: Authority, label: str
) -> None:
    small_authority.phone(bench, label=label)

    [row] = csv.DictReader(io.StringIO(reader.get("/phones", Accept="text/csv").text))

    assert row["label"] == f"'{label}"
    assert reader.get("/phones").get_json()["phones"][0]["label"] == label


@pytest.mark.parametrize("path", ["/phones", "/stations", "/blocks"])
def test_what_has_not_changed_is_not_sent_again(
    reader: Reader, bench: Bench, small_authority: Authority, path: str
) -> None:
    small_authority.phone(bench)
    tag = reader.get(path).headers["ETag"]

    again = reader.get(path, If_None_Match=tag)
    small_authority.phone(small_authority.bench("bench 2"), holder="another")
    changed = reader.get(path, If_None_Match=tag)

    assert (again.status_code, again.data) == (304, b"")
    assert changed.status_code == 200
    # The same rows in another form are another answer.
    assert reader.get(path, Accept="text/csv").headers["ETag"] != changed.headers["ETag"]


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("/phones?limit=0", 422, "limit"),
        ("/phones?limit=5001", 422, "limit"),
        ("/phones?limit=x", 422, "limit"),
        ("/phones?standing=nonsense", 422, "standing"),
        ("/phones?after=nonsense", 400, "after"),
        ("/phones?page=2", 400, "after, limit, search, standing"),
        ("/stations?standing=silent", 400, "after, limit"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(
    reader: Reader, path: str, status: int, named: str
) -> None:
    answer = reader.get(path)

    assert answer.status_code == status
    assert named in answer.get_json()["error"]["message"]


@pytest.mark.parametrize("path", ["/phones", "/stations"])
def test_lists_are_for_people_with_a_token(client: FlaskClient, path: str) -> None:
    assert client.get(f"/api/v1{path}").status_code == 401
