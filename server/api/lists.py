"""Lists that leave the house: in pieces behind a cursor, as JSON, CSV or lines of JSON; 304 where nothing changed.

``GET /api/v1/phones?limit=2`` with ``Accept: application/json`` (or none):

    {"phones": [{...}, {...}], "next": "silent~1677062400000000~<phone id>", "server_time": "..."}

The same with ``Accept: text/csv`` or ``application/x-ndjson`` has the rows alone; where the next piece begins is in the
header ``Link``, as in the others (RFC 8288). A piece with the ETag that came with ``If-None-Match`` is answered 304.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import Response, request
from sqlalchemy.orm import Session
from werkzeug.wsgi import wrap_file

from policy.schemas.strict_json import quick_ascii_json, quick_json
from server.api.person_access import requesting_person
from server.clock import written
from server.context import context
from server.errors import NotAccepted
from server.people.people import Right
from server.people.scopes import Scope
from server.running.spooled import new_spool
from server.storage.replica import Seen
from server.tables import CONTENT_TYPES, CSV, NDJSON, Row, to_csv, to_ndjson

JSON = "application/json"
_ROWS_AT_ONCE = 1000
Rows = tuple[Sequence[Row], str | None]
"""Some rows, and behind which cursor the next begin, if any."""


@dataclass(frozen=True)
class Listing:
    """A list as the API tells it: its name, its columns, who may read it, and how a piece of it is read.

    ``read`` takes a session, the moment that the list is of, a cursor ("": the top) and the most rows there may be.
    Each row has a value for each of ``columns``.
    """

    name: str
    columns: Sequence[str]
    right: Right
    read: Callable[[Session, datetime, str, int], Rows]
    scope: Scope | None = None
    """The scope that a token needs; None: the right's."""
    may_be_old: bool = False
    """Whether a piece may come from a replica, where there is one; a whole list never does."""


def answer_list(listing: Listing, wanted: Mapping[str, Any]) -> Response:
    """Return a piece of a list, or the whole of it, in the form that was asked for."""
    after, limit = wanted["after"], wanted["limit"]
    if wanted["whole"]:
        return answer_whole(listing, after)
    here = context()
    now = here.clock.now()
    # Who may look is asked of the primary: a token that was withdrawn is good nowhere.
    with here.database.reading() as session:
        requesting_person(session, listing.right, listing.scope)
    with _reading(listing) as (session, seen):
        rows, behind = listing.read(session, now, after, limit)
    answer = answer_piece(listing, rows, behind, now, marked=behind)
    # Beside the rows, in whichever form they come.
    if seen is not None:
        answer.headers["Curfew-As-Of"] = written(seen.as_of)
    return answer


@contextmanager
def _reading(listing: Listing) -> Iterator[tuple[Session, Seen | None]]:
    here = context()
    if listing.may_be_old:
        with here.lists.reading() as (session, seen):
            yield session, seen
    else:
        with here.database.reading() as session:
            yield session, None


def answer_whole(listing: Listing, after: str = "") -> Response:
    """Return the whole list behind a cursor as CSV or as lines of JSON, of one moment.

    It is read in pieces, each in a transaction of its own, and written to a file that is sent once it is whole: neither
    a long list nor a slow reader holds memory or keeps others from the database.
    """
    here, form = context(), _form(CSV, NDJSON)
    now = here.clock.now()
    with here.database.reading() as session:
        requesting_person(session, listing.right, listing.scope)
    with new_spool() as spool:
        tag = hashlib.sha256()
        for number, rows in enumerate(_pieces(listing, now, after)):
            piece = to_ndjson(rows) if form == NDJSON else to_csv(listing.columns, rows, header=number == 0)
            spool.write(piece.encode())
            tag.update(piece.encode())
        length = spool.tell()
        spool.seek(0)
        answer = Response(
            wrap_file(request.environ, spool), content_type=CONTENT_TYPES[form], direct_passthrough=True
        )
    answer.content_length = length
    answer.set_etag(tag.hexdigest(), weak=True)
    return _conditional(answer)


def _pieces(listing: Listing, now: datetime, after: str) -> Iterator[Sequence[Row]]:
    behind: str | None = after
    while behind is not None:
        with context().database.reading() as session:
            rows, behind = listing.read(session, now, behind, _ROWS_AT_ONCE)
        yield rows


def answer_piece(
    listing: Listing, rows: Sequence[Row], behind: str | None, now: datetime, marked: str | None, **told: Any
) -> Response:
    """Return these rows in the form that was asked for, behind which the next begin at the cursor `behind`.

    By the rows and `marked` a change is known; `told` stands beside them in JSON.
    """
    form = _form(JSON, CSV, NDJSON)
    if form == CSV:
        answer = Response(to_csv(listing.columns, rows), content_type=CONTENT_TYPES[CSV])
    elif form == NDJSON:
        answer = Response(to_ndjson(rows), content_type=CONTENT_TYPES[NDJSON])
    else:
        whole = {listing.name: rows, "next": behind, **told, "server_time": written(now)}
        answer = Response(quick_ascii_json(whole) + b"\n", content_type=JSON)
    if behind is not None:
        arguments = request.args.to_dict() | {"after": behind}
        answer.headers["Link"] = f'<{_address(arguments)}>; rel="next"'
    # Weak, and of the rows: the time of the answer, which is another each time, is no change.
    told_rows = quick_json([form, listing.columns, rows, marked])
    answer.set_etag(hashlib.sha256(told_rows).hexdigest(), weak=True)
    return _conditional(answer)


def _conditional(answer: Response) -> Response:
    answer.vary.add("Accept")
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.make_conditional(request)
    return answer


def _form(*offered: str) -> str:
    form = request.accept_mimetypes.best_match(offered)
    if form is None and JSON not in offered:
        raise NotAccepted(
            406,
            "lines_wanted",
            "a whole list comes as text/csv or application/x-ndjson, and neither is accepted",
            "Send `Accept: application/x-ndjson`, or leave `whole` out and read the list in pieces.",
        )
    return form or JSON


def _address(arguments: Mapping[str, str]) -> str:
    # Relative: behind a proxy the server may be known by another name.
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in arguments.items())
    return f"{request.path}?{query}"
