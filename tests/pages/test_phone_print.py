"""What an employee is handed: the answer first, and nothing of anybody else."""

from __future__ import annotations

import re
from dataclasses import replace

from policy.report import Consent
from server.people.people import Role
from tests.pages.office import OUTLOOK, TIKTOK, Office

HERE = "https://localhost"
SAID = re.compile(r'<h1>.*?<p class="answer">([^<]*)</p>', re.DOTALL)


def at(office: Office, address: str) -> str:
    # The auditor may see holders and alarms; on paper they stay out all the same.
    return str(office.client(Role.AUDITOR).get(address, base_url=HERE).text)


def test_the_phones_page_begins_with_the_answer_and_links_to_paper(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone)

    page = at(staffed, f"/phones/{phone}")

    said = SAID.search(page.partition("<h2>")[0])
    assert said
    assert f"found TikTok ({TIKTOK}) in the personal user." in said[1]
    assert f"{OUTLOOK} in the work profile was switched off on" in said[1]
    assert "by bundle 1, approved by" in said[1]
    assert f'href="/phones/{phone}/print"' in page


def test_paper_says_the_same_and_what_was_asked_and_changed(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone)

    paper, page = at(staffed, f"/phones/{phone}/print"), at(staffed, f"/phones/{phone}")

    assert SAID.findall(paper) == SAID.findall(page)
    assert f"<li><code>{TIKTOK}</code></li>" in paper
    changed = paper.partition("<h2>What was changed</h2>")[2]
    assert OUTLOOK in changed
    assert "no end known" in changed


def test_paper_names_no_holder_no_station_no_alarm_and_no_other_phone(staffed: Office) -> None:
    phone, other = staffed.phone(), staffed.phone(label="somebody else's")
    again = staffed.report(phone)
    staffed.send_reports([replace(again, operator="operator-9")])
    staffed.report(other)

    page, paper = at(staffed, f"/phones/{phone}"), at(staffed, f"/phones/{phone}/print")

    private = ["mailbox-4711", "Bench 2", "One report id came twice", "operator-9", "bench 2"]
    assert [one for one in private if one in page], "or this test would find nothing"
    assert [one for one in (*private, other, "somebody else") if one in paper] == []


def test_paper_of_a_phone_whose_owner_declined_says_that_nothing_was_asked(staffed: Office) -> None:
    paper = at(staffed, f"/phones/{staffed.phone(consent=Consent.DECLINED)}/print")

    assert "No package was asked about." in paper
    assert "No report tells of an app that we had switched off." in paper


def test_paper_of_an_unknown_phone_is_a_page_with_a_way_on(staffed: Office) -> None:
    answer = staffed.client(Role.AUDITOR).get("/phones/nonsense/print", base_url=HERE)

    assert answer.status_code == 404
    assert "Go to the fleet" in answer.text
