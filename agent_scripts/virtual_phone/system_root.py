"""The genuine shell and programs of an unpacked Android system, for a phone to work in (docs/android.md).

Each command gets mounts of its own, in a mount namespace that ends with its last process, and a chroot as uid 2000.
So nothing is written to the given folder, and whatever is killed leaves no mount behind. The programs that need
Android itself (``cmd``, ``dumpsys`` …) are laid over ``/system/bin``; the virtual phone's model answers them.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from agent_scripts.virtual_phone.errors import PhoneCannotStart
from agent_scripts.virtual_phone.releases import Release
from agent_scripts.virtual_phone.userland import WRITABLE_PLACES, Userland

_SHELL_UID = 2000
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_NEEDED = ("sh", "toybox", "cat", "grep", "sed", "sha256sum", "sleep", "sort")
_OWN = frozenset({"data", "dev", "proc", "sdcard", "sys"})
_HOST_PROGRAMS = ("unshare", "mount", "chroot", "sh")
# The numbers by which the head of an ELF file names its processor, and who runs whose programs without an emulator.
_PROCESSORS = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
_RUN_HERE = {"x86_64": {"x86_64", "i386"}, "aarch64": {"aarch64"}}
# A process costs 0.1 to 0.2 s where it is emulated (docs/android/stand-ins.md); this is for a shell that hangs.
_TRIAL_S = 60
# From release 11 on the linker reads what Android writes at boot; without it, every program starts with a warning.
_LINKER_CONFIG = """dir.system = /system/bin/
[system]
namespace.default.search.paths = /system/${LIB}:/apex/com.android.runtime/${LIB}/bionic
"""


class SystemRoot(Userland):
    """One phone's folder whose ``/system`` and ``/apex`` are those of an unpacked system."""

    def __init__(self, folder: Path, release: Release, system: Path) -> None:
        self.system = system.resolve()
        # Both before the folder is laid out: what they refuse leaves no half-made phone behind.
        self._host = _host_programs(self.system)
        _refuse_incomplete(self.system)
        super().__init__(folder, release)
        self._prepare()
        self._try_shell()

    def _lay_out(self) -> None:
        self.programs = self.folder / "laid-over"
        self.proc = self.folder / "proc"
        self.talk = self.root / "dev/virtual-phone"

    @property
    def shell(self) -> str:
        """The path of the phone's ``sh``."""
        return "/system/bin/sh"

    @property
    def shell_words(self) -> list[str]:
        """The command that is the phone's ``sh``, in mounts of its own."""
        return [self._host["unshare"], "--mount", self._host["sh"], str(self.folder / "enter")]

    def environment(self) -> dict[str, str]:
        """Return what a command finds in its environment, with the paths of the phone."""
        return {**super().environment(), "PATH": "/system/bin", "TMPDIR": "/data/local/tmp"}

    def rewrite(self, command: bytes) -> bytes:
        """Return the command as it is: its paths are the phone's own."""
        return command

    def host_path(self, path: str) -> Path:
        """Return where a path of the phone lies; what is read only lies in the unpacked system."""
        clean = os.path.normpath("/" + path.lstrip("/"))
        below = self.root if clean.split("/")[1] in _OWN else self.system
        return below / clean.lstrip("/")

    def hand_over(self, path: Path) -> None:
        """Let a pushed file, and the folders made for it, belong to the phone's shell."""
        tops = {self.host_path(place) for place in WRITABLE_PLACES}
        while path not in tops and path != self.root:
            os.chown(path, _SHELL_UID, _SHELL_UID)
            path = path.parent

    def _show(self, path: Path, text: str) -> None:
        """Write in place: another file under that name would not be the one that is mounted."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(descriptor, text.encode(), 0)
            os.ftruncate(descriptor, len(text))
        finally:
            os.close(descriptor)

    def _seen(self, path: Path) -> Path:
        return Path("/") / path.relative_to(self.root)

    # The mounts ----------------------------------------------------------------------------------------------

    def _make_programs(self) -> None:
        for old in self.programs.iterdir():
            old.unlink()
        self._write_scripts("/system/bin/sh", "/system/bin/toybox")

    def _prepare(self) -> None:
        """Make the folders to mount on, and the script that mounts and enters."""
        for place in ("proc", "dev", "linkerconfig"):
            (self.root / place).mkdir(exist_ok=True)
        for device in _DEVICES:
            # Nothing can be mounted on a name that is not there.
            (self.root / "dev" / device).touch()
        (self.root / "linkerconfig/ld.config.txt").write_text(_LINKER_CONFIG)
        for path in (self.root, self.talk):
            path.chmod(0o755)
        for path in (self.calls, *map(self.host_path, WRITABLE_PLACES)):
            os.chown(path, _SHELL_UID, _SHELL_UID)
        self.set_boot("0")
        self.set_uptime(0)
        self._link_root()
        (self.folder / "enter").write_text(self._enter())

    def _link_root(self) -> None:
        """Make what lies at the top of the unpacked system, links as links and the rest to mount on."""
        for entry in self._bound:
            (self.root / entry.name).mkdir(exist_ok=True)
        links = {entry.name: os.readlink(entry) for entry in self.system.iterdir() if entry.is_symlink()}
        for name, target in {"bin": "system/bin", **links}.items():
            if not (self.root / name).is_dir() or (self.root / name).is_symlink():
                (self.root / name).unlink(missing_ok=True)
                (self.root / name).symlink_to(target)

    @property
    def _bound(self) -> list[Path]:
        """The folders of the unpacked system that the phone shows, all but those it has of its own."""
        folders = [entry for entry in self.system.iterdir() if entry.is_dir() and not entry.is_symlink()]
        return [entry for entry in sorted(folders) if entry.name not in _OWN and any(entry.iterdir())]

    def _enter(self) -> str:
        """Return the script: relative paths, because an overlay takes commas and colons for its own."""
        mount = self._host["mount"]
        binds = [(str(entry), f"root/{entry.name}") for entry in self._bound] + [("/proc", "root/proc")]
        # Behind /proc itself, which would else cover them again.
        binds += [(f"proc/{name}", f"root/proc/{name}") for name in ("uptime", "sys/kernel/random/boot_id")]
        binds += [(f"/dev/{name}", f"root/dev/{name}") for name in _DEVICES]
        lines = [f"{mount} --rbind {shlex.quote(source)} {shlex.quote(target)}" for source, target in binds]
        # Behind the binds: what is laid over is root/system/bin as they have shown it. Without an upper folder nothing
        # can be written, so the unpacked system stays as it is.
        over = f"{mount} -t overlay -o ro,lowerdir=laid-over:root/system/bin overlay root/system/bin"
        chroot = f"{self._host['chroot']} --userspec={_SHELL_UID}:{_SHELL_UID} root /system/bin/sh"
        # set -e, because a command whose mounts failed would else run on the computer's own files.
        return "\n".join(
            ["set -e", f"cd {shlex.quote(str(self.folder))}", *lines, over, f'exec {chroot} "$@"', ""]
        )

    def _try_shell(self) -> None:
        """Start the shell once, and say what is missing if it does not answer."""
        done = subprocess.run(
            [*self.shell_words, "-c", "echo ready"], env=self.environment(), stdin=subprocess.DEVNULL,
            capture_output=True, timeout=_TRIAL_S, check=False,
        )  # fmt: skip
        if done.stdout != b"ready\n":
            said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise PhoneCannotStart(
                f"{self.system}/system/bin/sh does not start: expected the word ready, found {said or 'nothing'!r};"
                f" {_what_to_do(self.system)}"
            )


def release_of(system: Path) -> int | None:
    """Return the API level that an unpacked system's ``build.prop`` names."""
    path = system / "system/build.prop"
    text = path.read_text(errors="replace") if path.is_file() else ""
    found = re.search(r"^ro\.(?:system\.)?build\.version\.sdk=([0-9]+)$", text, re.MULTILINE)
    return int(found[1]) if found else None


def _host_programs(system: Path) -> dict[str, str]:
    """Return the programs that mount and enter; only root may."""
    if os.geteuid() != 0:
        raise PhoneCannotStart(
            f"the shell of {system} needs mounts and a chroot, which only root may make; run this as root"
        )
    # Not by PATH: it may lack /usr/sbin, where chroot lies.
    found = {name: shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") for name in _HOST_PROGRAMS}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise PhoneCannotStart(
            f"cannot enter {system}: expected the programs {', '.join(_HOST_PROGRAMS)}, found no"
            f" {', '.join(missing)}; install the packages util-linux and coreutils"
        )
    return {name: path for name, path in found.items() if path is not None}


def _refuse_incomplete(system: Path) -> None:
    programs = system / "system/bin"
    if not (programs / "sh").is_file():
        raise PhoneCannotStart(
            f"{system} is no unpacked Android system: expected system/bin/sh in it, found none; docs/android.md says"
            " how the folder is laid out"
        )
    # lexists: links of an unpacked system may lead to /system/bin, which is there only inside the phone.
    missing = [name for name in _NEEDED if not os.path.lexists(programs / name)]
    if missing:
        raise PhoneCannotStart(
            f"{programs} lacks {', '.join(missing)}, which every phone has; where a dump lost its links, make one to"
            " toybox for each name that `toybox` prints"
        )


def _what_to_do(system: Path) -> str:
    built_for, here = _processor(system / "system/bin/sh"), platform.machine()
    if built_for in _RUN_HERE.get(here, {here}):
        return "look for its linker and libraries (docs/android.md says how the folder is laid out)"
    return (
        f"it is built for {built_for} and this computer is {here}: install qemu-user-static and binfmt-support, then"
        " `mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc` unless that is mounted,"
        f" and `update-binfmts --enable qemu-{built_for}`"
    )


def _processor(program: Path) -> str:
    """Return the processor that an ELF file names."""
    with program.open("rb") as file:
        head = file.read(20)
    return _PROCESSORS.get(int.from_bytes(head[18:20], "little"), "an unknown processor")
