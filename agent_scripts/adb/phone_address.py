"""How a technician names a phone: ``tcp:HOST:PORT``, ``adb:SERIAL`` or ``usb:SERIAL``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Self

from agent_scripts.errors import InvalidAddress, PlainTcpRefused

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_LONGEST_SERIAL = 255
_FORMS = "tcp:HOST:PORT, adb:SERIAL or usb:SERIAL"


class Way(Enum):
    """By which road a phone is reached."""

    TCP = "tcp"
    ADB = "adb"
    USB = "usb"


@dataclass(frozen=True)
class PhoneAddress:
    """Where a phone is reached. ``host`` and ``port`` belong to TCP, ``serial`` to the other two."""

    way: Way
    host: str = ""
    port: int = 0
    serial: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address that `text` names; raises `InvalidAddress`."""
        way, _, rest = text.partition(":")
        if way == Way.TCP.value:
            return cls._parse_tcp(text, rest)
        if way in (Way.ADB.value, Way.USB.value) and _is_serial(rest):
            return cls(Way(way), serial=rest)
        raise InvalidAddress(
            f"expected {_FORMS}, found {text!r}; `curfew-agent devices` lists what is connected"
        )

    @classmethod
    def _parse_tcp(cls, text: str, rest: str) -> Self:
        host, _, port = rest.rpartition(":")
        # Only in brackets: in fe80::1:5555 nobody can tell where the address ends and the port begins.
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
            valid = ":" in host and _ip(host) is not None
        else:
            valid = bool(_HOST_NAME.fullmatch(host))
        if not valid or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
            raise InvalidAddress(
                f"expected tcp:HOST:PORT such as tcp:127.0.0.1:6001, found {text!r}; correct it"
            )
        return cls(Way.TCP, host=host, port=int(port))

    def __str__(self) -> str:
        if self.way is not Way.TCP:
            return f"{self.way.value}:{self.serial}"
        return f"tcp:[{self.host}]:{self.port}" if ":" in self.host else f"tcp:{self.host}:{self.port}"

    @property
    def is_plain(self) -> bool:
        """Whether others on the network could read along: TCP to anything but this computer."""
        if self.way is not Way.TCP:
            return False
        address = _ip(self.host)
        # A name counts as another computer: where it leads is known only once it was looked up, and may change.
        return not (self.host == "localhost" if address is None else address.is_loopback)

    @property
    def transport(self) -> str:
        """What a report says of the way to the phone: tcp, plain-tcp, adb or usb."""
        return "plain-tcp" if self.is_plain else self.way.value

    def require_allowed(self, plain_tcp: bool) -> None:
        """Raise `PlainTcpRefused` when the way is open to eavesdroppers and `plain_tcp` was not asked for."""
        if self.is_plain and not plain_tcp:
            raise PlainTcpRefused(
                f"{self} is not encrypted and leaves this computer; use a cable (adb:SERIAL), wireless debugging,"
                " or accept the risk with --plain-tcp"
            )


def _is_serial(text: str) -> bool:
    """Whether `adb devices` may print this: whatever a maker wrote into a phone, HOST:PORT, and names from the network.

    The latter may hold blanks, as adb-1A2B-xyz (2)._adb-tls-connect._tcp. It is never given to a shell; what a
    terminal would obey instead of showing it is refused.
    """
    return 0 < len(text) <= _LONGEST_SERIAL and text.isprintable() and text == text.strip()


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
