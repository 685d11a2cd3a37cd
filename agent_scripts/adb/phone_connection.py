"""One way to talk to a phone, whatever cable or network lies between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent_scripts.adb.keys import AdbKeys
from agent_scripts.adb.phone_address import PhoneAddress, Way
from agent_scripts.errors import CommandTooLong
from agent_scripts.patience import Patience

CONNECT_TIMEOUT_S = 10.0
ALLOW_TIMEOUT_S = 5.0
"""How long to wait for the owner to tap Allow; longer when somebody sits in front of the phone."""
LONGEST_EXCHANGE_S = 600.0
"""However steadily a phone answers: four times what a check of a very slow phone takes. Beyond, it is broken."""
LONGEST_COMMAND_BYTES = 65_000
"""One exchange: the platform's adb server frames a service with four hex digits (SC/ADB ``SERVICES.TXT``)."""

TAP_ALLOW = (
    "unlock the phone, change to its owner (user 0) if another user is in front, where the question never"
    " appears, and tap Allow"
)
"""What makes a phone accept this station's key."""

PUSH_MODE = 0o100600
"""A regular file for its owner only; the phone widens this all the same (docs/android/stand-ins.md)."""


class PhoneConnection(Protocol):
    """An open connection to one phone. One exchange at a time; after any error it is closed and stays so."""

    async def run(
        self, command: str, timeout_s: float, max_bytes: int, longest_s: float = LONGEST_EXCHANGE_S
    ) -> bytes:
        """Return all that the phone's shell printed for `command`, stdout and stderr together.

        `timeout_s` is the longest silence: a slow phone that goes on answering is waited for, up to `longest_s`.
        Raises `PhoneWentAway`, `AnswerTooSlow`, `AnswerTooLong`, `PhoneBabbles`, `PhoneRefused` or
        `CommandTooLong`. After any but the last the phone may have run the command, wholly or in part.
        """
        ...

    async def push(self, data: bytes, path: str, timeout_s: float = 30.0) -> None:
        """Write `data` to `path` on the phone, which widens its mode (docs/android/commands.md 13.3)."""
        ...

    async def pull(self, path: str, max_bytes: int, timeout_s: float = 30.0) -> bytes:
        """Return the content of `path` on the phone; `PhoneRefused` when it cannot be read."""
        ...

    async def close(self) -> None:
        """End the connection; allowed more than once."""
        ...


async def open_connection(
    address: PhoneAddress,
    keys: AdbKeys,
    *,
    plain_tcp: bool = False,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    allow_timeout_s: float = ALLOW_TIMEOUT_S,
    ask_owner: Callable[[PhoneAddress], None] | None = None,
    patience: Patience | None = None,
) -> PhoneConnection:
    """Return an open, authorised connection to the phone at `address`.

    `ask_owner` is called once when the phone shows its question and waits for a tap. `patience` is for a phone that
    closes a service as it is opened: nothing of it ran, so opening it again repeats nothing. Raises `PlainTcpRefused`,
    `PhoneUnreachable`, `PhoneUnauthorised`, `PhoneWentAway` or `PhoneBabbles`.
    """
    address.require_allowed(plain_tcp)
    # Each module is loaded by the first phone that needs it: adbutils alone takes a third of a second.
    if address.way is Way.ADB:
        from agent_scripts.adb.adb_server_phone import open_adb_server_phone

        return await open_adb_server_phone(address, keys, connect_timeout_s, patience or Patience())
    from agent_scripts.adb.adb_shell_phone import open_adb_shell_phone

    limits = (connect_timeout_s, allow_timeout_s, patience or Patience())
    return await open_adb_shell_phone(address, keys, *limits, ask_owner)


def checked_command(command: str) -> bytes:
    """Return `command` as the bytes to send; `CommandTooLong` if no phone would take it whole."""
    text = command.encode("utf-8")
    if len(text) > LONGEST_COMMAND_BYTES or b"\0" in text:
        raise CommandTooLong(
            f"expected a command of at most {LONGEST_COMMAND_BYTES} bytes without NUL, found {len(text)};"
            " name fewer packages in the policy"
        )
    return text
