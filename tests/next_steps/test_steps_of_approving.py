"""The next steps of approving a draft, on its page and in the trust folder beside it, each typed as it is told."""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from policy.schemas import load_policy_document
from server.config import read_config
from tests.agent.small_server import Asked, SmallServer, Told, running_server
from tests.next_steps.conftest import policy_file
from tests.next_steps.desk import Desk, types
from tests.pages.office import Office as Pages
from tests.server.approving import Approving, with_draft_page
from tests.server.authority import PASSWORD, Authority, TrustFolder
from tests.server.test_exemption_requests import asked

APPROVE = "curfew-certs approve {…} --key KEY --trust FOLDER"
BY_FILE = "curfew-certs approve PROPOSAL.json --key KEY --trust FOLDER --out SIGNATURE.json"
FETCH = "curfew-certs fetch FOLDER URL"


class Road:
    """A server that runs, and a draft that was proposed on it under a trust with one approver."""

    def __init__(self, here: Approving, server: SmallServer, desk: Desk) -> None:
        self.here, self.server = here, server
        with_draft_page(here.app)
        document = policy_file(desk.folder / "next.json", number=2, on_phone=True).read_bytes()
        self.draft = here.draft(document=document)
        here.propose(self.draft)
        desk.variables["CURFEW_TOKEN"] = here.approver(1).token

    @property
    def page(self) -> str:
        return self.shown(f"/drafts/{self.draft}")

    def shown(self, address: str) -> str:
        browser = self.here.app.test_client()
        pages = Pages(self.here.app, self.here.authority.config)
        pages.sign_in(browser, self.here.approver(1).person.name, PASSWORD)
        return html.unescape(browser.get(address, base_url="https://localhost").text)


@pytest.fixture
def road(desk: Desk, server: Path, published: Path) -> Iterator[Road]:
    config = read_config(server, environ={})

    def answer(asked: Asked) -> Told:
        answered = here.client.open(asked.path, method=asked.method, headers=asked.headers, data=asked.body)
        return Told(answered.status_code, answered.data)

    with running_server(config.tls_folder, answer) as running:
        trust = TrustFolder.__new__(TrustFolder)
        trust.path = published
        here = Approving(Authority(desk.folder, trust, replace(config, public_url=running.url)))
        yield Road(here, running, desk)
        here.authority.database.close()


@types(("server/templates/_approval.html", APPROVE), ("server/templates/_approval.html", BY_FILE))
def test_a_proposed_draft_is_signed_by_the_commands_on_its_page(
    desk: Desk, road: Road, published: Path
) -> None:
    page = road.page
    shutil.copytree(published, desk.folder / "copy", ignore=shutil.ignore_patterns("keys"))
    filled = {"KEY": f"'{published / 'keys' / 'approver-1.pem'}'", "FOLDER": "copy"}
    browser = road.here.ask("GET", f"/drafts/{road.draft}/proposal", road.here.approver(1))
    (desk.folder / "p.json").write_text(json.dumps(browser[1]))
    offline = {**filled, "PROPOSAL_json": "p.json", "SIGNATURE_json": "s.json"}
    desk.types_the_next_step(page, BY_FILE, keys="y\n", then="written to s.json", filled=offline)
    desk.types_the_next_step(page, APPROVE, keys="y\n", then="complete and published", filled=filled)


@types(("server/templates/exemptions.html", APPROVE), ("server/templates/exemptions.html", BY_FILE))
def test_an_exemption_that_was_asked_for_is_signed_by_the_commands_on_the_page(
    desk: Desk, road: Road, published: Path
) -> None:
    here = road.here
    shutil.copytree(published, desk.folder / "copy", ignore=shutil.ignore_patterns("keys"))
    filled = {"KEY": f"'{published / 'keys' / 'fleet.pem'}'", "FOLDER": "copy"}
    asked(here, here.authority.phone(here.authority.bench()))
    proposal = here.ask("GET", "/exemptions/proposal", here.approver(1))
    (desk.folder / "p.json").write_text(json.dumps(proposal[1]))
    offline = {**filled, "PROPOSAL_json": "p.json", "SIGNATURE_json": "s.json"}
    page = road.shown("/exemptions")
    desk.types_the_next_step(page, BY_FILE, keys="y\n", then="written to s.json", filled=offline)
    desk.types_the_next_step(page, APPROVE, keys="y\n", then="complete and published", filled=filled)


@types(("certs/online.py", FETCH), ("certs/cli_fetch.py", "curfew-certs draft {…} NEXT.json"))
def test_a_folder_that_is_behind_is_brought_up_and_goes_on(desk: Desk, road: Road, published: Path) -> None:
    key = f"'{published / 'keys' / 'approver-1.pem'}'"
    desk.runs(f"curfew-certs sign 'my trust' next.json --yes --key {key}")
    shutil.copytree(published, desk.folder / "copy")
    desk.runs("curfew-certs publish copy")
    road.here.approve(road.draft, 1)
    told = desk.runs("curfew-server --config 'my server/server.env' publish copy", code=1)
    said = desk.types_the_next_step(
        told, FETCH, then="is thrown away", filled={"FOLDER": "'my trust'", "URL": road.server.url}
    )
    desk.types_the_next_step(said, "curfew-certs draft {…} NEXT.json", NEXT_json="third.json")
    assert load_policy_document((desk.folder / "third.json").read_bytes())[0] == 3
