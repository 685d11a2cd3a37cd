"""Rows as a file to take along: read piece by piece, and refused where they are more than a file at hand is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Response
from sqlalchemy.orm import Session

from server.context import context
from server.errors import Malformed
from server.tables import CONTENT_TYPES, CSV, NDJSON, Row, to_csv, to_ndjson

ROWS_MAX = 100_000
"""A table for a spreadsheet or a script at hand; who needs more has a program, and the API tells it the whole list."""
_ROWS_AT_ONCE = 1_000
_FORMS = {"csv": CSV, "ndjson": NDJSON}

ReadRows = Callable[[Session, str, int], tuple[Sequence[Row], str]]
"""Takes where a piece begins ("": at the top) and how many rows it may have; returns it and where the next begins."""


def file_of(name: str, form: str, columns: Sequence[str], read: ReadRows) -> Response:
    """Return all rows as a file; `form` is ``csv`` or ``ndjson``. Raises `Malformed` for more than `ROWS_MAX`."""
    rows: list[Row] = []
    after, is_more = "", True
    while is_more:
        # Each in a transaction of its own: a long list keeps nobody from the database.
        with context().database.reading() as session:
            piece, after = read(session, after, _ROWS_AT_ONCE)
        rows += piece
        is_more = bool(after)
        if len(rows) > ROWS_MAX:
            raise Malformed(
                "too_many_rows",
                f"This list has more than {ROWS_MAX} rows.",
                "Filter it first, or let a program read it by the API, whole (/api/v1/openapi.json).",
            )
    told = to_csv(columns, rows) if form == "csv" else to_ndjson(rows)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{form}"',
        "Cache-Control": "no-store",
    }
    return Response(told, content_type=CONTENT_TYPES[_FORMS[form]], headers=headers)
