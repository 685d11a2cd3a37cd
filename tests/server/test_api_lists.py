"""Lists for programs: pieces behind a cursor, three forms, and nothing again where nothing changed."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from policy.attempt import Attempt, AttemptCause
from policy.document import Exemption
from policy.report import Consent
from policy.verdict import Verdict
from server.app import create_app
from server.evidence.alarms import Settlement, settle_alarm
from server.fleet.attempts import keep_attempts
from server.fleet.meetings import meet
from server.people.people import Role
from server.stations.refused_bundles import RefusedBundle, keep_refusal
from tests.server.authority import NOW, VIOLATING, Authority, Bench

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REFUSED = RefusedBundle(2, "rule_unknown", "x", "0", 1, 1, NOW)


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


LISTS = {
    "/phones": "phones",
    "/stations": "stations",
    "/blocks": "blocks",
    "/alarms": "alarms",
    "/audit-rows": "audit_rows",
    "/refusals": "refusals",
    "/attempts": "attempts",
    "/publications": "publications",
    "/exemptions": "exemptions",
}


@pytest.fixture
def busy(small_authority: Authority, tmp_path: Path) -> Authority:
    """An office that has two of everything that is listed."""
    here = small_authority
    here.trust = here.trust.copy(tmp_path / "trust")
    benches = [here.bench(f"bench {number}") for number in (1, 2)]
    phones = [here.phone(bench, holder=f"mailbox-{number}") for number, bench in enumerate(benches)]
    here.trust.publish_fleet(1, *(Exemption(phone, NOW + DAY, "travel") for phone in phones))
    here.publish()
    for bench, phone in zip(benches, phones, strict=True):
        report = bench.report(phone, checked_at=NOW - 2 * HOUR)
        here.accept(bench.sign(report), bench.sign(replace(report, verdict=Verdict.UNREADABLE)))
        with here.database.writing() as session:
            keep_refusal(session, bench.station_id, REFUSED, NOW)
            attempt = Attempt(phone, NOW - HOUR, True, "tcp:127.0.0.1:5555", AttemptCause.NOT_REACHED)
            keep_attempts(session, bench.station_id, [attempt], NOW)
    return here


@pytest.mark.parametrize("path", LISTS)
def test_each_list_comes_as_csv_and_as_lines_of_json(reader: Reader, busy: Authority, path: str) -> None:
    rows = reader.get(path).get_json()[LISTS[path]]
    assert len(rows) >= 2

    table = list(csv.DictReader(io.StringIO(reader.get(path, Accept="text/csv").text)))
    lines = [json.loads(line) for line in reader.get(path, Accept="application/x-ndjson").text.splitlines()]

    assert lines == rows
    assert [set(found) for found in table] == [set(row) for row in rows]


@pytest.mark.parametrize("path", LISTS)
def test_each_list_is_written_as_the_standard_library_writes_it(
    reader: Reader, busy: Authority, path: str
) -> None:
    busy.phone(busy.bench("B\u00fcro 3"), label="B\u00fcro 3 \U0001f600\x7f", holder="mailbox-\u00e9")

    answer = reader.get(path)

    whole = json.dumps(answer.get_json(), sort_keys=True, separators=(",", ":"))
    assert answer.get_data() == f"{whole}\n".encode()
    assert answer.content_type == "application/json"


@pytest.mark.parametrize("path", LISTS)
def test_a_list_read_row_by_row_is_the_whole_list(reader: Reader, busy: Authority, path: str) -> None:
    whole = reader.get(path).get_json()[LISTS[path]]

    found, after = [], ""
    while after is not None:
        piece = reader.get(f"{path}?limit=1&after={quote(after)}").get_json()
        found += piece[LISTS[path]]
        after = piece["next"]

    assert found == whole


@pytest.mark.parametrize(
    "path", [path for path in LISTS if path not in ("/phones", "/stations", "/blocks", "/exemptions")]
)
def test_what_happened_is_listed_newest_first_or_oldest_first(
    reader: Reader, busy: Authority, path: str
) -> None:
    newest = reader.get(path).get_json()[LISTS[path]]
    oldest = reader.get(f"{path}?sort=oldest").get_json()[LISTS[path]]

    assert oldest == newest[::-1]
    times = [
        row.get("number") or row.get("serial") or row.get("at") or row.get("last_seen_at") for row in oldest
    ]
    assert times == sorted(times)


@pytest.mark.parametrize("sort", ["station_id", "name", "enrolled_at"])
def test_stations_are_sorted_by_what_is_asked_for(reader: Reader, busy: Authority, sort: str) -> None:
    stations = reader.get(f"/stations?sort={sort}").get_json()["stations"]

    assert [row[sort] for row in stations] == sorted(row[sort] for row in stations)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("/alarms?open=true", 2),
        ("/alarms?open=false", 0),
        ("/alarms?kind=conflict", 2),
        ("/alarms?kind=cloned_station", 0),
        ("/alarms?station={station}", 1),
        ("/alarms?phone={phone}", 1),
        ("/audit-rows?action=phone+exempted", 2),
        ("/audit-rows?subject={phone}", 1),
        ("/audit-rows?actor=nobody", 0),
        ("/refusals?open=true", 2),
        ("/refusals?open=false", 0),
        ("/refusals?station={station}&code=rule_unknown&bundle_number=2", 1),
        ("/refusals?bundle_number=3", 0),
        ("/attempts?open=true", 2),
        ("/attempts?phone={phone}", 1),
        ("/attempts?station={station}&cause=not_reached", 1),
        ("/publications?bundle_number=1", 2),
        ("/publications?bundle_number=2", 0),
        ("/exemptions?in_force=true", 2),
        ("/exemptions?in_force=false", 0),
        ("/stations?in_service=true", 2),
        ("/stations?in_service=false", 0),
    ],
)
def test_each_list_is_filtered(reader: Reader, busy: Authority, query: str, count: int) -> None:
    station = reader.get("/stations").get_json()["stations"][0]["station_id"]
    phone = reader.get("/phones").get_json()["phones"][0]["phone_id"]

    answer = reader.get(query.format(station=station, phone=phone)).get_json()

    assert len(answer[LISTS[query.partition("?")[0]]]) == count


def test_a_check_closes_visits_in_vain_and_a_reason_closes_an_alarm(reader: Reader, busy: Authority) -> None:
    alarm = reader.get("/alarms").get_json()["alarms"][0]
    bench = busy.bench("bench 3")
    with busy.database.writing() as session:
        settle_alarm(session, alarm["number"], Settlement("desk-1", NOW, "a copied folder"))
        meet(session, bench.station_id, alarm["phone_id"], NOW)
    busy.accept(bench.sign(bench.report(alarm["phone_id"])))

    [settled] = reader.get("/alarms?open=false").get_json()["alarms"]
    closed = reader.get("/attempts?open=false").get_json()["attempts"]

    assert (settled["settled_by"], settled["settled_reason"]) == ("desk-1", "a copied folder")
    assert [one["phone_id"] for one in closed] == [alarm["phone_id"]]


def test_audit_rows_are_for_auditors(client: FlaskClient, small_authority: Authority) -> None:
    token = small_authority.person_token(Role.TECHNICIAN)

    answer = client.get("/api/v1/audit-rows", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 403


@pytest.mark.parametrize("label", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)"])
def test_no_cell_of_a_table_is_a_formula(
    reader: Reader, bench: Bench, small_authority: Authority, label: str
) -> None:
    small_authority.phone(bench, label=label)

    [row] = csv.DictReader(io.StringIO(reader.get("/phones", Accept="text/csv").text))

    assert row["label"] == f"'{label}"
    assert reader.get("/phones").get_json()["phones"][0]["label"] == label


@pytest.mark.parametrize("path", LISTS)
def test_what_has_not_changed_is_not_sent_again(reader: Reader, busy: Authority, path: str) -> None:
    tag = reader.get(path).headers["ETag"]

    again = reader.get(path, If_None_Match=tag)
    less = reader.get(f"{path}?limit=1", If_None_Match=tag)

    assert (again.status_code, again.data) == (304, b"")
    assert less.status_code == 200
    # The same rows in another form are another answer.
    assert reader.get(path, Accept="text/csv").headers["ETag"] != tag


def test_what_has_changed_is_sent_again(reader: Reader, busy: Authority) -> None:
    tag = reader.get("/phones").headers["ETag"]

    busy.phone(busy.bench("bench 3"), holder="another")

    assert reader.get("/phones", If_None_Match=tag).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("/phones?limit=0", 422, "limit"),
        ("/phones?limit=5001", 422, "limit"),
        ("/phones?limit=x", 422, "limit"),
        ("/phones?standing=nonsense", 422, "standing"),
        ("/phones?after=nonsense", 400, "after"),
        ("/phones?page=2", 400, "after, failure, limit, progress, ring, search, standing"),
        ("/stations?standing=silent", 400, "after, in_service, limit, sort"),
        ("/stations?in_service=yes", 422, "in_service"),
        ("/stations?sort=colour", 422, "sort"),
        ("/stations?after=bm8", 400, "after"),
        ("/alarms?after=WyJ4Il0", 400, "after"),
        ("/alarms?after=WzFlOTld", 400, "after"),
        ("/alarms?after=%C3%BC", 400, "after"),
        ("/alarms?kind=noise", 422, "kind"),
        ("/audit-rows?after=WzEsMl0", 400, "after"),
        ("/attempts?after=Wzk5OTk5OTk5OTk5OTk5OTk5OTksIngiLCJ4Il0", 400, "after"),
        ("/attempts?after=WzksIngiLCIAIl0", 400, "after"),
        ("/refusals?bundle_number=9223372036854775808", 422, "bundle_number"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(
    reader: Reader, path: str, status: int, named: str
) -> None:
    answer = reader.get(path)

    assert answer.status_code == status
    assert named in answer.get_json()["error"]["message"]


@pytest.mark.parametrize("path", LISTS)
def test_lists_are_for_people_with_a_token(client: FlaskClient, path: str) -> None:
    assert client.get(f"/api/v1{path}").status_code == 401
