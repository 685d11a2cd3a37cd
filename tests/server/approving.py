"""A server with a draft, and the people who write, propose and approve it, each with an API token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, render_template
from flask.testing import FlaskClient

from certs.approval import Approval
from certs.keys import load_signer
from certs.proposal import Proposal, base_of, sign_proposal
from certs.proposal_document import ProposalDocument, dump_approval, load_proposal
from policy.schemas import dump_policy_document
from server.app import create_app
from server.context import context
from server.drafts import drafts
from server.evidence.audit import newest_rows
from server.pages.approval import approval_part
from server.people import people, tokens
from server.people.people import Person, Role
from tests.server.authority import NOW, PASSWORD, Authority, banning_policy


@dataclass
class Someone:
    """An account and its token."""

    person: Person
    token: str


@dataclass
class Approving:
    """What one test acts with; everything goes through the API but the draft, which is written as its module does."""

    authority: Authority
    app: Flask = field(init=False)
    people: dict[str, Someone] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.app = create_app(self.authority.config)

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def configure(self, **changes: Any) -> None:
        """Serve with other settings from now on."""
        self.authority.config = replace(self.authority.config, **changes)
        self.app = create_app(self.authority.config)

    def someone(self, name: str, *roles: Role) -> Someone:
        if name not in self.people:
            with self.authority.database.writing() as session:
                made = people.put_person(session, name, PASSWORD, roles, "test", NOW)
                self.people[name] = Someone(made, tokens.issue_token(session, name, "test", NOW).secret)
        return self.people[name]

    @property
    def author(self) -> Someone:
        return self.someone("author", Role.AUTHOR)

    def approver(self, number: int) -> Someone:
        return self.someone(f"approver-{number}", Role.APPROVER)

    def draft(self, number: int = 2, by: Someone | None = None, document: bytes = b"", **changes: Any) -> int:
        """Write a draft and return its number."""
        writer = by or self.author
        document = document or dump_policy_document(number, banning_policy(**({"name": "Next"} | changes)))
        with self.authority.database.writing() as session:
            made = drafts.open_draft(session, "Ban more", document, writer.person, writer.person.name, NOW)
        return made.draft_id

    def revise(self, draft_id: int, by: Someone, **changes: Any) -> None:
        document = dump_policy_document(2, banning_policy(**changes))
        with self.authority.database.writing() as session:
            before = drafts.find_draft(session, draft_id)
            drafts.revise_draft(
                session, draft_id, before.revision, document, "why", by.person, by.person.name, NOW
            )

    def closed(self, draft_id: int) -> drafts.DraftEnd | None:
        with self.authority.database.reading() as session:
            return drafts.find_draft(session, draft_id).closed

    def ask(self, method: str, path: str, someone: Someone, body: Any = None) -> tuple[int, Any]:
        """Return status and JSON of one request to the API."""
        answer = self.client.open(
            f"/api/v1{path}",
            method=method,
            headers={"Authorization": f"Bearer {someone.token}"},
            **({} if body is None else {"json": body}),
        )
        return answer.status_code, answer.get_json()

    def propose(self, draft_id: int, publish_at: datetime | None = None) -> ProposalDocument:
        told = {} if publish_at is None else {"publish_at": f"{publish_at:%Y-%m-%dT%H:%M:%SZ}"}
        status, answer = self.ask("POST", f"/drafts/{draft_id}/proposal", self.author, told)
        assert status == 201, answer
        return load_proposal(json.dumps(answer).encode())

    def proposal(self, draft_id: int) -> ProposalDocument:
        status, answer = self.ask("GET", f"/drafts/{draft_id}/proposal", self.author)
        assert status == 200, answer
        return load_proposal(json.dumps(answer).encode())

    def key(self, number: int) -> Path:
        return self.authority.trust.path / "keys" / f"approver-{number}.pem"

    def signature(self, document: ProposalDocument, number: int) -> Approval:
        """Sign a proposal as an approver's machine does once it has checked it."""
        return signed(document.proposal, document.published, self.key(number))

    def hand_in(self, draft: int, approval: Approval, someone: Someone, **changes: Any) -> tuple[int, Any]:
        told = dump_approval(draft, approval) | changes
        return self.ask("POST", f"/drafts/{draft}/approvals", someone, told)

    def approve(self, draft_id: int, number: int, someone: Someone | None = None) -> tuple[int, Any]:
        """Let an approver sign what is proposed now, with the key of that number."""
        document = self.proposal(draft_id)
        return self.hand_in(draft_id, self.signature(document, number), someone or self.approver(number))

    def audited(self) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Return actor, action and detail of the newest audit rows, newest first."""
        with self.authority.database.reading() as session:
            return [(row.actor, row.action, row.detail) for row in newest_rows(session)]


def with_draft_page(app: Flask) -> None:
    """Let the approving part be seen where no draft's page includes it yet."""
    address = "/drafts/<int:draft_id>"
    if any(rule.rule == address for rule in app.url_map.iter_rules()):
        return

    def page(draft_id: int) -> str:
        with context().database.reading() as session:
            part = approval_part(session, drafts.find_draft(session, draft_id))
        return render_template("_approval.html", approval=part)

    app.add_url_rule(address, "draft_page_of_the_tests", page)


def signed(proposal: Proposal, published: Mapping[str, bytes], key: Path) -> Approval:
    return sign_proposal(proposal, base_of(published), load_signer(str(key)))


def refused(answer: tuple[int, Any], status: int, code: str) -> str:
    """Return the sentence of a refusal, which is of this status and code."""
    found, told = answer
    assert (found, told["error"]["code"]) == (status, code), told
    return str(told["error"]["message"])


def later(**length: float) -> datetime:
    return NOW + timedelta(**length)
