r"""Manual pages of the three programs, made from the very commands that `--help` is made from.

``python -m certs.man_pages FOLDER`` writes one page per command into ``FOLDER/man1``: `curfew-agent.1`,
`curfew-agent-check.1` and so on; ``man -M FOLDER curfew-agent-check`` shows one. Nothing is written by hand, so
that no page can be older than the help of the program it was made with. The markup is that of man(7):

    .SH OPTIONS
    .TP
    \fB\-\-json\fR
    One line of JSON per phone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import distribution, version
from inspect import cleandoc
from pathlib import Path

import click

from certs.lazy_commands import LazyGroup
from certs.terminal import tell


def man_pages(program: str, command: click.Command) -> Iterator[tuple[str, str]]:
    """Yield for a program and each of its commands the file's name and the page."""
    context = click.Context(command, info_name=program, **command.context_settings)
    yield from _pages_below(context, command.get_short_help_str(limit=100))


def _pages_below(context: click.Context, summary: str) -> Iterator[tuple[str, str]]:
    yield f"{_page_name(context)}.1", man_page(context, summary)
    for command, line in _commands(context):
        below = click.Context(command, info_name=command.name, parent=context, **command.context_settings)
        yield from _pages_below(below, line)


def _commands(context: click.Context) -> Iterator[tuple[click.Command, str]]:
    """Yield the commands of a group that its help lists, with the line that lists them; of a command: none."""
    group = context.command
    if not isinstance(group, LazyGroup):
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            yield command, group.summary_of(name)


def _page_name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def man_page(context: click.Context, summary: str) -> str:
    """Return the page of the command of `context`; `summary` says in a line what it does."""
    command, name = context.command, _page_name(context)
    usage = " ".join(command.collect_usage_pieces(context))
    page = [
        # Without a date: two pages of one version are the same, whenever they were made.
        f'.TH "{_text(name.upper())}" "1" "" "curfew {_text(version("curfew"))}" "Curfew"',
        # No word is parted: an option's name or a path has to be found as it is typed.
        *(".nh", ".ad l"),
        *(".SH NAME", f"{_text(name)} \\- {_text(summary.removesuffix('.'))}"),
        *(".SH SYNOPSIS", f"\\fB{_text(context.command_path)}\\fR {_text(usage)}"),
        *(".SH DESCRIPTION", *_paragraphs(command.help or "")),
        *_section("OPTIONS", _options(context)),
        *_section("COMMANDS", [(_reference(context, c), line) for c, line in _commands(context)]),
        *_section("ENVIRONMENT", _variables(command)),
        *_examples(command.epilog or ""),
        *_see_also(context),
    ]
    return "\n".join(page) + "\n"


def _options(context: click.Context) -> list[tuple[str, str]]:
    """Return what the help says of each option, word for word; hidden ones have no record."""
    parameters = context.command.get_params(context)
    records = [option.get_help_record(context) for option in parameters if isinstance(option, click.Option)]
    return [(f"\\fB{_text(option)}\\fR", text) for option, text in filter(None, records)]


def _variables(command: click.Command) -> list[tuple[str, str]]:
    shown = (option for option in command.params if isinstance(option, click.Option) and not option.hidden)
    return [
        (f"\\fB{_text(str(option.envvar))}\\fR", f"Counts where {option.opts[0]} is not given.")
        for option in shown
        if option.envvar
    ]


def _reference(context: click.Context, command: click.Command) -> str:
    return f"\\fB{_text(f'{_page_name(context)}-{command.name}')}\\fR(1)"


def _see_also(context: click.Context) -> list[str]:
    if context.parent is None:
        return []
    return [".SH SEE ALSO", f"\\fB{_text(_page_name(context.parent))}\\fR(1)"]


def _section(title: str, entries: list[tuple[str, str]]) -> list[str]:
    lines = [line for term, text in entries for line in (".TP", term, _text(text))]
    return [f".SH {title}", *lines] if lines else []


def _examples(epilog: str) -> list[str]:
    """Return the examples that end a command's help, each on its line as it is typed."""
    lines = epilog.partition("Examples:\n")[2].splitlines()
    # Behind a line that ends with a backslash the next goes on: their indents tell.
    return (
        [".SH EXAMPLES", ".nf", *(_text(line.removeprefix("  ")) for line in lines), ".fi"] if lines else []
    )


def _paragraphs(help_text: str) -> Iterator[str]:
    for number, paragraph in enumerate(cleandoc(help_text).split("\n\n")):
        if number:
            yield ".PP"
        # click's own sign for lines that must stay as they are; the others are filled to the width of the terminal.
        kept = paragraph.startswith("\b\n")
        lines = map(_text, paragraph.removeprefix("\b\n").splitlines())
        yield from (".nf", *lines, ".fi") if kept else lines


def _text(text: str) -> str:
    """Return `text` so that it is shown as it stands: no escape, no hyphen for a minus, no request.

    A line that begins with a full stop or an apostrophe would be one of groff's own (groff(7), "Control lines").
    """
    shown = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + shown if shown[:1] in (".", "'") else shown


def installed_programs() -> dict[str, click.Command]:
    """Return the programs that this distribution installs, by their names, each with its group of commands.

    The distribution knows them: this room is below the server and the agent.
    """
    found: dict[str, click.Command] = {}
    for entry in distribution("curfew").entry_points.select(group="console_scripts"):
        module = import_module(entry.module)
        [group] = {one for one in vars(module).values() if isinstance(one, LazyGroup)}
        found[entry.name] = group
    return found


def main(folder: Path) -> int:
    """Write every page of every program into ``folder/man1`` and return how many; pages of gone commands go."""
    pages = dict(page for program in installed_programs().items() for page in man_pages(*program))
    section = folder / "man1"
    section.mkdir(parents=True, exist_ok=True)
    for stale in section.glob("curfew-*.1"):
        stale.unlink()
    for name, page in pages.items():
        (section / name).write_text(page, encoding="utf-8")
    return len(pages)


if __name__ == "__main__":
    tell(f"{main(Path(sys.argv[1]))} pages; to read one: man -M {sys.argv[1]} curfew-agent")
