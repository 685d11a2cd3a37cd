"""tools/set-up on machines that lack something: it installs, goes on loudly, or says what to type."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COREUTILS = (
    "sh",
    "env",
    "dirname",
    "mktemp",
    "rm",
    "cat",
    "sha256sum",
    "cut",
    "tail",
    "mkdir",
    "cp",
    "chmod",
)
BUILD_PACKAGES = ("musl-tools", "libc6-dev", "make", "xz-utils")
PACKAGES = (
    "mksh",
    "toybox",
    "original-awk",
    "busybox",
    "shellcheck",
    "chromium",
    "libatomic1",
    "haproxy",
    "pgbouncer",
    "softhsm2",
    *BUILD_PACKAGES,
)
PROGRAM_OF = {"musl-tools": "musl-gcc", "xz-utils": "xz", "softhsm2": "softhsm2-util"}

# Answers questions like the real interpreter; makes environments and installs by writing down that it did.
PYTHON = """#!/bin/sh
case "$*" in
  *ensurepip*) [ ! -e "$MACHINE/no-venv" ] ;;
  *version_info*3,\\ 11*) [ ! -e "$MACHINE/old-python" ] ;;
  "-m venv"*) mkdir -p .venv/bin && cp "$MACHINE/bin/python3" .venv/bin/python ;;
  "-m pip"*) echo "pip $*" >>"$MACHINE/calls"; echo 'noise of pip'; [ ! -e "$MACHINE/no-network" ] ;;
  *playwright*) echo "$MACHINE/playwright" ;;
  *_base_executable*) echo "$MACHINE/bin/python3" ;;
  *) exec "{real}" "$@" ;;
esac
"""

# The browser's driver needs a library that a bare Debian lacks.
DRIVER = """#!/bin/sh
[ -e "$MACHINE/bin/libatomic1" ]
"""

# A compiler without the headers of libc compiles nothing.
COMPILER = """#!/bin/sh
[ -e "$MACHINE/bin/libc6-dev" ]
"""

# Stands for tools/build-phone-userland, whose own tests are in test_build_phone_userland.py.
BUILD = """#!/bin/sh
echo built >>"$MACHINE/builds"
[ ! -e "$MACHINE/no-source" ] || { echo 'noise of the build'; exit 1; }
mkdir -p .phone-userland
cp "$0" .phone-userland/sed
"""

# Installs a program by putting it on PATH, but knows no chromium, as some distributions do.
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$MACHINE/calls"
for last; do :; done
case $last in
  musl-tools) last=musl-gcc ;;
  xz-utils) last=xz ;;
  softhsm2) last=softhsm2-util ;;
esac
case "$*" in
  *chromium*) echo "E: Unable to locate package chromium"; exit 100 ;;
  *install*-venv) rm -f "$MACHINE/no-venv" ;;
  *install*) printf '#!/bin/sh\\n' >"$MACHINE/bin/$last"; chmod +x "$MACHINE/bin/$last" ;;
esac
"""


@dataclass(frozen=True)
class Machine:
    """A checkout and a PATH of its own, on which things can be missing."""

    folder: Path

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    def has(self, name: str, text: str = "#!/bin/sh\n") -> None:
        program = self.folder / "bin" / name
        program.write_text(text)
        program.chmod(0o755)

    def lacks(self, thing: str) -> None:
        (self.folder / thing).touch()

    def is_run_by(self, uid: int) -> None:
        self.has("id", f"#!/bin/sh\necho {uid}\n")

    def calls(self) -> list[str]:
        record = self.folder / "calls"
        return record.read_text().splitlines() if record.exists() else []

    def builds(self) -> int:
        """How often the sed and grep with a phone's limits were asked for."""
        record = self.folder / "builds"
        return len(record.read_text().splitlines()) if record.exists() else 0

    def started(self, *parts: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.checkout / "tools" / "set-up", *parts],
            env={
                "PATH": str(self.folder / "bin"),
                "MACHINE": str(self.folder),
                "TMPDIR": str(self.folder),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def set_up(self, *parts: str, **environment: str) -> subprocess.CompletedProcess[str]:
        started = self.started(*parts, **environment)
        out, said = started.communicate()
        return subprocess.CompletedProcess(started.args, started.returncode, out, said)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    (tmp_path / "bin").mkdir()
    for name in COREUTILS:
        found = shutil.which(name)
        assert found
        (tmp_path / "bin" / name).symlink_to(found)
    (machine.checkout / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "set-up", machine.checkout / "tools" / "set-up")
    machine.has("../checkout/tools/build-phone-userland", BUILD)
    machine.has("gcc", COMPILER)
    for name in ("constraints.txt", "setup.cfg", "pyproject.toml"):
        (machine.checkout / name).write_text(f"# {name}\n")
    machine.has("python3", PYTHON.format(real=sys.executable))
    (tmp_path / "playwright" / "driver").mkdir(parents=True)
    machine.has("../playwright/driver/node", DRIVER)
    machine.is_run_by(1000)
    return machine


@pytest.fixture
def ready_machine(machine: Machine) -> Machine:
    for package in PACKAGES:
        machine.has(PROGRAM_OF.get(package, package))
    return machine


def test_packages_are_installed_by_their_hashes_and_the_project_without_dependencies(
    ready_machine: Machine,
) -> None:
    run = ready_machine.set_up()
    assert run.returncode == 0, run.stderr
    pins, project = ready_machine.calls()
    assert "--require-hashes -r constraints.txt" in pins
    assert "--no-deps" in project
    assert project.endswith("-e .")


def test_a_second_run_installs_nothing(ready_machine: Machine) -> None:
    ready_machine.set_up()
    before = ready_machine.calls()
    run = ready_machine.set_up()
    assert (run.returncode, run.stderr) == (0, "")
    assert ready_machine.calls() == before


def test_changed_pins_make_the_environment_anew(ready_machine: Machine) -> None:
    ready_machine.set_up()
    (ready_machine.checkout / "constraints.txt").write_text("# other pins\n")
    ready_machine.set_up()
    assert sum("--require-hashes" in call for call in ready_machine.calls()) == 2


def test_a_changed_project_file_installs_the_project_only(ready_machine: Machine) -> None:
    ready_machine.set_up()
    (ready_machine.checkout / "setup.cfg").write_text("# another command\n")
    ready_machine.set_up()
    assert sum("--require-hashes" in call for call in ready_machine.calls()) == 1
    assert sum(call.endswith("-e .") for call in ready_machine.calls()) == 2


def test_a_second_set_up_waits_until_the_first_is_done(ready_machine: Machine) -> None:
    flock = shutil.which("flock")
    assert flock, "flock is part of util-linux"
    ready_machine.has("flock", f'#!/bin/sh\nexec {flock} "$@"\n')
    with (ready_machine.checkout / "tools" / "set-up").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = ready_machine.started()
        assert second.stderr is not None
        assert "another set-up of this checkout runs; waiting" in second.stderr.readline()
        assert ready_machine.calls() == []
    _, said = second.communicate(timeout=60)

    assert second.returncode == 0, said
    assert len(ready_machine.calls()) == 2


def test_the_noise_of_pip_is_kept_back_while_all_goes_well(ready_machine: Machine, tmp_path: Path) -> None:
    run = ready_machine.set_up(TMPDIR=str(tmp_path))
    assert "noise of pip" not in run.stdout + run.stderr
    assert not list(tmp_path.glob("curfew-set-up.*"))


def test_a_failed_installation_shows_its_log_and_is_tried_again_next_time(ready_machine: Machine) -> None:
    ready_machine.lacks("no-network")
    run = ready_machine.set_up()
    assert run.returncode == 1
    assert "noise of pip" in run.stderr
    assert "package index" in run.stderr
    (ready_machine.folder / "no-network").unlink()
    assert ready_machine.set_up().returncode == 0


def test_a_machine_without_a_new_python_is_told_what_to_install(ready_machine: Machine) -> None:
    ready_machine.lacks("old-python")
    run = ready_machine.set_up()
    assert run.returncode == 1
    assert "3.11 or newer" in run.stderr
    assert "apt-get install python3" in run.stderr


def test_an_old_python_that_was_asked_for_is_refused_by_name(ready_machine: Machine) -> None:
    ready_machine.has("python3.9", "#!/bin/sh\nexit 1\n")
    run = ready_machine.set_up(PYTHON="python3.9")
    assert run.returncode == 1
    assert "PYTHON=python3.9" in run.stderr


def test_a_python_that_cannot_make_environments_is_named_with_its_missing_package(
    ready_machine: Machine,
) -> None:
    ready_machine.lacks("no-venv")
    run = ready_machine.set_up()
    assert run.returncode == 1
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"sudo apt-get install python{version}-venv" in run.stderr


def test_the_missing_part_of_python_is_installed_where_that_is_allowed(ready_machine: Machine) -> None:
    ready_machine.lacks("no-venv")
    ready_machine.has("apt-get", APT_GET)
    ready_machine.is_run_by(0)
    assert ready_machine.set_up().returncode == 0


def test_missing_programs_are_named_with_the_command_that_installs_them(machine: Machine) -> None:
    machine.has("apt-get", APT_GET)
    run = machine.set_up()
    assert run.returncode == 0
    assert "ATTENTION" in run.stderr
    assert f"sudo apt-get install {' '.join(PACKAGES)}" in run.stderr
    assert not [call for call in machine.calls() if call.startswith("apt-get")]


def test_missing_programs_are_installed_and_an_unknown_one_does_not_hold_up_the_others(
    machine: Machine,
) -> None:
    machine.has("apt-get", APT_GET)
    machine.is_run_by(0)
    run = machine.set_up()
    assert run.returncode == 0
    assert run.stderr.count("ATTENTION") == 1
    assert "set-up: to install them:   sudo apt-get install chromium" in run.stderr.splitlines()
    programs = [PROGRAM_OF.get(name, name) for name in PACKAGES if name != "chromium"]
    assert all(os.access(machine.folder / "bin" / name, os.X_OK) for name in programs)


def test_the_library_that_the_browsers_driver_lacks_is_installed(ready_machine: Machine) -> None:
    (ready_machine.folder / "bin" / "libatomic1").unlink()
    ready_machine.has("apt-get", APT_GET)
    ready_machine.is_run_by(0)
    assert ready_machine.set_up().returncode == 0
    assert [call for call in ready_machine.calls() if "install" in call and call.endswith("libatomic1")]


def test_the_demo_asks_for_no_browser_and_no_compiler(machine: Machine) -> None:
    run = machine.set_up("demo")
    assert "mksh" in run.stderr
    assert "chromium" not in run.stderr
    assert "musl" not in run.stderr
    assert machine.builds() == 0


def test_the_tests_get_a_sed_and_grep_with_a_phones_limits(ready_machine: Machine) -> None:
    run = ready_machine.set_up()
    assert (run.returncode, ready_machine.builds()) == (0, 1)
    assert "ATTENTION" not in run.stderr


def test_a_sed_and_grep_that_cannot_be_built_are_told_with_the_reason_and_the_command(
    ready_machine: Machine,
) -> None:
    ready_machine.lacks("no-source")
    run = ready_machine.set_up()
    assert run.returncode == 0
    assert "noise of the build" in run.stderr
    assert "ATTENTION" in run.stderr
    command = f"sudo apt-get install {' '.join(BUILD_PACKAGES)} && tools/build-phone-userland"
    assert command in run.stderr


def test_a_compiler_without_headers_is_given_them(ready_machine: Machine) -> None:
    (ready_machine.folder / "bin" / "libc6-dev").unlink()
    ready_machine.has("apt-get", APT_GET)
    ready_machine.is_run_by(0)
    assert ready_machine.set_up().returncode == 0
    assert [call for call in ready_machine.calls() if "install" in call and call.endswith("libc6-dev")]


def test_installing_programs_can_be_forbidden(machine: Machine) -> None:
    machine.has("apt-get", APT_GET)
    machine.is_run_by(0)
    machine.set_up(CURFEW_APT="no")
    assert not [call for call in machine.calls() if call.startswith("apt-get")]


def test_an_unknown_part_is_refused(ready_machine: Machine) -> None:
    run = ready_machine.set_up("everythng")
    assert run.returncode == 1
    assert "demo, lint or everything" in run.stderr
