"""Samples of what commands say, one per row of docs/android/commands.md 2.3, 7.2, 9 and 10.2 for each release.

The rows of chapters 3 and 5.3 are whole phones: `tests.phones.samples` prints those. Nothing here is copied from
a real phone; the wordings are those of the document.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent_scripts.dialect.refusal import Refusal
from tests.phones.samples import RELEASES

_APP = "com.example.app"
_SHELL_IN = "com.android.shell in user 10 does not belong to calling uid 2000"
_NO_RIGHT = "Neither user 2000 nor current process has android.permission.MANAGE_USERS."
_SECURITY = "java.lang.SecurityException"
_ARGUMENT = "java.lang.IllegalArgumentException"
_ILLEGAL = "java.lang.UnsupportedOperationException"
_CLOSED = "Shell does not have permission to access user 10"
_FRAMES = "\tat com.android.server.pm.PackageManagerService.x(PackageManagerService.java:1)\n\tat android.os.Binder.y\n"


@dataclass(frozen=True)
class Row:
    """What one command says on one release, and what that means; None as `refusal` is a success."""

    chapter: str
    what: str
    api: int
    text: str
    exit_code: int
    refusal: Refusal | None

    def __str__(self) -> str:
        return f"{self.chapter}-{self.api}-{self.what}"


def failed(api: int, verb: str, kind: str, message: str, *, by_pm: bool = False) -> tuple[str, int]:
    """Return an exception in a verb as that release shows it (docs/android/commands.md 2.1, 2.3), and the exit code."""
    if api < 28 and by_pm:
        return f"Error: {kind}: {message}\n", 1
    if api >= 30:
        return f"\nException occurred while executing '{verb}':\n{kind}: {message}\n{_FRAMES}", 255
    if kind == _SECURITY:
        return f"Security exception: {message}\n\n{kind}: {message}\n{_FRAMES}", 255
    return f"\nException occurred while executing:\n{kind}: {message}\n{_FRAMES}", 255


def all_rows() -> list[Row]:
    """Return the samples of all rows for all releases."""
    return [
        row
        for api in RELEASES
        for chapter in (_errors, _suspending, _closed, _owners)
        for row in chapter(api)
    ]


def _errors(api: int) -> Iterator[Row]:
    """Chapter 2.3."""

    def row(what: str, said: tuple[str, int], refusal: Refusal) -> Row:
        return Row("2.3", what, api, *said, refusal)

    unread = "Reading another user's state is not for everybody"
    yield row("security", failed(api, "list", _SECURITY, unread), Refusal.EXCEPTION)
    yield row("another", failed(api, "dump", "java.lang.NullPointerException", "x"), Refusal.EXCEPTION)
    yield row("unknown-verb", ("Unknown command: frobnicate\n", 255), Refusal.UNKNOWN_COMMAND)
    missing = 'Argument expected after "--user"'
    yield row("missing-argument", failed(api, "enable", _ARGUMENT, missing), Refusal.UNKNOWN_COMMAND)
    named = f"setApplicationHidden: {_NO_RIGHT}" if api >= 28 else _NO_RIGHT
    yield row("permission", failed(api, "hide", _SECURITY, named, by_pm=True), Refusal.PERMISSION)


def _suspending(api: int) -> Iterator[Row]:
    """Chapter 7.2; Curfew suspends nothing, but must not take such words for a success of its own."""

    def row(what: str, said: tuple[str, int], refusal: Refusal | None) -> Row:
        return Row("7.2", what, api, *said, refusal)

    still_on, off = (
        f"Package {_APP} new suspended state: true\n",
        f"Package {_APP} new suspended state: false\n",
    )
    yield row("suspended", (still_on, 0), Refusal.SUSPENDED_BY_OTHERS)
    yield row("refused-or-lifted", (off, 0), None)
    yield row("unknown", (f"{_ARGUMENT}: Unknown target package: {_APP}\n", 1), Refusal.UNKNOWN_PACKAGE)
    yield row("no-package", ("Error: package name not specified\n", 1), Refusal.UNKNOWN_COMMAND)
    if api >= 30:
        every = f"{_ARGUMENT}: Call does not support special user #-1\n"
        yield row("every-user", (every, 1), Refusal.UNKNOWN_USER)
        yield row("closed", failed(api, "suspend", _SECURITY, _CLOSED), Refusal.USER_CLOSED)
    if api <= 27:
        yield row("no-right", failed(api, "suspend", _SECURITY, _NO_RIGHT), Refusal.PERMISSION)
    elif api == 28 or api >= 30:
        caller = "Calling" if api < 35 else "Suspending"
        said = failed(api, "suspend", _SECURITY, f"{caller} package {_SHELL_IN}")
        yield row("shell-not-there", said, Refusal.PERMISSION)
    if api in (28, 29):
        owner = "Cannot suspend/unsuspend packages. User 10 has an active DO or PO"
        yield row("owner", failed(api, "suspend", _ILLEGAL, owner), Refusal.BLOCKED_BY_OWNER)


def _closed(api: int) -> Iterator[Row]:
    """Chapter 9: a user closed to the shell, command by command, where it refuses."""

    def row(what: str, said: tuple[str, int], refusal: Refusal | None = Refusal.USER_CLOSED) -> Row:
        return Row("9", what, api, *said, refusal)

    by_manager = f"{_CLOSED}\n com.android.server.am.UserController.handleIncomingUser:1 and others"
    if api < 30:
        yield row("list", ("package:com.android.shell\n", 0), None)
    elif api < 35:
        yield row("list", failed(api, "list", _SECURITY, by_manager))
        yield row("path", failed(api, "path", _SECURITY, by_manager))
    else:
        yield row("list", (f"Error: {_SECURITY}: {by_manager}\n", 0))
        yield row("path", failed(api, "path", _SECURITY, by_manager))
    if api in (33, 34):
        yield row("bare-list", failed(api, "list", _SECURITY, by_manager))
    for verb in ("disable-user", "enable", "default-state", "hide"):
        message = by_manager if api >= 30 else _CLOSED
        yield row(verb, failed(api, verb, _SECURITY, message, by_pm=True))
    for verb in ("uninstall", "install-existing"):
        yield row(verb, failed(api, verb, _SECURITY, _CLOSED))
    yield row("clear", failed(api, "clear", _SECURITY, _CLOSED, by_pm=True))
    for verb in ("force-stop", "start", "stop-user"):
        yield row(verb, failed(api, verb, _SECURITY, by_manager))
    yield row("force-stop-everywhere", ("", 0), None)
    yield row("start-user", ("Success: user started\n", 0), None)


def _owners(api: int) -> Iterator[Row]:
    """Chapter 10.2: before 12 the verb is unknown."""
    if api < 31:
        yield Row(
            "10.2", "unknown", api, "Error: unknown command 'list-owners'\n", 1, Refusal.UNKNOWN_COMMAND
        )
        return
    yield Row("10.2", "none", api, "no owners\n", 0, None)


def owner_lists(api: int) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return what ``dpm list-owners`` says from 12 on, with the words that may leave the phone."""
    mdm, work = "com.example.mdm/.AdminReceiver", "com.example.dpc/.Admin"
    device, profile = f"User  0: admin={mdm},DeviceOwner,Affiliated", f"User 10: admin={work},ProfileOwner"
    again = [f"User 10: admin={work},ManagedProfileOwner(parentUserId=0)"] if api >= 32 else []
    more = ("another",) * len(again)
    return {
        "none": ("no owners\n", ("count 0",)),
        "fully managed": (f"1 owner:\n{device}\n", ("count 1", "device 0")),
        "work profile": (
            "\n".join((f"{1 + len(again)} owner{'s' if again else ''}:", profile, *again, "")),
            (f"count {1 + len(again)}", "profile 10", *more),
        ),
        "both": (
            "\n".join((f"{2 + len(again)} owners:", device, profile, *again, "")),
            (f"count {2 + len(again)}", "device 0", "profile 10", *more),
        ),
        "header without content": ("2 owners:\n", ("count 2",)),
    }
