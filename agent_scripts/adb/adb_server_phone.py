"""Phones by the platform's own adb: cables and wireless debugging. The only module that knows adbutils.

adbutils finds or brings the ``adb`` program and speaks to its server; the bytes of an exchange then run over that
socket on our event loop, with our limits (`adb_service_stream`).
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import adbutils

from agent_scripts.adb.deadline import Progress, deadline
from agent_scripts.adb.device_list import ListedPhone, listed_phones
from agent_scripts.adb.keys import AdbKeys
from agent_scripts.adb.phone_address import PhoneAddress, Way
from agent_scripts.adb.phone_connection import (
    CONNECT_TIMEOUT_S,
    LONGEST_EXCHANGE_S,
    TAP_ALLOW,
    checked_command,
)
from agent_scripts.adb.service_stream import ServiceStream, printable, read_shell_v2, receive_file, send_file
from agent_scripts.errors import (
    AdbServerMissing,
    InvalidAddress,
    PhoneNotReady,
    PhoneUnauthorised,
    PhoneUnreachable,
    PhoneWentAway,
    ServiceClosed,
)
from agent_scripts.patience import Patience

_START_TIMEOUT_S = 20.0
# At twice this asyncio stops reading from the socket: a phone that floods us fills no memory.
_READ_BYTES = 64 * 1024
_READY = "device"
_NEXT_STEPS = {
    _READY: "",
    "unauthorized": TAP_ALLOW,
    "authorizing": "wait a moment and run this again",
    "connecting": "wait a moment and run this again",
    "offline": "unplug the phone and plug it in again, or switch wireless debugging off and on",
    "no permissions": "this computer may not open the cable; add the udev rules for Android and plug it in again",
    "recovery": "restart the phone; it is in its recovery system",
    "sideload": "restart the phone; it is in its recovery system",
    "rescue": "restart the phone; it is in its recovery system",
    "bootloader": "restart the phone; it is in its boot loader",
}
_OTHER_STEP = "unplug the phone, restart it and plug it in again"
# What adb calls phones that tell no serial; any two of them have the same name.
_NAMELESS = ("", "(no serial number)", "????????????")
_NO_NAME_STEP = (
    "adb has no name for this phone that can be typed; restart it, and report its model if it stays so"
)


@dataclass(frozen=True)
class ConnectedPhone:
    """A line of `curfew-agent devices`: adb's word for the state, and what to do about it (empty: nothing).

    ``address`` is fit for a terminal; only a phone whose name cannot be typed is called otherwise than adb calls it.
    """

    address: str
    state: str
    model: str
    next_step: str


def list_devices(keys: AdbKeys | None = None) -> tuple[ConnectedPhone, ...]:
    """Return the phones that the platform's adb sees, starting its server if none runs.

    A server started here offers the phone the key of `keys` too. Raises `AdbServerMissing` if there is no adb.
    """
    # Before adbutils connects: where no server answers it starts one itself, and that one would not offer our key.
    _start_server(keys)
    try:
        # Two questions: adbutils' own takes its lines apart at blanks, which serials may hold.
        phones = listed_phones(_ask_server("host:devices"), _ask_server("host:devices-l"))
    except (adbutils.AdbError, OSError, ValueError) as error:
        raise _no_server(error) from error
    return tuple(_connected(phone) for phone in phones)


def _ask_server(question: str) -> str:
    with adbutils.AdbClient().make_connection(timeout=CONNECT_TIMEOUT_S) as connection:
        connection.send_command(question)
        connection.check_okay()
        return str(connection.read_string_block())


async def track_devices(keys: AdbKeys) -> AsyncIterator[tuple[ConnectedPhone, ...]]:
    """Yield the phones that adb sees, now and whenever that changes, without their models.

    Starts adb's server if none runs. Raises `AdbServerMissing` when there is none, or it ends.
    """
    await asyncio.to_thread(_start_server, keys)
    try:
        connection = await asyncio.to_thread(_asked_to_track)
    except (adbutils.AdbError, OSError) as error:
        raise _no_server(error) from error
    connection.conn.setblocking(False)
    stream = ServiceStream(*await asyncio.open_connection(sock=connection.conn, limit=_READ_BYTES))
    try:
        while True:
            # Four hex digits: never more than 64 KiB (SC/ADB ``OVERVIEW.TXT``).
            told = (await stream.read(int(await stream.read(4), 16))).decode("utf-8", "replace")
            yield tuple(_connected(phone) for phone in listed_phones(told, ""))
    except (asyncio.IncompleteReadError, OSError, ValueError) as error:
        raise _no_server(error) from error
    finally:
        stream.abandon()


def _asked_to_track() -> adbutils.AdbConnection:
    connection: Any = adbutils.AdbClient().make_connection(timeout=CONNECT_TIMEOUT_S)
    try:
        connection.send_command("host:track-devices")
        connection.check_okay()
    except BaseException:
        connection.close()
        raise
    return cast(adbutils.AdbConnection, connection)


def _connected(phone: ListedPhone) -> ConnectedPhone:
    # The words behind "no permissions" are about groups and rules of this computer, and a web address.
    state = "no permissions" if phone.state.startswith("no permissions") else printable(phone.state)
    step = _NEXT_STEPS.get(state, _OTHER_STEP)
    address = f"{Way.ADB.value}:{phone.serial}"
    try:
        PhoneAddress.parse(address)
    except InvalidAddress:
        address, step = printable(address), _NO_NAME_STEP
    if phone.serial in _NAMELESS:
        step = _NO_NAME_STEP
    return ConnectedPhone(address, state, printable(phone.model), step)


async def open_adb_server_phone(
    address: PhoneAddress, keys: AdbKeys, connect_timeout_s: float, patience: Patience
) -> AdbServerPhone:
    """Return a way to a phone that the adb server knows and is allowed on; see `open_connection`."""
    phone = AdbServerPhone(address, connect_timeout_s, patience)
    try:
        async with asyncio.timeout(connect_timeout_s + _START_TIMEOUT_S):
            states = {found.address: found for found in await asyncio.to_thread(list_devices, keys)}
    except TimeoutError as error:
        raise _no_server(error) from error
    # Before anything is opened: each state in the list has a next step of its own, a failed exchange has none.
    found = states.get(str(address))
    if found is None:
        raise PhoneUnreachable(f"adb does not see {address}; `curfew-agent devices` lists what it sees")
    if found.state == "unauthorized":
        raise PhoneUnauthorised(
            f"{address} does not know this station; {found.next_step}, then run this again"
        )
    if found.state != _READY:
        raise PhoneNotReady(f"{address} is {found.state}; {found.next_step}")
    return phone


class AdbServerPhone:
    """A phone behind the platform's adb server; see `PhoneConnection` for what its methods promise.

    The server holds the connection to the phone; every exchange opens a stream of its own.
    """

    def __init__(self, address: PhoneAddress, connect_timeout_s: float, patience: Patience) -> None:
        """Name the phone; exchanges reach it."""
        self._address = address
        self._patience = patience
        self._connect_timeout_s = connect_timeout_s
        self._closed = False
        self._one_at_a_time = asyncio.Lock()

    async def run(
        self, command: str, timeout_s: float, max_bytes: int, longest_s: float = LONGEST_EXCHANGE_S
    ) -> bytes:
        """Return what the phone's shell printed for `command`, stdout and stderr in the order they came."""
        # v2 ends with a packet of its own, so that a cut answer shows; raw needs no terminal, and a terminal may lose
        # the last lines (docs/android/stand-ins.md). A command too long to send is refused first, and closes nothing.
        service = b"shell,v2,raw:" + checked_command(command)
        async with self._exchange(service, timeout_s, longest_s) as (stream, progress):
            return await read_shell_v2(stream, max_bytes, progress)

    async def push(self, data: bytes, path: str, timeout_s: float = 30.0) -> None:
        """Write `data` to `path` on the phone."""
        async with self._exchange(b"sync:", timeout_s) as (stream, _):
            await send_file(stream, data, path)

    async def pull(self, path: str, max_bytes: int, timeout_s: float = 30.0) -> bytes:
        """Return the content of `path` on the phone."""
        async with self._exchange(b"sync:", timeout_s) as (stream, progress):
            return await receive_file(stream, path, max_bytes, progress)

    async def close(self) -> None:
        """End the connection."""
        self._closed = True

    @asynccontextmanager
    async def _exchange(
        self, service: bytes, timeout_s: float, longest_s: float = LONGEST_EXCHANGE_S
    ) -> AsyncIterator[tuple[ServiceStream, Progress]]:
        """Hold one exchange to its time on a stream of its own; any error closes the connection for good."""
        async with self._one_at_a_time:
            if self._closed:
                raise PhoneWentAway(f"the connection to {self._address} is closed; connect again")
            try:
                async with deadline(self._address, timeout_s, longest_s) as progress:
                    # Inside the deadline: a phone that stays in standby uses up its own time, our pauses included.
                    stream = await self._patience.despite(ServiceClosed, lambda: self._open(service))
                    try:
                        yield stream, progress
                    finally:
                        # After success too: a pushed file was acknowledged, so nothing that matters can be cut off.
                        stream.abandon()
            except (asyncio.IncompleteReadError, OSError) as error:
                # After an error the stream may stand in mid-word: a new exchange on it would read the old one's answer.
                self._closed = True
                raise PhoneWentAway(f"{self._address} is gone; check the cable and check it again") from error
            except BaseException:
                self._closed = True
                raise

    async def _open(self, service: bytes) -> ServiceStream:
        return await _open_stream(self._address, service, self._connect_timeout_s)


async def _open_stream(address: PhoneAddress, service: bytes, connect_timeout_s: float) -> ServiceStream:
    """Open `service` on the phone through the adb server; raises `PhoneWentAway` or `ServiceClosed`."""
    try:
        connection = await asyncio.to_thread(_transport, address.serial, connect_timeout_s)
    except adbutils.AdbError as error:
        raise PhoneWentAway(f"adb lost {address}; check the cable and run: curfew-agent devices") from error
    # From here on our own loop reads, with our limits; adbutils has none that hold for a whole answer.
    connection.conn.setblocking(False)
    stream = ServiceStream(*await asyncio.open_connection(sock=connection.conn, limit=_READ_BYTES))
    try:
        # adbutils would send this with a plain send(), which may take only a part of a long command.
        await stream.write(b"%04x" % len(service) + service)
        status = await stream.read(4)
        if status != b"OKAY":
            # The reason behind a FAIL is not read: whatever it is, nothing ran, so it may be opened again.
            raise ServiceClosed(service)
    except BaseException:
        stream.abandon()
        raise
    return stream


def _transport(serial: str, timeout_s: float) -> adbutils.AdbConnection:
    return adbutils.AdbClient(socket_timeout=timeout_s).device(serial).open_transport(timeout=timeout_s)


def _start_server(keys: AdbKeys | None) -> None:
    """Start the platform's adb server unless one runs; it offers phones this station's key as well.

    ``ANDROID_ADB_SERVER_PORT`` names another port than 5037, for the program and for adbutils alike.
    """
    # A server that runs already has the keys it was started with; restarting it would cut off others' phones.
    if _server_runs():
        return
    environment = dict(os.environ)
    if keys is not None:
        vendor_keys = environment.get("ADB_VENDOR_KEYS", "")
        # Added to the keys that are named already: phones that know the technician by another one go on doing so.
        environment["ADB_VENDOR_KEYS"] = os.pathsep.join(filter(None, (vendor_keys, str(keys.private_path))))
    try:
        subprocess.run(
            [_adb_program(), "start-server"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_START_TIMEOUT_S,
            check=True,
        )
    except (adbutils.AdbError, OSError, subprocess.SubprocessError) as error:
        raise _no_server(error) from error


def _server_runs() -> bool:
    # Looked at by a bare socket: a connection of adbutils would start a server where none answers.
    client = adbutils.AdbClient()
    try:
        socket.create_connection((client.host, client.port), timeout=1).close()
    except OSError:
        return False
    return True


def _adb_program() -> str:
    """Return the adb that adbutils brings (platform-tools 36), else the one it finds.

    Its own first, unlike adbutils: what distributions ship is years older and does not know wireless debugging.
    """
    named = os.environ.get("ADBUTILS_ADB_PATH")
    bundled = Path(adbutils.__file__).parent / "binaries" / "adb"
    return named or (str(bundled) if os.access(bundled, os.X_OK) else adbutils.adb_path())


def _no_server(error: BaseException) -> AdbServerMissing:
    del error  # its text is about sockets and programs, which help nobody at the bench
    return AdbServerMissing(
        "the platform's adb does not run; run `adb start-server` and look at what it says"
    )
