"""The bench without a screen: a line per event in a log, those with one cause together, or JSON for programs."""

from __future__ import annotations

import asyncio
from typing import Any

from agent_scripts.bench.key_watch import SAYS, Pressed
from agent_scripts.bench.rows import BenchRow, Rows
from agent_scripts.bench.stage import AT_WORK
from agent_scripts.exit_codes import ExitCode
from agent_scripts.visits.groups import Group, grouped
from agent_scripts.visits.json_lines import print_line
from agent_scripts.visits.live_table import table_of
from agent_scripts.visits.row import Row
from certs.terminal import show_table, tell
from policy.counted import counted

_TOGETHER_S = 0.5
"""What happens within this is told together: a hub that loses its power is one line."""


class Lines:
    """Tells what changes on stderr, and in the end what became of each phone on stdout."""

    def __init__(self) -> None:
        """Tell nothing yet."""
        self._changed: dict[str, BenchRow] = {}
        self._told: dict[str, tuple[str, str]] = {}
        self._waits = False

    def changed(self, row: BenchRow) -> None:
        """Take in a row; it is told with what else happens in the same moment."""
        self._changed[row.address] = row
        if not self._waits:
            self._waits = True
            asyncio.get_running_loop().call_later(_TOGETHER_S, self.tell_changes)

    def tell_changes(self) -> None:
        """Tell what changed since the last time: what needs a hand, what is done, and what has just come."""
        rows = sorted(self._changed.values(), key=lambda row: row.number)
        self._changed, self._waits = {}, False
        news = [row for row in rows if self._is_news(row)]
        for group in grouped(map(row_of_bench, news)):
            tell(_line(group, {row.address: row for row in news}), err=True)

    def _is_news(self, row: BenchRow) -> bool:
        # The steps of its work are told to programs only; that it has come is told to people, too.
        if row.stage in AT_WORK and not row.is_gone and row.address in self._told:
            return False
        now = (row.word, row.to_do)
        return self._told.get(row.address) != now and self._told.update({row.address: now}) is None


def tell_end(rows: Rows) -> None:
    """Tell what became of all phones: those with one cause together, the most urgent first, and how many."""
    if rows.by_address:
        show_table(table_of(grouped(map(row_of_bench, rows.in_order))))
    tell(f"{rows.summary()}.")


def tell_json(row: BenchRow, code: ExitCode | None = None, pressed: Pressed | None = None) -> None:
    """Print a row as a line for programs, with another exit code where `code` is given.

    `pressed` is what was noticed of its screen just now.
    """
    other = {} if code is None else {"exit_code": int(code)}
    print_line(_json(row) | other | {"pressed": pressed.value if pressed else None})


def tell_lit(row: BenchRow, pressed: Pressed) -> None:
    """Tell which row it is whose key was pressed."""
    tell(f"Row {row.number}, {row.name}: {SAYS[pressed]}.", err=True)


def row_of_bench(row: BenchRow) -> Row:
    """Return the row as the other commands have it, so that it is grouped as theirs are."""
    return Row(row.address, row.label, row.model, row.word, (), (), row.to_do, row.code)


def _line(group: Group, rows: dict[str, BenchRow]) -> str:
    about = ". ".join("; ".join(part.splitlines()) for part in group.told)
    numbers = [str(rows[row.address].number) for row in group.rows]
    if len(numbers) == 1:
        # Its address too: it is what other commands take.
        told = f"Row {numbers[0]}, {', '.join(group.names)}: {group.verdict}"
    else:
        told = f"{counted(len(numbers), 'phone')} {group.verdict}, rows {', '.join(numbers)}"
    return f"{told}. {about}" if about else f"{told}."


def _json(row: BenchRow) -> dict[str, Any]:
    return {
        "kind": "bench",
        "row": row.number,
        "address": row.address,
        "label": row.label,
        "model": row.model,
        "release": row.release,
        "stage": row.stage.value,
        "plugged": row.plugged,
        "needs_hand": row.needs_hand,
        "verdict": row.verdict.replace(" ", "_"),
        "next_step": row.to_do,
        "tries": row.tries,
        "report_id": row.report_id or None,
        "debugging": row.debugging or None,
        "paper": row.paper.value,
        "paper_problem": row.paper_problem,
        "exit_code": int(row.code),
    }
