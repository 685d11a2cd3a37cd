"""Every list is sorted, filtered, paged, linked and taken along in one way; filters are kept under a name."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect

from policy.document import Exemption, Fleet
from policy.names import PhoneId
from server.evidence import audit
from server.pages import exemptions, files
from server.people import saved_filters
from server.people.people import Role
from server.people.tokens import issue_token
from server.stations.stations import revoke_station
from tests.pages.office import COMPLIANT, Office, now
from tests.pages.visiting import Visit, opened

HERE = "https://localhost"
LISTS: Mapping[str, tuple[str, str, str]] = {
    "phones": ("/", "standing=violating", "/api/v1/phones"),
    "stations": ("/stations", "state=revoked", "/api/v1/stations?sort=name"),
    "alarms": ("/alarms", "state=open", "/api/v1/alarms"),
    "exemptions": ("/exemptions", "state=in_force", "/api/v1/exemptions"),
    "people": ("/people", "role=auditor", "/api/v1/people"),
    "tokens": ("/tokens", "good=yes", "/api/v1/tokens"),
    "audit": ("/audit", "action=person+added", "/api/v1/audit-rows"),
}
"""By name: its page, something to filter it by, and where programs read it."""
EVERYTHING = "-".join(role.value for role in Role)


@pytest.fixture
def busy(office: Office, tmp_path: Path) -> Office:
    """An office with something in every list."""
    office.publish()
    lost = office.station("Bench 1", tmp_path / "lost.key")
    with office.database.writing() as session:
        revoke_station(session, lost, now())
    office.station("Bench 2", tmp_path / "station.key")
    first, second = office.phone(label="CW-1"), office.phone(label="CW-2")
    made = office.report(first)
    office.report(second, **COMPLIANT, checked_at=now() - timedelta(hours=3))
    changed = type(made)(**{**made.__dict__, "phone_skew_s": 77})
    office.send_reports([changed])
    office.publish(fleet=Fleet(1, (Exemption(second, now() + timedelta(days=9), "travel"),)))
    return office


@pytest.fixture
def client(busy: Office) -> FlaskClient:
    client = busy.client(*Role)
    with busy.database.writing() as session:
        client.environ_base["token"] = issue_token(session, EVERYTHING, "test", now()).secret
    return client


def page(client: FlaskClient, address: str) -> str:
    answer = client.get(address, base_url=HERE)
    assert answer.status_code == 200, address
    return html.unescape(answer.text)


def rows(client: FlaskClient, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(address, base_url=HERE).text)))


def save(office: Office, client: FlaskClient, of: str, query: str, name: str = "mine") -> Any:
    fields = {"list": of, "query": query, "name": name}
    return office.send(client, "/filters", fields, form_on="/account")


@pytest.mark.parametrize("name", LISTS)
def test_a_list_leaves_as_the_api_tells_it(client: FlaskClient, name: str) -> None:
    _, _, api = LISTS[name]
    asking = {"Authorization": f"Bearer {client.environ_base['token']}", "Accept": "text/csv"}
    # Twice: a token is used on this day from its first use on.
    _, told = (client.get(api, base_url=HERE, headers=asking) for _ in range(2))
    assert told.status_code == 200, told.text

    exported = client.get(f"/lists/{name}.csv", base_url=HERE)
    lines = client.get(f"/lists/{name}.ndjson", base_url=HERE).text.splitlines()

    assert exported.headers["Content-Disposition"] == f'attachment; filename="{name}.csv"'
    assert exported.text.splitlines()[0] == told.text.splitlines()[0]
    assert sorted(exported.text.splitlines()) == sorted(told.text.splitlines())
    assert len(lines) == len(rows(client, f"/lists/{name}.csv")) > 0
    assert list(json.loads(lines[0])) == told.text.splitlines()[0].split(",")


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_filtered_and_its_file_with_it(client: FlaskClient, name: str) -> None:
    address, query, _ = LISTS[name]

    shown = page(client, f"{address}?{query}")

    assert f'href="/lists/{name}.csv?{query}"' in shown
    every, some = rows(client, f"/lists/{name}.csv"), rows(client, f"/lists/{name}.csv?{query}")
    assert len(some) > 0
    assert all(row in every for row in some)


@pytest.mark.parametrize("name", ["phones", "stations", "people", "audit"])
def test_filtering_leaves_something_out(client: FlaskClient, name: str) -> None:
    _, query, _ = LISTS[name]
    query = query.replace("auditor", "technician&search=zzz")

    assert len(rows(client, f"/lists/{name}.csv?{query}")) < len(rows(client, f"/lists/{name}.csv"))


@pytest.mark.parametrize("name", LISTS)
def test_headers_sort_both_ways_and_say_how_it_is_sorted(client: FlaskClient, name: str) -> None:
    address, query, _ = LISTS[name]
    seen: set[str] = set()
    following = [f"{address}?{query}"]
    while following:
        shown = page(client, following.pop())
        for found in re.findall(r'<th role="columnheader"[^>]*><a href="([^"]+)">', shown):
            assert found.startswith(address)
            if found not in seen:
                seen.add(found)
                following.append(found)
                assert 'aria-sort="' in page(client, found) or "sort=" not in found
    assert len(seen) >= 2


def test_phones_are_sorted_by_when_they_were_seen(client: FlaskClient) -> None:
    def labels(sort: str) -> list[str]:
        return [row["label"] for row in rows(client, f"/lists/phones.csv?sort={sort}")]

    assert labels("longest_unseen") == ["CW-2", "CW-1"]
    assert labels("latest_seen") == ["CW-1", "CW-2"]
    assert labels("latest_seen&search=cw") == ["CW-1", "CW-2"]
    assert labels("longest_unseen&search=cw") == ["CW-2", "CW-1"]


def test_exemptions_go_on_behind_the_first_page(staffed: Office) -> None:
    more = exemptions._SHOWN + 2
    phones = [PhoneId.random() for _ in range(more)]
    staffed.publish(
        fleet=Fleet(
            1,
            tuple(
                Exemption(phone, now() + timedelta(days=9, minutes=number), "travel")
                for number, phone in enumerate(phones)
            ),
        )
    )
    client = staffed.client(Role.AUDITOR)

    first = page(client, "/exemptions")
    [link] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = page(client, link)

    assert phones[0][:8] in first
    assert [phone[:8] in second for phone in phones[-3:]] == [False, True, True]
    assert "Show all exemptions" in page(client, "/exemptions?state=in_force&after=9999999999999999~x~1")
    assert phones[0][:8] in page(client, "/exemptions?state=in_force&after=nonsense")


def test_whatever_an_address_says_some_list_is_shown(client: FlaskClient) -> None:
    for address, _, _ in LISTS.values():
        page(client, f"{address}?sort=x&state=x&after=x&shown=-1&role=x&search=\\&ring=999999999999999")


def test_a_list_that_is_not_there_or_not_ones_own_to_see_is_refused(staffed: Office) -> None:
    author = staffed.client(Role.AUTHOR)

    assert author.get("/lists/zzz.csv", base_url=HERE).status_code == 404
    assert author.get("/lists/phones.pdf", base_url=HERE).status_code == 404
    assert author.get("/lists/people.csv", base_url=HERE).status_code == 403
    assert save(staffed, author, "people", "role=auditor").status_code == 403
    assert save(staffed, author, "zzz", "role=auditor").status_code == 404


def test_nobody_exports_the_tokens_of_others_but_an_admin(busy: Office) -> None:
    busy_author = busy.client(Role.AUTHOR)
    with busy.database.writing() as session:
        issue_token(session, "author", "test", now())
    auditor, admin = busy.client(Role.AUDITOR), busy.client(Role.ADMIN)

    assert len(rows(busy_author, "/lists/tokens.csv")) == 1
    assert rows(auditor, "/lists/tokens.csv?everybody=yes&owner=author") == []
    assert len(rows(admin, "/lists/tokens.csv?everybody=yes&owner=author")) == 1


def test_a_list_that_is_too_long_for_a_file_says_how_to_read_it(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROWS_MAX", 1)

    answer = client.get("/lists/phones.csv", base_url=HERE)

    assert answer.status_code == 400
    assert "Filter it first" in answer.text


@pytest.mark.parametrize("name", LISTS)
def test_a_filter_is_saved_shown_above_its_list_and_removed(
    busy: Office, client: FlaskClient, name: str
) -> None:
    address, query, _ = LISTS[name]
    assert "Save this filter" not in page(client, address)
    assert "Save this filter" in page(client, f"{address}?{query}")

    answer = save(busy, client, name, query, "to look at")

    assert answer.headers["Location"] == f"{address}?{query}"
    shown = page(client, address)
    assert f'<a href="{address}?{query}">to look at</a>' in shown
    assert 'aria-current="true">to look at</a>' in page(client, f"{address}?{query}")
    assert "Save this filter" not in page(client, f"{address}?{query}")
    busy.send(client, "/filters/1/remove", {}, form_on="/account")
    assert "“to look at” is removed." in page(client, address)
    assert "to look at</a>" not in page(client, address)


def test_a_filter_is_ones_own(busy: Office, client: FlaskClient) -> None:
    other = busy.client(Role.AUTHOR)
    save(busy, client, "phones", "standing=violating")

    assert ">mine</a>" not in page(other, "/")
    assert busy.send(other, "/filters/1/remove", {}, form_on="/account").status_code == 404
    assert ">mine</a>" in page(client, "/")


def test_a_filter_of_the_same_name_is_replaced(busy: Office, client: FlaskClient) -> None:
    save(busy, client, "phones", "standing=violating")
    save(busy, client, "phones", "standing=silent")

    shown = page(client, "/")

    assert shown.count(">mine</a>") == 1
    assert '<a href="/?standing=silent">mine</a>' in shown


def test_only_what_the_list_knows_is_kept(busy: Office, client: FlaskClient) -> None:
    query = "standing=violating&x=y&sort=nonsense&after=z&search=" + "a" * 300

    answer = save(busy, client, "phones", query)

    assert answer.headers["Location"] == f"/?search={'a' * 100}&standing=violating"


@pytest.mark.parametrize("name", ["", " ", "x" * 41, "a\0b", "a\nb"])
def test_a_name_that_cannot_be_kept_is_refused(busy: Office, client: FlaskClient, name: str) -> None:
    assert save(busy, client, "phones", "standing=violating", name).status_code == 400
    assert "Saved filters" not in page(client, "/")


@pytest.mark.parametrize("query", ["", "x=y", "standing=nonsense"])
def test_what_asks_for_nothing_is_not_kept(busy: Office, client: FlaskClient, query: str) -> None:
    assert save(busy, client, "phones", query).status_code == 400


def test_one_filter_too_many_is_refused(
    busy: Office, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_filters, "FILTERS_MAX", 1)
    save(busy, client, "phones", "standing=violating")

    assert save(busy, client, "alarms", "state=open", "another").status_code == 409
    # What only takes another's place needs no room.
    assert save(busy, client, "phones", "standing=silent").status_code == 302


def test_the_audit_chain_tells_of_a_filter_without_its_words(busy: Office, client: FlaskClient) -> None:
    save(busy, client, "phones", "search=somebody", "somebody")
    with busy.database.reading() as session:
        newest = audit.newest_rows(session)[0]

    assert (newest.action, newest.subject, newest.detail) == ("filter saved", "filter 1", {"list": "phones"})


def test_a_filter_is_saved_and_removed_without_scripts(chromium: Browser, visit: Visit) -> None:
    with opened(chromium, java_script_enabled=False) as page:
        visit.sign_in(page)
        page.get_by_label("Standing", exact=True).select_option("violating")
        page.get_by_role("button", name="Show").click()
        page.get_by_text("Save this filter").click()
        page.get_by_label("Name it").fill("to call")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("“to call” is saved.")).to_be_visible()
        page.get_by_role("link", name="Clear").click()
        page.get_by_role("link", name="to call").click()
        expect(page.get_by_label("Standing", exact=True)).to_have_value("violating")
        page.get_by_role("columnheader", name="Latest check").get_by_role("link").click()
        assert page.url == f"{visit.address}/?standing=violating&sort=longest_unseen"
        page.get_by_role("button", name="Remove to call").click()
        expect(page.get_by_text("“to call” is removed.")).to_be_visible()
