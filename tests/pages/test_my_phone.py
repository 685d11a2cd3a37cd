"""The page of one's own phone: opened by the code on a receipt, never another's, and what can be asked for there."""

from __future__ import annotations

import html
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from policy.names import PhoneId
from policy.owner_receipt import languages, say
from policy.report import Report
from server.errors import InConflict
from server.evidence import audit
from server.fleet.phones import Registration, register_phone
from server.owners.requests import TEXT_MAX_LENGTH, RequestKind
from server.owners.requests import ask as ask_for
from server.people.people import Role
from server.people.sign_ins import GUESSES_ALLOWED
from server.people.tokens import issue_token
from server.reports.old_reports import drop_envelopes
from tests.pages.office import COMPLIANT, OUTLOOK, SHOWN, TIKTOK, Office, now

HERE = "https://localhost"


def opened(office: Office, code: str, client: FlaskClient | None = None, accept: str = "") -> Any:
    """Open a page as somebody who is not signed in."""
    headers = {"Accept-Language": accept} if accept else {}
    return (client or office.app.test_client()).get(f"/my-phone/{code}", base_url=HERE, headers=headers)


def ask(office: Office, code: str, kind: str, words: str = "") -> Any:
    """Ask for something on a page, and follow to where that leads."""
    client = office.app.test_client()
    token = SHOWN.search(opened(office, code, client).text)
    assert token
    return client.post(
        f"/my-phone/{code}/requests",
        data={"csrf_token": token[1], "kind": kind, "text": words},
        base_url=HERE,
        headers={"Referer": f"{HERE}/my-phone/{code}"},
        follow_redirects=True,
    )


def rows(office: Office, action: str) -> list[audit.AuditRow]:
    with office.database.reading() as session:
        return [row for row in audit.newest_rows(session) if row.action == action]


@pytest.fixture
def report(staffed: Office) -> Report:
    """The report of a phone, CW-1, that was found with TikTok."""
    return staffed.report(staffed.phone(label="CW-1"))


def test_the_code_of_a_receipt_shows_what_was_found_and_switched_off_without_an_account(
    staffed: Office, report: Report
) -> None:
    page = opened(staffed, report.report_id)

    assert page.status_code == 200
    assert f"TikTok ({TIKTOK}), personal side (0)" in page.text
    assert f"{OUTLOOK}, work profile (10): switched off on" in page.text
    assert "Remove TikTok for every user of the phone" in page.text


def test_a_page_names_no_holder_no_station_no_operator_and_no_other_phone(
    staffed: Office, report: Report
) -> None:
    staffed.report(staffed.phone(label="CW-2"))

    page = opened(staffed, report.report_id).text

    assert "mailbox-4711" not in page
    assert "CW-2" not in page
    assert "Bench 2" not in page
    assert report.operator not in page


def test_an_older_receipt_shows_the_newest_check(staffed: Office, report: Report) -> None:
    staffed.report(report.phone_id, **COMPLIANT)

    assert "Nothing that has to be removed." in opened(staffed, report.report_id).text


@pytest.mark.parametrize("language", languages())
def test_a_page_speaks_the_language_of_the_browser_or_the_one_that_is_chosen(
    staffed: Office, report: Report, language: str
) -> None:
    titles = {
        "en": "What was found",
        "fr": "Ce qui a été trouvé",
        "de": "Was gefunden wurde",
        "nl": "Wat is gevonden",
    }

    by_browser = opened(staffed, report.report_id, accept=f"{language}-BE, en;q=0.5")
    chosen = opened(staffed, f"{report.report_id}?language={language}")

    assert f'<html lang="{language}">' in by_browser.text
    assert titles[language] in by_browser.text
    assert titles[language] in chosen.text


def unknown(office: Office, report: Report) -> str:
    return str(uuid4())


def too_old(office: Office, report: Report) -> str:
    return office.report(report.phone_id, checked_at=now() - timedelta(days=31)).report_id


def another_holders(office: Office, report: Report) -> str:
    with office.database.writing() as session:
        identity = session.execute(
            text("SELECT identity FROM phone WHERE phone_id = :id"), {"id": report.phone_id}
        ).scalar_one()
        registration = Registration(
            identity,
            PhoneId(report.phone_id),
            "Google",
            "Pixel 8",
            "CW-1",
            "mailbox-2",
            report.consent,
            35,
            False,
        )
        register_phone(
            session, registration, office.station_id, office.config.holder_key, now() + timedelta(seconds=1)
        )
    return report.report_id


@pytest.mark.parametrize("make", [unknown, too_old, another_holders], ids=lambda make: make.__name__)
def test_a_code_that_opens_nothing_is_refused_in_the_same_words_whatever_is_wrong(
    staffed: Office, report: Report, make: Any
) -> None:
    page = opened(staffed, make(staffed, report))

    assert page.status_code == 404
    assert "This code opens nothing" in page.text
    assert TIKTOK not in page.text


@pytest.mark.parametrize("language", languages())
def test_whatever_is_refused_is_said_in_the_owners_language(
    staffed: Office, report: Report, language: str
) -> None:
    client = staffed.app.test_client()

    def said(key: str, answer: Any) -> bool:
        expected = say(language, key, days=staffed.config.receipt_days, most=TEXT_MAX_LENGTH)
        heading = say(language, "refused")
        told = html.unescape(answer.text)
        return f'<html lang="{language}"' in told and heading in told and expected in told

    def refused(words: str) -> Any:
        token = SHOWN.search(opened(staffed, report.report_id, client).text)
        return client.post(
            f"/my-phone/{report.report_id}/requests?language={language}",
            data={"csrf_token": token and token[1], "kind": "objection", "text": words},
            base_url=HERE,
            headers={"Referer": f"{HERE}/my-phone/{report.report_id}"},
        )

    assert said("text_malformed", refused(" "))
    refused("first")
    assert said("already_asked", refused("second"))
    assert f'/my-phone/{report.report_id}?language={language}"' in refused("third").text
    for _ in range(GUESSES_ALLOWED):
        assert said("receipt_unknown", opened(staffed, str(uuid4()), accept=language))
    assert said("too_many_guesses", opened(staffed, report.report_id, accept=language))


def test_a_phone_that_is_provisioned_again_for_the_same_holder_keeps_its_codes(
    staffed: Office, report: Report
) -> None:
    with staffed.database.writing() as session:
        identity = session.execute(text("SELECT identity FROM phone")).scalar_one()
        registration = Registration(
            identity, report.phone_id, "Google", "Pixel 8", "", "mailbox-4711", report.consent, 35, False
        )
        register_phone(session, registration, staffed.station_id, staffed.config.holder_key, now())

    assert opened(staffed, report.report_id).status_code == 200


def test_who_guesses_waits_and_then_even_a_right_code_opens_nothing_from_there(
    staffed: Office, report: Report
) -> None:
    for _ in range(GUESSES_ALLOWED):
        assert opened(staffed, str(uuid4())).status_code == 404

    assert opened(staffed, str(uuid4())).status_code == 429
    assert opened(staffed, report.report_id).status_code == 429


def test_an_owner_asks_for_another_check_and_reads_the_answer_on_the_same_page(
    staffed: Office, report: Report
) -> None:
    assert "Sent." in ask(staffed, report.report_id, "check").text

    technician = staffed.client(Role.TECHNICIAN)
    assert "Another check is asked for" in technician.get("/owner-requests", base_url=HERE).text
    staffed.send(
        technician, "/owner-requests/1/answer", {"answer": "Bring it to room 3."}, form_on="/owner-requests"
    )

    page = opened(staffed, report.report_id).text
    assert "Bring it to room 3." in page
    assert "technician" not in page


def test_an_objection_keeps_the_owners_words_and_the_audit_chain_does_not(
    staffed: Office, report: Report
) -> None:
    ask(staffed, report.report_id, "objection", "It is my\n private phone.")

    assert (
        "It is my private phone." in staffed.client(Role.AUDITOR).get("/owner-requests", base_url=HERE).text
    )
    [row] = rows(staffed, "objection asked for")
    assert (row.actor, row.subject, row.detail) == ("owner", report.phone_id, {})


@pytest.mark.parametrize("words", ["", " \n ", "x" * 1001], ids=["none", "blank", "too long"])
def test_an_objection_without_words_or_with_too_many_is_refused(
    staffed: Office, report: Report, words: str
) -> None:
    assert ask(staffed, report.report_id, "objection", words).status_code == 400


def test_what_waits_already_is_not_asked_for_twice(staffed: Office, report: Report) -> None:
    ask(staffed, report.report_id, "objection", "first")

    assert ask(staffed, report.report_id, "objection", "second").status_code == 409
    assert len(rows(staffed, "objection asked for")) == 1


def test_a_kind_of_request_that_there_is_not_is_refused(staffed: Office, report: Report) -> None:
    assert ask(staffed, report.report_id, "money").status_code == 400


def test_an_answer_is_given_once_and_not_empty(staffed: Office, report: Report) -> None:
    ask(staffed, report.report_id, "check")
    client = staffed.client(Role.TECHNICIAN)

    def answer(words: str, number: int = 1) -> int:
        sent = staffed.send(client, f"/owner-requests/{number}/answer", {"answer": words}, form_on="/account")
        return int(sent.status_code)

    assert answer(" ") == 400
    assert answer("Come by.", 7) == 404
    assert answer("Come by.") == 302
    assert answer("Come by again.") == 409
    [row] = rows(staffed, "owner answered")
    assert row.detail == {"phone": report.phone_id, "kind": "check"}


def test_requests_of_a_former_holder_are_not_shown_to_the_next_one(staffed: Office, report: Report) -> None:
    ask(staffed, report.report_id, "objection", "mine alone")
    another_holders(staffed, report)
    newer = staffed.report(report.phone_id, checked_at=now() + timedelta(seconds=3))

    page = opened(staffed, newer.report_id)

    assert page.status_code == 200
    assert "mine alone" not in page.text


def test_the_page_says_so_where_the_newest_report_was_thinned(staffed: Office, report: Report) -> None:
    with staffed.database.writing() as session:
        drop_envelopes(session, [report.report_id])

    page = opened(staffed, report.report_id)

    assert page.status_code == 200
    assert "only when it was and what came of it is still stored" in page.text


def test_of_two_objections_that_are_sent_at_once_one_is_kept(either: Office, tmp_path: Path) -> None:
    either.publish()
    either.station("Bench 2", tmp_path / "station.pem")
    phone = either.phone()

    def object_now(_number: int) -> bool:
        try:
            with either.database.writing() as session:
                ask_for(session, phone, RequestKind.OBJECTION, "mine", now())
        except InConflict:
            return False
        return True

    with ThreadPoolExecutor(4) as hands:
        assert sorted(hands.map(object_now, range(4))) == [False, False, False, True]


@pytest.mark.parametrize("number", [77, 1 << 31, 1 << 70])
def test_the_answer_to_a_request_that_nobody_made_is_404(staffed: Office, number: int) -> None:
    staffed.person("desk-1", Role.TECHNICIAN)
    with staffed.database.writing() as session:
        token = issue_token(session, "desk-1", "test", now()).secret

    answer = staffed.app.test_client().post(
        f"/api/v1/owner-requests/{number}/answer",
        json={"answer": "Looked into."},
        base_url=HERE,
        headers={"Authorization": f"Bearer {token}"},
    )

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "request_unknown")


def test_the_api_lists_what_is_asked_for_and_takes_the_answer(staffed: Office, report: Report) -> None:
    ask(staffed, report.report_id, "objection", "=mine")
    staffed.person("desk-1", Role.TECHNICIAN)
    with staffed.database.writing() as session:
        token = issue_token(session, "desk-1", "test", now()).secret
    client, bearer = staffed.app.test_client(), {"Authorization": f"Bearer {token}"}
    address = "/api/v1/owner-requests"

    [waiting] = client.get(f"{address}?open=true", base_url=HERE, headers=bearer).get_json()["owner_requests"]
    table = client.get(address, base_url=HERE, headers={**bearer, "Accept": "text/csv"}).text
    answered = client.post(
        f"{address}/1/answer", json={"answer": "Looked into."}, base_url=HERE, headers=bearer
    ).get_json()

    assert (waiting["kind"], waiting["text"], waiting["open"]) == ("objection", "=mine", True)
    assert "'=mine" in table
    assert (answered["answer"], answered["answered_by"], answered["open"]) == (
        "Looked into.",
        "desk-1",
        False,
    )
    assert (
        client.get(f"{address}?open=true", base_url=HERE, headers=bearer).get_json()["owner_requests"] == []
    )
    assert "Looked into." in opened(staffed, report.report_id).text
