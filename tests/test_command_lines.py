"""What all three programs owe whoever types: a quick --help that fits the terminal, a version, and completion."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from agent_scripts.cli import curfew_agent
from certs.cli import commands as curfew_certs
from server.cli import cli as curfew_server
from tests.test_readme import assert_exists

PROGRAMS: dict[str, click.Group] = {
    "agent_scripts.cli": curfew_agent,
    "certs.cli": curfew_certs,
    "server.cli": curfew_server,
}
HEAVY = (
    "adb_shell",
    "adbutils",
    "alembic",
    "argon2",
    "cryptography",
    "flask",
    "granian",
    "marshmallow",
    "rich",
    "textual",
)
ALSO_HEAVY = ("securesystemslib", "sqlalchemy", "tuf", "urllib3")
NAMES = {
    "agent_scripts.cli": "curfew-agent",
    "certs.cli": "curfew-certs",
    "server.cli": "curfew-server",
}
EACH_PROGRAM = pytest.mark.parametrize("module", sorted(PROGRAMS))


def clean_environment() -> dict[str, str]:
    """Return ours without what says how wide and in which characters to write."""
    told = ("COLUMNS", "LANG", "LC_ALL", "LC_CTYPE", "PYTHONIOENCODING", "PYTHONUTF8")
    return {name: value for name, value in os.environ.items() if name not in told}


def commands_of(module: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command with the words that call it, those of groups within the program too."""
    return commands_in(PROGRAMS[module])


def commands_in(group: click.Group, *words: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join((*words, name)), command
        if isinstance(command, click.Group):
            yield from commands_in(command, *words, name)


def groups_of(module: str) -> Iterator[tuple[tuple[str, ...], click.Group]]:
    """Yield every list of commands with the words that show it."""
    yield (), PROGRAMS[module]
    for name, command in commands_of(module):
        if isinstance(command, click.Group):
            yield tuple(name.split()), command


def typed(module: str, *words: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        env={**clean_environment(), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@EACH_PROGRAM
def test_help_loads_no_library_that_only_a_command_needs(module: str) -> None:
    script = (
        f"import sys, {module}; {module}.main(['--help']);"
        " print('loaded:', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("loaded:")[2].split())
    assert "click" in loaded
    assert not loaded & {*HEAVY, *ALSO_HEAVY}


@EACH_PROGRAM
def test_every_command_in_the_list_can_be_loaded_and_says_what_it_does(module: str) -> None:
    group = PROGRAMS[module]
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help


@EACH_PROGRAM
def test_the_list_of_commands_fits_a_terminal_of_80_columns_uncut(module: str) -> None:
    for words, group in groups_of(module):
        text = typed(module, *words, "--help", COLUMNS="80")
        table = text.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
        assert len(table) == len(group.list_commands(click.Context(group)))
        for line in table:
            assert len(line) <= 80
            assert line.endswith(".")
            assert not line.endswith("...")


@EACH_PROGRAM
def test_every_program_tells_its_version_and_takes_the_short_form_of_help(module: str) -> None:
    assert "version" in typed(module, "--version")
    assert typed(module, "-h") == typed(module, "--help")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_complete_in_the_usual_shells(shell: str) -> None:
    assert "curfew-agent" in typed("agent_scripts.cli", _CURFEW_AGENT_COMPLETE=f"{shell}_source")
    words = {"COMP_WORDS": "curfew-agent pro", "COMP_CWORD": "pro" if shell == "fish" else "1"}
    offered = typed("agent_scripts.cli", _CURFEW_AGENT_COMPLETE=f"{shell}_complete", **words)
    assert "provision" in offered
    assert "probe" in offered
    assert "restore" not in offered


@EACH_PROGRAM
def test_every_command_takes_the_short_form_of_help_and_tells_its_version(module: str) -> None:
    for name, command in commands_of(module):
        parent = click.Context(PROGRAMS[module], **PROGRAMS[module].context_settings)
        context = click.Context(command, parent=parent)
        assert {"-h", "--help"} == set(command.get_help_option_names(context)), name
        assert "--version" in {option for parameter in command.params for option in parameter.opts}, name
    assert typed(module, *name.split(), "--version") == typed(module, "--version")
    assert typed(module, *name.split(), "-h") == typed(module, *name.split(), "--help")


@EACH_PROGRAM
def test_the_help_of_every_command_ends_with_examples_that_can_be_typed(module: str) -> None:
    for name, command in commands_of(module):
        context = click.Context(command, info_name=name, terminal_width=80)
        examples = command.get_help(context).partition("Examples:\n")[2].replace("\\\n", "").splitlines()
        assert examples, f"{NAMES[module]} {name} has no example"
        for example in examples:
            assert f" {name} " in f"{' '.join(shlex.split(example))} ", example
            assert_exists(re.sub(r"\$\([^)]*\)", "CODE", example.strip()))


@EACH_PROGRAM
def test_no_line_of_any_help_is_wider_than_80_columns(module: str) -> None:
    for name, command in commands_of(module):
        context = click.Context(command, info_name=name, terminal_width=80, max_content_width=80)
        assert max(map(len, command.get_help(context).splitlines())) <= 80, name
