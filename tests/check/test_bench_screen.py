"""The bench on a full screen: by keys alone, in Textual's own driver and in a real terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Static

from agent_scripts.bench.paper_work import PaperPlan
from agent_scripts.bench.screen import BenchScreen
from agent_scripts.bench.stage import Stage
from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.paper_records import PaperKind
from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.office import PROGRAMS, Bench, Office
from tests.check.test_bench_papers import program
from tests.check.test_bench_work import at, row, workbench_of


@pytest.fixture
def station(enforcing: Office) -> Bench:
    return enforcing.new_bench()


def shown(screen: BenchScreen) -> str:
    """Return the text that stands on the screen."""
    return str(screen.query_one("#picture", Static).content)


def test_a_phone_is_led_through_by_keys_alone(enforcing: Office, station: Bench) -> None:
    async def scenario(phone: VirtualPhone) -> list[str]:
        workbench = workbench_of(station, addresses=(at(phone),), with_adb=False)
        screen = BenchScreen(workbench)
        seen = []
        async with screen.run_test(size=(80, 50)) as pilot:

            async def until(come_true: Callable[[], bool]) -> None:
                for _ in range(600):
                    if come_true():
                        break
                    await pilot.pause(0.05)
                await pilot.pause(0.3)
                seen.append(shown(screen))

            await until(lambda: row(workbench, at(phone)).stage is Stage.ASKING)
            await pilot.press("down", *"mailbox-77", "enter", "y", "enter")
            await until(lambda: row(workbench, at(phone)).word == "compliant")
            await pilot.press("ctrl+c")
        return seen

    with enforcing.phone("clean") as phone:
        asking, done = asyncio.run(scenario(phone))

    assert "1 phone: 1 needs a hand" in asking
    assert "Scan or type the holder." in asking
    assert "1 phone: 0 need a hand, 0 at work, 1 done" in done
    assert "compliant" in done
    [known] = station.station().phones()
    assert known.model


def test_a_scanner_that_types_a_label_selects_its_row_and_escape_selects_none(
    enforcing: Office, station: Bench
) -> None:
    async def scenario(address: str) -> list[str]:
        workbench = workbench_of(station, addresses=(address,), with_adb=False)
        screen = BenchScreen(workbench)
        async with screen.run_test(size=(80, 24)) as pilot:
            for _ in range(600):
                if row(workbench, address).stage is Stage.DONE:
                    break
                await pilot.pause(0.05)
            await pilot.press(*"S-1", "enter")
            selected = [workbench.typing.selected]
            await pilot.press("escape")
            return [*selected, workbench.typing.selected]

    with enforcing.phone("clean") as phone:
        address = station.provision(phone, label="S-1")

        assert asyncio.run(scenario(address)) == [address, ""]


def test_in_a_terminal_it_takes_the_whole_screen_and_gives_it_back(enforcing: Office, station: Bench) -> None:
    with enforcing.phone("clean") as phone:
        words = [str(PROGRAMS / "curfew-agent"), *station.command_line("bench", "--no-cables", at(phone))]
        child, terminal = pty.fork()
        if child == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
            os.execve(words[0], words, {**os.environ, "TERM": "xterm-256color"})
        try:
            written = _read_until(terminal, b"asking")
            os.write(terminal, b"\x03")
            written += _read_until(terminal, None)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        except BaseException:
            os.kill(child, signal.SIGTERM)
            raise
        finally:
            os.close(terminal)

    text = written.decode("utf-8", "replace")
    assert code == ExitCode.NOT_REACHED
    assert text.count("\x1b[?1049h") == text.count("\x1b[?1049l") == 1
    after = text.rpartition("\x1b[?1049l")[2]
    assert "Stopped; 1 phone not finished." in after
    assert "1 phone: 1 needs a hand, 0 at work, 0 done." in after
    assert "Traceback" not in text


def _read_until(terminal: int, words: bytes | None) -> bytes:
    written = b""
    while words is None or words not in written:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # how Linux tells that the other side has ended
            piece = b""
        if not piece:
            assert words is None, written.decode("utf-8", "replace")
            break
        written += piece
    return written


def test_keys_try_a_printer_again_and_find_the_row_of_a_phone_by_its_own_key(
    enforcing: Office, station: Bench, tmp_path: Path
) -> None:
    command = program(tmp_path / "printer", "exit 1")
    plan = PaperPlan(tmp_path / "paper", printers={PaperKind.LABEL: (command,)})

    async def scenario(phone: VirtualPhone) -> list[str]:
        line = f"{at(phone)},S-1,s-1,agreed"
        workbench = workbench_of(
            station, line, addresses=(at(phone),), with_adb=False, paper=plan, key_every_s=0.05
        )
        screen = BenchScreen(workbench)
        seen = []
        async with screen.run_test(size=(100, 30)) as pilot:

            async def until(words: str) -> None:
                for _ in range(600):
                    if words in shown(screen):
                        break
                    await pilot.pause(0.05)
                seen.append(shown(screen))

            await until("! 1 paper is not printed")
            program(tmp_path / "printer", "exit 0")
            await pilot.press("ctrl+p")
            await until("paper printed")
            await pilot.press("f2")
            await until("Press the power key of a phone")
            looks = len(phone.commands)
            for _ in range(600):
                if len(phone.commands) > looks + 1:
                    break
                await pilot.pause(0.05)
            phone.model.press_power_key()
            await until("key pressed just now")
            await pilot.press("ctrl+c")
        return seen

    with enforcing.phone("clean") as phone:
        stands, printed, asked, lit = asyncio.run(scenario(phone))

    assert "Ctrl-P prints what waits" in stands
    assert "paper printed" in printed
    assert "Press the power key of a phone" in asked
    assert "*+  1 S-1" in lit
    assert "Row 1 (S-1): key pressed." in lit
