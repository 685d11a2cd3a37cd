"""What is committed holds no secrets and nothing of the machines it was written on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*(?:\\n)?[\"']?\s*[A-Za-z0-9+/]{40}")
MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:work|root|home|Users|opt/pypi[\w-]*)/[A-Za-z0-9._-]+")
PACKAGE_INDEX = re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host|(?:extra-)?index-url\s*=")
HOST = re.compile(r"https?://(?:[^/\s\"'@]*@)?([A-Za-z0-9.-]+)")

# Names that can be no machine of ours: reserved ones, this computer, words without a dot.
RESERVED = re.compile(
    r"(?:.*\.)?(?:example(?:\.(?:org|com|net))?|test|invalid|localhost)|127(?:\.\d+){3}|0\.0\.0\.0|[A-Za-z-]+"
)
# Where standards and sources are found.
PUBLIC = {"www.w3.org", "github.com", "htmx.org", "json-schema.org"}


def tracked_texts() -> dict[str, str]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout: what is committed cannot be told from what lies around")
    texts = {}
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        if path.is_file():
            texts[name] = path.read_text(encoding="utf-8", errors="replace")
    return texts


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}: {found.group()}"
        for name, text in tracked_texts().items()
        for found in pattern.finditer(text)
    ]


def test_no_private_key_is_committed() -> None:
    assert not lines_with(PRIVATE_KEY)


def test_no_path_of_a_machine_is_committed() -> None:
    assert not lines_with(MACHINE_PATH)


def test_no_package_index_is_committed() -> None:
    own = Path(__file__).relative_to(ROOT).as_posix()
    assert not [line for line in lines_with(PACKAGE_INDEX) if not line.startswith(own)]


def test_every_host_that_is_named_is_reserved_or_public() -> None:
    hosts = {
        (name, found.group(1)) for name, text in tracked_texts().items() for found in HOST.finditer(text)
    }
    assert not {(name, host) for name, host in hosts if host not in PUBLIC and not RESERVED.fullmatch(host)}


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (PRIVATE_KEY, "-----BEGIN " + "PRIVATE KEY-----\n" + "MIGH" * 12),
        (MACHINE_PATH, " /" + "home/somebody"),
        (PACKAGE_INDEX, "pip install --" + "index-url x"),
    ],
)
def test_each_pattern_finds_what_it_is_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)
