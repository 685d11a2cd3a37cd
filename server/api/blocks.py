"""``GET /blocks``: what the mail side has to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from server.api.blueprint import PERSON, described
from server.api.list_schemas import BlockPieceSchema, BlockSchema, BlocksSchema, columns_of
from server.api.lists import Listing, Rows, answer_piece, answer_whole
from server.api.person_access import requesting_person
from server.context import context
from server.errors import Malformed, NoSuchPlace
from server.fleet import holders
from server.fleet.block_changes import Cursor, read_cursor
from server.fleet.block_list import to_block
from server.fleet.blocks import BlockCause, blocks, changed_blocks
from server.fleet.listing import Cursor as Place
from server.fleet.listing import read_cursor as read_place
from server.listed import listed_block
from server.people.people import Right
from server.people.scopes import Scope

CURSOR_HEADER = "Curfew-Cursor"


@described(
    "/blocks",
    BlocksSchema,
    query=BlockPieceSchema,
    proof=PERSON,
    refusals={
        400: "after_malformed, since_malformed, since_with_cause",
        401: "no token, or one that is not good",
        403: "right_missing",
        410: "changes_unknown",
    },
)
def list_blocks(wanted: dict[str, Any]) -> Response:
    """List every holder: to block or not, why, and since when; with `since` only those who may stand otherwise

    Whoever puts each of the latter in place of what was told of that holder, and takes out those of the cause no_phone,
    has the whole list as it is now. With `cause` only those to block for it, which are not known by `since`: who left
    them would not be told.
    """
    _require_reader()
    if wanted["cause"]:
        return _of_one_cause(BlockCause(wanted["cause"]), wanted)
    asked = _Asked(wanted["since"], _after(wanted["after"]))
    listing = Listing("blocks", columns_of(BlockSchema), Right.SEE_HOLDERS, asked.read, Scope.BLOCKS)
    if wanted["whole"]:
        answer = answer_whole(listing, asked.after.tag)
    else:
        here = context()
        now = here.clock.now()
        with here.database.reading() as session:
            rows, tag = asked.read(session, now, asked.after.tag, wanted["limit"])
        behind = None if tag is None else f"{tag}~{asked.cursor}"
        answer = answer_piece(listing, rows, behind, now, marked=tag, cursor=asked.cursor)
    answer.headers[CURSOR_HEADER] = asked.cursor
    return answer


def _of_one_cause(cause: BlockCause, wanted: dict[str, Any]) -> Response:
    if wanted["since"]:
        raise Malformed(
            "since_with_cause",
            "expected `since` or `cause`, found both: who is no longer to block for that cause would not be told",
            "Leave one of them out.",
        )

    def read(session: Session, now: datetime, after: str, limit: int) -> Rows:
        found = to_block(session, now, context().config.holder_key, {cause}, _place(after), limit)
        return [listed_block(entry) for entry in found.blocks], found.next.written() if found.next else None

    listing = Listing("blocks", columns_of(BlockSchema), Right.SEE_HOLDERS, read, Scope.BLOCKS)
    if wanted["whole"]:
        return answer_whole(listing, wanted["after"])
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        rows, behind = read(session, now, wanted["after"], wanted["limit"])
    return answer_piece(listing, rows, behind, now, marked=behind, cursor="")


def _place(after: str) -> Place | None:
    try:
        return read_place(after) if after else None
    except ValueError as error:
        raise NoSuchPlace from error


class _Asked:
    """One question for the list; ``cursor`` is up to where its first piece was read, as a word."""

    def __init__(self, since: str, after: _After) -> None:
        self.after = after
        self.cursor = after.cursor
        self._since = _read_since(since) if since else None

    def read(self, session: Session, now: datetime, after: str, limit: int) -> Rows:
        """Return the next rows, and the tag behind which the next begin."""
        key, since = context().config.holder_key, self._since
        found = (
            changed_blocks(session, now, key, since, after, limit)
            if since
            else blocks(session, now, key, after, limit)
        )
        # What changes while a list is read in pieces is told after its first.
        self.cursor = self.cursor or found.cursor.written()
        return [listed_block(entry) for entry in found.blocks], found.next


def _require_reader() -> None:
    here = context()
    with here.database.reading() as session:
        requesting_person(session, Right.SEE_HOLDERS, Scope.BLOCKS)
    holders.tag_all_holders(here.database, here.config.holder_key)


@dataclass(frozen=True)
class _After:
    """Behind which holder's tag a piece begins, and up to where the first piece of its list was read."""

    tag: str = ""
    cursor: str = ""


def _after(text: str) -> _After:
    tag, _, cursor = text.partition("~")
    try:
        return _After(tag, read_cursor(cursor).written()) if text else _After()
    except ValueError as error:
        raise NoSuchPlace from error


def _read_since(text: str) -> Cursor:
    try:
        return read_cursor(text)
    except ValueError as error:
        raise Malformed(
            "since_malformed",
            "expected in `since` what an earlier answer gave as `cursor`",
            "Leave it out to read the whole list.",
        ) from error
