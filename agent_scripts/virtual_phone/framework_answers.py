"""What a framework command answers: two texts and an exit code; and the Java exceptions that end one.

Source: docs/android/commands.md 2.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.releases import Release

SECURITY = "java.lang.SecurityException"
ILLEGAL_ARGUMENT = "java.lang.IllegalArgumentException"
ILLEGAL_STATE = "java.lang.IllegalStateException"
_SERVER_FRAME = re.compile(r"(com\.android\.server\.[^(]*)\([^:]*:([0-9]*)\)")
_DIGEST = "qb/109720563 86dbee7f0847772a18215ace02f34f8f317c628dcab7868dbafa1f16e984e4a3"
UNSUPPORTED = "java.lang.UnsupportedOperationException"


@dataclass(frozen=True)
class FrameworkAnswer:
    """What arrives at the caller's stdout and stderr, and the exit code."""

    out: str = ""
    err: str = ""
    exit_code: int = 0


class Thrown(Exception):
    """A Java exception inside the framework: its class, its message, and the methods its trace begins with."""

    def __init__(self, java_class: str, message: str, *frames: str) -> None:
        super().__init__(message)
        self.java_class = java_class
        self.message = message
        self.frames = frames

    @property
    def text(self) -> str:
        """The exception as Java's ``toString`` prints it."""
        return f"{self.java_class}: {self.message}"

    def trace(self, *, obfuscated: bool = False) -> str:
        """The exception with its stack, each frame after a tab."""
        frames = [_obfuscated(frame) if obfuscated else frame for frame in self.frames]
        return "".join([self.text, "\n", *(f"\tat {frame}\n" for frame in frames)])


def _obfuscated(frame: str) -> str:
    """Return a frame of the server as T:d-002 shows it: a digest instead of the file's name."""
    return _SERVER_FRAME.sub(rf"\1({_DIGEST}:\2)", frame)


@dataclass
class Call:
    """One command on its way through the framework: what is left of its arguments, and what it wrote so far."""

    model: AndroidModel
    args: list[str]
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)

    @property
    def release(self) -> Release:
        """The release that answers."""
        return self.model.release

    def say(self, text: str) -> None:
        """Write a line to stdout."""
        self.out.append(f"{text}\n")

    def complain(self, text: str) -> None:
        """Write a line to stderr."""
        self.err.append(f"{text}\n")

    def option(self) -> str | None:
        """Take the next argument if it is an option; ``--`` ends them (android.os.ShellCommand)."""
        if not self.args or not self.args[0].startswith("-"):
            return None
        taken = self.args.pop(0)
        return None if taken == "--" else taken

    def argument(self) -> str | None:
        """Take the next argument, if there is one."""
        return self.args.pop(0) if self.args else None

    def needed(self, after: str) -> str:
        """Take the argument that must follow `after`."""
        if not self.args:
            raise Thrown(ILLEGAL_ARGUMENT, f'Argument expected after "{after}"')
        return self.args.pop(0)

    def finish(self, exit_code: int = 0) -> FrameworkAnswer:
        """Return what was written."""
        return FrameworkAnswer("".join(self.out), "".join(self.err), exit_code)


def thrown_answer(call: Call, verb: str, thrown: Thrown) -> FrameworkAnswer:
    """Return how an exception of `verb` reaches the caller in this release (docs/android/commands.md 2.3)."""
    trace = thrown.trace(obfuscated=call.model.maker.obfuscated_frames)
    if call.release.exceptions_name_the_verb:
        head = f"\nException occurred while executing '{verb}':\n"
    # Up to 29 this one has a heading of its own, and all others share the nameless one.
    elif thrown.java_class == SECURITY:
        text = f"Security exception: {thrown.message}\n\n{trace}"
        return FrameworkAnswer("".join(call.out), "".join(call.err) + text, 255)
    else:
        head = "\nException occurred while executing:\n"
    return FrameworkAnswer("".join(call.out), "".join(call.err) + head + trace, 255)
