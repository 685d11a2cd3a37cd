"""What can go wrong at a station, as errors; every message ends with what to do next.

AgentError
├── PhoneError                 one phone failed; the others go on
│   ├── InvalidAddress         the name of a phone is not tcp:, adb: or usb:
│   ├── PlainTcpRefused        unencrypted TCP beyond this computer, and nobody asked for it
│   ├── PhoneUnreachable       no connection could be made
│   │   ├── PhoneNotReady      adb sees the phone in a state in which it takes no commands
│   │   └── AdbServerMissing   the platform's adb does not run, so of no phone is anything known
│   ├── PhoneUnauthorised      the phone does not accept this station's key (yet)
│   ├── PhoneWentAway          the connection ended in the middle of an exchange
│   ├── PhoneProtocolError     what arrived is not the ADB protocol
│   ├── PhoneRefused           the phone declined a service or a file
│   │   └── ServiceClosed      it closed a service as it was opened, for the moment as far as we know
│   ├── AnswerTooLong          more bytes than the exchange allows
│   ├── AnswerTooSlow          no complete answer within the time allowed
│   ├── CommandTooLong         a command that no phone would accept
│   ├── PhoneNotProvisioned    the phone does not carry our marker
│   ├── OwnerDeclined          the owner does not agree, so nothing is asked
│   └── ProvisioningFailed     the phone could not be made known
├── WrongUse                   the command line does not say enough
├── StationError               this computer's own files
│   ├── NotEnrolled            the folder holds no station
│   ├── AlreadyEnrolled        the folder holds a station already
│   ├── FileDamaged            a file of the station is not what was written
│   ├── WriteFailed            a file could not be written; the old one is intact
│   │   └── DiskFull           because there is no room
│   ├── UnknownPhone           no phone of that id was provisioned here
│   ├── PlaceholderSerial      a serial that many phones share cannot tell this one
│   └── StoryClockRefused      the demo's clock works under a demo root only
└── ServerError                the way to the server
    ├── ServerUnreachable      no answer, after several tries
    ├── ServerNotTrusted       the certificate is not from the pinned authority
    ├── ServerProtocolError    the answer does not have the agreed form
    ├── ServerRefused          the server said no, with a code
    └── EnrolmentRefused       what a code points to does not fit; nothing was stored
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote


class AgentError(Exception):
    """Something a technician can act on; the message says what to do next."""


class PhoneError(AgentError):
    """One phone failed; the others go on."""


class InvalidAddress(PhoneError, ValueError):
    """The name of a phone is malformed."""


class PlainTcpRefused(PhoneError):
    """Unencrypted TCP to another computer's network, and nobody asked for it."""


class PhoneUnreachable(PhoneError):
    """No connection could be made."""


class PhoneNotReady(PhoneUnreachable):
    """adb sees the phone offline, in its recovery system or its boot loader."""


class AdbServerMissing(PhoneUnreachable):
    """The platform's adb does not run: whether the phone is there, nobody knows."""


class PhoneUnauthorised(PhoneError):
    """The phone does not accept this station's key yet."""


class PhoneWentAway(PhoneError):
    """The connection ended in the middle of an exchange; what the phone did is unknown."""


class PhoneProtocolError(PhoneError):
    """What arrived is not the ADB protocol."""


class PhoneRefused(PhoneError):
    """The phone declined a service or a file."""


class ServiceClosed(PhoneRefused):
    """The phone closed a service as it was opened, as an adbd in standby does; nothing of it ran."""

    def __init__(self, service: bytes) -> None:
        """Say that it passes, and what helps if it does not."""
        name = service.partition(b":")[0].decode("ascii", "replace")
        super().__init__(
            f"the phone refuses the service {name!r} for the moment, as it does while it stands by or starts; wake its"
            " screen, wait a minute and check again, restart the phone if it stays so"
        )


class AnswerTooLong(PhoneError):
    """More bytes came than the exchange allows."""


class AnswerTooSlow(PhoneError):
    """No complete answer came within the time allowed."""


class CommandTooLong(PhoneError):
    """A command longer than a phone's shell takes in one argument."""


class PhoneNotProvisioned(PhoneError):
    """The phone does not carry our marker: it is new, was reset, or lost our folder."""

    def __init__(self, address: str) -> None:
        """Say which command makes the phone known."""
        super().__init__(
            f"{address} is not provisioned; run `curfew-agent provision {quote(address)} --holder REFERENCE`"
        )


class OwnerDeclined(PhoneError):
    """The owner declined: the phone is not asked anything, only restored if somebody orders that."""

    def __init__(self, address: str) -> None:
        """Say what happens instead, and the way back."""
        super().__init__(
            f"the owner of {address} declined, so nothing is asked of that phone; if they agree now, run"
            f" `curfew-agent provision {quote(address)} --holder REFERENCE`"
        )


class ProvisioningFailed(PhoneError):
    """The phone could not be made known; nothing was remembered."""


class WrongUse(AgentError):
    """The command line does not say enough to act on."""


class StationError(AgentError):
    """Something about this computer's own files."""


class NotEnrolled(StationError):
    """The folder holds no station."""


class AlreadyEnrolled(StationError):
    """The folder holds a station already."""


class FileDamaged(StationError):
    """A file of the station is not what was written; it is left as it is."""


class WriteFailed(StationError):
    """A file could not be written; the old one, if any, is intact."""


class DiskFull(WriteFailed):
    """There is no room for a file; the old one, if any, is intact."""

    def __init__(self, path: Path) -> None:
        """Say which file did not fit."""
        super().__init__(f"no room to write {path}: the disk is full; free some space and run this again")


class UnknownPhone(StationError):
    """No phone of that id was provisioned at this station."""


class PlaceholderSerial(StationError):
    """The phone's serial is one that many phones share; only a label can tell it apart."""


class StoryClockRefused(StationError):
    """The story clock was asked for under a root that is not marked as a demo."""


class ServerError(AgentError):
    """Something about the way to the server."""


class ServerUnreachable(ServerError):
    """No answer came, after several tries; what was to be sent is kept."""


class ServerNotTrusted(ServerError):
    """The server's certificate does not come from the pinned authority."""


class ServerProtocolError(ServerError):
    """The server's answer does not have the agreed form."""


class ServerRefused(ServerError):
    """The server said no. ``code`` is its reason in one word, ``status`` the HTTP status."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        """Take a sentence that is fit to be shown (`agent_scripts.server_link.refused_request`)."""
        super().__init__(sentence)
        self.status = status
        self.code = code


class EnrolmentRefused(ServerError):
    """A code, or what it points to, does not fit; nothing was stored."""
