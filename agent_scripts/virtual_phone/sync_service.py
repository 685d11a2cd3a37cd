"""``sync:``: files to and from the phone (AOSP ``packages/modules/adb/SYNC.TXT``, ``daemon/file_sync_service.cpp``)."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

from agent_scripts.virtual_phone.channel import Channel
from agent_scripts.virtual_phone.userland import Userland

_MAX_PATH = 1024
_CHUNK = 64 * 1024


async def serve_sync(channel: Channel, userland: Userland) -> None:
    """Serve requests until QUIT or the end of the stream; a refused file leaves the connection usable."""
    while True:
        request, length = struct.unpack("<4sI", await channel.read_exactly(8))
        if request == b"QUIT":
            return
        # Ends the service, as adbd does: what follows cannot be told from the next request.
        if length > _MAX_PATH:
            await _fail(channel, "path too long")
            return
        path = (await channel.read_exactly(length)).decode(errors="surrogateescape")
        if request == b"STAT":
            await channel.send(struct.pack("<4sIII", b"STAT", *_stat(userland.host_path(path))))
        elif request == b"LIST":
            await _list(channel, userland.host_path(path))
        elif request == b"RECV":
            await _receive(channel, userland.host_path(path))
        elif request == b"SEND":
            if not await _send(channel, userland, path):
                return
        else:
            await _fail(channel, f"unknown command {request.decode(errors='replace')}")
            return


def _stat(path: Path) -> tuple[int, int, int]:
    try:
        # Of the link and not of what it leads to, as the protocol's first version does.
        found = path.lstat()
    except OSError:
        return 0, 0, 0
    # The first version has 32 bits for the size; larger files show the rest of the division, as on a phone.
    return found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime)


async def _list(channel: Channel, path: Path) -> None:
    entries = sorted(path.iterdir()) if path.is_dir() else []
    for entry in entries:
        name = os.fsencode(entry.name)
        await channel.send(struct.pack("<4sIIII", b"DENT", *_stat(entry), len(name)) + name)
    await channel.send(struct.pack("<4sIIII", b"DONE", 0, 0, 0, 0))


async def _receive(channel: Channel, path: Path) -> None:
    try:
        data = path.read_bytes()
    except OSError as error:
        await _fail(channel, f"open failed: {os.strerror(error.errno or 0)}")
        return
    for start in range(0, len(data), _CHUNK):
        piece = data[start : start + _CHUNK]
        await channel.send(struct.pack("<4sI", b"DATA", len(piece)) + piece)
    await channel.send(struct.pack("<4sI", b"DONE", 0))


async def _send(channel: Channel, userland: Userland, spec: str) -> bool:
    """Take one file; False where the stream is of no use any more, since its next request cannot be found."""
    path, _, mode_text = spec.rpartition(",")
    # Taken before anything is checked: a refusal in the middle would leave the file's bytes on the stream.
    data, modified = await _incoming(channel)
    if modified is None:
        await _fail(channel, "invalid data message")
        return False
    if not path or not mode_text.isdigit():
        await _fail(channel, "missing mode in SEND")
        return True
    if not userland.writable(path):
        await _fail(channel, "couldn't create file: Permission denied")
        return True
    try:
        _store(userland.host_path(path), data, widened(int(mode_text)), modified)
        userland.hand_over(userland.host_path(path))
    except OSError as error:
        await _fail(channel, f"couldn't create file: {os.strerror(error.errno or 0)}")
        return True
    await channel.send(struct.pack("<4sI", b"OKAY", 0))
    return True


async def _incoming(channel: Channel) -> tuple[bytes, int | None]:
    """Take the whole file, also when it will be refused: what is left unread would be taken for a request."""
    pieces: list[bytes] = []
    while True:
        kind, number = struct.unpack("<4sI", await channel.read_exactly(8))
        if kind == b"DONE":
            return b"".join(pieces), number
        # Larger pieces than the protocol's are refused unread, so that nobody fills the memory by one number.
        if kind != b"DATA" or number > _CHUNK:
            return b"", None
        pieces.append(await channel.read_exactly(number))


def widened(mode: int) -> int:
    """Return the mode a pushed file gets: the owner's bits are copied to group and others.

    See docs/android/stand-ins.md.
    """
    mode = stat.S_IMODE(mode) & 0o777
    mode |= (mode >> 3) & 0o070
    return mode | (mode >> 3) & 0o007


def _store(path: Path, data: bytes, mode: int, modified: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A new file: writing through a link would change what it leads to, and a running script its own text.
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    os.utime(path, (modified, modified))


async def _fail(channel: Channel, text: str) -> None:
    await channel.send(struct.pack("<4sI", b"FAIL", len(text)) + text.encode())
