"""What a program is called with that some release's program does not take (docs/android/commands.md 13). Pure.

The list is of what is allowed: a program or an option that is not in it has to be looked up for every release first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.phone_words.regular_expressions import BasicRegularExpression
from tests.phone_words.sed_programs import objections_to_sed

Check = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True)
class Program:
    """What every release's program takes; `fallback` names what the scripts do where a release has none."""

    options: str = ""
    """Options without an argument, as letters."""
    with_value: str = ""
    """Options with one."""
    operands: str = r"(?s:.*)"
    """What each operand must look like."""
    fallback: str = ""
    """What must stand behind a call of it on the same line; empty for a program that needs none."""
    check: Check | None = None
    """Reads the words itself, if options and operands are not all."""

    def objections(self, name: str, words: Sequence[str]) -> list[str]:
        """Return what is wrong with a call."""
        found: list[str] = []
        operands = list(words)
        while operands and re.fullmatch(r"-.+", operands[0]):
            option = operands.pop(0)
            if option == "--":
                break
            if option[1:] in self.with_value and len(option) == 2 and operands:
                operands.pop(0)
            elif not set(option[1:]) <= set(self.options):
                found.append(f"{name} {option}: not every release has that option")
        for operand in operands:
            if not re.fullmatch(self.operands, operand):
                found.append(f"{name}: {operand!r} is not what every release's {name} takes")
        return found


def _grep(words: Sequence[str]) -> list[str]:
    found: list[str] = []
    patterns: list[str] = []
    rest = list(words)
    fixed = False
    while rest and rest[0].startswith("-") and rest[0] != "-":
        option = rest.pop(0)
        if option == "-e" and rest:
            patterns.append(rest.pop(0))
        elif not set(option[1:]) <= set("nqvcxlsF"):
            found.append(
                f"grep {option}: expected options of every release, and no other expressions than basic ones"
            )
        fixed = fixed or "F" in option
    if not patterns and rest:
        patterns.append(rest.pop(0))
    if not patterns:
        return [*found, "grep without an expression"]
    if not fixed:
        for pattern in patterns:
            expression = BasicRegularExpression(pattern, delimiter="", newlines=False)
            found.extend(f"grep: {why}" for why in expression.objections)
    return found


def _printf(words: Sequence[str]) -> list[str]:
    if not words:
        return ["printf without a format"]
    form = re.sub(r"%%|%s|%d|\\[\\nt]|\\0[0-7]{1,3}", "", words[0])
    return [f"printf: {words[0]!r} has more than %s, %d, \\n and \\t"] if re.search(r"[%\\]", form) else []


def _setsid(words: Sequence[str]) -> list[str]:
    """Its options differ: -t up to 9, -c, -d and -w from 11 on."""
    if not words or words[0].startswith("-"):
        return [f"setsid {' '.join(words[:1])}: expected a program"]
    return objections_to_call(words)


PROGRAMS: Mapping[str, Program] = {
    "cat": Program(),
    "chmod": Program(operands=r"[0-7]{3}|/.*"),
    "date": Program(options="u", operands=r"\+(?:%[YmdHMSsT]|[^%])*"),
    "flock": Program(options="nxsu", operands=r"[0-9]"),
    "fsync": Program(operands=r"/.*", fallback="|| sync"),
    "grep": Program(check=_grep),
    "head": Program(with_value="n"),
    "mkdir": Program(options="p", with_value="m"),
    "mv": Program(options="f"),
    "printf": Program(check=_printf),
    "rm": Program(options="rf"),
    "sed": Program(check=objections_to_sed),
    "setsid": Program(check=_setsid),
    "sh": Program(),
    "sha256sum": Program(operands=r"/.*"),
    "sleep": Program(operands=r"[0-9]{1,9}|0\.1"),
    "stat": Program(with_value="c"),
    "sync": Program(operands="(?!)"),
}
"""Every program that a release from 8 to 16 has, or whose lack is met, with what all of them take.

0.1 seconds to sleep are met by a whole second where no fractions are known (`blink`).
"""

_STAT_FORMAT = re.compile(r"(?:%[ugaFsYn]|[^%])*")


def objections_to_call(words: Sequence[str]) -> list[str]:
    """Return what is wrong with one call, the program's name first."""
    name, *rest = words
    program = PROGRAMS.get(name)
    if program is None:
        return [f"{name} is not known to be in every release"]
    if program.check is not None:
        return program.check(rest)
    found = program.objections(name, rest)
    if name == "stat" and "-c" in rest and not _STAT_FORMAT.fullmatch(rest[rest.index("-c") + 1]):
        found.append(f"stat -c {rest[rest.index('-c') + 1]}: not every release knows all of that")
    return found
