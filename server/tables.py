"""Rows that leave the house: as a table, or as lines of JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from policy.plain_text import no_formula

Row = Mapping[str, Any]
"""A row's values by column."""
CSV, NDJSON = "text/csv", "application/x-ndjson"
CONTENT_TYPES = {CSV: f"{CSV}; charset=utf-8; header=present", NDJSON: NDJSON}
"""What each form is called in full (RFC 4180, 3)."""


def to_csv(columns: Sequence[str], rows: Sequence[Row], *, header: bool = True) -> str:
    """Return a table as RFC 4180 wants it, in which no cell is a formula."""
    text = io.StringIO()
    table = csv.writer(text)
    if header:
        table.writerow(columns)
    table.writerows([[_cell(row[column]) for column in columns] for row in rows])
    return text.getvalue()


def to_ndjson(rows: Sequence[Row]) -> str:
    """Return a line of JSON for each row."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def _cell(value: Any) -> str:
    # First what most cells are: to ask whether a text is a sequence takes longer than to write it.
    if isinstance(value, str):
        return no_formula(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Sequence):
        return no_formula(" ".join(map(str, value)))
    return no_formula(str(value))
