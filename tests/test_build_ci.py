""".ci/run goes through every step, tells what each said, and passes only if all passed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("setup", "lint", "test", "test-postgresql", "demo", "demo-sabotage", "dist")

MAKEFILE = """
lint test-postgresql demo demo-sabotage dist:
\t@echo "ran $@ with ONCE=$(ONCE)"; test "$(BROKEN)" != $@
test:
\t@echo '=========== 1 failed, 12 passed, 2 skipped in 3.21s ==========='; test "$(BROKEN)" != $@
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("tools", ".ci"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "Makefile").write_text(MAKEFILE)
    set_up = tmp_path / "tools" / "set-up"
    set_up.write_text('#!/bin/sh\ntest "$BROKEN" != setup\n')
    set_up.chmod(0o755)
    return tmp_path


def ci(checkout: Path, broken: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / ".ci" / "run"],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "BROKEN": broken},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_passes_when_every_step_passed(checkout: Path) -> None:
    run = ci(checkout)
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("passed ") >= len(STEPS)


@pytest.mark.parametrize("broken", STEPS, ids=lambda step: f"step {STEPS.index(step)}")
def test_one_broken_step_fails_it_and_hides_no_other(checkout: Path, broken: str) -> None:
    run = ci(checkout, broken)
    assert run.returncode == 1
    result = run.stdout.split("=== result")[1]
    assert result.count("FAILED") == 1
    assert "demo-sabotage" in result


def test_the_summary_of_pytest_is_repeated_at_the_end(checkout: Path) -> None:
    run = ci(checkout)
    assert "1 failed, 12 passed, 2 skipped" in run.stdout.split("=== pytest says")[1]


def test_the_demo_ends_by_itself(checkout: Path) -> None:
    assert "ran demo with ONCE=1" in ci(checkout).stdout
