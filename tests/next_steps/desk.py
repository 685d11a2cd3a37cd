"""Somebody who reads what is printed and types the next step it names, word by word, into a shell.

A plain command of ours is run in this process, in the folder and with the variables that the shell would give it: to
start Python costs more than most commands do. All else is typed into bash, and at a desk `with_processes` ours is, too.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest

import agent_scripts.cli
import certs.cli
import server.cli
from certs.typed_options import UNKNOWN_CONFIG, forget_options
from tests.next_steps.advice import FILLED_IN, Advice, commands_in

_WORD = r"(?:'[^']*'|\S+)"
# What bash would not hand on to the program as it stands, beside words in quotes.
_FOR_BASH = re.compile(r"[|&;<>()$`\\*?\[\]#~!{}\n]")
_OURS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "curfew-agent": agent_scripts.cli.main,
    "curfew-certs": certs.cli.main,
    "curfew-server": server.cli.main,
}
# These have threads and signals of their own until they are stopped.
_STAYING = frozenset({"serve", "virtual-phone"})
# Which advices have a test that types them; filled as the tests are read.
TYPED: set[Advice] = set()


@dataclass(frozen=True)
class Said:
    """What a command ended with and printed, results and all."""

    code: int
    text: str


@dataclass
class Desk:
    """A shell in a folder of its own, with the installed programs, and what was typed into it."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    with_processes: bool = False
    """Whether each command is a process of its own, as it is for whoever types it."""

    def runs(self, command: str, keys: str = "", code: int | None = 0) -> str:
        """Type `command`, answer its questions with `keys`, and return what it printed; None: any exit code."""
        words = self._words_for_here(command)
        said = self._run_here(words, keys) if words else self._run_in_bash(command, keys)
        assert code is None or said.code == code, f"$ {command}\n{said.text}"
        return said.text

    def _words_for_here(self, command: str) -> list[str]:
        """Return the words of a plain command of ours, and none of anything else."""
        if self.with_processes or _FOR_BASH.search(command):
            return []
        words = shlex.split(command)
        return words if words[0] in _OURS and _STAYING.isdisjoint(words) else []

    def _run_here(self, words: Sequence[str], keys: str) -> Said:
        printed, said, environment = io.StringIO(), io.StringIO(), self._environment()
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(said),
        ):
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            patch.setattr(sys, "stdin", io.StringIO(keys))
            forget_options()
            code = _OURS[words[0]](words[1:])
        return Said(code, printed.getvalue() + said.getvalue())

    def _run_in_bash(self, command: str, keys: str) -> Said:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self._environment(),
            input=keys,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Said(done.returncode, done.stdout + done.stderr)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            # As without it; curfew-agent looks for its home when it is loaded.
            "CURFEW_STATION": str(self.folder / ".curfew-station"),
            "LC_ALL": "C.UTF-8",
            # No table folds a command that is to be read from it.
            "COLUMNS": "1000",
            **self.variables,
        }

    def types_the_next_step(
        self,
        printed: str,
        of: str,
        *,
        keys: str = "",
        code: int = 0,
        then: str = "",
        filled: Mapping[str, object] = MappingProxyType({}),
        **also_filled: object,
    ) -> str:
        """Find the step that looks like `of` in `printed`, fill in its words in capitals, and type it.

        `then` has to stand in what it prints, which is returned.
        """
        like = re.escape(of).replace(re.escape(FILLED_IN), "(.+)")
        like = like.replace(re.escape(UNKNOWN_CONFIG), rf"--config {_WORD}")
        steps = [step for step in commands_in(printed) if re.fullmatch(like, _without_options(step))]
        assert steps, f"nothing like `{of}` is told by:\n{printed}"
        self.told.append(of)
        step = steps[0]
        for word, value in {**filled, **also_filled}.items():
            escaped = str(value).replace("\\", "\\\\")
            step, count = re.subn(rf"\b{word.replace('_', '.')}\b", escaped, step)
            assert count, f"{step} has no {word}"
        left = re.findall(r"(?<![\w./-])[A-Z][A-Z_]+(?:\.\w+)?(?![\w./-])", step)
        assert not left, f"nobody knows what {left} are: {step}"
        self.typed.append(step)
        text = self.runs(step, keys, code)
        assert then in text, f"$ {step}\n{text}"
        return text


def _without_options(step: str) -> str:
    step = re.sub(r"^adb -s \S+", "adb", step)
    # What the one who typed before gave is given again (`certs.typed_options`); the sources have it as SERVER.env.
    return re.sub(rf"^(curfew-agent)(?: --plain-tcp| --station (?!NEW_FOLDER){_WORD})+ ", r"\1 ", step)


def types(*advices: tuple[str, str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Say which advices, each by its file and command, the test types; it fails if it does not."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        TYPED.update(Advice(*advice) for advice in advices)
        marked: Callable[..., None] = pytest.mark.advices(*advices)(test)
        return marked

    return mark
