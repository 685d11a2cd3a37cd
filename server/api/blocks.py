"""``GET /blocks``: what the mail side has to do."""

from __future__ import annotations

from typing import Any

from server.api.blueprint import PERSON, described
from server.api.person_access import requesting_person
from server.api.schemas import BlocksSchema
from server.context import context
from server.fleet.blocks import blocks
from server.people.people import Right
from server.running.error_handlers import written


@described(
    "/blocks",
    BlocksSchema,
    proof=PERSON,
    refusals={401: "no token, or one that is not good", 403: "right_missing"},
)
def list_blocks() -> dict[str, Any]:
    """List every holder: to block or not, why, and since when"""
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        requesting_person(session, Right.SEE_HOLDERS)
        found = blocks(session, now, here.config.holder_key)
    return {
        "blocks": [
            {
                "holder": entry.holder,
                "block": entry.block,
                "cause": entry.cause.value,
                "since": written(entry.since),
                "phone_id": entry.phone_id,
            }
            for entry in found
        ],
        "server_time": written(now),
    }
