"""A very small adb server: the host protocol in front of one phone, under whatever name a test gives it.

What a real one says stands in SC/ADB ``SERVICES.TXT``. Only names that no phone of software can have need it; all else
is tested against the platform's own.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Listed = tuple[str, str, str]
"""Serial, state and what the long list tells behind them."""


@dataclass
class SmallAdbServer:
    """Lists `phones`; a service on the phone `open_serial` is answered with `answer` in shell v2's frames."""

    phones: tuple[Listed, ...]
    answer: bytes = b"answered\n"
    refuses: int = 0
    chosen: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def running(self) -> Iterator[SmallAdbServer]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
            yield self
            listener.shutdown(socket.SHUT_RDWR)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as said:
            while size := said.read(4):
                self._reply(peer, said.read(int(size, 16)).decode())

    def _reply(self, peer: socket.socket, words: str) -> None:
        serials = [serial for serial, _, _ in self.phones]
        chosen = words.removeprefix("host:tport:serial:")
        if words == "host:version":
            peer.sendall(b"OKAY" + _block("0029"))
        elif words == "host:devices":
            peer.sendall(b"OKAY" + _block("".join(f"{s}\t{state}\n" for s, state, _ in self.phones)))
        elif words == "host:devices-l":
            peer.sendall(b"OKAY" + _block("".join(f"{s:<22} {state}{r}\n" for s, state, r in self.phones)))
        elif words.startswith("host:tport:serial:") and chosen in serials:
            self.chosen.append(chosen)
            peer.sendall(b"OKAY" + (1).to_bytes(8, "little"))
        elif words.startswith("shell,v2,raw:") and len(self.opened) >= self.refuses:
            self.opened.append(words)
            peer.sendall(b"OKAY" + _frame(1, self.answer) + _frame(3, b"\0"))
        else:
            self.opened.append(words)
            peer.sendall(b"FAIL" + _block("closed"))


def _block(text: str) -> bytes:
    return b"%04x" % len(text.encode()) + text.encode()


def _frame(kind: int, data: bytes) -> bytes:
    return bytes([kind]) + len(data).to_bytes(4, "little") + data
