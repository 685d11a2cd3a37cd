"""The timeline of a phone: every check opens in place, and what is not kept any more is said to be so."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from policy.names import PhoneId
from policy.report import Report
from policy.verdict import ActionKind
from server.evidence.audit import HeadSigner
from server.pages.timeline import CHECKS_PER_PAGE
from server.people import people, tokens
from server.people.people import Role
from server.retention import purging, thinning
from tests.pages.office import COMPLIANT, OUTLOOK, PASSWORD, UNREADABLE, Office, now

HERE = "https://localhost"


@pytest.fixture
def client(staffed: Office) -> FlaskClient:
    return staffed.client(Role.AUTHOR)


def page(client: FlaskClient, phone: PhoneId, **wanted: str) -> str:
    answer = client.get(f"/phones/{phone}/checks", query_string=wanted, base_url=HERE)
    assert answer.status_code == 200
    return answer.text


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def checks_in(markup: str) -> list[str]:
    return [words(part) for part in markup.split("<details")[1:]]


def ask(office: Office, address: str, accept: str = "application/json") -> Any:
    with office.database.writing() as session:
        people.put_person(session, "api", PASSWORD, (Role.AUTHOR,), "test", now())
        token = tokens.issue_token(session, "api", "test", now()).secret
    bearer = {"Authorization": f"Bearer {token}", "Accept": accept}
    return office.app.test_client().get(address, base_url=HERE, headers=bearer)


def story(office: Office, *checks: dict[str, Any], hours: int = 1) -> tuple[PhoneId, list[Report]]:
    """A phone and its checks, the oldest first."""
    phone = office.phone()
    made = [
        office.report(phone, checked_at=now() - timedelta(hours=hours * (len(checks) - number)), **changes)
        for number, changes in enumerate(checks)
    ]
    return phone, made


def test_each_check_tells_what_it_asked_found_did_and_proved(staffed: Office, client: FlaskClient) -> None:
    phone, _ = story(staffed, COMPLIANT, {})

    newest, oldest = checks_in(page(client, phone))

    assert "violating enforce, bundle 1: disable com.microsoft.office.outlook in user 10" in newest
    assert "Asked" in newest
    assert "TikTok ( com.zhiliaoapp.musically ) in user 0" in newest
    assert "read back off (disabled-user)" in newest
    assert "ab" * 32 in newest
    assert "compliant" in oldest
    assert "disable com" not in oldest


def test_restoring_is_shown_and_not_counted(staffed: Office, client: FlaskClient) -> None:
    phone, (report,) = story(staffed, {})
    restored = tuple(replace(action, kind=ActionKind.RESTORE) for action in report.actions)
    staffed.report(phone, **{**COMPLIANT, "actions": restored})

    [newest, _] = checks_in(page(client, phone))

    assert f"restore {OUTLOOK} in user 10" in newest


def test_what_could_not_be_read_is_told(staffed: Office, client: FlaskClient) -> None:
    phone, _ = story(staffed, UNREADABLE)

    [only] = checks_in(page(client, phone))

    assert "Not read package unreadable: com.zhiliaoapp.musically: the answer was cut" in only
    assert "packages cut off" in only


def test_many_checks_go_on_on_the_next_page_each_once(staffed: Office, client: FlaskClient) -> None:
    phone, made = story(staffed, *([COMPLIANT] * (CHECKS_PER_PAGE + 1)))

    first = page(client, phone)
    address = html.unescape(first.partition('rel="next" href="')[2].partition('"')[0])
    second = client.get(address, base_url=HERE).text

    ids = [report.report_id for report in reversed(made)]
    assert re.findall(r"report <code>([^<]+)</code>", first) == ids[:CHECKS_PER_PAGE]
    assert re.findall(r"report <code>([^<]+)</code>", second) == ids[CHECKS_PER_PAGE:]
    assert 'rel="next"' not in second


def test_a_check_that_was_thinned_out_says_so_and_keeps_its_verdict(
    staffed: Office, client: FlaskClient
) -> None:
    phone, _ = story(staffed, *([COMPLIANT] * 4), hours=24)
    planned = thinning.plan(staffed.database, now())
    assert thinning.drop(staffed.database, planned, 1, "test", now())

    told = checks_in(page(client, phone))

    thin = [check for check in told if "The report was thinned out" in check]
    assert thin
    assert all("compliant" in check for check in told)


@pytest.mark.parametrize(("minutes", "is_told"), [(1, True), (-1, False)])
def test_the_end_of_the_list_tells_of_a_purge_made_since_the_phone_is_known(
    staffed: Office, client: FlaskClient, minutes: int, is_told: bool
) -> None:
    phone, _ = story(staffed, *([COMPLIANT, UNREADABLE] * 4), *([COMPLIANT] * 3), hours=24)
    with staffed.database.writing() as session:
        # Each arrived when it was made: of a station the last arrival is never purged.
        session.execute(text("UPDATE report SET received_at = effective_at"))
    policy = purging.PurgePolicy.keeping(1, now())
    planned = purging.plan(staffed.database, policy)
    at = now() + timedelta(minutes=minutes)
    signer = HeadSigner(staffed.config.audit_key)
    assert list(purging.purge(staffed.database, planned, policy, signer, "test", at))

    told = words(page(client, phone))

    assert ("Older checks may be gone: reports were purged last" in told) is is_told
    assert ("CURFEW_KEEP_REPORTS_DAYS=1" in told) is is_told


def test_a_phone_without_a_check_says_what_to_do(staffed: Office, client: FlaskClient) -> None:
    assert "curfew-agent check --all" in page(client, staffed.phone())


@pytest.mark.parametrize("phone", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_a_phone_that_there_is_not_is_no_page(staffed: Office, client: FlaskClient, phone: str) -> None:
    assert client.get(f"/phones/{phone}/checks", base_url=HERE).status_code == 404
    assert ask(staffed, f"/api/v1/phones/{phone}/checks").json["error"]["code"] == "phone_unknown"


@pytest.mark.parametrize("after", ["nonsense", "%00", "W10"])
def test_a_place_that_nobody_gave_is_refused(staffed: Office, client: FlaskClient, after: str) -> None:
    phone = staffed.phone()

    assert client.get(f"/phones/{phone}/checks?after={after}", base_url=HERE).status_code == 400


def test_the_phones_page_leads_there(staffed: Office, client: FlaskClient) -> None:
    phone, _ = story(staffed, COMPLIANT)

    assert f'href="/phones/{phone}/checks"' in client.get(f"/phones/{phone}", base_url=HERE).text


def test_programs_get_the_same_checks_with_their_reports(staffed: Office) -> None:
    phone, made = story(staffed, COMPLIANT, {})

    first = ask(staffed, f"/api/v1/phones/{phone}/checks?limit=1").json
    second = ask(staffed, f"/api/v1/phones/{phone}/checks?limit=1&after={first['next']}").json

    [newest], [oldest] = first["checks"], second["checks"]
    assert [newest["report_id"], oldest["report_id"]] == [made[1].report_id, made[0].report_id]
    assert newest["report"]["actions"][0]["package"] == OUTLOOK
    assert (newest["thinned"], newest["verdict"], second["next"]) == (False, "violating", None)


def test_programs_get_a_table_without_the_reports(staffed: Office) -> None:
    phone, _ = story(staffed, COMPLIANT)

    header, row = ask(staffed, f"/api/v1/phones/{phone}/checks", "text/csv").text.splitlines()

    assert header.endswith("actions,thinned")
    assert row.endswith("0,false")
