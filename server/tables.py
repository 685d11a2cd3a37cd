"""Tables that leave the house as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
"""A row's values by column."""


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
