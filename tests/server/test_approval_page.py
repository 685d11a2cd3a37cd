"""The approving part of a draft's page: who has signed, who is missing, the file to download, signatures to hand in."""

from __future__ import annotations

import html
import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from certs.proposal_document import dump_approval, load_proposal, write_approval
from server.people.people import Role
from tests.pages.conftest import launched
from tests.pages.office import SHOWN, Office, served
from tests.pages.test_accessibility import DESK, violations_in_every_look
from tests.pages.visiting import opened
from tests.server.approving import Approving, later, with_draft_page
from tests.server.authority import PASSWORD, Authority, TrustFolder

HERE = "https://localhost"


class Pages:
    """Browsers in which the people of a test are signed in."""

    def __init__(self, here: Approving) -> None:
        self.here = here
        with_draft_page(here.app)
        self.office = Office(here.app, here.authority.config)

    def browser(self, name: str) -> FlaskClient:
        client = self.here.app.test_client()
        assert self.office.sign_in(client, name, PASSWORD).status_code == 302
        return client

    def page(self, browser: FlaskClient, draft: int) -> str:
        return html.unescape(browser.get(f"/drafts/{draft}", base_url=HERE, follow_redirects=True).text)

    def send(self, browser: FlaskClient, path: str, **fields: Any) -> Any:
        token = SHOWN.search(browser.get("/account", base_url=HERE).text)
        assert token
        return browser.post(
            path,
            data={"csrf_token": token[1], **fields},
            base_url=HERE,
            headers={"Referer": f"{HERE}/account"},
        )

    def hand_in(self, browser: FlaskClient, draft: int, data: bytes) -> Any:
        return self.send(
            browser, f"/drafts/{draft}/approvals", signature=(io.BytesIO(data), "signature.json")
        )


@pytest.fixture
def here(service_authority: Authority, service_trust: TrustFolder) -> Approving:
    service_authority.trust = service_trust.copy(service_authority.folder / "trust")
    return Approving(service_authority)


@pytest.fixture
def pages(here: Approving) -> Pages:
    return Pages(here)


def test_a_draft_goes_its_whole_way_on_its_page(pages: Pages, here: Approving) -> None:
    draft = here.draft()
    author = pages.browser(here.author.person.name)
    assert "not proposed to the approvers yet" in pages.page(author, draft)
    assert pages.send(author, f"/drafts/{draft}/proposal").status_code == 302
    assert "approver-1, approver-2" in pages.page(author, draft)
    for number in (1, 2):
        browser = pages.browser(here.approver(number).person.name)
        file = browser.get(f"/drafts/{draft}/proposal.json", base_url=HERE)
        assert "attachment" in file.headers["Content-Disposition"]
        approval = here.signature(load_proposal(file.data), number)
        assert (
            pages.hand_in(browser, draft, write_approval(dump_approval(draft, approval))).status_code == 302
        )
    shown = pages.page(author, draft)
    assert "2 of 2" in shown
    assert "it was published" in shown


def test_the_page_names_the_very_command_and_who_is_missing(pages: Pages, here: Approving) -> None:
    draft = here.draft()
    here.propose(draft, later(days=1))
    here.approve(draft, 1)
    shown = pages.page(pages.browser(here.approver(2).person.name), draft)
    address = f"{here.authority.config.public_url}/drafts/{draft}"
    assert f"curfew-certs approve {address} --key KEY --trust FOLDER" in shown
    assert "<strong>approver-1</strong> (approver-1)" in shown
    assert "<dt>Missing</dt><dd>approver-2</dd>" in shown
    assert "if enough have signed by then" in shown


def test_an_author_is_told_that_somebody_else_approves(pages: Pages, here: Approving) -> None:
    both = here.someone("both", Role.AUTHOR, Role.APPROVER)
    draft = here.draft(by=both)
    here.propose(draft)
    shown = pages.page(pages.browser("both"), draft)
    assert "You wrote a part of this draft" in shown
    assert "Hand it in" not in shown


def test_who_only_looks_sees_no_form(pages: Pages, here: Approving) -> None:
    draft = here.draft()
    here.propose(draft)
    desk = here.someone("desk", Role.TECHNICIAN)
    browser = pages.browser(desk.person.name)
    page = pages.page(browser, draft)
    assert "/proposal" not in page.replace(f"/drafts/{draft}/proposal.json", "")
    assert "/approvals" not in page
    for path in ("proposal", "proposal/withdraw", "approvals"):
        assert pages.send(browser, f"/drafts/{draft}/{path}").status_code == 403


def test_a_refused_signature_is_a_page_with_its_reason_and_an_audit_row(
    pages: Pages, here: Approving
) -> None:
    both = here.someone("both", Role.AUTHOR, Role.APPROVER)
    draft = here.draft(by=both)
    approval = here.signature(here.propose(draft), 1)
    answer = pages.hand_in(pages.browser("both"), draft, write_approval(dump_approval(draft, approval)))
    assert answer.status_code == 403
    assert "both wrote a part of this draft" in html.unescape(answer.text)
    assert here.audited()[0][1] == "approval refused"


@pytest.mark.parametrize("data", [b"", b"{}", b"x" * 5000, json.dumps({"kind": "curfew-approval"}).encode()])
def test_a_file_that_is_no_signature_is_refused(pages: Pages, here: Approving, data: bytes) -> None:
    draft = here.draft()
    here.propose(draft)
    answer = pages.hand_in(pages.browser(here.approver(1).person.name), draft, data)
    assert answer.status_code == 400
    assert "expected the signature file" in html.unescape(answer.text)


def test_a_withdrawn_proposal_says_so_and_can_be_proposed_anew(pages: Pages, here: Approving) -> None:
    draft = here.draft()
    here.propose(draft)
    author = pages.browser(here.author.person.name)
    assert pages.send(author, f"/drafts/{draft}/proposal/withdraw").status_code == 302
    shown = pages.page(author, draft)
    assert "it was withdrawn" in shown
    assert "Propose revision 1" in shown


@pytest.mark.parametrize("text", ["tomorrow", "2023-03-15", "2023-03-15T11:00"])
def test_a_time_that_is_none_or_over_is_refused(pages: Pages, here: Approving, text: str) -> None:
    draft = here.draft()
    answer = pages.send(pages.browser(here.author.person.name), f"/drafts/{draft}/proposal", publish_at=text)
    assert answer.status_code == 400


def test_axe_finds_nothing_on_a_draft_that_waits_for_one_of_its_approvers(
    pages: Pages, here: Approving
) -> None:
    draft = here.draft()
    approval = here.signature(here.propose(draft), 1)
    assert here.hand_in(draft, approval, here.approver(1))[0] == 200
    with (
        launched() as browser,
        served(pages.office) as address,
        opened(browser, color_scheme="light", viewport=DESK) as page,
    ):
        page.goto(f"{address}/drafts/{draft}")
        page.get_by_label("Name").fill(here.approver(2).person.name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("approver-2").first.wait_for()

        assert not any(violations_in_every_look(page).values())
