"""Lists that leave the house: in pieces behind a cursor, as JSON, CSV or lines of JSON; 304 where nothing changed.

``GET /api/v1/phones?limit=2`` with ``Accept: application/json`` (or none):

    {"phones": [{...}, {...}], "next": "silent~1677062400000000~<phone id>", "server_time": "..."}

The same with ``Accept: text/csv`` or ``application/x-ndjson`` has the rows alone; where the next piece begins is in the
header ``Link``, as in the others (RFC 8288). A piece with the ETag that came with ``If-None-Match`` is answered 304.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import Response, jsonify, request
from sqlalchemy.orm import Session

from server.api.person_access import requesting_person
from server.context import context
from server.people.people import Right
from server.running.error_handlers import written

CSV, NDJSON, JSON = "text/csv", "application/x-ndjson", "application/json"
Row = Mapping[str, Any]
Rows = tuple[Sequence[Row], str | None]
"""Some rows, and behind which cursor the next begin, if any."""


@dataclass(frozen=True)
class Table:
    """What a list is called, and its columns, for each of which every row has a value."""

    name: str
    columns: Sequence[str]


@dataclass(frozen=True)
class Listing(Table):
    """A list as the API tells it, who may read it, and how a piece of it is read.

    ``read`` takes a session, the moment that the list is of, a cursor ("": the top) and the most rows there may be.
    """

    right: Right
    read: Callable[[Session, datetime, str, int], Rows]


def answer_list(listing: Listing, after: str, limit: int) -> Response:
    """Return a piece of a list in the form that was asked for."""
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        requesting_person(session, listing.right)
        rows, behind = listing.read(session, now, after, limit)
    return answer_piece(listing, rows, behind, now, marked=behind)


def answer_piece(
    table: Table, rows: Sequence[Row], behind: str | None, now: datetime, marked: str | None, **told: Any
) -> Response:
    """Return these rows in the form that was asked for, behind which the next begin at the cursor `behind`.

    By the rows and `marked` a change is known; `told` stands beside them in JSON.
    """
    form = _form()
    if form == CSV:
        answer = Response(to_csv(table.columns, rows), content_type=f"{CSV}; charset=utf-8; header=present")
    elif form == NDJSON:
        answer = Response(to_ndjson(rows), content_type=NDJSON)
    else:
        answer = jsonify({table.name: rows, "next": behind, **told, "server_time": written(now)})
    if behind is not None:
        arguments = request.args.to_dict() | {"after": behind}
        answer.headers["Link"] = f'<{_address(arguments)}>; rel="next"'
    answer.vary.add("Accept")
    answer.headers["Cache-Control"] = "private, no-cache"
    # Weak, and of the rows: the time of the answer, which is another each time, is no change.
    told_rows = json.dumps([form, list(table.columns), list(rows), marked], sort_keys=True).encode()
    answer.set_etag(hashlib.sha256(told_rows).hexdigest(), weak=True)
    answer.make_conditional(request)
    return answer


def _form() -> str:
    return request.accept_mimetypes.best_match([JSON, CSV, NDJSON], default=JSON)


def _address(arguments: Mapping[str, str]) -> str:
    # Relative: behind a proxy the server may be known by another name.
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in arguments.items())
    return f"{request.path}?{query}"


def to_ndjson(rows: Sequence[Row]) -> str:
    """Return a line of JSON for each row."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def to_csv(columns: Sequence[str], rows: Sequence[Row], *, header: bool = True) -> str:
    """Return a table as RFC 4180 wants it, in which no cell is a formula."""
    text = io.StringIO()
    table = csv.writer(text)
    if header:
        table.writerow(columns)
    table.writerows([[_cell(row[column]) for column in columns] for row in rows])
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _harmless(" ".join(map(str, value)))
    return _harmless(str(value))


_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _harmless(text: str) -> str:
    # A spreadsheet runs what looks like a formula, whoever wrote it (OWASP, "CSV Injection").
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text
