"""The one way to a terminal for all three commands: whatever a text holds, it cannot paint the screen.

Names, messages and labels come from servers, phones, policies and files; a table's cell is never read as markup.
Where the output cannot carry a character (``LC_ALL=C``), tables are drawn in ASCII and the character is its escape.
"""

from __future__ import annotations

import io
import locale
import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

import click

from certs.typed_options import as_typed_here
from policy.plain_text import printable_lines

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

_WIDTH_OF_A_FILE = 160
"""Where neither a terminal nor COLUMNS tells how wide it is read."""
_STANDARD_STREAMS = (0, 1, 2)
_A_WIDTH = re.compile("0*[1-9][0-9]{0,3}")
_ENCODING_CHOSEN_BY = frozenset({"PYTHONIOENCODING", "PYTHONUTF8"})


def tell(text: str, *, err: bool = False) -> None:
    """Print `text`, on stderr if `err`; its own line feeds stay, every other control shows as its escape."""
    # The stream is named, for click takes ASCII for a mistake and writes UTF-8 all the same.
    click.echo(printable_lines(as_typed_here(text)), file=_fitted(sys.stderr if err else sys.stdout))


def cell(text: str, style: str = "") -> Text:
    """Return `text` as a table's cell: no markup, no controls."""
    from rich.text import Text  # loaded by the command that shows a table, not by --help

    return Text(printable_lines(as_typed_here(text)), style=style)


def show_table(table: RenderableType, *, err: bool = False) -> None:
    """Print a table as wide as COLUMNS says, or as the terminal, or as a file where neither is told."""
    console(err=err).print(table)


def console(*, err: bool = False) -> Console:
    """Return what draws tables on stdout, or on stderr if `err`, in the characters that it can carry."""
    from rich.console import Console

    stream = _fitted(sys.stderr if err else sys.stdout)
    # Any of the three: what goes through a pipe into a pager is read in the terminal that the command was typed in.
    told = any(map(os.isatty, _STANDARD_STREAMS)) or _A_WIDTH.fullmatch(os.environ.get("COLUMNS", ""))
    return Console(file=stream, width=None if told else _WIDTH_OF_A_FILE)


def _fitted(stream: TextIO) -> TextIO:
    """Return `stream`, made to write what its reader can show: Python writes UTF-8 even where the locale has none."""
    if isinstance(stream, io.TextIOWrapper):
        is_chosen = not _ENCODING_CHOSEN_BY.isdisjoint(os.environ)
        encoding = stream.encoding if is_chosen else locale.getencoding()
        stream.reconfigure(encoding=encoding, errors="backslashreplace")
    return stream
