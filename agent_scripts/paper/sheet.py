"""The sheet of a batch: each phone a line, as a PDF to sign for and as CSV to keep."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime

from agent_scripts.paper.drawing import Paper
from policy.counted import counted
from policy.plain_text import no_formula

_WIDTHS = (30, 68, 30, 20, 28, 10)
_HEADINGS = ("Label", "Phone id", "Model", "Verdict", "Checked (UTC)", "Off")


@dataclass(frozen=True)
class SheetRow:
    """One phone of the batch; no holder, which no station knows. ``off`` counts apps that are switched off."""

    label: str
    phone_id: str
    model: str
    verdict: str
    checked_at: str
    off: int


def sheet_pdf(rows: Sequence[SheetRow], station: str, at: datetime) -> bytes:
    """Return the sheet as pages of A4."""
    paper = Paper("A4", title="Batch sheet", language="en", at=at)
    paper.set_margins(12, 14, 12)
    paper.set_auto_page_break(auto=True, margin=14)
    paper.add_page()
    paper.letters(16, bold=True)
    paper.paragraph("Batch sheet", 8)
    paper.letters(9)
    paper.paragraph(f"{station}, {at:%Y-%m-%d %H:%M} UTC, {counted(len(rows), 'phone')}: {_counts(rows)}", 6)
    paper.ln(2)
    paper.letters(8)
    paper.rows(_HEADINGS, (tuple(map(str, astuple(row))) for row in rows), _WIDTHS)
    return paper.pdf()


def sheet_csv(rows: Sequence[SheetRow]) -> str:
    """Return the sheet as CSV with a heading (RFC 4180); no cell is a formula."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([field.name for field in fields(SheetRow)])
    writer.writerows([[no_formula(str(cell)) for cell in astuple(row)] for row in rows])
    return written.getvalue()


def _counts(rows: Sequence[SheetRow]) -> str:
    verdicts = [row.verdict for row in rows]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
