"""A command line whose commands are loaded when they are typed: `--help` must not pay for all of them."""

# ruff: noqa: ARG002 -- click hands a context to every method it calls
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem


@dataclass(frozen=True)
class CommandAt:
    """Where a command is, as ``MODULE:NAME``, and the line that lists it (at most 55 characters, to fit a terminal).

    Its help ends with the examples: lines as somebody would type them.
    """

    place: str
    summary: str
    examples: tuple[str, ...] = ()

    def load(self) -> click.Command:
        """Return the command itself, which tells its examples in its help and takes --version."""
        module, _, name = self.place.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command), f"{self.place} is no command"
        if command.epilog is None and self.examples:
            command.epilog = "\n".join(("\b", "Examples:", *(f"  {line}" for line in self.examples)))
            click.version_option(package_name="curfew")(command)
        return command


class LazyGroup(click.Group):
    """A group that knows its commands by `commands_at` and lists them, for help and completion, without loading any."""

    def __init__(self, *arguments: Any, commands_at: Mapping[str, CommandAt], **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table: that of use, not of the alphabet."""
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load and return the command of that name; None if there is none."""
        found = self._commands_at.get(cmd_name)
        return found.load() if found else None

    def summary_of(self, name: str) -> str:
        """Return the line that lists the command of that name."""
        return self._commands_at[name].summary

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands into the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, at.summary) for name, at in self._commands_at.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin so."""
        # Not `super()`: a group's own completion loads every command for its line of help.
        options = click.Command.shell_complete(self, ctx, incomplete)
        names = [name for name in self._commands_at if name.startswith(incomplete)]
        return [CompletionItem(name, help=self._commands_at[name].summary) for name in names] + options
