"""The wheel is installed as the README says: `make dist` types the very commands."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What only keeps a build quiet, and which pip it is.
QUIET = ("-qq", "--disable-pip-version-check")


def installing(text: str) -> list[str]:
    """Return every `pip install …` in `text`, in order."""
    found = re.findall(r"\bpip (install [^`\n]*)", text)
    return [" ".join(word for word in command.split() if word not in QUIET) for command in found]


def test_make_dist_installs_the_wheel_by_the_commands_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [paragraph] = re.findall(r"^\* \*\*Installing\.\*\*.*?(?=^\* )", readme, re.DOTALL | re.MULTILINE)

    told = installing(re.sub(r"\s+", " ", paragraph))
    typed = installing((ROOT / "tools" / "dist").read_text(encoding="utf-8"))

    assert told == ["install --require-hashes -r requirements.txt", "install --no-deps dist/curfew-*.whl"]
    assert typed == told
