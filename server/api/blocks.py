"""``GET /blocks``: what the mail side has to do."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from server.api.blueprint import PERSON, described
from server.api.list_schemas import BlockSchema, BlocksSchema, PieceSchema, columns_of
from server.api.lists import Listing, Rows, answer_list
from server.api.person_access import requesting_person
from server.context import context
from server.fleet import phones
from server.fleet.blocks import Block, blocks
from server.people.people import Right
from server.running.error_handlers import written


@described(
    "/blocks",
    BlocksSchema,
    query=PieceSchema,
    proof=PERSON,
    refusals={401: "no token, or one that is not good", 403: "right_missing"},
)
def list_blocks(wanted: dict[str, Any]) -> Response:
    """List every holder: to block or not, why, and since when"""
    _tag_holders()
    holder_key = context().config.holder_key
    listing = Listing("blocks", columns_of(BlockSchema), Right.SEE_HOLDERS, partial(_read, holder_key))
    return answer_list(listing, wanted["after"], wanted["limit"])


def _tag_holders() -> None:
    here = context()
    with here.database.reading() as session:
        requesting_person(session, Right.SEE_HOLDERS)
        is_from_before = phones.has_untagged_holders(session)
    if is_from_before:
        with here.database.writing() as session:
            phones.tag_holders(session, here.config.holder_key)


def _read(holder_key: str, session: Session, now: datetime, after: str, limit: int) -> Rows:
    found = blocks(session, now, holder_key, after, limit)
    return [_row(entry) for entry in found.blocks], found.next


def _row(entry: Block) -> dict[str, Any]:
    return {
        "holder": entry.holder,
        "block": entry.block,
        "cause": entry.cause.value,
        "since": written(entry.since),
        "phone_id": entry.phone_id,
    }
