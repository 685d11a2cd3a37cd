"""The bench on a full screen: `picture` above, one line to type into. The only module that knows Textual."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from agent_scripts.bench.key_watch import SAYS, Pressed
from agent_scripts.bench.picture import Kind, Line, View, page_of, pages, picture
from agent_scripts.bench.rows import BenchRow
from agent_scripts.bench.workbench import Workbench
from certs.terminal import cell

_REDRAWN_S = 0.1
"""Often enough for eyes; forty phones that change at once are drawn once."""
_LIT_S = 5.0
_STYLES = {
    Kind.TITLE: "bold",
    Kind.CAUSE: "bold red",
    Kind.HEADING: "underline",
    Kind.HAND: "red",
    Kind.WORK: "cyan",
    Kind.DONE: "green",
    Kind.AWAY: "dim",
    Kind.PLAIN: "",
    Kind.KEYS: "dim",
}


class BenchScreen(App[None]):
    """Shows a workbench and takes what is typed; ends with it, or by Ctrl-C."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { background: ansi_default; color: ansi_default; overflow: hidden; }
    Static { height: 1fr; background: ansi_default; color: ansi_default; }
    Input, Input:focus { height: 1; border: none; padding: 0; background: ansi_default; color: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the line that is typed into, which has keys of its own.
        Binding("ctrl+c,ctrl+q", "quit", priority=True),
        Binding("escape", "clear", priority=True),
        Binding("up", "select(-1)", priority=True),
        Binding("down", "select(1)", priority=True),
        Binding("pageup", "turn(-1)", priority=True),
        Binding("pagedown", "turn(1)", priority=True),
        Binding("ctrl+p", "print", priority=True),
        Binding("f2", "which", priority=True),
    ]

    def __init__(self, workbench: Workbench, *, once: bool = False) -> None:
        """Show `workbench`, which works as long as this runs; with `once` until nothing goes on by itself."""
        # The terminal's own colours: its owner chose them to be read.
        super().__init__(ansi_color=True)
        self._bench = workbench
        self._once = once
        self._page = 0
        self._answer = ""
        self._lit = ("", 0.0, "")
        self._is_stale = True
        self._work: asyncio.Task[None] | None = None
        workbench.changed = self._changed
        workbench.notice = self._say
        workbench.lit = self._pressed

    def compose(self) -> ComposeResult:
        """Yield the picture and the line below it."""
        yield Static(id="picture")
        yield Input(placeholder="row, label, serial or answer")

    def on_mount(self) -> None:
        """Begin to work."""
        self.query_one(Input).focus()
        self._work = asyncio.create_task(self._bench.run(once=self._once))
        self._work.add_done_callback(lambda _: self.exit())
        self.set_interval(_REDRAWN_S, self._redraw)

    async def on_unmount(self) -> None:
        """Let what goes on be cut off, and the rows be kept."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])

    def raise_for_work(self) -> None:
        """Raise what ended the work, if an error did."""
        if self._work is not None and not self._work.cancelled():
            self._work.result()

    @property
    def was_stopped(self) -> bool:
        """Whether somebody ended it, and not the work itself."""
        return self._work is None or self._work.cancelled()

    def on_resize(self) -> None:
        """Draw anew in the new size."""
        self._is_stale = True

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Take what was typed, as by a scanner."""
        submitted.input.value = ""
        self._say(self._bench.typed(submitted.value))
        self._turn_to(self._bench.typing.selected)

    def action_clear(self) -> None:
        """Forget what was typed, and select no row."""
        self.query_one(Input).value = ""
        self._bench.typing.selected = ""
        self._say("")

    def action_select(self, by: int) -> None:
        """Select the row above or below the selected one."""
        addresses = [row.address for row in self._bench.rows.in_order]
        if not addresses:
            return
        at = (
            addresses.index(self._bench.typing.selected) if self._bench.typing.selected in addresses else None
        )
        to = 0 if at is None else max(0, min(len(addresses) - 1, at + by))
        self._bench.typing.selected = addresses[to]
        self._turn_to(addresses[to])

    def action_which(self) -> None:
        """Let the row stand out whose phone's power key is pressed."""
        self._say(self._bench.typed("which"))

    def action_print(self) -> None:
        """Try once more what waits for a printer that failed."""
        self._say(self._bench.print_waiting())

    def action_turn(self, by: int) -> None:
        """Show another page."""
        self._page = max(0, min(pages(self._bench.rows, self._view()) - 1, self._page + by))
        self._is_stale = True

    def _turn_to(self, address: str) -> None:
        if address:
            self._page = page_of(self._bench.rows, self._view(), address)
        self._is_stale = True

    def _changed(self, row: BenchRow) -> None:
        # Whoever wants to know which phone a row is unplugs one, and its row lights up.
        if not row.plugged:
            self._light(row, "unplugged")
        elif row.address == self._lit[0] and self._lit[2] == "unplugged":
            self._lit = ("", 0.0, "")
        self._is_stale = True

    def _pressed(self, row: BenchRow, pressed: Pressed) -> None:
        self._light(row, SAYS[pressed])
        self._say(f"Row {row.number} ({row.name}): {SAYS[pressed]}.")

    def _light(self, row: BenchRow, because: str) -> None:
        self._lit = (row.address, time.monotonic() + _LIT_S, because)
        # Not while somebody answers for another row: that one stays in sight.
        if not self._bench.typing.selected:
            self._turn_to(row.address)

    def _say(self, text: str) -> None:
        self._answer = text
        self._is_stale = True

    def _view(self) -> View:
        size = self.size
        return View(
            size.width,
            size.height,
            self._page,
            self._bench.typing.selected,
            self._lit[0],
            self._lit[2],
            self._answer,
        )

    def _redraw(self) -> None:
        if self._lit[0] and time.monotonic() > self._lit[1]:
            self._lit = ("", 0.0, "")
            self._is_stale = True
        if self._is_stale:
            self._is_stale = False
            lines = picture(self._bench.rows, self._view())
            drawn = cell("\n").join(cell(line.text, _style(line)) for line in lines)
            self.query_one("#picture", Static).update(drawn)


def _style(line: Line) -> str:
    return f"{_STYLES[line.kind]} reverse" if line.stands_out else _STYLES[line.kind]
