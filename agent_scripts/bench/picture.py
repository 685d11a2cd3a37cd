"""What the full screen shows, line by line: as many phones as its height holds, what needs a hand first. Pure.

    6 phones: 2 need a hand, 1 at work, 3 done                                              page 1 of 1
    ! 2 phones unauthorised, rows 3, 4: Unlock the phone, change to its owner …
      row label         phone        And. is now          what to do
    !   3 A-1042        Pixel 7      14   unauthorised    unlock the phone, change …

A mark, a word and a colour say the same, so that none is needed: ``!`` needs a hand, ``~`` is at work, ``+`` is done,
``-`` is done and unplugged, ``>`` is selected, ``*`` was unplugged just now, or its key was pressed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from rich.cells import cell_len, set_cell_size

from agent_scripts.bench.rows import BenchRow, Rows, causes
from agent_scripts.bench.stage import Paper, Stage
from policy.counted import counted
from policy.plain_text import printable

_CAUSES = 3
"""How many lines causes take at most; the rows below say the rest."""
_DETAIL = 2
_FIXED = 5
"""Title, heading, the answer to what was typed, what is typed, and the keys."""
_KEYS = "Enter takes what is typed, Up/Down select, PgUp/PgDn turn, Ctrl-C ends"
_KEYS_TO_PRINT = "Ctrl-P prints what waits, Up/Down select, PgUp/PgDn turn, Ctrl-C ends"
_COLUMNS = (("row", 4), ("label", 15), ("phone", 13), ("And.", 5), ("is now", 16))


class Kind(Enum):
    """What a line is about, for its colour."""

    TITLE = "title"
    CAUSE = "cause"
    HEADING = "heading"
    HAND = "hand"
    WORK = "work"
    DONE = "done"
    AWAY = "away"
    PLAIN = "plain"
    KEYS = "keys"


_PAPERS = {
    Paper.READY: "paper ready",
    Paper.WAITS: "paper to be printed",
    Paper.PRINTED: "paper printed",
}
_MARKS = {Kind.HAND: "!", Kind.WORK: "~", Kind.DONE: "+", Kind.AWAY: "-"}


@dataclass(frozen=True)
class Line:
    """One line, exactly as wide as the screen."""

    text: str
    kind: Kind
    stands_out: bool = False
    """Whether it is shown in reverse: the selected row, or one that was unplugged or whose key was pressed."""


@dataclass(frozen=True)
class View:
    """How large the screen is, and what of the bench is looked at. ``lit`` is the address that stands out, and why."""

    width: int = 80
    height: int = 50
    page: int = 0
    selected: str = ""
    lit: str = ""
    lit_because: str = "unplugged"
    answer: str = ""


def page_size(rows: Rows, view: View) -> int:
    """Return how many phones one page holds."""
    return max(1, view.height - _FIXED - _DETAIL - len(_causes(rows)))


def page_of(rows: Rows, view: View, address: str) -> int:
    """Return the page that a phone stands on; the first if there is no such phone."""
    addresses = [row.address for row in rows.in_order]
    return addresses.index(address) // page_size(rows, view) if address in addresses else 0


def pages(rows: Rows, view: View) -> int:
    """Return how many pages there are; one at least."""
    return max(1, -(-len(rows.by_address) // page_size(rows, view)))


def picture(rows: Rows, view: View) -> list[Line]:
    """Return the lines above the one that is typed into, the keys last: `view.height` less one."""
    size, count = page_size(rows, view), pages(rows, view)
    page = min(view.page, count - 1)
    shown = rows.in_order[page * size : (page + 1) * size]
    title = rows.summary() + (f"    page {page + 1} of {count}" if count > 1 else "")
    body = [_row(row, view) for row in shown]
    lines = [
        Line(title, Kind.TITLE),
        *(Line(text, Kind.CAUSE) for text in _causes(rows)),
        Line(_heading(), Kind.HEADING),
        *body,
        *[Line("", Kind.PLAIN)] * (size - len(body)),
        *(Line(text, Kind.PLAIN) for text in _detail(rows.by_address.get(view.selected), view.width)),
        Line(view.answer, Kind.PLAIN),
        Line(_KEYS_TO_PRINT if rows.printing_stands else _KEYS, Kind.KEYS),
    ]
    return [Line(_fitted(line.text, view.width), line.kind, line.stands_out) for line in lines]


def _causes(rows: Rows) -> list[str]:
    found = list(_each_cause(rows))
    if len(found) <= _CAUSES:
        return found
    return [*found[: _CAUSES - 1], f"! and {counted(len(found) - _CAUSES + 1, 'other cause')}, see below"]


def _each_cause(rows: Rows) -> Iterator[str]:
    """Yield a line for a printer that fails, and for each cause of several phones; one phone's own row tells it."""
    if problem := rows.printing_stands:
        yield f"! {counted(len(rows.waiting_for_printer), 'paper is', 'papers are')} not printed: {problem}"
    for group in causes(rows.in_order):
        if len(group.rows) > 1:
            numbers = ", ".join(str(rows.by_address[row.address].number) for row in group.rows)
            about = "; ".join(" ".join(part.split()) for part in group.told)
            yield f"! {counted(len(group.rows), 'phone')} {group.verdict}, rows {numbers}: {about}"


def _kind(row: BenchRow) -> Kind:
    if row.needs_hand:
        return Kind.HAND
    if row.stage is not Stage.DONE:
        return Kind.WORK
    return Kind.DONE if row.plugged else Kind.AWAY


def _row(row: BenchRow, view: View) -> Line:
    kind, is_lit = _kind(row), row.address == view.lit
    chosen = ">" if row.address == view.selected else "*" if is_lit else " "
    serial = row.address.partition(":")[2]
    cells = (f"{row.number:>3}", row.label or serial, row.model, row.release, row.word)
    # Where it is, is said at the left.
    to_do = " ".join(row.to_do.split()).replace(row.address, "the phone")
    about = to_do or (_PAPERS.get(row.paper, "") if row.stage is Stage.DONE else "")
    what = f"{view.lit_because} just now" if is_lit else about
    text = f"{chosen}{_MARKS[kind]}{_columns(cells)}{printable(what)}"
    return Line(text, kind, stands_out=chosen != " ")


def _heading() -> str:
    return f"  {_columns([name for name, _ in _COLUMNS])}what to do"


def _columns(cells: Sequence[str]) -> str:
    return "".join(
        f"{_fitted(printable(text), width - 1)} " for text, (_, width) in zip(cells, _COLUMNS, strict=True)
    )


def _detail(row: BenchRow | None, width: int) -> list[str]:
    """Return all that a technician has to know of the selected phone, in as many lines as there are for it."""
    if row is None:
        return [""] * _DETAIL
    about = ", ".join(filter(None, (row.label, row.model, row.address)))
    paper = f" {_PAPERS[row.paper].capitalize()}." if row.paper in _PAPERS else ""
    to_do = " ".join((row.to_do or row.paper_problem).split())
    text = printable(f"Row {row.number}, {about}: {row.word}.{paper} {to_do}")
    lines = [text[at : at + width] for at in range(0, len(text), width)][:_DETAIL]
    return [*lines, *[""] * (_DETAIL - len(lines))]


def _fitted(text: str, width: int) -> str:
    """Return `text` exactly that wide; what is left out shows as such."""
    if cell_len(text) > width:
        return f"{set_cell_size(text, width - 1)}…"
    return set_cell_size(text, width)
