"""All phones of one command at one glance: a row each that redraws in place, or a line per event in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rich.live import Live
from rich.table import Table

from agent_scripts.exit_codes import ExitCode
from agent_scripts.visits.json_lines import print_line, visit_line
from agent_scripts.visits.row import Row
from certs.terminal import cell, console, show_table, tell

# The codes that a visit can give one phone; the others are the whole command's.
_STYLES = {
    ExitCode.COMPLIANT: "green",
    ExitCode.VIOLATING: "red",
    ExitCode.NOT_DONE: "bold red",
    ExitCode.UNREADABLE: "yellow",
    ExitCode.NOT_REACHED: "magenta",
}

_UNSENT = "Reports wait on this station; `curfew-agent send` sends them."


def _event(row: Row) -> str:
    """Return what a log keeps of a finished phone: one line, whatever the phone or a person wrote in it."""
    parts = (
        f"{row.address}: {' '.join(row.verdict_text.splitlines())}",
        row.found_text,
        row.done_text,
        row.next_step,
    )
    return ". ".join("; ".join(part.splitlines()) for part in parts if part)


@dataclass
class LiveTable:
    """Collects rows while phones are visited and shows them: a table, a line each, or JSON.

    The JSON of a phone that is well waits until `sent` tells that its report is: a program must be able to tell the
    exit code of the whole command from the lines.
    """

    stage: str
    as_json: bool = False
    rows: dict[str, Row | None] = field(default_factory=dict)
    _live: Live | None = None
    _unsent: list[Row] = field(default_factory=list)

    @contextmanager
    def shown(self, addresses: list[str]) -> Iterator[LiveTable]:
        """Show the table while the block runs; in a terminal it redraws in place."""
        # In the order they were named, each without a row yet: a phone that never answers is still in the table.
        self.rows = dict.fromkeys(addresses)
        # A log gets a line per event and the table once; redrawn in place it would be hundreds of copies.
        if self.as_json or not sys.stdout.isatty():
            yield self
            if not self.as_json:
                show_table(self.table())
            return
        # Eight times a second is enough for eyes, and little beside forty phones' exchanges.
        with Live(self.table(), console=console(), refresh_per_second=8) as self._live:
            yield self
            self._live.update(self.table())

    def add(self, row: Row) -> None:
        """Take in a finished phone."""
        # By address: a phone that is visited again in one command has its newest row only.
        self.rows[row.address] = row
        if self.as_json and row.exit_code is ExitCode.COMPLIANT:
            self._unsent.append(row)
        elif self.as_json:
            print_line(visit_line(row))
        elif self._live is not None:
            self._live.update(self.table())
        else:
            tell(_event(row), err=True)

    def sent(self, code: ExitCode) -> None:
        """Tell what waited to be told until the reports were sent, with `code` saying whether they were."""
        for row in self._unsent:
            print_line(visit_line(replace(row, exit_code=code, next_step=_UNSENT) if code else row))
        self._unsent.clear()

    def table(self) -> Table:
        """Return the table as it stands, phones in the order they were named."""
        table = Table(title=cell(self.stage), title_justify="left", show_lines=True, expand=False)
        for heading in ("Phone", "Verdict", "Found", "Done", "Next step"):
            table.add_column(heading, overflow="fold")
        for address, row in self.rows.items():
            if row is None:
                # Through the gate for texts as well: brackets in an address are markup for the library.
                table.add_row(cell(address), "...", "", "", "")
                continue
            name = "\n".join(filter(None, (row.label, row.model, row.address)))
            # Text, not markup: a phone's model name must not be able to paint the table.
            verdict = cell(row.verdict_text, style=_STYLES[row.exit_code])
            table.add_row(cell(name), verdict, cell(row.found_text), cell(row.done_text), cell(row.next_step))
        return table
