"""Print how many sentences the tables ask for and forbid, each counted once for each stage and standing."""

from __future__ import annotations

from collections.abc import Iterable

from tests.sentences.spoken import SPOKEN
from tests.sentences.table import TABLE, Line


def _counted(lines: Iterable[Line]) -> tuple[int, int]:
    cases = [(len(line.stages) * len(line.standings), line) for line in lines]
    return sum(n * len(line.says) for n, line in cases), sum(n * len(line.never) for n, line in cases)


def main() -> None:
    """Print a line for each table."""
    for what, lines in (("pages", TABLE), ("commands and notices", SPOKEN)):
        says, never = _counted(lines)
        different = {one for line in lines for one in (*line.says, *line.never)}
        print(
            f"{what}: {says} must stand, {never} must not, in {len(lines)} lines of {len(different)} sentences"
        )


if __name__ == "__main__":
    main()
