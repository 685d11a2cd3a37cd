"""The owner's receipt as a page of A4: what was asked, found and changed, how to get it back, how to object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent_scripts.paper.drawing import Paper
from policy.owner_receipt import OwnerReceipt
from policy.report import Report

_QR_SIDE = 32.0
_MARGIN = 20.0


@dataclass(frozen=True)
class PrintedReceipt:
    """A receipt, the report that it tells of, what the phone is called, and the address of its page for the owner."""

    receipt: OwnerReceipt
    report: Report
    name: str
    address: str


def receipts_pdf(printed: Sequence[PrintedReceipt]) -> bytes:
    """Return one PDF with a page per receipt."""
    first = printed[0]
    paper = Paper(
        "A4", title=first.receipt.title, language=first.receipt.language, at=first.report.checked_at
    )
    paper.set_margins(_MARGIN, 16, _MARGIN)
    paper.set_auto_page_break(auto=True, margin=14)
    for one in printed:
        _write(paper, one)
    return paper.pdf()


def _write(paper: Paper, one: PrintedReceipt) -> None:
    paper.add_page()
    paper.letters(18, bold=True)
    paper.paragraph(one.receipt.title, 9)
    paper.letters(10)
    paper.paragraph(f"{one.name} · {one.receipt.checked}", 5)
    paper.letters(8, grey=True)
    paper.paragraph(f"Curfew {one.report.phone_id}", 5)
    for section in one.receipt.sections:
        paper.ln(2.5)
        paper.letters(11, bold=True)
        paper.paragraph(section.heading, 6)
        paper.letters(9.5)
        lead, *rest = section.paragraphs
        paper.paragraph(lead, 4.8)
        for item in section.items:
            paper.paragraph(f"•  {item}", 4.8, indent=3)
        for paragraph in rest:
            paper.paragraph(paragraph, 4.8)
    _write_address(paper, one.address)


def _write_address(paper: Paper, address: str) -> None:
    # Together with its code on one page, or on the next.
    if paper.will_page_break(_QR_SIDE + 6):
        paper.add_page()
    top = paper.get_y() + 4
    paper.qr_code(address, _MARGIN, top, _QR_SIDE)
    paper.set_xy(_MARGIN + _QR_SIDE + 6, top + _QR_SIDE / 2 - 5)
    paper.letters(9)
    paper.multi_cell(0, 5, address, align="L")
