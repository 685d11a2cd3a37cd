"""Phones by adb-shell, over transports of our own: the only module that knows that library.

The library gets a transport of our own through its public constructor (`tcp_transport`). Its streams lose what
arrives early and do not understand a refusal (docs/performance.md 5, faults 6 and 9): `_Device` mends that in a
subclass.
"""

# The library carries no types; everything that comes back from it is checked here.
# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from adb_shell import constants, exceptions
from adb_shell.adb_device_async import AdbDeviceAsync
from adb_shell.adb_message import AdbMessage
from adb_shell.auth.sign_cryptography import CryptographySigner
from adb_shell.hidden_helpers import _AdbPacketStore, _AdbTransactionInfo, _FileSyncTransactionInfo
from adb_shell.transport.base_transport_async import BaseTransportAsync

from agent_scripts.adb.deadline import Progress, deadline
from agent_scripts.adb.keys import AdbKeys
from agent_scripts.adb.phone_address import PhoneAddress, Way
from agent_scripts.adb.phone_connection import LONGEST_EXCHANGE_S, PUSH_MODE, TAP_ALLOW, checked_command
from agent_scripts.adb.service_stream import printable
from agent_scripts.adb.tcp_transport import HEADER_BYTES, LARGEST_PACKET_BYTES, OPENING_BYTES, TcpTransport
from agent_scripts.errors import (
    AnswerTooLong,
    FileDamaged,
    PhoneProtocolError,
    PhoneRefused,
    PhoneUnauthorised,
    PhoneUnreachable,
    PhoneWentAway,
    ServiceClosed,
)
from agent_scripts.patience import Patience

# Told to every phone; without it the library would tell this computer's host name.
_BANNER = b"curfew"
_LARGEST_SYNC_CHUNK = 64 * 1024  # SYNC.TXT: a chunk never exceeds 64 KiB
# What phones of adb's oldest protocol take; less is no phone's.
_SMALLEST_MAXDATA = constants.MAX_LEGACY_ADB_DATA
# One byte of an answer may cost a packet of its own: header, payload, and the phone's share of opening and closing.
_WORST_PACKET_RATIO = HEADER_BYTES + 1

_MOST_IDLE_PACKETS = 1000
"""So many packets that bring nothing may come in an exchange: a few are left over from the one before it."""

_NO_LIMIT = float("inf")
"""The library's own limits, which begin anew with each packet, are off: an exchange is limited as a whole."""
_WANTS_TLS = str(int.from_bytes(b"STLS", "little"))

_FOREIGN_ERRORS = (
    exceptions.AdbConnectionError,
    exceptions.InvalidChecksumError,
    exceptions.InvalidResponseError,
    ValueError,  # a token to sign of another length than SHA-1's
    KeyError,  # an unknown word of the sync service
    struct.error,
)


BaseTransportAsync.register(TcpTransport)


class _UsbTransport(BaseTransportAsync):
    """Bytes to and from one phone on a cable, by libusb; each blocking call in a thread. Experimental."""

    def __init__(self, serial: str) -> None:
        self._serial = serial
        self._usb: Any = None
        self.allowance = OPENING_BYTES

    async def connect(self, transport_timeout_s: float | None) -> None:
        self._usb = await asyncio.to_thread(_claim_usb, self._serial, transport_timeout_s)

    async def close(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        usb, self._usb = self._usb, None
        if usb is not None:
            usb.close()

    async def bulk_read(self, numbytes: int, transport_timeout_s: float | None) -> bytes:
        # Before reading: a buffer of the length that the phone announced would be reserved (fault 16).
        if numbytes > LARGEST_PACKET_BYTES:
            raise PhoneProtocolError(
                f"the phone announced a packet of {numbytes} bytes; replug it and check again"
            )
        if self.allowance <= 0:
            raise AnswerTooLong("the phone sent more than this exchange allows; restart it and check again")
        data = bytes(await self._call("bulk_read", numbytes, transport_timeout_s))
        self.allowance -= len(data)
        return data

    async def bulk_write(self, data: bytes, transport_timeout_s: float | None) -> int:
        return int(await self._call("bulk_write", data, transport_timeout_s))

    async def _call(self, name: str, what: int | bytes, transport_timeout_s: float | None) -> Any:
        if self._usb is None:
            raise PhoneWentAway("the connection is closed; connect again")
        try:
            return await asyncio.to_thread(getattr(self._usb, name), what, transport_timeout_s)
        except (exceptions.UsbReadFailedError, exceptions.UsbWriteFailedError) as error:
            raise PhoneWentAway(
                "the cable was pulled or the phone slept; replug it and check again"
            ) from error


def _claim_usb(serial: str, timeout_s: float | None) -> Any:
    try:
        # Loaded here: libusb is an extra of the package, which stations without `usb:` phones do not have.
        import usb1
        from adb_shell.transport.usb_transport import UsbTransport
    except (ImportError, OSError) as error:
        raise PhoneUnreachable(
            f"usb:{serial} needs libusb; run: pip install 'curfew[usb]', or use adb:{serial}"
        ) from error
    try:
        usb = UsbTransport.find_adb(serial=serial, default_transport_timeout_s=timeout_s)
        usb.connect(timeout_s)
    except (exceptions.UsbDeviceNotFoundError, usb1.USBError) as error:
        raise PhoneUnreachable(
            f"no free phone usb:{serial}; switch on USB debugging, and end the adb server that may hold it"
        ) from error
    return usb


class _IdlePackets(_AdbPacketStore):
    """Where the library keeps packets of other streams. Nobody reads those here, so they are counted and dropped.

    Kept, each of 24 bytes costs a kilobyte: one phone that floods fills a gibibyte within its allowance (fault 23).
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def put(self, arg0: int, arg1: int, cmd: bytes, data: bytes) -> None:
        """Count a packet; raises `AnswerTooLong` for one too many."""
        del arg0, arg1, cmd, data
        self.another()

    def another(self) -> None:
        """Count one more packet that brings nothing; raises `AnswerTooLong` for one too many."""
        self.count += 1
        if self.count > _MOST_IDLE_PACKETS:
            raise AnswerTooLong(
                "the phone goes on sending packets that bring nothing; restart it and check again"
            )


class _Device(AdbDeviceAsync):
    """The library's device with streams that miss nothing. One stream at a time."""

    def __init__(self, transport: TcpTransport | _UsbTransport, patience: Patience) -> None:
        super().__init__(transport, banner=_BANNER)
        self._early: deque[bytes] = deque()
        self._patience = patience
        self._idle = _IdlePackets()
        self._io_manager._packet_store = self._idle

    async def greet(self, signer: CryptographySigner, before_question: Callable[[Any], None]) -> None:
        """Connect and authorise; `before_question` is called when the owner will have to tap Allow."""
        await self.connect([signer], None, None, _NO_LIMIT, before_question)
        if self._maxdata < _SMALLEST_MAXDATA:
            raise PhoneProtocolError(f"the phone takes packets of {self._maxdata} bytes only; restart it")
        # A length from the phone: every transfer would reserve a buffer of it (fault 16).
        self._maxdata = min(self._maxdata, LARGEST_PACKET_BYTES)

    async def answer(self, service: bytes, max_bytes: int, progress: Progress) -> bytes:
        """Return what `service` prints until the phone closes the stream."""
        answer = bytearray()
        info = await self._open(service)
        while True:
            cmd, data = await self._read_until([constants.CLSE, constants.WRTE], info)
            # A plain shell closes alike when it is done and when it was cut off; the frame tells the two apart.
            if cmd == constants.CLSE:
                message = AdbMessage(constants.CLSE, info.local_id, info.remote_id)
                await self._io_manager.send(message, info)
                return bytes(answer)
            answer += data
            if data:
                progress()
            if len(answer) > max_bytes:
                raise AnswerTooLong(
                    f"the phone answered more than {max_bytes} bytes; restart it and check again"
                )

    async def receive(self, path: str, max_bytes: int, progress: Progress) -> bytes:
        """Return the content of the file `path`; the library's own way believes any size."""
        content = bytearray()
        info = await self._open(b"sync:")
        sync = _FileSyncTransactionInfo(constants.FILESYNC_PULL_FORMAT, maxdata=self._maxdata)
        await self._filesync_send(constants.RECV, info, sync, data=path)
        while True:
            word, _, data = await self._filesync_read((constants.DATA, constants.DONE), info, sync)
            if word == constants.DONE:
                await self._clse(info)
                return bytes(content)
            content += data
            if data:
                progress()
            if len(content) > max_bytes:
                raise AnswerTooLong(
                    f"{path} on the phone is longer than {max_bytes} bytes; look at it by hand"
                )

    async def _open(self, destination: bytes, *_timeouts: float | None) -> _AdbTransactionInfo:
        """Open a stream, once more after a while where the phone closes it at once."""
        # The library's own push calls this as well, with time limits that do not count here.
        return await self._patience.despite(ServiceClosed, lambda: self._open_once(destination))

    async def _open_once(self, destination: bytes) -> _AdbTransactionInfo:
        """Open a stream; a CLSE instead of an OKAY is a refusal (fault 6)."""
        # Kept packets carry no stream's number: what an earlier stream left would be taken for this one's answer.
        self._early.clear()
        self._idle.count = 0
        # From 1 to 2^32 - 1 and round again: 0 names no stream in adb's protocol.
        self._local_id = self._local_id % 0xFFFFFFFF + 1
        info = _AdbTransactionInfo(self._local_id, None, None, _NO_LIMIT, None)
        message = AdbMessage(constants.OPEN, info.local_id, 0, destination + b"\0")
        await self._io_manager.send(message, info)
        # The library waits for OKAY alone and takes a refusal for silence (fault 6).
        expected = [constants.OKAY, constants.CLSE, constants.WRTE]
        while True:
            cmd, remote_id, _, _ = await self._io_manager.read(expected, info)
            if cmd != constants.WRTE:
                break
            # On a stream that is not open yet.
            self._idle.another()
        if cmd == constants.CLSE:
            raise ServiceClosed(destination)
        info.remote_id = remote_id
        return info

    async def _read_until(
        self, expected_cmds: list[bytes], adb_info: _AdbTransactionInfo
    ) -> tuple[bytes, bytes]:
        """Return the next expected packet of the stream; data that comes early is kept (fault 9)."""
        # Data that overtook an OKAY was kept; it is older than whatever arrives now.
        if constants.WRTE in expected_cmds and self._early:
            return constants.WRTE, self._early.popleft()
        known = [constants.OKAY, constants.WRTE, constants.CLSE]
        while True:
            cmd, _, _, data = await self._io_manager.read(known, adb_info, allow_zeros=True)
            # At once, wanted or not: a phone sends nothing more on a stream until its last packet is acknowledged.
            if cmd == constants.WRTE:
                await self._okay(adb_info)
            if (cmd == constants.WRTE and not data) or (cmd == constants.OKAY and cmd not in expected_cmds):
                self._idle.another()
            if cmd in expected_cmds:
                return cmd, data
            if cmd == constants.WRTE:
                self._early.append(data)
            elif cmd == constants.CLSE:
                raise PhoneRefused("the phone closed a transfer half-way; make room on it and try again")

    async def _filesync_read_buffered(self, size: int, adb_info: Any, filesync_info: Any) -> bytes:
        # Refused before reading: the library would go on until it has all that the phone announced (fault 16).
        if size > _LARGEST_SYNC_CHUNK:
            raise PhoneProtocolError(
                f"the phone announced a chunk of {size} bytes; reconnect it and try again"
            )
        return bytes(await super()._filesync_read_buffered(size, adb_info, filesync_info))


class AdbShellPhone:
    """An open connection by adb-shell; see `PhoneConnection` for what its methods promise."""

    def __init__(
        self, address: PhoneAddress, device: _Device, transport: TcpTransport | _UsbTransport
    ) -> None:
        self._address = address
        self._device = device
        self._transport = transport
        self._one_at_a_time = asyncio.Lock()  # fault 8

    async def run(
        self, command: str, timeout_s: float, max_bytes: int, longest_s: float = LONGEST_EXCHANGE_S
    ) -> bytes:
        """Return what the phone's shell printed for `command`."""
        text = checked_command(command)
        async with self._exchange(timeout_s, max_bytes, longest_s) as progress:
            return await self._device.answer(b"shell:" + text, max_bytes, progress)

    async def push(self, data: bytes, path: str, timeout_s: float = 30.0) -> None:
        """Write `data` to `path` on the phone."""
        # Nothing renews the time, so a push has `timeout_s` in all; only acknowledgements and one word come back.
        async with self._exchange(timeout_s, OPENING_BYTES):
            await self._device.push(BytesIO(data), path, PUSH_MODE, read_timeout_s=_NO_LIMIT)

    async def pull(self, path: str, max_bytes: int, timeout_s: float = 30.0) -> bytes:
        """Return the content of `path` on the phone."""
        async with self._exchange(timeout_s, max_bytes) as progress:
            return await self._device.receive(path, max_bytes, progress)

    async def close(self) -> None:
        """End the connection."""
        self._transport.abandon()

    @asynccontextmanager
    async def _exchange(
        self, timeout_s: float, max_bytes: int, longest_s: float = LONGEST_EXCHANGE_S
    ) -> AsyncIterator[Progress]:
        """Hold one exchange to its limits; whatever goes wrong, the connection is closed (faults 7, 18)."""
        async with self._one_at_a_time:
            self._transport.allowance = max_bytes * _WORST_PACKET_RATIO + OPENING_BYTES
            try:
                async with deadline(self._address, timeout_s, longest_s) as progress:
                    # Inside the deadline, which would take a socket's own TimeoutError for a phone that is silent.
                    with _translated(self._address):
                        yield progress
            except BaseException:
                self._transport.abandon()
                raise


async def open_adb_shell_phone(
    address: PhoneAddress,
    keys: AdbKeys,
    connect_timeout_s: float,
    allow_timeout_s: float,
    patience: Patience,
    ask_owner: Callable[[PhoneAddress], None] | None,
) -> AdbShellPhone:
    """Return an authorised connection over TCP or a cable; see `open_connection` for its refusals."""
    usb = address.way is Way.USB
    transport = _UsbTransport(address.serial) if usb else TcpTransport(address.host, address.port)
    device = _Device(transport, patience)
    asked = False
    try:
        async with asyncio.timeout(connect_timeout_s) as deadline:

            def before_question(_: object) -> None:
                nonlocal asked
                asked = True
                # The owner's time begins with the question, however long connecting took.
                deadline.reschedule(asyncio.get_running_loop().time() + allow_timeout_s)
                if ask_owner is not None:
                    ask_owner(address)

            with _translated(address):
                await device.greet(_signer(keys.private_path), before_question)
    except (TimeoutError, PhoneWentAway) as error:
        transport.abandon()
        # Once the question is out, silence and hanging up mean the same: nobody tapped Allow (fault 14).
        if asked:
            raise PhoneUnauthorised(
                f"{address} does not know this station; {TAP_ALLOW}, then run this again"
            ) from error
        raise PhoneUnreachable(
            f"{address} does not answer; switch on USB debugging, check the cable or network and try again"
        ) from error
    except BaseException:
        transport.abandon()
        raise
    return AdbShellPhone(address, device, transport)


@lru_cache(maxsize=4)
def _signer(private_path: Path) -> CryptographySigner:
    """Return the key as the library's signer: loaded once a process, since OpenSSL checks it for 36 ms."""
    try:
        return CryptographySigner(str(private_path))
    except (OSError, ValueError, TypeError) as error:
        raise FileDamaged(
            f"{private_path} cannot be used; bring it and its .pub back from a backup"
        ) from error


@contextmanager
def _translated(address: PhoneAddress) -> Iterator[None]:
    """Turn the library's errors and the system's into ours, once, here at the edge."""
    try:
        yield
    except exceptions.InvalidCommandError as error:
        if _WANTS_TLS in str(error):
            raise PhoneUnreachable(
                f"{address} speaks wireless debugging; pair it with `adb pair HOST:PORT`, then name it adb:SERIAL"
            ) from error
        raise PhoneProtocolError(f"{address} does not speak the ADB protocol; check the address") from error
    except exceptions.PushFailedError as error:
        raise PhoneRefused(
            f"{address} refuses the file ({printable(bytes(error.args[0]))}); make room on it"
        ) from error
    except exceptions.AdbCommandFailureException as error:
        raise PhoneRefused(
            f"{address} refuses the file ({printable(str(error.args[0]))}); check the path"
        ) from error
    except _FOREIGN_ERRORS as error:
        raise PhoneProtocolError(f"{address} broke the ADB protocol; reconnect it and check again") from error
    except OSError as error:
        raise PhoneWentAway(f"{address} is gone ({error.strerror or error}); reconnect it") from error
