"""The README tells the truth: its commands are run here or by CI, its tables and links are checked.

Every line of a block marked ``console`` is a command. ``make …`` is run by `.ci/run`; all others are run here, in
their order, as one walk through the README: in this checkout, with an empty home and free ports. A command is
expected to end with 0, or with the code its trailing comment names (``# exit code 10``). One with ``# stays`` runs
until the end of the walk. Lines of a block marked ``phone`` are typed into the terminal of the virtual phone.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from agent_scripts.cli import curfew_agent
from agent_scripts.exit_codes import ExitCode, most_urgent
from certs.cli import commands as curfew_certs
from server.cli import cli as curfew_server
from tests.server.running import free_port

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").rglob("*.md")))
SOURCES = [
    file
    for package in ("policy", "certs", "server", "agent_scripts", "demo")
    for file in (ROOT / package).rglob("*.py")
]
NEXT_STEP = re.compile(r"(?:[Rr]un:? |[Nn]ext: |`)(curfew-agent|curfew-certs|curfew-server) ([a-z][a-z-]*)")
PROGRAMS: dict[str, click.Group] = {
    "curfew-agent": curfew_agent,
    "curfew-certs": curfew_certs,
    "curfew-server": curfew_server,
}


@dataclass(frozen=True)
class Command:
    """One line that the reader types, where, and what the page promises of it."""

    text: str
    exit_code: int = 0
    stays: bool = False
    into_phone: bool = False


def commands_of(page: Path) -> list[Command]:
    fences = re.compile(r"^```(console|phone)\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [
        Command(line, into_phone=True) if kind == "phone" else _command(line)
        for kind, block in fences.findall(page.read_text(encoding="utf-8"))
        for line in block.splitlines()
    ]


def _command(line: str) -> Command:
    assert line.startswith("$ "), f"a console block holds commands only, each after '$ ': {line}"
    text, _, comment = line[2:].partition("  # ")
    promise = re.fullmatch(r"exit code (\d+)", comment)
    return Command(text.strip(), int(promise.group(1)) if promise else 0, comment.startswith("stays"))


def commands() -> list[Command]:
    return [command for page in PAGES for command in commands_of(page)]


def is_for_ci(command: Command) -> bool:
    return command.text.startswith("make ")


class Walk:
    """A reader who types the commands one by one into a shell, in the checkout, with an empty home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._ports: dict[str, str] = {}
        self._staying: list[subprocess.Popen[bytes]] = []
        self._environment = {
            "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
        }

    def types(self, command: Command) -> None:
        text = re.sub(r"(?<=[: ])\d{4,5}\b", lambda found: self._free_port(found.group()), command.text)
        if command.into_phone:
            self._types_into_phone(text)
        elif command.stays:
            self._starts(text)
        else:
            self._runs(text, command.exit_code)

    def _runs(self, text: str, exit_code: int) -> None:
        run = subprocess.run(
            ["bash", "-c", text],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == exit_code, f"$ {text}\n{run.stdout}{run.stderr}"

    def _starts(self, text: str) -> None:
        with (self._home / f"staying-{len(self._staying)}.log").open("wb") as log:
            self._staying.append(
                subprocess.Popen(
                    ["bash", "-c", f"exec {text}"],
                    cwd=ROOT,
                    env=self._environment,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        port = int(text.split("--port ")[1].split()[0])
        for _ in range(600):
            if _answers(port):
                return
            assert self._staying[-1].poll() is None, f"$ {text}\n{Path(log.name).read_text()}"
            time.sleep(0.1)
        raise AssertionError(f"nothing answers on the port of: {text}\n{Path(log.name).read_text()}")

    def _types_into_phone(self, line: str) -> None:
        terminal, log = self._staying[-1].stdin, self._home / f"staying-{len(self._staying) - 1}.log"
        assert terminal
        answered = log.stat().st_size
        terminal.write(f"{line}\n".encode())
        terminal.flush()
        for _ in range(100):
            if log.stat().st_size > answered:
                return
            time.sleep(0.1)
        raise AssertionError(f"the phone said nothing to: {line}\n{log.read_text()}")

    def _free_port(self, written: str) -> str:
        # The README names fixed ports; tests share their machine with others.
        if written not in self._ports:
            self._ports[written] = str(free_port())
        return self._ports[written]

    def ends(self) -> None:
        for process in reversed(self._staying):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    walk = Walk(tmp_path)
    yield walk
    walk.ends()


def test_every_command_of_the_readme_does_what_it_promises(walk: Walk) -> None:
    typed = [command for command in commands() if not is_for_ci(command)]
    assert typed
    for command in typed:
        walk.types(command)


@pytest.mark.parametrize("command", [c.text for c in commands() if c.text.startswith("make ")])
def test_every_make_command_of_the_readme_is_run_by_ci(command: str) -> None:
    steps = re.findall(r"^\s*step \S+ (make .*)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert any(step.startswith(command) for step in steps), f"{command} is not among {steps}"


def named_commands(text: str) -> list[str]:
    """Return what stands between backticks and begins with one of our programs; prose may break its line."""
    found = re.findall(
        r"`((?:curfew-agent|curfew-certs|curfew-server) [^`]+)`", re.sub(r"\n(?=\S| +\S)", " ", text)
    )
    return [re.sub(r" +", " ", command) for command in found]


def assert_exists(command: str) -> None:
    """Fail unless the sub-command exists and takes these options and choices; names in capitals stand for values."""
    program, *words = shlex.split(command)
    known: click.Command = PROGRAMS[program]
    while isinstance(known, click.Group):
        assert words, f"`{command}` names no command"
        if words[0].startswith("-"):
            words = words[2:]  # an option of the program and its value
            continue
        found = known.get_command(click.Context(known), words.pop(0))
        assert found, f"`{command}` names a command that does not exist"
        known = found
    try:
        values, superfluous, _ = known.make_parser(click.Context(known)).parse_args(words)
    except click.UsageError as error:
        raise AssertionError(f"`{command}`: {error.message}") from error
    assert not superfluous, f"`{command}`: nobody takes {superfluous}"
    for parameter in known.params:
        value = values.get(parameter.name)
        if isinstance(parameter.type, click.Choice) and isinstance(value, str) and not value.isupper():
            assert value in parameter.type.choices, (
                f"`{command}`: {value} is none of {parameter.type.choices}"
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_in_the_prose_of_a_page_exist(page: Path) -> None:
    for command in named_commands(page.read_text(encoding="utf-8")):
        assert_exists(command)


def test_commands_that_our_messages_advise_exist() -> None:
    advised = {
        command for source in SOURCES for command in named_commands(source.read_text(encoding="utf-8"))
    }
    assert advised
    for command in sorted(advised):
        assert_exists(command)


def messages_of(source: Path) -> str:
    """Return all strings of a module but its docstrings, each on a line of its own."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in docstrings]
    return "\n".join(node.value for node in strings if isinstance(node.value, str))


def test_the_next_steps_that_our_messages_name_exist() -> None:
    named = {step for source in SOURCES for step in re.findall(NEXT_STEP, messages_of(source))}
    assert named
    for program, command in sorted(named):
        group = PROGRAMS[program]
        assert command in group.list_commands(click.Context(group)), f"a message says: {program} {command}"


def test_the_table_of_exit_codes_is_the_one_in_the_code_most_urgent_first() -> None:
    rows = re.findall(r"^\| (\d+) \| `([A-Z_]+)` \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    table = [ExitCode[name] for _, name in rows]
    assert [int(code) for code, _ in rows] == table
    assert set(table) == set(ExitCode)
    for place, code in enumerate(table):
        assert most_urgent(table[place:]) is code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_map_names_every_package() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    for package in packages:
        assert f"| `{package}/` |" in README.read_text(encoding="utf-8")
