"""``GET /changes``: the phones that changed in one way since a moment, for programs."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from server.api.blueprint import PERSON, described
from server.api.fleet_lists import REFUSALS
from server.api.list_schemas import ChangedPhoneSchema, ChangedPhonesSchema, ChangePieceSchema, columns_of
from server.api.lists import Listing, Rows, answer_list
from server.clock import written
from server.errors import NoSuchPlace
from server.fleet.changes import Change, list_changes, read_place, written_place
from server.fleet.entries import Place
from server.listed import listed_phone
from server.people.people import Right

_USUAL = timedelta(days=1)


@described("/changes", ChangedPhonesSchema, query=ChangePieceSchema, proof=PERSON, refusals=REFUSALS)
def list_all_changes(wanted: dict[str, Any]) -> Response:
    """List the phones that changed in one way since a moment, in the order in which they did, as they stand now

    Unless told, since 24 hours ago. Where enforcing began for many since then, not all whom it makes `blocked` are
    told: the list of blocks has them.
    """
    read = partial(_read, wanted["change"], wanted["since"])
    return answer_list(Listing("phones", columns_of(ChangedPhoneSchema), Right.LOOK, read), wanted)


def _read(
    change: Change, since: datetime | None, session: Session, now: datetime, after: str, limit: int
) -> Rows:
    found = list_changes(session, now, since or now - _USUAL, change, _place(after), limit)
    rows = [{"at": written(one.at), **listed_phone(one.row)} for one in found.rows]
    return rows, written_place(found.next) if found.next else None


def _place(after: str) -> Place | None:
    try:
        return read_place(after) if after else None
    except ValueError as error:
        raise NoSuchPlace from error
