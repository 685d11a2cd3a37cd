"""``/drafts``: what may become the next policy, opened, revised, talked about and withdrawn by programs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from server.api.blueprint import PERSON, described
from server.api.draft_schemas import (
    CommentSchema,
    DraftPieceSchema,
    DraftSchema,
    ListedDraftSchema,
    ListedDraftsSchema,
    OpenDraftSchema,
    ReviseDraftSchema,
)
from server.api.fleet_lists import REFUSALS
from server.api.list_schemas import Sort, columns_of
from server.api.lists import Listing, Rows, answer_list
from server.api.person_access import requesting_person
from server.clock import written
from server.context import context
from server.drafts import drafts
from server.drafts.beginnings import beginning, returning
from server.drafts.differences import differences
from server.drafts.drafts import DRAFTS_NEWEST, DRAFTS_OLDEST, Draft, DraftEnd, DraftRow
from server.drafts.listed_rings import taken_up
from server.people.people import Right
from server.people.scopes import Scope
from server.policies.bundles import newest, newest_bundle

_ORDERS = {Sort.NEWEST: DRAFTS_NEWEST, Sort.OLDEST: DRAFTS_OLDEST}
_ASKED = {401: "no token, or one that is not good", 403: "right_missing"}
_CHANGED = {
    **_ASKED,
    400: "policy_refused: the message names every field at fault",
    404: "draft_unknown, bundle_unknown",
    409: "base_overtaken, bundle_is_newest, draft_changed, draft_ended, nothing_in_force",
}
_DRAFT = "/drafts/<int:draft_id>"


@described("/drafts", ListedDraftsSchema, query=DraftPieceSchema, proof=PERSON, refusals=REFUSALS)
def list_all_drafts(wanted: dict[str, Any]) -> Response:
    """List the drafts, open and ended"""
    read = partial(_read_drafts, wanted["open"], wanted["sort"])
    return answer_list(Listing("drafts", columns_of(ListedDraftSchema), Right.LOOK, read), wanted)


def _read_drafts(
    is_open: bool | None, sort: Sort, session: Session, _now: datetime, after: str, limit: int
) -> Rows:
    found = drafts.list_drafts(session, is_open, _ORDERS[sort], after, limit)
    return [_row(draft) for draft in found.rows], found.next


@described(
    "/drafts",
    DraftSchema,
    method="POST",
    status=201,
    body=OpenDraftSchema,
    proof=PERSON,
    refusals=_CHANGED,
)
def open_draft(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Open a draft, of a document or of a policy that is there already, or was"""
    now = context().clock.now()
    with context().database.writing() as session:
        author = requesting_person(session, Right.DRAFT)
        draft = drafts.open_draft(session, body["title"], _begun(session, body), author, author.name, now)
        return _told(session, draft, now), 201


def _begun(session: Session, body: dict[str, Any]) -> bytes:
    if body["return_to"] is not None:
        return returning(session, body["return_to"])
    if body["beginning"] is not None:
        return beginning(session, body["beginning"])
    return taken_up(session, str(body["document"]).encode())


@described(_DRAFT, DraftSchema, proof=PERSON, refusals={**_ASKED, 404: "draft_unknown"})
def get_draft(draft_id: int) -> dict[str, Any]:
    """Tell a draft at its newest revision, with what it changes of the policy in force"""
    with context().database.reading() as session:
        requesting_person(session, Right.LOOK)
        return _told(session, drafts.find_draft(session, draft_id), context().clock.now())


@described(_DRAFT, DraftSchema, method="PUT", body=ReviseDraftSchema, proof=PERSON, refusals=_CHANGED)
def revise_draft(body: dict[str, Any], draft_id: int) -> dict[str, Any]:
    """Write the next revision of a draft; the same document again changes nothing"""
    now = context().clock.now()
    with context().database.writing() as session:
        author = requesting_person(session, Right.DRAFT)
        draft = drafts.revise_draft(
            session,
            draft_id,
            body["revision"],
            taken_up(session, body["document"].encode()),
            body["note"],
            author,
            author.name,
            now,
        )
        return _told(session, draft, now)


@described(_DRAFT, DraftSchema, method="DELETE", proof=PERSON, refusals=_CHANGED)
def withdraw_draft(draft_id: int) -> dict[str, Any]:
    """Withdraw a draft; it stays readable"""
    now = context().clock.now()
    with context().database.writing() as session:
        person = requesting_person(session, Right.DRAFT)
        drafts.close_draft(session, draft_id, DraftEnd.WITHDRAWN, person.name, now)
        return _told(session, drafts.find_draft(session, draft_id), now)


@described(
    f"{_DRAFT}/comments",
    DraftSchema,
    method="POST",
    status=201,
    body=CommentSchema,
    proof=PERSON,
    refusals=_CHANGED,
)
def comment_on_draft(body: dict[str, Any], draft_id: int) -> tuple[dict[str, Any], int]:
    """Say something about a revision of a draft"""
    now = context().clock.now()
    with context().database.writing() as session:
        # Whoever may look may comment; a token that is for reading does not.
        person = requesting_person(session, Right.LOOK, Scope.DRAFT)
        drafts.comment_on_draft(session, draft_id, body["revision"], body["text"], person, person.name, now)
        return _told(session, drafts.find_draft(session, draft_id), now), 201


def _row(draft: Draft | DraftRow) -> dict[str, Any]:
    return {
        "draft_id": draft.draft_id,
        "title": draft.title,
        "opened_at": written(draft.opened_at),
        "revision": draft.revision,
        "closed": draft.closed.value if draft.closed else None,
        "closed_at": written(draft.closed_at) if draft.closed_at else None,
    }


def _told(session: Session, draft: Draft, now: datetime) -> dict[str, Any]:
    in_force = newest_bundle(session)
    found = differences(in_force.policy, draft.policy) if in_force else ()
    return {
        **_row(draft),
        "base_number": draft.base_number,
        "overtaken": drafts.is_overtaken(draft, newest(session).number),
        "document": draft.document.decode(),
        "sha256": draft.sha256,
        "differences": [asdict(one) for one in found],
        "history": [_with_time(one) for one in drafts.history(session, draft.draft_id)],
        "comments": [_with_time(one) for one in drafts.comments(session, draft.draft_id)],
        "server_time": written(now),
    }


def _with_time(one: drafts.Revision | drafts.Comment) -> dict[str, Any]:
    return {**asdict(one), "written_at": written(one.written_at)}
