"""A folder of programs that print a `SamplePhone`, and the shells a phone may have.

`dumpsys`, `pm`, `cmd` and `getprop` are small scripts on the PATH of the shell under test. The verbs that Curfew
may use change the printed states; any other verb is written down in `misuse` and refused.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent_scripts.exchange.composing import FOLDER
from tests.phones.samples import SamplePhone

_PRINTING = """\
printed="$phone/$1"
[ ! -f "$printed.stderr" ] || cat "$printed.stderr" >&2
[ ! -f "$printed" ] || cat "$printed"
if [ -f "$printed.exit" ]; then read -r code <"$printed.exit"; exit "$code"; fi
exit 0
"""

_PROGRAMS = {
    "getprop": r"""
[ $# -gt 0 ] || print_file getprop
sed -n "s/^\[$1\]: \[\(.*\)\]\$/\1/p" "$phone/getprop" """,
    "dumpsys": """
case $# in
    1) print_file "dumpsys-$1" ;;
    2) [ -f "$phone/dumpsys-$1-$2" ] || { echo "Unable to find package: $2"; exit 0; }
       print_file "dumpsys-$1-$2" ;;
esac""",
    "pm": """
echo "pm $*" >>"$phone/calls"
[ "$*" != "list users" ] || print_file pm-list-users
verb pm "$@" """,
    "cmd": """
echo "cmd $*" >>"$phone/calls"
if [ "$1 $2" = "notification post" ]; then
    shift 2
    printf '%s\\n' "$@" >"$phone/notified"
    [ ! -f "$phone/notify-answer" ] || print_file notify-answer
    printf 'posting:\\n  Notification(channel=shell_cmd)\\n'
    exit 0
fi
[ "$1 $2" != "device_policy list-owners" ] || print_file list-owners
[ "$1" = package ] || exit 20
shift
verb package "$@" """,
}

_HEAD = """#!/bin/sh
PATH=/usr/bin:/bin
phone={folder}
print_file() {{
{printing}
}}
# verb PROGRAM VERB --user N PKG
verb() {{
    [ ! -f "$phone/verb-answer" ] || print_file verb-answer
    case $2 in
        disable-user) to=3 word=disabled-user ;;
        default-state) to=0 word=default ;;
        enable) to=1 word=enabled ;;
        *) echo "$*" >>"$phone/misuse"; exit 255 ;;
    esac
    dump="$phone/dumpsys-package-$5"
    sed -i -e "/^ *User $4: /s/enabled=[0-9]/enabled=$to/" "$dump"
    sed -i -e "/^ *User $4: /,/gids=/{{/lastDisabledCaller/d;}}" "$dump"
    [ $to != 3 ] || sed -i -e "/^ *User $4: /a\\\\      lastDisabledCaller: shell:1000" "$dump"
    echo "Package $5 new state: $word"
    exit 0
}}
"""


@dataclass(frozen=True)
class Shell:
    """A shell with its userland: the command that starts it and the folders of its programs."""

    name: str
    command: tuple[str, ...]
    path: str

    def run(self, text: str, programs: Path | None = None, env: Mapping[str, str] | None = None) -> bytes:
        """Run a shell text as adbd would and return stdout and stderr together."""
        path = f"{programs}:{self.path}" if programs else self.path
        done = subprocess.run(
            [*self.command, "-c", text],
            env={"PATH": path, "TMPDIR": os.environ.get("TMPDIR", "/tmp"), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
        return done.stdout


SHELLS = ("mksh-toybox", "ash-busybox", "dash-coreutils")


def make_shell(name: str, folder: Path) -> Shell:
    """Return one of `SHELLS`, with its programs linked under `folder`; skips the test if it is not installed."""
    if name == "mksh-toybox":
        return Shell(name, (_found("mksh"),), str(_applets(folder, _found("toybox"), ("toybox",))))
    if name == "ash-busybox":
        busybox = _found("busybox")
        applets = _applets(folder, busybox, (busybox, "--list"))
        if not (applets / "flock").exists():
            (applets / "flock").symlink_to(_found("flock"))  # left out of some builds; every Android has it
        return Shell(name, (busybox, "ash"), str(applets))
    return Shell(name, (_found("dash"),), "/usr/bin:/bin")


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed: apt-get install {program}")
    return path


def _applets(folder: Path, program: str, listing: tuple[str, ...]) -> Path:
    """Link every applet of a multi-call program, so that nothing else is found on the PATH."""
    listed = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    applets = folder / f"applets-{Path(program).name}"
    applets.mkdir()
    for applet in listed:
        (applets / applet).symlink_to(program)
    return applets


class FakePhone:
    """The programs of one phone in a folder; each printed file may be changed, and given an exit code."""

    def __init__(self, folder: Path, sample: SamplePhone, shell: Shell) -> None:
        self.printed = folder / "printed"
        self.programs = folder / "programs"
        self.our_folder = folder / "tmp" / "curfew"
        self.shell = shell
        self.uptime = folder / "uptime"
        """What stands in for ``/proc/uptime``: time goes by when somebody writes another."""
        for path in (self.printed, self.programs, self.our_folder.parent):
            path.mkdir(parents=True)
        self.uptime.write_text("11000.00 11000.00\n")
        for name, body in _PROGRAMS.items():
            program = self.programs / name
            program.write_text(_HEAD.format(folder=self.printed, printing=_PRINTING) + body)
            program.chmod(0o755)
        self.show(sample)

    def show(self, sample: SamplePhone) -> None:
        """Print this phone from now on."""
        self.print("getprop", sample.getprop())
        self.print("pm-list-users", sample.pm_list_users())
        self.print("dumpsys-user", sample.dumpsys_user())
        self.print("dumpsys-device_policy", sample.dumpsys_device_policy())
        for name in ("com.android.shell", *(app.name for app in sample.apps)):
            self.print(f"dumpsys-package-{name}", sample.dumpsys_package(name))

    def print(self, name: str, text: str | bytes, *, stderr: str = "", exit_code: int = 0) -> None:
        """Let a program print this text from now on: ``dumpsys-user``, ``pm-list-users``, ``verb-answer`` …"""
        data = text.encode() if isinstance(text, str) else text
        (self.printed / name).write_bytes(data)
        for suffix, said in (("stderr", stderr), ("exit", f"{exit_code}\n" if exit_code else "")):
            path = self.printed / f"{name}.{suffix}"
            path.unlink(missing_ok=True)
            if said:
                path.write_text(said)

    def replace_program(self, name: str, text: str) -> None:
        """Put another program of that name first on the PATH."""
        program = self.programs / name
        program.write_text(text)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def refuse(self, program: str, word: str = "", code: int = 1) -> None:
        """Let a program of the phone fail from now on, wherever `word` is among what it is started with."""
        real = f"{self.shell.path.split(':')[0]}/{program}"
        said = "echo 'bad pattern@1 (a secret)' >&2"
        case = f"case \"$*\" in *'{word}'*) {said}; exit {code} ;; esac"
        self.replace_program(program, f'#!/bin/sh\n{case}\nexec {real} "$@"\n')

    def run(self, command: str) -> bytes:
        """Run an exchange on this phone."""
        text = command.replace(FOLDER, str(self.our_folder)).replace("/proc/uptime", str(self.uptime))
        return self.shell.run(text, self.programs)

    @property
    def calls(self) -> list[str]:
        """The calls of `cmd` and `pm` so far."""
        path = self.printed / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def misuse(self) -> list[str]:
        """Verbs that Curfew has no business with."""
        path = self.printed / "misuse"
        return path.read_text().splitlines() if path.exists() else []
