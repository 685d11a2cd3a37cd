"""Break every rule of `rules.MUTATIONS` in turn and print which broken one no test noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

from agent_scripts.exchange.composing import functions
from tests.on_phone.mutations.rules import JUDGING, MUTATIONS, PLANS, Mutation
from tests.on_phone.plans import broken, good, shell_takes
from tests.on_phone.script import BROKEN_PARTS
from tests.on_phone.table import Answer, case_lines, cases, python_answer, shell_answers

ROOT = Path(__file__).parents[3]
PIECE = 200
WORKERS = 2
_GOOD = good()
_BROKEN = [text for _, text in broken()]


def broken_text(mutation: Mutation) -> str:
    """Return the part with its rule broken; lines are compared without their indentation."""
    lines = [line.strip() for line in functions(mutation.part).splitlines()]
    text, old = "\n".join(lines), "\n".join(line.strip() for line in mutation.old.splitlines())
    assert text.count(old) == 1, (
        f"{mutation.part}: expected once, found {text.count(old)} times: {mutation.old}"
    )
    return text.replace(old, mutation.new)


def is_noticed(mutation: Mutation) -> bool:
    """Whether a test fails with the rule broken."""
    with tempfile.TemporaryDirectory() as folder:
        if mutation.tests not in (JUDGING, PLANS):
            return _fails(mutation, Path(folder))
        Path(folder, mutation.part).write_text(broken_text(mutation))
        os.environ[BROKEN_PARTS] = folder
        try:
            if mutation.tests == JUDGING:
                return _is_judged_otherwise(_shell(), Path(folder))
            answers = shell_takes(_shell(), Path(folder), [*_GOOD, *_BROKEN])
            return answers[: len(_GOOD)] != ["good"] * len(_GOOD) or "good" in answers[len(_GOOD) :]
        except (AssertionError, ValueError):
            return True  # it does not even answer in its form
        finally:
            del os.environ[BROKEN_PARTS]


def _is_judged_otherwise(shell: Sequence[str], folder: Path) -> bool:
    """Whether some case is; the table is run in pieces, since most broken rules show early."""
    for number, (text, expected) in enumerate(_pieces()):
        (folder / f"piece-{number}").write_text(text)
        if shell_answers(shell, folder / f"piece-{number}") != expected:
            return True
    return False


@cache
def _pieces() -> list[tuple[str, dict[int, Answer]]]:
    table = list(cases())
    return [
        (
            "".join(case_lines(n, case) for n, case in enumerate(table[at : at + PIECE])),
            {n: python_answer(case) for n, case in enumerate(table[at : at + PIECE])},
        )
        for at in range(0, len(table), PIECE)
    ]


def _fails(mutation: Mutation, folder: Path) -> bool:
    """Whether the tests do in a copy of the project, where station and script alike have the broken rule."""
    for name in ("agent_scripts", "certs", "policy", "server", "tests", "setup.cfg", "pyproject.toml"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "agent_scripts/on_phone" / f"{mutation.part}.sh").write_text(broken_text(mutation))
    tests = str(folder / "tests/on_phone" / mutation.tests)
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", tests]
    only = ("-k", mutation.only) if mutation.only else ()
    done = subprocess.run([*words, *only], capture_output=True, check=False, cwd=folder)
    if done.returncode not in (0, 1):
        sys.exit(f"no test ran for {mutation}:\n{done.stdout.decode()[-2000:]}")
    return done.returncode == 1


def _shell() -> tuple[str, ...]:
    mksh = shutil.which("mksh")
    return (mksh,) if mksh else ("busybox", "ash")


def main() -> None:
    """Break all rules, or those of the parts named on the command line."""
    chosen = [m for m in MUTATIONS if not sys.argv[1:] or m.part in sys.argv[1:]]
    if _shell()[0] == "busybox":
        print("MKSH IS MISSING: the rules are broken in busybox, which is no Android shell", file=sys.stderr)
    missed = []
    with ProcessPoolExecutor(WORKERS) as workers:
        for mutation, noticed in zip(chosen, workers.map(is_noticed, chosen), strict=True):
            if not noticed:
                missed.append(mutation)
                print(f"not noticed: {mutation.part}: {mutation.old!r} -> {mutation.new!r}", flush=True)
    print(f"{len(chosen) - len(missed)} of {len(chosen)} broken rules were noticed")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
