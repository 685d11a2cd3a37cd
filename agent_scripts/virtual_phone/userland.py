"""The phone's own folder and the programs in it.

What they are: docs/android/stand-ins.md, "Debian's packages as the phone's userland".

A command runs in a real mksh whose PATH holds one folder of links only. Its absolute paths must reach the phone's
folder. Of the ways there, mount namespaces and chroot need privileges that ordinary users and containers often lack,
so the paths are rewritten instead: ``/data/local/tmp`` and the few others in `PLACES` gain the folder's prefix on
the way in, and the prefix is taken out of everything on the way back. The price: a pushed *file* that names such a
path keeps it, so scripts must be told their directory by the command that starts them.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import uuid
from functools import cache
from pathlib import Path

from agent_scripts.virtual_phone.errors import PhoneCannotStart
from agent_scripts.virtual_phone.program_cost import forget_programs_behind, make_programs_cost
from agent_scripts.virtual_phone.releases import PROGRAM_SINCE, Release

log = logging.getLogger(__name__)

# Of /proc only what the phone's Android decides: processes and the rest there are the computer's own.
PLACES = ("/data/local/tmp", "/sdcard", "/system/bin", "/proc/uptime", "/proc/sys/kernel/random/boot_id")
WRITABLE_PLACES = ("/data/local/tmp", "/sdcard")
FRAMEWORK_PROGRAMS = ("cmd", "dumpsys", "pm", "am", "dpm", "settings", "getprop")
# Neither the end of a longer path, as in `$root/sdcard`, nor the beginning of a longer name, as /data/local/tmpfs.
_IN_COMMANDS = re.compile(
    rb"(?<![\w./-])(" + b"|".join(re.escape(place.encode()) for place in PLACES) + rb")(?![\w-])"
)

_NOT_ON_PHONES = frozenset(
    {
        "arch",
        "ascii",
        "base32",
        "crc32",
        "factor",
        "halt",
        "host",
        "hexedit",
        "httpd",
        "killall5",
        "login",
        "mix",
    }
    | {"mkpasswd", "poweroff", "reboot", "reset", "sha3sum", "shred", "sntp", "su", "w", "wget", "who"}
)
_LENT_BY_BUSYBOX = frozenset(
    {"bc", "dd", "diff", "expr", "getopt", "gzip", "more", "modprobe", "stty", "tr", "vi"}
)
_PHONE_UID = 2000

# What a phone's program does costs processes here, not there: with mksh's own words a call is one process.
_CALL = r"""umask 077
trap '' PIPE
call={calls}/$$
{claim}
[ -p "$call.back" ] || {mkfifo} "$call.back" || exit 20
exec 3<>"$call.back"
{{ {put} "${{0##*/}}"; for word; do {zero}; {put} "$word"; done; }} >"$call.ask"
{line} "$$" 1<>{calls}/asks
read -r -t 300 code form <&3 || code=20
show() {{
  case $form in text) {show} ;; *) {cat} "$1" ;; esac
}}
show "$call.out"
if [ -s "$call.err" ]; then show "$call.err" >&2; fi
{line} "-$$" 1<>{calls}/asks
exit "$code"
"""
# -d, -r and -s name a time of their own, which the phone's wrong clock does not move.
# {toybox} is the computer's program and not the phone's link: `date` and `stat` of the phone are these scripts.
_DATE = """read -r offset <{offset}
case " $* " in *" -d"* | *" -r"* | *" -s"*) offset=0 ;; esac
[ "$offset" = 0 ] && exec {toybox} date "$@"
exec {toybox} date -d "@$(($({toybox} date +%s) + offset))" "$@"
"""
# Files in the phone's own folder belong to whoever runs it; its shell is uid 2000 (docs/android/commands.md 13.3).
_STAT = """for word; do
  shift
  case $format in next) word={substituted}; format=done ;; esac
  case $word in -c | --format) format=next ;; -c*) word={substituted} ;; esac
  set -- "$@" "$word"
done
exec {toybox} stat "$@"
"""


class Userland:
    """One phone's folder: its file tree under ``root``, its programs, and the translation of paths."""

    def __init__(self, folder: Path, release: Release) -> None:
        # Resolved, because `pwd` prints the resolved path, and only this spelling is taken out of answers.
        self.folder = folder.resolve()
        self.root = self.folder / "root"
        self._release = release
        # New in each life: what an earlier one, killed itself, left running is not found by this tag.
        self.tag = uuid.uuid4().hex
        self._prefix = os.fsencode(self.root)
        self._lay_out()
        for place in (*WRITABLE_PLACES, "system/bin"):
            (self.root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
        for folder in (self.programs, self.proc / "sys/kernel/random", self.talk):
            folder.mkdir(parents=True, exist_ok=True)
        # What a call asks and hears lies here for a moment, and may name apps: nobody else on the computer reads it.
        self.calls.mkdir(mode=0o700, exist_ok=True)
        self.set_clock_offset(0)
        self._make_programs()

    def _lay_out(self) -> None:
        """Say where the phone's programs, its /proc and what its programs and its Android share lie."""
        self.programs = self.root / "system/bin"
        self.proc = self.root / "proc"
        self.talk = self.folder

    @property
    def calls(self) -> Path:
        """Where the phone's programs leave what they ask Android."""
        return self.talk / "calls"

    @property
    def shell(self) -> str:
        """The path of the phone's ``sh``, as its own programs name it."""
        return str(self._seen(self.programs / "sh"))

    @property
    def shell_words(self) -> list[str]:
        """The command that is the phone's ``sh``; what follows are the shell's own arguments."""
        return [str(self.programs / "sh")]

    def environment(self) -> dict[str, str]:
        """Return what a command finds in its environment; `tag` tells this phone's processes from all others."""
        return {
            "PATH": str(self.programs),
            "TMPDIR": str(self.root / "data/local/tmp"),
            "HOME": "/",
            "SHELL": "/system/bin/sh",
            "USER": "shell",
            "LOGNAME": "shell",
            "HOSTNAME": "localhost",
            "ANDROID_ROOT": "/system",
            "ANDROID_DATA": "/data",
            "PS1": "virtual:${PWD:-?} $ ",
            "CURFEW_VIRTUAL_PHONE": self.tag,
        }

    # Paths ---------------------------------------------------------------------------------------------------

    def rewrite(self, command: bytes) -> bytes:
        """Return a command with the phone's paths led into its folder."""
        return _IN_COMMANDS.sub(lambda found: self._prefix + found.group(1), command)

    def host_path(self, path: str) -> Path:
        """Return where a path of the phone lies; ``..`` cannot leave the phone's folder."""
        # Links are followed wherever they lead: the phone's shell runs on this computer and could read the same files.
        return self.root / os.path.normpath("/" + path).lstrip("/")

    @staticmethod
    def writable(path: str) -> bool:
        """Whether uid 2000 may write there."""
        clean = os.path.normpath("/" + path.lstrip("/"))
        return any(clean == place or clean.startswith(f"{place}/") for place in WRITABLE_PLACES)

    def answer_filter(self) -> AnswerFilter:
        """Return a filter for one stream of output."""
        return AnswerFilter(self._prefix)

    # Files that Android keeps --------------------------------------------------------------------------------

    def set_clock_offset(self, seconds: int) -> None:
        """Let ``date`` show that many seconds more than the true time."""
        _replace(self.talk / "clock_offset", f"{seconds}\n")

    def set_boot(self, boot_id: str) -> None:
        """Show a boot id under ``/proc``."""
        self._show(self.proc / "sys/kernel/random/boot_id", f"{boot_id}\n")

    def set_uptime(self, seconds: float) -> None:
        """Show the time since boot under ``/proc``."""
        self._show(self.proc / "uptime", f"{seconds:.2f} {seconds:.2f}\n")

    def _show(self, path: Path, text: str) -> None:
        _replace(path, text)

    def hand_over(self, path: Path) -> None:
        """Let a file that a computer pushed belong to the phone's shell."""

    def empty_temporary_folder(self) -> None:
        """Remove what adb users left behind, as a factory reset does."""
        for left in (self.root / "data/local/tmp").iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    # Programs ------------------------------------------------------------------------------------------------

    def make_programs_cost(self, seconds: float) -> None:
        """Let every program start that much later, as on a slow phone; 0 takes that back."""
        make_programs_cost(self.programs, seconds)

    def _make_programs(self) -> None:
        forget_programs_behind(self.programs)
        for old in self.programs.iterdir():
            old.unlink()
        mksh, toybox, busybox = (shutil.which(name) for name in ("mksh", "toybox", "busybox"))
        if mksh and toybox:
            self._link_toybox(mksh, toybox, busybox)
        elif busybox:
            log.warning("mksh and toybox are missing: this phone's shell is busybox, which is no Android shell;"
                        " install the packages mksh, toybox and original-awk")  # fmt: skip
            self._link_busybox(busybox)
            mksh, toybox = f"{busybox} sh", busybox
        else:
            raise PhoneCannotStart("no shell for the phone: expected mksh and toybox; install the packages mksh,"
                                   " toybox, original-awk and busybox")  # fmt: skip
        for late in [name for name, since in PROGRAM_SINCE.items() if since > self._release.api]:
            (self.programs / late).unlink(missing_ok=True)
        # What stands in for Android's own programs starts three times sooner without a dynamic linker.
        inside = shutil.which("mksh-static") or mksh
        self._write_scripts(inside, toybox)
        self._pretend_uid(inside, toybox, _words_of(inside)["put"])

    def _link_toybox(self, mksh: str, toybox: str, busybox: str | None) -> None:
        self._link("sh", mksh)
        self._link("toybox", toybox)
        for applet in _applets(toybox):
            if applet not in _NOT_ON_PHONES:
                self._link(applet, toybox)
        if busybox:
            lent = _LENT_BY_BUSYBOX & set(_applets(busybox, "--list"))
            for applet in sorted(lent):
                self._link(applet, busybox)
        awk = shutil.which("original-awk")
        if awk:
            self._link("awk", awk)

    def _link_busybox(self, busybox: str) -> None:
        self._link("sh", busybox)
        for applet in _applets(busybox, "--list"):
            if applet not in _NOT_ON_PHONES:
                self._link(applet, busybox)
        # Debian builds it without flock, which every phone has; the one of util-linux is on every Debian.
        flock = shutil.which("flock")
        if flock and not (self.programs / "flock").exists():
            self._link("flock", flock)

    def _write_scripts(self, shell: str, toybox: str) -> None:
        calls = _quoted(self._seen(self.calls))
        words = {"calls": calls, "mkfifo": f"{toybox} mkfifo", "cat": f"{toybox} cat"}
        words |= {name: word.format(**words) for name, word in _words_of(shell).items()}
        for program in FRAMEWORK_PROGRAMS:
            self._script(program, shell, _CALL.format(**words))
        offset = _quoted(self._seen(self.talk / "clock_offset"))
        self._script("date", shell, _DATE.format(offset=offset, toybox=toybox))
        self._script("log", shell, "exit 0\n")

    def _seen(self, path: Path) -> Path:
        """Return the path by which the phone's own programs reach a file."""
        return path

    def _pretend_uid(self, shell: str, toybox: str, put: str) -> None:
        # Files belong to whoever runs the tests; the phone's scripts ask for uid 2000 and are told so.
        if os.getuid() != _PHONE_UID:
            names = "s/%u/2000/g;s/%g/2000/g;s/%U/shell/g;s/%G/shell/g"
            substituted = f"$({put} \"$word\" | {toybox} sed '{names}')"
            self._script("stat", shell, _STAT.format(toybox=toybox, substituted=substituted))
            groups = (
                "2000(shell),1004(input),1007(log),1011(adb),1015(sdcard_rw),3003(inet),3006(net_bw_stats)"
            )
            self._script("id", shell, f"case $1 in\n-u) echo 2000 ;;\n-g) echo 2000 ;;\n*) echo 'uid=2000(shell)"
                                      f" gid=2000(shell) groups={groups} context=u:r:shell:s0' ;;\nesac\n")  # fmt: skip
            self._script("whoami", shell, "echo shell\n")

    def _link(self, name: str, target: str) -> None:
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def _script(self, name: str, shell: str, body: str) -> None:
        path = self.programs / name
        # Taken away first: writing through a link would overwrite the computer's own program.
        path.unlink(missing_ok=True)
        path.write_text(f"#!{shell}\n{body}")
        path.chmod(0o755)


class AnswerFilter:
    """Takes the folder's prefix out of a stream that arrives in pieces.

    Also the ``E: `` that Debian's mksh puts before its own errors and Android's does not (T:i-002).
    """

    def __init__(self, prefix: bytes) -> None:
        self._spelled = (prefix, b"E: " + prefix)
        self._below = re.compile(b"(?:E: )?" + re.escape(prefix) + b"(?=/)")
        self._itself = re.compile(re.escape(prefix))
        self._kept = b""

    def feed(self, data: bytes) -> bytes:
        """Return what can go on; a tail that might begin the prefix waits for the next piece."""
        data = self._below.sub(b"", self._kept + data)
        # A prefix may be cut by the end of a piece; half of it must not get through.
        size = max(_overlap(data, word) for word in self._spelled)
        self._kept = data[len(data) - size :]
        return self._itself.sub(b"/", data[: len(data) - size])

    def rest(self) -> bytes:
        """Return what still waits at the end of the stream."""
        kept, self._kept = self._kept, b""
        return self._itself.sub(b"/", kept)


def _overlap(data: bytes, word: bytes) -> int:
    """Return how many bytes at the end of `data` are the beginning of `word`."""
    longest = min(len(data), len(word))
    return next((size for size in range(longest, 0, -1) if data.endswith(word[:size])), 0)


@cache
def _applets(program: str, *args: str) -> tuple[str, ...]:
    return tuple(subprocess.run([program, *args], capture_output=True, text=True, check=True).stdout.split())


def _words_of(shell: str) -> dict[str, str]:
    """Return how a shell writes, shows a file without NUL, and takes a FIFO, without starting a program."""
    if shell.endswith(" sh"):
        show = '{cat} "$1"'
        return {
            "put": "printf %s",
            "line": "printf '%s\\n'",
            "zero": "printf '\\0'",
            "show": show,
            "claim": ":",
        }
    return {
        "put": "print -rn --",
        "line": "print -r --",
        "zero": "print -n '\\0'",
        "show": 'IFS= read -r -N -1 text <"$1"; print -rn -- "$text" 2>/dev/null',
        # Whoever renames it first has it: two callers at once cannot get one FIFO.
        "claim": 'for ready in {calls}/ready.*; do rename "$ready" "$call.back" && break; done 2>/dev/null',
    }


def _replace(path: Path, text: str) -> None:
    # In one step: a command that reads meanwhile gets the old text or the new one, never half of it.
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    beside.replace(path)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"
