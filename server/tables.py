"""Tables that leave the house as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from policy.plain_text import no_formula

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
        return no_formula(" ".join(map(str, value)))
    return no_formula(str(value))
