"""The one way to a terminal for all three commands: whatever a text holds, it cannot paint the screen.

Names, messages and labels come from servers, phones, policies and files; a table's cell is never read as markup.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from policy.plain_text import printable_lines

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

WIDTH_OF_A_FILE = 160
"""A pipe has no width of its own, and 80 columns fold a table beyond recognition."""


def tell(text: str, *, err: bool = False) -> None:
    """Print `text`, on stderr if `err`; its own line feeds stay, every other control shows as its escape."""
    click.echo(printable_lines(text), err=err)


def cell(text: str, style: str = "") -> Text:
    """Return `text` as a table's cell: no markup, no controls."""
    from rich.text import Text  # loaded by the command that shows a table, not by --help

    return Text(printable_lines(text), style=style)


def show_table(table: Table, *, err: bool = False, width: int | None = None) -> None:
    """Print a table as wide as the terminal, or `width` columns, or as a file where there is none."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    Console(stderr=err, width=width or (None if stream.isatty() else WIDTH_OF_A_FILE)).print(table)
