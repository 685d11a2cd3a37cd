"""The demo in a copy of the project with one part broken on purpose: it must fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("policy", "certs", "server", "agent_scripts", "demo")


@dataclass(frozen=True)
class Change:
    """One text in one file, which must stand there exactly once, and what stands there instead."""

    file: str
    old: str
    new: str


RESTORING_DOES_NOTHING = Change(
    "agent_scripts/on_phone/act.sh",
    'section "verb:$1" cut_verb set_state default-state "$2" "$3" ;;',
    ": ;;",
)
PHONE_DIES_AFTER_ACTING = Change(
    "agent_scripts/on_phone/act.sh",
    '        "$4"\n',
    '        "$4"\n'
    '        [ -z "$act_disabled" ] || [ -e "$folder/died" ] || { : >"$folder/died"; kill -9 $$; exit; }\n',
)
PHONE_WRITES_ITS_LEDGER_AFTER_ACTING = (
    Change(
        "agent_scripts/on_phone/act.sh",
        'elif ! keep ledger "$3" || [ "$(sum_of ledger)" != "$2" ]; then\n        note refused write\n    else',
        "else",
    ),
    Change(
        "agent_scripts/on_phone/act.sh",
        '        [ -z "$act_marks" ] ||',
        '        keep ledger "$3"\n        [ -z "$act_marks" ] ||',
    ),
)
AGENT_DIES_AFTER_ACTING = Change(
    "agent_scripts/visits/act_on_phone.py",
    "        answer = await connection.run(question.command, run.limits.acting_s, run.limits.answer_bytes)\n",
    "        answer = await connection.run(question.command, run.limits.acting_s, run.limits.answer_bytes)\n"
    "        import os\n"
    '        disabled = any(action.kind.name == "DISABLE" for action in actions)\n'
    '        if disabled and not (run.station.folder / "died").exists():\n'
    '            (run.station.folder / "died").touch()\n'
    "            os.kill(os.getpid(), 9)\n",
)
STATION_WRITES_ITS_LEDGER_AFTER_ACTING = Change(
    "agent_scripts/visits/act_on_phone.py",
    "    on_station.keep(ledger)\n    assert",
    "    assert",
)
DEMO_CHECKS_AGAIN_AFTER_A_DEATH = Change(
    "demo/__main__.py",
    '        self.commands.run("curfew-agent", "check", "--all", may_exit=(0, *_VIOLATING_AND_NOT_DONE))\n',
    "        first = (0, *_VIOLATING_AND_NOT_DONE, 13, -9)\n"
    '        self.commands.run("curfew-agent", "check", "--all", may_exit=first)\n'
    '        self.commands.run("curfew-agent", "check", "--all", may_exit=(0, *_VIOLATING_AND_NOT_DONE))\n',
)
EVERYBODY_DIES_AFTER_ACTING = (
    PHONE_DIES_AFTER_ACTING,
    AGENT_DIES_AFTER_ACTING,
    DEMO_CHECKS_AGAIN_AFTER_A_DEATH,
)


def demo_with(tmp_path: Path, changes: Sequence[Change]) -> subprocess.CompletedProcess[str]:
    """Run the demo once, in a copy with these changes."""
    copy = tmp_path / "project"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for change in changes:
        path = copy / change.file
        text = path.read_text()
        assert text.count(change.old) == 1, f"{change.file} no longer has: {change.old}"
        path.write_text(text.replace(change.old, change.new))
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy),
        "ONCE": "1",
        "CURFEW_FOLDER": str(tmp_path / "state"),
    }
    return subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def test_the_demo_notices_that_restoring_is_broken(tmp_path: Path) -> None:
    told = demo_with(tmp_path, [RESTORING_DOES_NOTHING])
    assert told.returncode == 1
    assert "The story broke" in told.stderr
    assert "A-2" in told.stderr.partition("The story broke")[2]


def test_a_death_right_after_acting_is_healed_by_the_next_check(tmp_path: Path) -> None:
    told = demo_with(tmp_path, EVERYBODY_DIES_AFTER_ACTING)
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]


def test_the_demo_notices_a_ledger_written_after_acting(tmp_path: Path) -> None:
    broken = (
        *PHONE_WRITES_ITS_LEDGER_AFTER_ACTING,
        STATION_WRITES_ITS_LEDGER_AFTER_ACTING,
        *EVERYBODY_DIES_AFTER_ACTING,
    )
    told = demo_with(tmp_path, broken)
    assert told.returncode == 1, told.stdout[-3000:]
    assert "The story broke" in told.stderr
