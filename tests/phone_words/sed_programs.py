"""What a sed program holds beyond POSIX, or that the sed of some release gets wrong. Pure.

The text is read as POSIX has it: a command to its end, a label or an inserted text to the end of its line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.phone_words.regular_expressions import BasicRegularExpression, end_of_bracket

_PLAIN_COMMANDS = "=dDgGhHlnNpPqx"
_FLAGS = re.compile(r"(?:[1-9][0-9]*p?|p[1-9][0-9]*|gp|pg|g|p)?")


def objections_to_sed(words: Sequence[str]) -> list[str]:
    """Return what is wrong with the arguments of one call of sed."""
    objections: list[str] = []
    pieces: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        option = rest.pop(0)
        if option == "-e" and rest:
            pieces.append(rest.pop(0))
        elif option != "-n":
            objections.append(f"sed {option}: expected -n or -e alone")
    if not pieces and rest:
        pieces.append(rest.pop(0))
    if not pieces:
        return [*objections, "sed without a program"]
    return objections + SedProgram("\n".join(pieces)).objections


class SedProgram:
    """One program, read to its end on making; `objections` says what is wrong with it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.objections: list[str] = []
        self._place = 0
        self._depth = 0
        self._labels: set[str] = set()
        self._branches: set[str] = set()
        try:
            while self._more():
                self._command()
        except _Unended as error:
            self._object(str(error))
        if self._depth:
            self._object("{ is not closed")
        for label in sorted(self._branches - self._labels):
            self._object(f"a branch to {label!r}, a label that is not there")

    def _object(self, why: str) -> None:
        line = self.text.count("\n", 0, self._place) + 1
        self.objections.append(f"sed: {why}, near line {line} of its program")

    def _next(self) -> str:
        return self.text[self._place : self._place + 1]

    def _take(self, pattern: str) -> str:
        found = re.compile(pattern).match(self.text, self._place)
        assert found is not None
        self._place = found.end()
        return found[0]

    def _more(self) -> bool:
        self._take(r"[ \t;\n]*")
        return bool(self._next())

    # Addresses -----------------------------------------------------------------------------------------------

    def _command(self) -> None:
        addresses = 0
        if self._address():
            addresses = 1
            if self._take(r"[ \t]*,?[ \t]*").strip():
                addresses = 2
                if not self._address():
                    self._object("no address behind the comma")
        self._take(r"[ \t]*")
        if self._take(r"!*"):
            self._take(r"[ \t]*")
        self._carry_out(self._next(), addresses)

    def _address(self) -> bool:
        here = self._next()
        if here.isdigit():
            if self._take(r"[0-9]+") == "0":
                self._object("line 0 is GNU's")
        elif here == "$":
            self._place += 1
        elif here in ("/", "\\"):
            self._take(r"\\?")
            self._expression(self._delimiter())
            if self._take(r"[IM]*"):
                self._object("I and M behind an address are GNU's")
        elif here and here in "+~":
            self._object(f"an address with {here} is GNU's")
            self._take(r"[+~][0-9]*")
        else:
            return False
        if self._next() == "~":
            self._object("an address with ~ is GNU's")
            self._take(r"~[0-9]*")
        return True

    def _delimiter(self) -> str:
        delimiter = self._next()
        self._place += 1
        if not delimiter or delimiter in "\\\n":
            raise _Unended("no delimiter")
        return delimiter

    def _expression(self, delimiter: str) -> BasicRegularExpression:
        start = self._place
        while self._next() != delimiter:
            if self._next() in ("", "\n"):
                raise _Unended(f"the expression {self.text[start : self._place]!r} has no end")
            if self._next() == "\\":
                self._place += 2
            elif self._next() == "[":
                self._place = end_of_bracket(self.text, self._place) or len(self.text)
            else:
                self._place += 1
        expression = BasicRegularExpression(self.text[start : self._place], delimiter)
        self._place += 1
        self.objections.extend(f"sed: {why}" for why in expression.objections)
        return expression

    # Commands ------------------------------------------------------------------------------------------------

    def _carry_out(self, command: str, addresses: int) -> None:
        self._place += 1
        if command == "{":
            self._depth += 1
        elif command == "}":
            self._close(addresses)
        elif command and command in _PLAIN_COMMANDS:
            self._ends(command)
        elif command == "s":
            self._substitute()
        elif command == "y":
            self._object("y has not been tried on any phone")
            self._take(r"[^\n]*")
        elif command and command in ":bt":
            self._label(command, addresses)
        elif command and command in "aic":
            self._text(command)
        elif command == "#":
            self._take(r"[^\n]*")
        else:
            self._object(f"{command!r} is no command of POSIX, or writes and reads files")
            self._take(r"[^\n]*")

    def _close(self, addresses: int) -> None:
        self._depth -= 1
        if self._depth < 0 or addresses:
            self._object("} closes nothing")
        self._ends("}")

    def _ends(self, command: str) -> None:
        self._take(r"[ \t]*")
        if self._next() not in ("", "\n", ";"):
            self._object(f"{command} is not followed by the end of its line")
            self._take(r"[^\n]*")

    def _label(self, command: str, addresses: int) -> None:
        label = self._take(r"[^\n]*").strip()
        if not re.fullmatch(r"[a-z]*", label):
            self._object(f"{command} takes the whole line for its label: {label!r}")
        elif command == ":":
            self._labels.add(label)
            if not label or addresses:
                self._object(": needs a label and takes no address")
        elif label:
            self._branches.add(label)

    def _text(self, command: str) -> None:
        if not self._take(r"(?:[ \t]*\\\n)?"):
            self._object(f"{command} with its text on the same line is GNU's")
        self._take(r"(?:\\[\s\S]|[^\\\n])*")

    def _substitute(self) -> None:
        delimiter = self._delimiter()
        expression = self._expression(delimiter)
        self._replacement(delimiter, expression.groups)
        flags = self._take(r"[A-Za-z0-9]*")
        if not _FLAGS.fullmatch(flags):
            self._object(f"the flags {flags!r} of s are not all of POSIX")
        self._ends("s")

    def _replacement(self, delimiter: str, groups: int) -> None:
        while (here := self._next()) != delimiter:
            if here in ("", "\n"):
                raise _Unended("a replacement has no end")
            self._place += 1
            if here == "\\":
                self._replaced_by(self._next(), delimiter, groups)
                self._place += 1
        self._place += 1

    def _replaced_by(self, escaped: str, delimiter: str, groups: int) -> None:
        if escaped and escaped in "123456789":
            if int(escaped) > groups:
                self._object(f"\\{escaped} in a replacement, where there are {groups} groups")
        elif escaped not in ("&", "\\", "\n", delimiter):
            self._object(f"\\{escaped} in a replacement is not of POSIX")


class _Unended(Exception):
    """The rest of the program cannot be read."""
