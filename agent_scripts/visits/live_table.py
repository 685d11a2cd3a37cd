"""All phones of one command at one glance: problems first and what is still to come, or a line per event in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from shlex import quote

from rich.columns import Columns
from rich.console import Group as Stacked
from rich.live import Live
from rich.table import Table

from agent_scripts.exit_codes import ExitCode
from agent_scripts.visits.groups import Group, counted_by_verdict, grouped, log_line
from agent_scripts.visits.json_lines import print_line, visit_line
from agent_scripts.visits.row import Row
from certs.terminal import cell, console, show_table, tell
from policy.counted import counted

# The codes that one phone can be told with; the others are the whole command's.
_STYLES = {
    ExitCode.COMPLIANT: "green",
    ExitCode.VIOLATING: "red",
    ExitCode.NOT_DONE: "bold red",
    ExitCode.UNREADABLE: "yellow",
    ExitCode.NOT_REACHED: "magenta",
}

_UNSENT = "Reports wait on this station; `curfew-agent send` sends them."
_FEW = 3
"""As many phones as are still named while they are waited for: at the end one wants to know which."""


@dataclass
class LiveTable:
    """Collects rows while phones are visited and shows them: a table, a line each, or JSON.

    The JSON of a phone that is well waits until `sent` tells that its report is: a program must be able to tell the
    exit code of the whole command from the lines.
    """

    stage: str
    as_json: bool = False
    rows: dict[str, Row | None] = field(default_factory=dict)
    _running: bool = False
    _live: Live | None = None
    _unsent: list[Row] = field(default_factory=list)

    @contextmanager
    def shown(self, addresses: list[str]) -> Iterator[LiveTable]:
        """Show the table when the block has run; in a terminal, what is known so far while it runs, too."""
        # In the order they were named, each without a row yet: a phone that never answers is still counted.
        self.rows = dict.fromkeys(addresses)
        if self.as_json:
            yield self
            return
        try:
            if sys.stdout.isatty():
                with self._redrawn():
                    yield self
            else:
                # A log gets a line per event and the table once; redrawn in place it would be hundreds of copies.
                yield self
                self._tell_unreached()
        finally:
            # After Ctrl-C, too: what was done until then is what a technician must know.
            show_table(self.table())

    @contextmanager
    def _redrawn(self) -> Iterator[None]:
        """Show what is known so far, as much as the screen holds, until the block has run."""
        self._running = True
        # Eight times a second is enough for eyes, and little beside forty phones' exchanges.
        with Live(self.table(), console=console(), refresh_per_second=8, transient=True) as self._live:
            try:
                yield
            finally:
                # Emptied before it ends: the library's last picture is as high as the table, and what of it has left
                # the screen could not be taken back.
                self._live.update(cell(""))
                self._live, self._running = None, False

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
        elif row.exit_code is not ExitCode.NOT_REACHED:
            tell(log_line(*grouped([row])), err=True)

    def sent(self, code: ExitCode) -> None:
        """Tell what waited to be told until the reports were sent, with `code` saying whether they were."""
        for row in self._unsent:
            print_line(visit_line(replace(row, exit_code=code, next_step=_UNSENT) if code else row))
        self._unsent.clear()

    def tell_count(self) -> None:
        """Tell in one line how many phones there are of each verdict; of one phone its row tells it."""
        if not self.as_json and len(self.rows) > 1:
            tell(f"{counted(len(self.rows), 'phone')}: {self._counted()}.")

    def table(self) -> Stacked:
        """Return the table as it stands under its title: phones with one cause together, the most urgent first."""
        waiting = [address for address, row in self.rows.items() if row is None]
        title = f"{self.stage}\n{self._progress(waiting)}" if self._running else self.stage
        table = table_of(grouped(self._told()))
        if waiting and not self._running:
            table.add_row("not finished", _listed(map(quote, waiting)))
        # Beside it, not as the table's own title, which would be folded to the width of a narrow table.
        return Stacked(cell(title), *([table] if table.row_count else ()))

    def _told(self) -> list[Row]:
        return [row for row in self.rows.values() if row is not None]

    def _counted(self) -> str:
        told = self._told()
        waiting = len(self.rows) - len(told)
        return ", ".join(
            filter(None, (counted_by_verdict(told), f"{waiting} not finished" if waiting else ""))
        )

    def _progress(self, waiting: list[str]) -> str:
        told = self._told()
        so_far = f"{len(told)} of {len(self.rows)} done{': ' if told else ''}{counted_by_verdict(told)}"
        names = f", still asking {', '.join(map(quote, waiting))}" if 0 < len(waiting) <= _FEW else ""
        return f"{so_far}{names}"

    def _tell_unreached(self) -> None:
        """Tell a log which phones were not reached: each cause once, though they came one by one."""
        for group in grouped(row for row in self._told() if row.exit_code is ExitCode.NOT_REACHED):
            tell(log_line(group), err=True)


def table_of(groups: Iterable[Group]) -> Table:
    """Return a table that is right at 80 columns: what phones are beside what is to be told and which they are."""
    table = Table(show_header=False, show_lines=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for group in groups:
        # Text, not markup: a phone's model name must not be able to paint the table.
        heading = cell("\n".join(group.heading), style=_STYLES.get(group.exit_code, ""))
        table.add_row(heading, Stacked(*map(cell, group.told), _listed(group.names)))
    return table


def _listed(names: Iterable[str]) -> Columns:
    return Columns([cell(name) for name in names], padding=(0, 2))
