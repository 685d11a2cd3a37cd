"""What a basic regular expression holds that some phone's regcomp refuses, or takes for something else. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

RE_DUP_MAX = 255
"""The most repetitions that POSIX promises and that Android's libc takes; Debian's takes 32,767."""

CLASSES = frozenset(
    {"alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper"}
    | {"xdigit"}
)
_COUNT = re.compile(r"\\\{([0-9]*)(,?)([0-9]*)\\\}")
# No standard promises "\]" and "\-", but every phone's regcomp takes a mark behind a backslash as itself.
_LITERAL_WHEN_ESCAPED = frozenset(r".[]*^$\-/")


@dataclass
class BasicRegularExpression:
    """One expression, read to its end on making; `groups` counts its groups, `objections` says what is wrong."""

    text: str
    delimiter: str = "/"
    newlines: bool = True
    """Whether ``\\n`` means a newline: to sed it does, to grep it does not."""
    groups: int = 0
    objections: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open: list[int] = []
        self._closed: set[int] = set()
        self._place = 0
        self._repeatable = ""
        """What stands before: "" for nothing to repeat, else ``atom``, ``group`` or ``repeated``."""
        while self._place < len(self.text):
            self._step()
        if self._open:
            self._object(r"a group \( is not closed")

    def _object(self, why: str) -> None:
        self.objections.append(f"{why}, in the expression {self.text!r}")

    def _step(self) -> None:
        here = self.text[self._place]
        if here == "\\":
            self._escape()
        elif here == "[":
            self._bracket()
        elif here == "*":
            self._star()
        else:
            if here == "^" and self._after_open():
                self._object(r"^ behind \( is an anchor to some and a letter to others")
            if here == "$" and self.text.startswith(r"\)", self._place + 1):
                self._object(r"$ before \) is an anchor to some and a letter to others")
            self._place += 1
            self._repeatable = "" if here == "^" and self._place == 1 else "atom"

    def _after_open(self) -> bool:
        return self.text.endswith(r"\(", 0, self._place)

    def _escape(self) -> None:
        following = self.text[self._place + 1 : self._place + 2]
        if following == "{":
            self._counted()
            return
        self._place += 2
        if following == "(":
            self.groups += 1
            self._open.append(self.groups)
            self._repeatable = ""
        elif following == ")":
            if self._open:
                self._closed.add(self._open.pop())
            else:
                self._object(r"\) closes no group")
            self._repeatable = "group"
        else:
            self._repeatable = "atom"
            self._escaped(following)

    def _escaped(self, following: str) -> None:
        if not following:
            self._object("a backslash ends it")
        elif following in "123456789":
            if int(following) not in self._closed:
                self._object(f"\\{following} refers to no group that is closed before it")
        elif following == "n":
            if not self.newlines:
                self._object(r"\n is no newline to grep")
        elif following in "+?|":
            self._object(f"\\{following} is GNU's")
        elif following not in _LITERAL_WHEN_ESCAPED and following != self.delimiter:
            self._object(f"\\{following} is in no basic regular expression")

    def _star(self) -> None:
        self._place += 1
        if self._repeatable == "group":
            self._object("a group with * can stay unmatched")
        elif self._repeatable == "repeated":
            self._object("a repetition of a repetition")
        elif not self._repeatable:
            self._object("* with nothing before it is a letter to some")
        self._repeatable = "repeated"

    def _counted(self) -> None:
        found = _COUNT.match(self.text, self._place)
        if not found:
            self._object(r"\{ without counts and \}")
            self._place += 2
            return
        self._place = found.end()
        least, _, most = found.groups()
        if not least or (most and int(least) > int(most)):
            self._object(f"{found[0]} is no range of counts")
        elif max(int(count) for count in (least, most) if count) > RE_DUP_MAX:
            self._object(f"{found[0]} counts beyond {RE_DUP_MAX} (RE_DUP_MAX)")
        if self._repeatable == "group" and least == "0":
            self._object(f"a group with {found[0]} can stay unmatched")
        if self._repeatable in ("", "repeated"):
            self._object(f"{found[0]} repeats nothing that can be repeated")
        self._repeatable = "repeated"

    def _bracket(self) -> None:
        end = end_of_bracket(self.text, self._place)
        if end is None:
            self._object("[ is not closed")
            self._place = len(self.text)
            return
        for why in _objections_to_bracket(self.text[self._place + 1 : end - 1]):
            self._object(why)
        self._place = end
        self._repeatable = "atom"


def end_of_bracket(text: str, start: int) -> int | None:
    """Return the place behind the bracket expression that begins at `start`, None if it has no end."""
    place = start + 1
    place += text.startswith("^", place)
    place += text.startswith("]", place)
    while place < len(text) and text[place] != "]":
        kind = text[place + 1 : place + 2]
        if text[place] == "[" and kind and kind in ":.=":
            end = text.find(f"{kind}]", place + 2)
            if end < 0:
                return None
            place = end + 2
        else:
            place += 1
    return place + 1 if place < len(text) else None


def _objections_to_bracket(inside: str) -> Iterator[str]:
    if "\\" in inside:
        yield rf"a backslash in [{inside}] is a backslash to POSIX and the start of an escape to others"
    for kind in ("[.", "[="):
        if kind in inside:
            yield f"{kind} in [{inside}] is not in every libc"
    for name in re.findall(r"\[:(.*?):\]", inside):
        if name not in CLASSES:
            yield f"[:{name}:] is no class of POSIX"
    plain = re.sub(r"\[:.*?:\]", "", inside.removeprefix("^"))
    for first, last in re.findall(r"(.)-(.)", plain):
        if first > last:
            yield f"{first}-{last} in [{inside}] is no range"
