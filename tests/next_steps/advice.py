"""Every command that a message or a page tells somebody to type, found in the sources: `advised_steps`.

A message holds its command in backticks, or as its end, or up to a ``;`` or the end of the line; a page in ``<code>``.
What a message fills in is shown as ``{…}`` and stands for anything.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent_scripts.cli import curfew_agent
from certs.cli import commands as curfew_certs
from server.cli import cli as curfew_server

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("policy", "certs", "server", "agent_scripts", "demo")
FILLED_IN = "{…}"
COMMANDS = {
    "curfew-agent": frozenset(curfew_agent.list_commands(None)),  # type: ignore[arg-type]
    "curfew-certs": frozenset(curfew_certs.list_commands(None)),  # type: ignore[arg-type]
    "curfew-server": frozenset(curfew_server.list_commands(None)),  # type: ignore[arg-type]
}
_OURS = re.compile(
    r"curfew-(?:agent|certs|server) (?:--plain-tcp |--[a-z-]+ (?:'[^'\n]*'|\S+) )*([a-z][a-z-]*)\b[^`;\n<)\"│]*"
)
_OTHERS = re.compile(
    r"(?:^|run: |with: |`|\()((?:chmod|pip install|adb (?:-s \S+ )?(?:pair \S|shell \S|start-server))[^`;\n<)\"│]*)"
)


@dataclass(frozen=True)
class Advice:
    """A command that `where` tells somebody to type, ``{…}`` standing for what is filled in."""

    where: str
    command: str


def commands_in(text: str) -> list[str]:
    """Return the commands of ours, and the few of others, that `text` tells to type."""
    ours = [
        found.group()
        for found in _OURS.finditer(text)
        if found[1] in COMMANDS[found.group().split(maxsplit=1)[0]]
    ]
    others = [found[1] for found in _OTHERS.finditer(text)]
    return [_trimmed(command) for command in (*ours, *others)]


def _trimmed(command: str) -> str:
    command = re.sub(r"(?:, .*|[.,])$", "", command.strip())
    # What a log puts its values in.
    return command.removesuffix("'") if command.count("'") % 2 else command


def advised_steps() -> list[Advice]:
    """Return every advice of the packages and their pages, each of a place once."""
    found = {
        Advice(where, command) for where, text in (*_messages(), *_pages()) for command in commands_in(text)
    }
    return sorted(found, key=lambda advice: (advice.where, advice.command))


def _messages() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for source in sorted((ROOT / package).rglob("*.py")):
            where = source.relative_to(ROOT).as_posix()
            yield from ((where, text) for text in _texts_of(ast.parse(source.read_text(encoding="utf-8"))))


def _pages() -> Iterator[tuple[str, str]]:
    for page in sorted((ROOT / "server" / "templates").glob("*.html")):
        text = re.sub(r"\{\{.*?\}\}", FILLED_IN, page.read_text(encoding="utf-8"))
        yield page.relative_to(ROOT).as_posix(), text


def _texts_of(node: ast.AST) -> Iterator[str]:
    """Yield the texts below `node` that are shown: no docstring, and no example of a command's help."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "CommandAt":
        return
    if isinstance(node, ast.JoinedStr):
        yield "".join(
            part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else FILLED_IN
            for part in node.values
        )
        # A text chosen within another one is a text, too.
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _texts_of(part.value)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _texts_of(child)
