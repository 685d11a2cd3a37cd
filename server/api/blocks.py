"""``GET /blocks``: what the mail side has to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response

from server.api.blueprint import PERSON, described
from server.api.list_schemas import BlockPieceSchema, BlockSchema, BlocksSchema, columns_of
from server.api.lists import Table, answer_piece
from server.api.person_access import requesting_person
from server.context import context
from server.errors import Malformed, NoSuchPlace
from server.fleet import phones
from server.fleet.block_changes import Cursor, read_cursor
from server.fleet.blocks import Block, blocks, changed_blocks
from server.people.people import Right
from server.running.error_handlers import written

_TABLE = Table("blocks", columns_of(BlockSchema))
CURSOR_HEADER = "Curfew-Cursor"


@described(
    "/blocks",
    BlocksSchema,
    query=BlockPieceSchema,
    proof=PERSON,
    refusals={
        400: "after_malformed, since_malformed",
        401: "no token, or one that is not good",
        403: "right_missing",
        410: "changes_unknown",
    },
)
def list_blocks(wanted: dict[str, Any]) -> Response:
    """List every holder: to block or not, why, and since when; with `since` only those who may stand otherwise

    Whoever puts each of the latter in place of what was told of that holder, and takes out those of the cause no_phone,
    has the whole list as it is now.
    """
    _tag_holders()
    here = context()
    now, after = here.clock.now(), _after(wanted["after"])
    with here.database.reading() as session:
        requesting_person(session, Right.SEE_HOLDERS)
        asked = (session, now, here.config.holder_key)
        if wanted["since"]:
            found = changed_blocks(*asked, _since(wanted["since"]), after.tag, wanted["limit"])
        else:
            found = blocks(*asked, after.tag, wanted["limit"])
    # What changes while a list is read in pieces is told after its first.
    cursor = after.cursor or found.cursor
    behind = None if found.next is None else _After(found.next, cursor).written()
    rows = [_row(entry) for entry in found.blocks]
    answer = answer_piece(_TABLE, rows, behind, now, marked=found.next, cursor=cursor.written())
    answer.headers[CURSOR_HEADER] = cursor.written()
    return answer


def _tag_holders() -> None:
    here = context()
    with here.database.reading() as session:
        requesting_person(session, Right.SEE_HOLDERS)
        is_from_before = phones.has_untagged_holders(session)
    if is_from_before:
        with here.database.writing() as session:
            phones.tag_holders(session, here.config.holder_key)


@dataclass(frozen=True)
class _After:
    """Behind which holder's tag a piece begins, and up to where the first piece of its list was read."""

    tag: str = ""
    cursor: Cursor | None = None

    def written(self) -> str:
        return f"{self.tag}~{self.cursor.written()}" if self.cursor else self.tag


def _after(text: str) -> _After:
    tag, _, cursor = text.partition("~")
    try:
        return _After(tag, read_cursor(cursor)) if text else _After()
    except ValueError as error:
        raise NoSuchPlace from error


def _since(text: str) -> Cursor:
    try:
        return read_cursor(text)
    except ValueError as error:
        raise Malformed(
            "since_malformed",
            "expected in `since` what an earlier answer gave as `cursor`",
            "Leave it out to read the whole list.",
        ) from error


def _row(entry: Block) -> dict[str, Any]:
    return {
        "holder": entry.holder,
        "block": entry.block,
        "cause": entry.cause.value,
        "since": written(entry.since),
        "phone_id": entry.phone_id,
    }
