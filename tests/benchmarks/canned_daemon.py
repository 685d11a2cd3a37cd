"""An ADB daemon that answers from tape, so that what is measured is the client and not a phone's shell.

    python -m tests.benchmarks.canned_daemon KEY.pub.pem TAPE...

Serves each tape on a port of its own and prints the ports. Where the tape holds an acting exchange, every reading is
of another phone (a new id in place of the taped one), so that nobody finds it acted upon already. Two commands need
no tape: ``vanish`` hangs up half-way, as a phone whose cable is pulled; ``linger`` answers after a while.
"""

from __future__ import annotations

import asyncio
import json
import re
import struct
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.agent.small_daemon import Service, SmallDaemon, Wire
from tests.benchmarks.recording import NONCE, Recording, kind_of

_NONCE = re.compile(r"^nonce=([0-9a-f]{32})$", re.MULTILINE)
_STDOUT, _EXIT = 1, 3  # packets of shell v2 (SC/ADB shell_protocol.h)
LINGER_S = 1.5
VANISH_S = 0.5


def main() -> None:
    """Serve until the process that started this one closes its stdin."""
    key = load_pem_public_key(Path(sys.argv[1]).read_bytes())
    assert isinstance(key, RSAPublicKey)
    asyncio.run(_serve(key, [Recording.load(Path(tape)) for tape in sys.argv[2:]]))


async def _serve(key: RSAPublicKey, tapes: list[Recording]) -> None:
    async with AsyncExitStack() as stack:
        daemons = [SmallDaemon(service=_from(tape), keys=(key,)) for tape in tapes]
        addresses = [await stack.enter_async_context(daemon.running()) for daemon in daemons]
        print(json.dumps([address.port for address in addresses]), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def _from(tape: Recording) -> Service:
    async def service(wire: Wire, local: int, remote: int, name: bytes) -> None:
        words, _, command = name.decode().partition(":")
        await wire.send(b"OKAY", local, remote)
        if command == "vanish":
            await asyncio.sleep(VANISH_S)
            await wire.send(b"WRTE", local, remote, b"half of an ", length=1000)
            wire.hang_up()
            return
        if command == "linger":
            await asyncio.sleep(LINGER_S)
        await asyncio.sleep(tape.answer_s)
        answer = _answer(tape, command)
        if ",v2" in words:
            answer = struct.pack("<BI", _STDOUT, len(answer)) + answer + struct.pack("<BIB", _EXIT, 1, 0)
        await wire.write_stream(local, remote, answer)
        await wire.send(b"CLSE", local, remote)

    return service


def _answer(tape: Recording, command: str) -> bytes:
    nonce = _NONCE.search(command)
    if nonce is None:
        return tape.commands.get(command, "").encode()
    answer = tape.exchanges[kind_of(command)].replace(NONCE, nonce[1])
    if "act" in tape.exchanges:
        answer = answer.replace(tape.phone_id, str(uuid4()))
    return answer.encode()


if __name__ == "__main__":
    main()
