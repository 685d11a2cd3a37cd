"""What a shell text holds that POSIX does not promise, or that breaks on phones without a word. Pure.

For what shellcheck knows of POSIX the tests run it over the composed texts as well; here is what it lets pass, and what
is built into a phone's shell, so that no program is called that could be watched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_LARGEST = 2**31 - 1
# -O (mine) is not of POSIX, but of ksh: every mksh has it, and busybox ash and dash, in which our texts run as well.
_TESTS = frozenset({"-n", "-z", "-f", "-d", "-e", "-L", "-O", "-r", "-w", "-x", "-s"})
_COMPARISONS = frozenset({"=", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_TEST = re.compile(r"(?<![^\s;(!])\[ ((?:\"[^\"\n]*\"|[^\"\n])*?) \](?=[\s;)]|$)")
_WORD = re.compile(r"\"[^\"]*\"|(?:\$\(\(.*?\)\)|[^\s\"])+")
_FORBIDDEN = (
    (re.compile(r"<<"), "a here-document needs a TMPDIR that can be written to"),
    (
        re.compile(r"(?<![\w.-])(?:function|select|source|let|typeset|declare|local|eval)\s"),
        "is not of POSIX",
    ),
    (re.compile(r"(?<!\S)\[\[\s|\|&|&>|<\(|>\(|\$'|==|=~"), "is not of POSIX"),
    (re.compile(r"\$\{\w+(?::[0-9 ]|/|\^|,|@|\[)"), "is not of POSIX"),
    (
        re.compile(r"\$\{?(?:RANDOM|SECONDS|EPOCHREALTIME|LINENO|PIPESTATUS|OSTYPE)\b"),
        "is not in every shell",
    ),
    (re.compile(r"\w=\("), "an array is not of POSIX"),
    (re.compile(r"\becho\s+-"), "echo with an option prints it in some shells"),
)
_ECHOED_BACKSLASH = re.compile(r"\becho [^|;&\n]*\\[A-Za-z0-9]")


def objections_to_shell(text: str) -> list[str]:
    """Return what is wrong with a text; programs of sed are not looked at."""
    bare = without_literals(text)
    found = [f"{match[0].strip()!r}: {why}" for form, why in _FORBIDDEN for match in form.finditer(bare)]
    found.extend(f"{echo}: some shells make a character of that" for echo in _ECHOED_BACKSLASH.findall(text))
    return [*found, *_arithmetic(bare), *_tests(bare)]


def without_literals(text: str) -> str:
    """Return a text without what stands between quotes, but with the commands that are put in there."""
    kept: list[str] = []
    place = 0
    while place < len(text):
        if text[place] == "\\":
            place += 2
        elif text[place] == "'":
            place = text.find("'", place + 1) + 1 or len(text)
            kept.append("''")
        elif text[place] == '"':
            place, inside = _in_double_quotes(text, place + 1)
            kept.append(f'"{inside}"')
        else:
            kept.append(text[place])
            place += 1
    return "".join(kept)


def _in_double_quotes(text: str, place: int) -> tuple[int, str]:
    """Return the place behind the closing quote and what in between is no literal."""
    kept = ""
    while place < len(text) and text[place] != '"':
        if text[place] == "\\":
            place += 2
        elif text.startswith(("$(", "${"), place):
            end = _end_of_expansion(text, place)
            inner = text[place:end]
            kept += without_literals(inner).replace('"', "'") if inner[1] == "(" else inner
            place = end
        else:
            place += 1
    return place + 1, kept


def _end_of_expansion(text: str, place: int) -> int:
    opening, closing = text[place + 1], {"(": ")", "{": "}"}[text[place + 1]]
    depth = 0
    quoted = ""
    for end in range(place + 1, len(text)):
        here = text[end]
        if quoted:
            quoted = "" if here == quoted else quoted
        elif here in "\"'":
            quoted = here
        else:
            depth += (here == opening) - (here == closing)
        if not depth:
            return end + 1
    return len(text)


def _arithmetic(text: str) -> Iterator[str]:
    """Yield what 32 bits cannot hold: a phone's shell has no more (docs/android/commands.md 13.2)."""
    for expression in re.findall(r"\$\(\((.*?)\)\)", text):
        for number in re.findall(r"(?<![\w.])[0-9]+", expression):
            if int(number) > _LARGEST:
                yield f"{number} is more than 32 bits hold"
            if len(number) > 1 and number[0] == "0":
                yield f"{number} is octal to some shells and decimal to others"


def _tests(text: str) -> Iterator[str]:
    read = list(_TEST.finditer(text))
    for found in read:
        words = _WORD.findall(found[1])
        while words[:1] == ["!"]:
            words.pop(0)
        one = len(words) == 1 or (len(words) == 2 and words[0] in _TESTS)
        two = len(words) == 3 and words[1] in _COMPARISONS
        if not (one or two):
            yield f"{found[0]}: expected one test of POSIX"
    unread = len(re.findall(r"(?<!\S)\[\s|(?<![\w.-])test\s", text)) - len(read)
    if unread:
        yield f"{unread} tests of another form than [ ... ] on one line"
