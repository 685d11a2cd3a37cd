"""``POST /holders/search``: the phones of one holder."""

from __future__ import annotations

from typing import Any

from server.api.blueprint import PERSON, described
from server.api.list_schemas import HolderSchema, PhonesOfHolderSchema
from server.api.person_access import requesting_person
from server.clock import written
from server.context import context
from server.fleet.holder_search import phones_of_holder
from server.listed import listed_phone
from server.people.people import Right


@described(
    "/holders/search",
    PhonesOfHolderSchema,
    method="POST",
    body=HolderSchema,
    proof=PERSON,
    refusals={
        400: "holder_malformed",
        401: "no token, or one that is not good",
        403: "right_missing",
    },
)
def search_holder(asked: dict[str, Any]) -> dict[str, Any]:
    """List the phones of one holder, by the whole reference; who asked is written into the audit chain

    In the body and not in the address: addresses are written into logs.
    """
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        person = requesting_person(session, Right.SEE_HOLDERS)
        found = phones_of_holder(session, asked["holder"], here.config.holder_key, person.name, now)
    return {"phones": [listed_phone(row) for row in found], "server_time": written(now)}
