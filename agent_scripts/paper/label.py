"""A sticker of 62 by 29 mm per phone: its name, and a QR code that leads its owner to their page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape

import segno

from agent_scripts.paper.drawing import Paper

WIDTH, HEIGHT = 62.0, 29.0
"""Millimetres: a common size of continuous and of die-cut rolls."""
_SIDE = 23.0
_LEFT = 29.0
_LONGEST = 24
"""Characters of a line that fit beside the code."""
_DOTS_PER_MM = 8
"""Of a printer with 203 dots per inch, as most Zebra printers have."""


@dataclass(frozen=True)
class Label:
    """What stands on one sticker. ``address`` is that of the owner's page, in the code alone."""

    name: str
    model: str
    phone_id: str
    checked_at: datetime
    address: str

    @property
    def lines(self) -> tuple[str, str, str]:
        """What stands below the name."""
        return self.model, f"{self.checked_at:%Y-%m-%d %H:%M} UTC", self.phone_id[:8]


def labels_pdf(labels: Sequence[Label]) -> bytes:
    """Return one PDF with a page of 62 by 29 mm per label."""
    paper = Paper((HEIGHT, WIDTH), title="Labels", language="en", at=labels[0].checked_at)
    paper.set_margins(0, 0, 0)
    paper.set_auto_page_break(auto=False)
    for label in labels:
        paper.add_page(orientation="L")
        paper.qr_code(label.address, 3, 3, _SIDE)
        paper.letters(_points(label.name), bold=True)
        paper.text(_LEFT, 9, _cut(label.name, _LONGEST))
        paper.letters(7)
        for number, line in enumerate(label.lines):
            paper.text(_LEFT, 15 + 4.5 * number, _cut(line, _LONGEST))
    return paper.pdf()


def label_svg(label: Label) -> str:
    """Return one label as an SVG document of 62 by 29 mm."""
    code = segno.make(label.address, micro=False, error="m")
    side = code.symbol_size(border=0)[0]
    drawn = code.svg_inline(scale=_SIDE / side, border=0, omitsize=True, svgclass=None, lineclass=None)
    lines = "".join(
        f'<text x="{_LEFT}" y="{15 + 4.5 * number}" font-size="2.5">{escape(_cut(line, _LONGEST))}</text>'
        for number, line in enumerate(label.lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}mm" height="{HEIGHT}mm"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" font-family="DejaVu Sans, sans-serif">'
        f'<svg x="3" y="3" width="{_SIDE}" height="{_SIDE}">{drawn}</svg>'
        f'<text x="{_LEFT}" y="9" font-weight="bold" font-size="{_points(label.name) * 0.353:.2f}">'
        f"{escape(_cut(label.name, _LONGEST))}</text>{lines}</svg>\n"
    )


def labels_zpl(labels: Sequence[Label]) -> str:
    """Return the labels in the language of Zebra printers, drawn at 203 dots per inch."""
    # Loaded by the one kind of label that needs it: it brings a library that draws PDFs.
    from zebrafy.zebrafy_pdf import ZebrafyPDF

    return str(
        ZebrafyPDF(
            labels_pdf(labels),
            width=round(WIDTH * _DOTS_PER_MM),
            height=round(HEIGHT * _DOTS_PER_MM),
            split_pages=True,
        ).to_zpl()
    )


def _points(name: str) -> float:
    """Return how large a name can be written and still fit beside the code."""
    # A bold letter is about three quarters of its size wide, at most.
    return max(5.0, min(14.0, (WIDTH - _LEFT - 2) / (0.353 * 0.75 * max(len(name), 1))))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
