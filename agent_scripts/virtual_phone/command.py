"""A virtual phone by hand, to train on: it serves until Ctrl-C and obeys its owner, who types at the terminal."""

from __future__ import annotations

import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from agent_scripts.virtual_phone.errors import VirtualPhoneError
from agent_scripts.virtual_phone.personalities import PERSONALITIES
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.plain_text import printable

HELP = """What the phone's owner can do:
  allow                      tap "Allow" for the computer that asks
  install USER PACKAGE       install an app from the store
  remove USER PACKAGE        uninstall it
  enable USER PACKAGE        press "Enable" in Settings
  state USER PACKAGE         look at an app
  power                      press the power key
  language TAG               choose the phone's language, such as fr-BE
  reboot                     restart the phone
  quit                       switch it off
"""


class Holder:
    """The person who holds the phone: turns typed lines into what a finger would do."""

    def __init__(self, phone: VirtualPhone, out: TextIO) -> None:
        self._phone = phone
        self._out = out
        self._asking: list[str] = []
        phone.on_unknown_key = self.computer_asks
        phone.on_notice = self.notice_shown

    def computer_asks(self, key_line: str) -> None:
        """Show that a computer with an unknown key wants to connect."""
        if key_line not in self._asking:
            self._asking.append(key_line)
            name = printable(key_line.partition(" ")[2]) or "a computer"
            self._say(f'Allow USB debugging for {name}? Type "allow".')

    def notice_shown(self, title: str, text: str) -> None:
        """Show what the phone shows its owner."""
        self._say(f"The phone shows: {printable(title)}: {printable(text)}")

    def obey(self, lines: Iterable[str]) -> bool:
        """Follow lines until they end (False) or say ``quit`` (True)."""
        for line in lines:
            words = line.split()
            if words == ["quit"]:
                return True
            try:
                self._do(words)
            except VirtualPhoneError as error:
                self._say(str(error))
        return False

    def _do(self, words: list[str]) -> None:
        match words:
            case []:
                return
            case ["allow"]:
                self._allow()
            case ["reboot"]:
                self._phone.reboot()
                self._say("restarted")
            case ["power"]:
                self._phone.model.press_power_key()
                self._say(f"the screen is {self._phone.model.data.wakefulness.lower()}")
            case ["language", tag]:
                self._phone.model.choose_language(tag)
                self._say(f"the phone speaks {tag}")
            case [verb, user, package] if user.isdigit():
                self._touch(verb, int(user), package)
            case _:
                self._say(HELP.rstrip())

    def _allow(self) -> None:
        for key_line in self._asking:
            self._phone.authorise(key_line)
        self._say("allowed" if self._asking else "no computer asks; connect first, then allow")
        self._asking.clear()

    def _touch(self, verb: str, user: int, package: str) -> None:
        model = self._phone.model
        if verb == "install":
            model.install(user, package)
        elif verb == "remove":
            model.uninstall(user, package)
        elif verb == "enable":
            model.press_enable(user, package)
        elif verb != "state":
            self._say(HELP.rstrip())
            return
        state = model.state(user, package)
        self._say(f"{package} in user {user}: installed={state.installed} enabled={state.enabled}")

    def _say(self, text: str) -> None:
        print(text, file=self._out, flush=True)


def serve_by_hand(
    model: str,
    port: int,
    folder: Path | None,
    system_root: Path | None = None,
    program_cost_s: float = 0.0,
    serial: str | None = None,
) -> int:
    """Serve the ready-made phone `model` on 127.0.0.1:`port` until Ctrl-C or ``quit``; return the exit code.

    The model ``list`` prints the names of all and starts none.

    With a folder the phone is kept there and taken up again the next time; without, it is forgotten. A new one gets
    `serial`, or one of its own: two phones of one model are two phones.
    With a system root, commands run in that unpacked system's own shell. Every program in the phone's shell starts
    `program_cost_s` later, as on a slow phone.
    """
    if model == "list":
        print("\n".join(PERSONALITIES))
        return 0
    serial = serial or f"VP{secrets.token_hex(5).upper()}"
    try:
        if folder is not None:
            phone = VirtualPhone(model, folder, serial=serial, system_root=system_root)
            return _serve(phone, port, program_cost_s)
        with tempfile.TemporaryDirectory(prefix="curfew-phone-") as forgotten:
            phone = VirtualPhone(model, Path(forgotten), serial=serial, system_root=system_root)
            return _serve(phone, port, program_cost_s)
    except VirtualPhoneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _serve(phone: VirtualPhone, port: int, program_cost_s: float) -> int:
    phone.userland.make_programs_cost(program_cost_s)
    holder = Holder(phone, sys.stdout)
    address = f"127.0.0.1:{phone.start(port)}"
    switched_off = threading.Event()
    # Set even where SIGINT was ignored, as in a background job of a shell: Ctrl-C has to end the phone there too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: switched_off.set())
    print(f"{phone.name} waits at tcp:{address}. Ctrl-C switches it off.\n{HELP}", flush=True)
    # Daemon, because nobody can end a thread that waits for a line.
    reading = threading.Thread(target=_read_terminal, args=(holder, switched_off), daemon=True)
    reading.start()
    try:
        switched_off.wait()
    finally:
        phone.stop()
    return 0


def _read_terminal(holder: Holder, switched_off: threading.Event) -> None:
    # The end of input is no `quit`: a phone in the background has no terminal and must go on serving.
    if holder.obey(sys.stdin):
        switched_off.set()
