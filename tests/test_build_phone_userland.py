"""tools/build-phone-userland on machines that lack something: it names what, and builds from no other source."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TARBALL = "toybox_0.8.9+dfsg.orig.tar.xz"
COREUTILS = ("sh", "env", "dirname", "mktemp", "rm", "cat", "sha256sum", "sed", "mkdir", "cp", "cut")

# Fetches what the test laid out, and keeps the places it was given.
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$MACHINE/calls"
case "$*" in
  *--download-only*) cp "$MACHINE/offered/"* . 2>/dev/null || { echo 'E: no such package'; exit 100; } ;;
esac
"""


class Machine:
    """A checkout and a PATH of its own, with every tool of the build there by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkout = folder / "checkout"
        self.output = self.checkout / ".phone-userland"
        (folder / "bin").mkdir()
        (folder / "offered").mkdir()
        (self.checkout / "tools").mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "build-phone-userland", self.checkout / "tools" / "build-phone-userland")
        for name in COREUTILS:
            found = shutil.which(name)
            assert found
            (folder / "bin" / name).symlink_to(found)
        for name in ("musl-gcc", "gcc", "make", "tar", "xz"):
            self.has(name)
        self.has("apt-get", APT_GET)

    def has(self, name: str, text: str = "#!/bin/sh\n") -> None:
        program = self.folder / "bin" / name
        program.write_text(text)
        program.chmod(0o755)

    def lacks(self, name: str) -> None:
        (self.folder / "bin" / name).unlink()

    def calls(self) -> list[str]:
        record = self.folder / "calls"
        return record.read_text().splitlines() if record.exists() else []

    def build(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.checkout / "tools" / "build-phone-userland", *arguments],
            cwd=self.folder,
            env={
                "PATH": str(self.folder / "bin"),
                "MACHINE": str(self.folder),
                "TMPDIR": str(self.folder),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("tool", ["musl-gcc", "gcc", "make", "tar", "xz"])
def test_a_missing_tool_is_named_before_anything_is_fetched(machine: Machine, tool: str) -> None:
    machine.lacks(tool)
    run = machine.build()
    assert run.returncode == 1
    assert f"expected the program {tool}" in run.stderr
    assert machine.calls() == []


def test_a_tarball_of_another_sum_is_not_built(machine: Machine) -> None:
    (machine.folder / "offered" / TARBALL).write_text("somebody else's")
    run = machine.build()
    assert run.returncode == 1
    assert hashlib.sha256(b"somebody else's").hexdigest() in run.stderr
    assert not machine.output.exists()


def test_another_version_of_the_source_is_told_as_such(machine: Machine) -> None:
    (machine.folder / "offered" / "toybox_0.8.11.orig.tar.xz").write_text("newer")
    run = machine.build()
    assert run.returncode == 1
    assert f"expected {TARBALL}" in run.stderr


def test_a_source_that_cannot_be_had_is_told_as_such(machine: Machine) -> None:
    run = machine.build()
    assert run.returncode == 1
    assert "the source of toybox could not be had" in run.stderr


def test_fetching_can_be_forbidden_and_a_tarball_named_instead(machine: Machine) -> None:
    assert "CURFEW_APT=no" in machine.build(CURFEW_APT="no").stderr
    (machine.folder / "mine.tar.xz").write_text("mine")

    run = machine.build("mine.tar.xz", CURFEW_APT="no")

    assert f"{machine.folder}/mine.tar.xz is not the file this was written for" in run.stderr
    assert machine.calls() == []


def test_what_was_built_is_kept_until_the_script_changes(machine: Machine) -> None:
    script = machine.checkout / "tools" / "build-phone-userland"
    (machine.output / "bin").mkdir(parents=True)
    for name in ("sed", "grep", "bin/toybox"):
        (machine.output / name).write_text("#!/bin/sh\n")
        (machine.output / name).chmod(0o755)
    (machine.output / "stamp").write_text(f"{hashlib.sha256(script.read_bytes()).hexdigest()}  -\n")
    assert machine.build().returncode == 0
    assert machine.calls() == []

    script.write_text(script.read_text() + "# another\n")

    assert machine.build().returncode == 1
    assert machine.calls() != []


def test_nothing_is_left_behind_where_it_worked(machine: Machine) -> None:
    machine.build()
    assert list(machine.folder.glob("curfew-userland.*")) == []
