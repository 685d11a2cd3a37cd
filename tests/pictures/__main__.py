"""`make pictures`: makes the pictures of docs/first-ten-minutes.md anew, and tells what the road took."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.pages.conftest import launched
from tests.pictures.walk import walk

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"


def main() -> int:
    """Walk the road once; the exit code is 0 only if every phone was as the story says."""
    with tempfile.TemporaryDirectory(prefix="curfew-pictures-") as state, launched() as chromium:
        steps = walk(chromium, Path(state), FOLDER)
    print(f"\nFrom a policy that reminds to the first phone blocked: {steps}. The pictures are in {FOLDER}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
