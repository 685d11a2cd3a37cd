"""``GET /blocks``: what the mail side has to do."""

from __future__ import annotations

from typing import Any

from flask import Response

from server.api.blueprint import PERSON, described
from server.api.list_schemas import BlockSchema, BlocksSchema, PieceSchema
from server.api.lists import answer_list
from server.api.person_access import requesting_person
from server.context import context
from server.fleet import phones
from server.fleet.blocks import blocks
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
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        requesting_person(session, Right.SEE_HOLDERS)
        is_from_before = phones.has_untagged_holders(session)
    if is_from_before:
        with here.database.writing() as session:
            phones.tag_holders(session, here.config.holder_key)
    with here.database.reading() as session:
        found = blocks(session, now, here.config.holder_key, wanted["after"], wanted["limit"])
    rows = [
        {
            "holder": entry.holder,
            "block": entry.block,
            "cause": entry.cause.value,
            "since": written(entry.since),
            "phone_id": entry.phone_id,
        }
        for entry in found.blocks
    ]
    return answer_list("blocks", list(BlockSchema().fields), rows, found.next, now)
