"""A page to write on: letters of every European alphabet, and QR codes as squares. The one module that knows fpdf2."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib.resources import files

import segno
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

_FONT = "DejaVu"


class Paper(FPDF):
    """A document of pages of one size; lengths are millimetres, sizes of letters are points."""

    def __init__(self, size: tuple[float, float] | str, *, title: str, language: str, at: datetime) -> None:
        """Begin a document of no page yet. `at` is what it is dated: two prints of one thing are the same bytes."""
        super().__init__(unit="mm", format=size)
        fonts = files("agent_scripts.paper").joinpath("fonts")
        for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
            self.add_font(_FONT, style, str(fonts.joinpath(name)))
        self.set_title(title)
        self.set_lang(language)
        self.set_creator("Curfew")
        self.set_creation_date(at)
        self.letters(10)

    def letters(self, points: float, *, bold: bool = False, grey: bool = False) -> None:
        """Write in letters of that size from here on."""
        self.set_font(_FONT, "B" if bold else "", points)
        self.set_text_color(90 if grey else 0)

    def paragraph(self, text: str, height: float, *, indent: float = 0) -> None:
        """Write `text` over the whole width, in lines of that height, and go below it."""
        self.set_x(self.l_margin + indent)
        # To the left: a package name has no blank, and justified lines beside it would be torn apart.
        self.multi_cell(0, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def qr_code(self, text: str, left: float, top: float, side: float) -> None:
        """Draw `text` as a QR code of `side` in width and height, without its quiet zone."""
        rows = [bytes(row) for row in segno.make(text, micro=False, error="m").matrix]
        module = side / len(rows)
        self.set_fill_color(0)
        for down, row in enumerate(rows):
            for start, length in _runs(row):
                # A hair higher than it is: between touching squares, viewers draw a white line.
                self.rect(
                    left + start * module, top + down * module, length * module, module * 1.02, style="F"
                )

    def rows(self, headings: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[float]) -> None:
        """Write a table; its headings stand again on each page. `widths` are shares of the whole width."""
        with self.table(
            col_widths=tuple(widths),
            text_align="LEFT",
            headings_style=FontFace(emphasis="BOLD"),
            line_height=4.5,
            padding=1,
            borders_layout="HORIZONTAL_LINES",
        ) as table:
            for cells in (headings, *rows):
                line = table.row()
                for text in cells:
                    line.cell(text)

    def pdf(self) -> bytes:
        """Return the document as a PDF."""
        return bytes(self.output())


def _runs(row: bytes) -> Iterable[tuple[int, int]]:
    """Yield where dark modules begin, and how many stand side by side: ``b"\\1\\1\\0\\1"`` gives (0, 2), (3, 1)."""
    start = 0
    while start < len(row):
        if not row[start]:
            start += 1
            continue
        length = 1
        while start + length < len(row) and row[start + length]:
            length += 1
        yield start, length
        start += length
