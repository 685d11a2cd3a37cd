"""One way to talk to a phone, whatever cable or network lies between."""

from __future__ import annotations

from typing import Protocol

from agent_scripts.errors import CommandTooLong

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
        Raises `PhoneWentAway`, `AnswerTooSlow`, `AnswerTooLong`, `PhoneProtocolError`, `PhoneRefused` or
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


def checked_command(command: str) -> bytes:
    """Return `command` as the bytes to send; `CommandTooLong` if no phone would take it whole."""
    text = command.encode("utf-8")
    # A service ends at its first NUL on the wire: of a command with one only the beginning would run.
    if len(text) > LONGEST_COMMAND_BYTES or b"\0" in text:
        raise CommandTooLong(
            f"expected a command of at most {LONGEST_COMMAND_BYTES} bytes without NUL, found {len(text)};"
            " name fewer packages in the policy"
        )
    return text
