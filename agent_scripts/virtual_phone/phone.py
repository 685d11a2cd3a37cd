"""A phone made of software: the ADB protocol on a loopback port, a real shell, an Android behind it.

See docs/design.md 8.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from agent_scripts.virtual_phone.adbd import Connection
from agent_scripts.virtual_phone.calls import Counter
from agent_scripts.virtual_phone.errors import PhoneCannotStart
from agent_scripts.virtual_phone.faults import Faults
from agent_scripts.virtual_phone.framework import answer
from agent_scripts.virtual_phone.framework_answers import FrameworkAnswer
from agent_scripts.virtual_phone.keys import AuthorisedKeys, public_key
from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.personalities import Personality, personality
from agent_scripts.virtual_phone.processes import Processes
from agent_scripts.virtual_phone.system_root import SystemRoot
from agent_scripts.virtual_phone.userland import Userland

log = logging.getLogger(__name__)

EMULATOR_PORTS = range(5554, 5586)
_REMEMBERED = 10_000
_UPTIME_STEP_S = 0.5
_UP_WHEN_FIRST_STARTED_S = 11_000


class VirtualPhone:
    """One phone. `start` serves it from a thread of its own, `stop` ends it; the folder keeps files, keys and state.

    A folder that already holds a phone is taken up as it was left, so a phone can be restarted.
    """

    default_system_root: ClassVar[Path | None] = None
    """The unpacked Android system in whose shell every phone works that names none of its own."""

    def __init__(
        self,
        kind: str | Personality,
        folder: Path,
        *,
        serial: str | None = None,
        system_root: Path | None = None,
    ) -> None:
        chosen = personality(kind) if isinstance(kind, str) else kind
        folder.mkdir(parents=True, exist_ok=True)
        self.name = chosen.name
        self._kind = chosen
        self._serial = serial
        self.folder = folder.resolve()
        self._saved = self.folder / "model.json"
        known = self._saved.read_text() if self._saved.exists() else None
        self.model = AndroidModel.from_json(known) if known else chosen.build(serial)
        if known:
            self._serial = self.model.data.properties["ro.serialno"]
        genuine = system_root or self.default_system_root
        self.userland = (
            SystemRoot(self.folder, self.model.release, genuine)
            if genuine
            else Userland(self.folder, self.model.release)
        )
        self.processes = Processes(self.userland)
        self.faults = Faults()
        self.keys = AuthorisedKeys(self.folder / "adb_keys")
        self.authorise_all = False
        """Whether the owner taps *Allow* for every computer at once."""
        self.on_unknown_key: Callable[[str], None] | None = None
        """Told the key of each computer that asks; called in the phone's thread."""
        self.on_notice: Callable[[str, str], None] | None = None
        """Told title and text of each notification that the phone shows; called in the phone's thread."""
        self.commands: deque[str] = deque(maxlen=_REMEMBERED)
        """Every shell command as it arrived, oldest first."""
        self.calls: deque[tuple[str, ...]] = deque(maxlen=_REMEMBERED)
        """Every framework call: program and arguments."""
        self.ends_debugging_at_once = True
        """Whether adbd is killed before a command that switched debugging off can answer; else right after it."""
        self.port = 0
        self._booted = time.monotonic() - _UP_WHEN_FIRST_STARTED_S
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._counter: Counter | None = None
        self._thread: threading.Thread | None = None
        self.model.save_to(self._save)

    # Life ----------------------------------------------------------------------------------------------------

    def start(self, port: int = 0) -> int:
        """Serve on 127.0.0.1 and return the port; 0 lets the system choose."""
        if port in EMULATOR_PORTS:
            # The platform's adb lists such a port a second time as emulator-NNNN (docs/android/stand-ins.md).
            raise PhoneCannotStart(f"port {port} is one of the emulator's (5554-5585); choose another")
        self._stopping = asyncio.Event()
        started = threading.Event()
        failure: list[OSError] = []
        self._thread = threading.Thread(
            target=self._run, args=(port, started, failure), name=f"phone-{self.name}"
        )
        # A test that fails must not wait for a phone that nobody stops.
        self._thread.daemon = True
        self._thread.start()
        started.wait()
        if failure:
            self._thread.join()
            raise PhoneCannotStart(
                f"cannot listen on 127.0.0.1:{port}: {failure[0]}; choose another port"
            ) from failure[0]
        return self.port

    def stop(self) -> None:
        """Stop serving: connections end, and everything started through them. The folder stays."""
        if self._loop is not None and self._thread is not None:
            # The event belongs to the phone's loop; set from another thread, it would not wake it.
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._loop = None

    def __enter__(self) -> VirtualPhone:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, port: int, started: threading.Event, failure: list[OSError]) -> None:
        try:
            asyncio.run(self._serve(port, started))
        except OSError as error:
            failure.append(error)
        finally:
            started.set()

    async def _serve(self, port: int, started: threading.Event) -> None:
        self._server = server = await asyncio.start_server(self._connected, "127.0.0.1", port)
        # Before anybody is let in: the first command may ask Android at once.
        self._counter = counter = Counter(self.userland.calls, self._answer)
        self.port = server.sockets[0].getsockname()[1]
        self._loop = asyncio.get_running_loop()
        self._show_boot()
        self._end_unwanted_adbd()
        ticking = asyncio.ensure_future(self._tick())
        started.set()
        try:
            await self._stopping.wait()
        finally:
            ticking.cancel()
            if self._server is not None:
                self._server.close()
            self.die()
            await asyncio.gather(*self._connections.values(), return_exceptions=True)
            # Before the counter closes: a program that is waiting for its answer would wait for its whole limit.
            await self.processes.wait_for_all()
            self._counter = None
            counter.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Else each small packet waits for the acknowledgement of the one before: 40 ms a command.
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._connections[connection] = task
        try:
            await connection.run()
        finally:
            del self._connections[connection]
            self._end_unwanted_adbd()

    async def _tick(self) -> None:
        while True:
            self.userland.set_uptime(time.monotonic() - self._booted)
            await asyncio.sleep(_UPTIME_STEP_S)

    async def _answer(self, program: str, args: Sequence[str]) -> FrameworkAnswer:
        self.calls.append((program, *args))
        java_pm = self.model.release.pm_is_a_process
        # In this order: a phone without services cannot refuse by a policy either.
        refusal = self.faults.without_services(program, args, java_pm=java_pm)
        refusal = refusal or self.faults.refusal(program, args)
        if refusal is not None:
            return refusal
        said = answer(self.model, program, args)
        if "put" in args and self.ends_debugging_at_once:
            self._end_unwanted_adbd()
        self._show_notice(args, said)
        said = self.faults.misreported(program, args) or self.faults.cut(program, args, said)
        return self.faults.died(program, args, said)

    def _show_notice(self, args: Sequence[str], said: FrameworkAnswer) -> None:
        if (
            self.on_notice is not None
            and list(args[:2]) == ["notification", "post"]
            and "posting:" in said.out
        ):
            notice = self.model.data.notifications[args[-2]]
            self.on_notice(notice["title"], notice["text"])

    def _save(self, text: str) -> None:
        beside = self._saved.with_name("model.json.new")
        beside.write_text(text)
        beside.replace(self._saved)
        # With each saving, since the offset is part of the state, and the shell's `date` reads it from a file.
        self.userland.set_clock_offset(self.model.data.clock_offset_s)

    # What its owner does -------------------------------------------------------------------------------------

    def authorise(self, public_key_line: str) -> None:
        """Tap *Allow* for a computer's key (a line of its ``adbkey.pub``), also while it waits for that."""
        self.keys.add(public_key_line)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._look_at_keys)

    def _look_at_keys(self) -> None:
        for connection in list(self._connections):
            connection.look_at_keys_again()

    def reboot(self) -> None:
        """Restart: Android as `AndroidModel.reboot`, and every connection and script ends."""
        if self._loop is None:
            self._restart()
            return
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._restart)
        self._loop.call_soon_threadsafe(done.set)
        done.wait()

    def switch_debugging(self, *, usb: bool, wireless: bool = False) -> None:
        """Switch debugging in the developer options; computers are let in again, or all connections end."""
        self.model.switch_debugging(usb=usb, wireless=wireless)
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._obey_switches(), self._loop).result()

    async def _obey_switches(self) -> None:
        self._end_unwanted_adbd()
        if self._server is None and self.model.may_be_debugged:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    def _end_unwanted_adbd(self) -> None:
        """Stop adbd where no debugging is on any more: nothing listens, and what it started dies with it."""
        if self._server is not None and not self.model.may_be_debugged:
            self._server.close()
            self._server = None
            self.die()

    def factory_reset(self) -> None:
        """Erase the phone: its apps and users as new, nothing left in the temporary folder, no computer trusted."""
        self.reboot()
        with self.model.changing():
            self.model.data = self._kind.build(self._serial).data
        self._show_boot()
        self.userland.empty_temporary_folder()
        self.keys.forget_all()

    def _restart(self) -> None:
        self.die()
        # Else a command from before could change the Android that comes up now.
        if self._counter is not None:
            self._counter.forget_all()
        self.model.reboot()
        self._booted = time.monotonic()
        self._show_boot()

    def _show_boot(self) -> None:
        self.userland.set_boot(self.model.data.boot_id)
        self.userland.set_uptime(time.monotonic() - self._booted)

    # What a connection asks for (`adbd.Phone`) ---------------------------------------------------------------

    def banner_properties(self) -> dict[str, str]:
        """Return ``ro.product.*`` for the banner."""
        known = self.model.data.properties
        return {key: known[key] for key in ("ro.product.name", "ro.product.model", "ro.product.device")}

    def key_offered(self, line: bytes) -> None:
        """Show the owner an unknown computer's key; who cannot even write one is left waiting."""
        try:
            public_key(line)
        except ValueError as error:
            log.info("a computer offered no usable key: %s", error)
            return
        if self.authorise_all:
            self.keys.add(line)
        elif self.on_unknown_key is not None:
            self.on_unknown_key(line.decode().strip("\0 \n"))

    def heard(self, command: bytes) -> None:
        """Take note of a shell command; whoever else is busy on the phone has acted by then."""
        self.model.owners_client_looks()
        self.faults.command_begins()
        self.commands.append(command.decode(errors="replace"))
        self.userland.set_uptime(time.monotonic() - self._booted)

    def die(self) -> None:
        """Let adbd be killed: everything in its control group dies (docs/android/commands.md 14.1), connections end."""
        self.processes.kill()
        for connection in list(self._connections):
            connection.abort()

    def reboot_requested(self) -> None:
        """Restart because a computer asked for it."""
        self._restart()
