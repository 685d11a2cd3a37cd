"""What people read on pages and in terminals cites nothing that they do not have: a repository, for instance."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = re.compile(r"\bdocs/|\b[A-Z_]+\.md\b")
MAY_CITE = {
    "agent_scripts/visits/probe.py": "each limit's source stands in `--json` and in what the server keeps",
    "agent_scripts/virtual_phone/system_root.py": "an unpacked Android system needs the repository",
}


def citing() -> Iterator[str]:
    for package in ("policy", "certs", "server", "agent_scripts", "demo"):
        for source in (ROOT / package).rglob("*.py"):
            tree = ast.parse(source.read_text(encoding="utf-8"))
            nodes = list(ast.walk(tree))
            docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
            texts = (node for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings)
            if any(isinstance(text.value, str) and PAGES.search(text.value) for text in texts):
                yield source.relative_to(ROOT).as_posix()
    for template in (ROOT / "server" / "templates").glob("*.html"):
        if PAGES.search(template.read_text(encoding="utf-8")):
            yield template.name


def test_no_text_for_people_cites_a_page_of_the_repository() -> None:
    assert set(citing()) == set(MAY_CITE)
