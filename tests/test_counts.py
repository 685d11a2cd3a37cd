"""What is counted is counted rightly: "1 row", "2 rows", and never "1 rows" or "row(s)"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from policy.counted import counted, noun

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("policy", "certs", "server", "agent_scripts", "demo")
# It says what Android says, in Android's words.
IMITATED = "agent_scripts/virtual_phone/"
# A placeholder, and behind it at most two words and a plural; "is", "has" and "was" are none.
PLURAL = re.compile(
    r"\{([^{}]*)\} (?:[a-z]+ )?(?!is\b|has\b|was\b|does\b|names\b|comes\b|goes\b|holds\b)[a-z]+s\b"
)
IS_COUNT = re.compile(
    r"\blen\(|\| length\b|\| thousands|\b(?:count|rows|left|waiting|dropped|hours|minutes|days|total|number_of)\b"
)
BY_HAND = re.compile(r"""\w\([se]s?\)(?![\w(])|['"]s['"] (?:if|\*)|['"] if [\w. |]+ == 1 else ['"]""")


def shown() -> Iterator[tuple[str, str]]:
    """Yield every text with placeholders, of modules and of templates, and where it stands."""
    for package in PACKAGES:
        for source in sorted((ROOT / package).rglob("*.py")):
            path = source.relative_to(ROOT).as_posix()
            if not path.startswith(IMITATED):
                for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.JoinedStr):
                        yield f"{path}:{node.lineno}", text_of(node)
    for template in sorted((ROOT / "server" / "templates").glob("*.html")):
        for number, line in enumerate(template.read_text(encoding="utf-8").splitlines(), start=1):
            bare = re.sub(r"</?\w+[^>]*>", "", line).replace("{{", "{").replace("}}", "}")
            yield f"{template.name}:{number}", bare


def text_of(node: ast.JoinedStr) -> str:
    parts = (
        part.value if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"  # type: ignore[attr-defined]
        for part in node.values
    )
    return "".join(map(str, parts))


def faults_of(text: str) -> list[str]:
    plurals = [
        found.group()
        for found in PLURAL.finditer(text)
        if IS_COUNT.search(found[1]) and "counted(" not in found[1] and not found[1].strip().isupper()
    ]
    return [*plurals, *BY_HAND.findall(text)]


def test_every_count_agrees_with_its_noun() -> None:
    assert [(place, fault) for place, text in shown() for fault in faults_of(text)] == []


@pytest.mark.parametrize(
    "text", ["{len(rows)} rows", "{check.rows | thousands} bad rows", "{n} report(s)", 'x {"s" if n == 1}']
)
def test_a_count_by_hand_is_found(text: str) -> None:
    assert faults_of(text)


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1000, "1000 rows")]
)
def test_one_is_singular_and_everything_else_plural(number: int, words: str) -> None:
    assert counted(number, "row") == words
    assert counted(number, "is", "are").endswith("is" if number == 1 else "are")
    assert noun(number, "row") == words.partition(" ")[2]
