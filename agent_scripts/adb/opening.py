"""An open connection to the phone at an address, whatever way leads there."""

from __future__ import annotations

from collections.abc import Callable

from agent_scripts.adb.keys import AdbKeys
from agent_scripts.adb.phone_address import PhoneAddress, Way
from agent_scripts.adb.phone_connection import ALLOW_TIMEOUT_S, CONNECT_TIMEOUT_S, PhoneConnection
from agent_scripts.patience import Patience
from certs.logs import Log

_log = Log(__name__)


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
    `PhoneUnreachable`, `PhoneUnauthorised`, `PhoneWentAway` or `PhoneProtocolError`.
    """
    address.require_allowed(plain_tcp)
    # Each module is loaded by the first phone that needs it: adbutils alone takes a third of a second.
    if address.way is Way.ADB:
        from agent_scripts.adb.adb_server_phone import open_adb_server_phone

        opened: PhoneConnection = await open_adb_server_phone(
            address, keys, connect_timeout_s, patience or Patience()
        )
    else:
        from agent_scripts.adb.adb_shell_phone import open_adb_shell_phone

        limits = (connect_timeout_s, allow_timeout_s, patience or Patience())
        opened = await open_adb_shell_phone(address, keys, *limits, ask_owner)
    _log.info("connected to phone", phone=str(address))
    return opened
