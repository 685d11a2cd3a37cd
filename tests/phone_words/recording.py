"""A phone whose programs write down what they are called with, and then do it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent_scripts.virtual_phone import VirtualPhone
from agent_scripts.virtual_phone.userland import FRAMEWORK_PROGRAMS
from tests.phone_words.spots import SPOT

_RECORDER = """#!{shell}
{{
  print -n "$#\\0"
  print -rn -- "${{{spot}-}}"
  for word in "${{0##*/}}" "$@"; do print -n '\\0'; print -rn -- "$word"; done
  print -n '\\0.\\0'
}} >>{log}/$$
unset {spot}
exec {programs}/"${{0##*/}}" "$@"
"""


@dataclass(frozen=True)
class Call:
    """One start of a program: its words, its name first, and the spot it was started from, if that was told."""

    words: tuple[str, ...]
    spot: str = ""


class Recording:
    """Stands in front of every program of one phone but its shell and its framework."""

    def __init__(self, phone: VirtualPhone) -> None:
        land = phone.userland
        self._log = phone.folder / "recorded"
        programs = phone.folder / "recorded-programs"
        for folder in (self._log, programs):
            folder.mkdir()
        shell = (land.programs / "sh").resolve()
        recorder = _RECORDER.format(shell=shell, spot=SPOT, log=self._log, programs=programs)
        for program in list(land.programs.iterdir()):
            if program.name not in ("sh", *FRAMEWORK_PROGRAMS):
                program.rename(programs / program.name)
                program.write_text(recorder)
                program.chmod(0o755)

    @property
    def calls(self) -> list[Call]:
        """What was called so far, in no order."""
        return [call for path in self._log.iterdir() for call in _calls(path)]


def _calls(path: Path) -> list[Call]:
    """Return what one process was started with; a number may come to several processes one after another.

    A process that was killed while it wrote that down never did what it was started for.
    """
    fields = path.read_bytes().decode().split("\0")
    found = []
    while fields[0].isdigit():
        size = int(fields[0]) + 4
        _, spot, *words, end = fields[:size] if len(fields) > size else ("", "", "", "")
        if end != ".":
            break
        found.append(Call(tuple(words), spot))
        del fields[:size]
    return found
