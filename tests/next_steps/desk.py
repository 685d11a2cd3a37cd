"""Somebody who reads what is printed and types the next step it names, word by word, into a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest

from certs.typed_options import UNKNOWN_CONFIG
from tests.next_steps.advice import FILLED_IN, Advice, commands_in

_WORD = r"(?:'[^']*'|\S+)"
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

    def runs(self, command: str, keys: str = "", code: int | None = 0) -> str:
        """Type `command`, answer its questions with `keys`, and return what it printed; None: any exit code."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(self.folder),
                "LC_ALL": "C.UTF-8",
                # No table folds a command that is to be read from it.
                "COLUMNS": "1000",
                **self.variables,
            },
            input=keys,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        text = done.stdout + done.stderr
        assert code is None or done.returncode == code, f"$ {command}\n{text}"
        return text

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
