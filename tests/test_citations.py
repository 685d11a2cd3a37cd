"""What is cited is there: pages of docs/ with their chapters, rules, faults and headings, decisions, captures, modules.

A citation names a page from the repository's root and what of it: a chapter (``5.3``, ``6-8``), ``rule 3``,
``fault 6``, ``target T5``, or a heading in quotes; several follow each other with commas and "and". A page that says
"Chapters ... of" another holds a part of that other's chapters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.test_repository_speaks_of_itself import tracked_texts

ROOT = Path(__file__).resolve().parents[1]
ENDING = ".md"
PACKAGES = ("policy/", "certs/", "server/", "agent_scripts/", "demo/")

PAGE = re.compile(r"(?<![\w./-])docs/([\w/-]+\.md)")
NAMED_PAGE = re.compile(r"[\w./-]*\w\.md\b")
POINT = re.compile(
    r"(?:,? and |[,;]? )"
    r"(?:(?P<kind>rule|fault|target)s? )?"
    r"(?:(?P<first>T?\d+(?:\.\d+)?)(?:-(?P<last>\d+))?(?![\w.]\w)"
    r'|"(?P<heading>[^"]+)")'
    r"(?: \([a-z ,]+\))?"
)
BARE_POINT = re.compile(r"\b([Rr]ule|[Ff]ault)s? (\d+)\b")
BARE_POINTS_OF = {"rule": ("design.md", ""), "fault": ("performance.md", "5")}
DECISION = re.compile(r"\b[Dd]ecision (\d{4})\b")
CAPTURE = re.compile(r"\bT:([a-z]-\d{3})\b")
MODULE = re.compile(r"(?<![\w./-])(\w+(?:/\w+)*\.(?:py|sh))\b")
FOLDER = re.compile(r"`(\w+(?:/\w+)*)/`")


@cache
def texts() -> dict[str, str]:
    return tracked_texts()


@cache
def family(page: str) -> tuple[str, ...]:
    """Return the texts of a page and of those that hold a part of its chapters."""
    folder, _, name = f"docs/{page}".rpartition("/")
    part = re.compile(rf"^Chapters .* of \[{re.escape(name)}\]", re.MULTILINE)
    parts = [text for path, text in texts().items() if path.startswith(f"{folder}/") and part.search(text)]
    return (texts()[f"docs/{page}"], *parts)


def chapters(page: str) -> list[str]:
    return [
        number
        for text in family(page)
        for number in re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", text, re.MULTILINE)
    ]


def section(page: str, chapter: str) -> str:
    """Return what stands under the heading of `chapter`, or under "Rules"."""
    heading = re.escape(chapter) + r"\.? [^\n]*" if chapter else "Rules"
    pattern = re.compile(rf"^#+ {heading}\n(.*?)(?=^#+ |\Z)", re.MULTILINE | re.DOTALL)
    return "\n".join(found for text in family(page) for found in pattern.findall(text))


def points(page: str, chapter: str) -> set[str]:
    return set(re.findall(r"^(?:\| )?(T?\d+)(?:\. | \|)", section(page, chapter), re.MULTILINE))


def has_heading(page: str, heading: str) -> bool:
    pattern = re.compile(rf"^(?:#+ |\| ){re.escape(heading)}(?: \||$)", re.MULTILINE)
    return any(pattern.search(text) for text in family(page))


def unwrapped(text: str) -> str:
    """Return `text` with the lines of a paragraph or comment joined, so that a citation may go over a line's end."""
    return re.sub(r"(?<!\n)\n[ \t]*(?:# )?(?![\n#])", " ", text)


def faults_of(text: str) -> Iterator[str]:
    """Yield every citation of a page in `text` that leads nowhere."""
    text = unwrapped(text)
    for cited in PAGE.finditer(text):
        page = cited.group(1)
        if f"docs/{page}" not in texts():
            yield f"docs/{page} does not exist"
            continue
        yield from missing_points(page, text, cited.end())


def missing_points(page: str, text: str, at: int) -> Iterator[str]:
    chapter = kind = ""
    while found := POINT.match(text, at):
        at = found.end()
        if found["heading"]:
            if not has_heading(page, found["heading"]):
                yield f'docs/{page} has no heading "{found["heading"]}"'
            continue
        kind = found["kind"] or kind
        for number in numbers(found["first"], found["last"]):
            if kind and number not in points(page, chapter):
                yield f"docs/{page} {chapter} has no {kind} {number}"
            if not kind and number not in chapters(page):
                yield f"docs/{page} has no chapter {number}"
        chapter = chapter if kind else found["first"]


def numbers(first: str, last: str | None) -> list[str]:
    return [str(number) for number in range(int(first), int(last) + 1)] if last else [first]


def test_every_page_that_is_cited_has_what_is_cited_of_it() -> None:
    assert [f"{path}: {fault}" for path, text in texts().items() for fault in faults_of(text)] == []


def test_every_page_that_is_named_is_in_the_repository() -> None:
    there = {Path(path).name for path in texts()}
    named = {(path, name) for path, text in texts().items() for name in NAMED_PAGE.findall(text)}
    assert sorted((path, name) for path, name in named if Path(name).name not in there) == []


def test_rules_and_faults_that_the_packages_name_are_there() -> None:
    named = {
        (path, kind.lower(), number)
        for path, text in texts().items()
        if path.startswith(PACKAGES)
        for kind, number in BARE_POINT.findall(text)
    }
    assert named
    assert (
        sorted(
            (path, kind, number)
            for path, kind, number in named
            if number not in points(*BARE_POINTS_OF[kind])
        )
        == []
    )


def test_every_cited_decision_is_there() -> None:
    there = {Path(path).name[:4] for path in texts() if path.startswith("docs/decisions/")}
    cited = {(path, number) for path, text in texts().items() for number in DECISION.findall(text)}
    assert sorted((path, number) for path, number in cited if number not in there) == []


def test_every_cited_capture_is_described() -> None:
    described = re.findall(r"^\| ([a-z]-\d{3}) \|", texts()["docs/android/captures.md"], re.MULTILINE)
    cited = {(path, capture) for path, text in texts().items() for capture in CAPTURE.findall(text)}
    assert len(described) == len(set(described))
    assert sorted((path, capture) for path, capture in cited if capture not in described) == []


def test_every_module_and_folder_that_a_page_names_is_there() -> None:
    files = [f"/{path}" for path in texts()]
    pages = {path: text for path, text in texts().items() if path.startswith("docs/") or path == "README.md"}
    modules = {(page, name) for page, text in pages.items() for name in MODULE.findall(text)}
    tops = {path.split("/")[0] for path in texts() if "/" in path}
    folders = {(page, name) for page, text in pages.items() for name in FOLDER.findall(text)}
    assert sorted(m for m in modules if not any(file.endswith(f"/{m[1]}") for file in files)) == []
    assert sorted(f for f in folders if f[1].split("/")[0] in tops and not (ROOT / f[1]).is_dir()) == []


@pytest.mark.parametrize(
    "page", ["design.md", "performance.md", "android/commands.md", "android/banned-apps.md"]
)
def test_a_cited_page_has_each_number_once(page: str) -> None:
    found = chapters(page)
    assert found
    assert len(found) == len(set(found))


def test_the_chapters_of_commands_are_listed_where_they_are() -> None:
    listed = [int(n) for n in re.findall(r"(?<![\w.])(\d+) (?=[a-z`])", _table_of_chapters())]
    assert sorted(listed) == sorted(
        int(number) for number in chapters("android/commands.md") if "." not in number
    )


def test_sections_that_point_at_each_other_are_there() -> None:
    pointed_at = [
        number
        for text in family("android/commands.md")
        for number in re.findall(r"\((\d{1,2}\.\d)(?=[ ,;)])", text)
    ]
    assert pointed_at
    assert [number for number in pointed_at if number not in chapters("android/commands.md")] == []


def _table_of_chapters() -> str:
    table = texts()["docs/android/commands.md"].partition("| chapters | page |")[2]
    return table.partition("\n\n")[0]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("docs/none" + ENDING + " 1", "does not exist"),
        ("docs/" + "android/commands.md 5.9", "no chapter 5.9"),
        ("docs/" + "android/commands.md 3, 10 and 20", "no chapter 20"),
        ("docs/" + "android/commands.md 18-20", "no chapter 20"),
        ("docs/" + "android/commands.md 5.3, 18 rule 16", "no rule 16"),
        ("docs/" + "design.md rules 1, 2 and\n    12", "no rule 12"),
        ("docs/" + "performance.md 5, faults 6 and 24", "no fault 24"),
        ("docs/" + "performance.md 6, target T15", "no target T15"),
        ("docs/" + 'android/stand-ins.md, "push" and "pulls"', 'no heading "pulls"'),
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text: str, fault: str) -> None:
    assert [fault in found for found in faults_of(text)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "(docs/" + "android/commands.md 2.2, 2.3 (errors), 3 (users))",
        "docs/" + "android/commands.md 5.3, 18 rule 14",
        "docs/" + "performance.md 5,\n# faults 1-5 and 16",
        "docs/" + "design.md 4 and docs/" + "design.md rule 11",
        "docs/" + "android/stand-ins.md, \"Debian's packages as the phone's userland\"",
    ],
)
def test_a_citation_that_leads_somewhere_is_no_fault(text: str) -> None:
    assert list(faults_of(text)) == []


def test_every_test_that_a_page_names_is_there() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)", sources))
    named = {
        name
        for path, text in texts().items()
        if path.endswith(".md")
        for name in re.findall(r"`(test_[a-z0-9_]+)`", text)
    }

    assert named - there == set()
    assert len(named) > 60
