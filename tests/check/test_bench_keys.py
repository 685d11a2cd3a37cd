"""Which phone is it: its power key is pressed, and its row at the bench says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from agent_scripts import exchange
from agent_scripts.adb.opening import open_connection
from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.bench.key_watch import Pressed
from agent_scripts.bench.lines import tell_json, tell_lit
from agent_scripts.bench.rows import BenchRow
from agent_scripts.bench.stage import Stage
from agent_scripts.bench.workbench import Workbench
from agent_scripts.dialect.screen import Screen
from agent_scripts.virtual_phone.package_surroundings import CANARY_APP
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.report import Consent
from tests.check.office import Bench, Office
from tests.check.test_bench_work import at, led, row, workbench_of
from tests.check.test_json_lines import is_valid

ASKED = "dumpsys power"


@pytest.fixture
def phones(enforcing: Office) -> Iterator[Callable[..., list[VirtualPhone]]]:
    with ExitStack() as stack:
        yield lambda *names: [stack.enter_context(enforcing.phone(name)) for name in names]


@pytest.fixture
def bench(enforcing: Office) -> Bench:
    return enforcing.new_bench()


class Seen:
    """What a bench told of keys."""

    def __init__(self, workbench: Workbench) -> None:
        self.rows: list[tuple[int, Pressed]] = []
        self.notices: list[str] = []
        workbench.lit = self.lit
        workbench.notice = self.notices.append

    def lit(self, row: BenchRow, how: Pressed) -> None:
        self.rows.append((row.number, how))


def workbench_of_keys(bench: Bench, phones: list[VirtualPhone], **options: Any) -> Workbench:
    addresses = tuple(map(at, phones))
    lines = [f"{address},,k-{address},agreed" for address in addresses]
    return workbench_of(bench, *lines, addresses=addresses, with_adb=False, key_every_s=0.05, **options)


def done(workbench: Workbench, *phones: VirtualPhone) -> Callable[[], bool]:
    return lambda: all(row(workbench, at(phone)).stage is Stage.DONE for phone in phones)


def looks(phone: VirtualPhone) -> list[str]:
    return [command for command in list(phone.commands) if ASKED in command]


def then(do: Callable[[], Any]) -> Callable[[], bool]:
    """Do something, once."""

    def come_true() -> bool:
        do()
        return True

    return come_true


def asked_after(do: Callable[[], Any], phone: VirtualPhone) -> Callable[[], bool]:
    """Do something, once, and wait until the phone was looked at after it."""
    begun: list[int] = []

    def come_true() -> bool:
        if not begun:
            do()
            begun.append(len(looks(phone)))
        return len(looks(phone)) >= begun[0] + 2

    return come_true


def test_the_row_of_the_phone_whose_power_key_is_pressed_is_told(bench: Bench, phones: Any) -> None:
    one, other = phones("clean", "clean")
    workbench = workbench_of_keys(bench, [one, other])
    seen = Seen(workbench)

    led(
        workbench,
        done(workbench, one, other),
        asked_after(lambda: workbench.typed("which"), other),
        then(other.model.press_power_key),
        lambda: seen.rows != [],
    )

    assert seen.rows == [(row(workbench, at(other)).number, Pressed.POWER_KEY)]


def test_a_screen_that_comes_on_is_told_as_that_for_no_release_says_why(bench: Bench, phones: Any) -> None:
    [phone] = phones("clean")
    phone.model.leave_alone()
    workbench = workbench_of_keys(bench, [phone])
    seen = Seen(workbench)

    led(
        workbench,
        done(workbench, phone),
        asked_after(lambda: workbench.typed("which"), phone),
        then(phone.model.press_power_key),
        lambda: seen.rows != [],
    )

    assert seen.rows == [(1, Pressed.SCREEN_ON)]


def test_a_screen_that_goes_off_by_itself_is_no_pressed_key(bench: Bench, phones: Any) -> None:
    [phone] = phones("clean")
    workbench = workbench_of_keys(bench, [phone], key_lasts_s=60)
    seen = Seen(workbench)

    led(
        workbench,
        done(workbench, phone),
        asked_after(lambda: workbench.typed("which"), phone),
        asked_after(phone.model.leave_alone, phone),
    )

    assert seen.rows == []


def test_where_the_release_does_not_say_why_a_screen_that_went_off_is_told_openly(
    bench: Bench, phones: Any
) -> None:
    [phone] = phones("pixel-9")
    workbench = workbench_of_keys(bench, [phone])
    seen = Seen(workbench)

    led(
        workbench,
        done(workbench, phone),
        asked_after(lambda: workbench.typed("which"), phone),
        then(phone.model.press_power_key),
        lambda: seen.rows != [],
    )

    assert seen.rows == [(1, Pressed.SCREEN_OFF)]


def test_a_phone_that_is_nobodys_yet_can_be_found_too(bench: Bench, phones: Any) -> None:
    [phone] = phones("clean")
    workbench = workbench_of(bench, addresses=(at(phone),), with_adb=False, key_every_s=0.05)
    seen = Seen(workbench)

    led(
        workbench,
        lambda: row(workbench, at(phone)).stage is Stage.ASKING,
        asked_after(lambda: workbench.typed("which"), phone),
        then(phone.model.press_power_key),
        lambda: seen.rows != [],
    )


def test_nobody_asks_unless_told_and_never_a_phone_whose_owner_declined(bench: Bench, phones: Any) -> None:
    agreed, declined = phones("clean", "clean")
    lines = (f"{at(agreed)},,k-1,agreed", f"{at(declined)},D-1,k-2,declined")
    workbench = workbench_of(
        bench, *lines, addresses=(at(agreed), at(declined)), with_adb=False, key_every_s=0.05
    )
    Seen(workbench)

    led(workbench, done(workbench, agreed, declined))
    assert looks(agreed) == []
    led(
        workbench_again := workbench_of(
            bench, *lines, addresses=(at(agreed), at(declined)), with_adb=False, key_every_s=0.05
        ),
        done(workbench_again, agreed, declined),
        asked_after(lambda: workbench_again.typed("which"), agreed),
    )

    assert looks(declined) == []
    assert {phone.consent for phone in bench.station().phones()} == {Consent.AGREED, Consent.DECLINED}


def test_a_phone_that_does_not_tell_is_named_with_the_other_way(bench: Bench, phones: Any) -> None:
    [phone] = phones("clean")
    phone.faults.refuse("dumpsys", "power", text="Can't find service: power\n")
    workbench = workbench_of_keys(bench, [phone], key_lasts_s=1)
    seen = Seen(workbench)

    led(
        workbench,
        done(workbench, phone),
        then(lambda: workbench.typed("which")),
        lambda: seen.notices != [],
    )

    assert seen.notices == ["Not told by a key: row 1. Unplug the phone, and its row stands out."]


def test_a_phone_whose_work_goes_on_is_asked_no_more_until_it_is_done(bench: Bench, phones: Any) -> None:
    [phone] = phones("clean")
    workbench = workbench_of_keys(bench, [phone], key_lasts_s=60)
    Seen(workbench)
    stages: list[tuple[Stage, int]] = []
    workbench.changed = lambda row: stages.append((row.stage, len(looks(phone))))

    led(
        workbench,
        done(workbench, phone),
        asked_after(lambda: workbench.typed("which"), phone),
        then(lambda: [workbench.typed(line) for line in ("1", "again")]),
        lambda: stages[-1][0] is Stage.CHECKING or stages[-1][0] is Stage.DONE,
        done(workbench, phone),
    )

    at_work = [count for stage, count in stages if stage is Stage.CHECKING][-1]
    at_end = stages[-1][1]
    assert at_end == at_work, "nobody looked at its screen while it was checked"


def test_a_pressed_key_is_a_line_for_people_and_one_for_programs(
    bench: Bench, phones: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    [phone] = phones("clean")
    workbench = workbench_of_keys(bench, [phone])
    seen: list[BenchRow] = []

    def lit(row: BenchRow, how: Pressed) -> None:
        tell_json(row, pressed=how)
        tell_lit(row, how)
        seen.append(row)

    workbench.lit = lit
    led(
        workbench,
        done(workbench, phone),
        asked_after(lambda: workbench.typed("which"), phone),
        then(phone.model.press_power_key),
        lambda: seen != [],
    )

    told = capsys.readouterr()
    line = json.loads(told.out)
    is_valid(line)
    assert (line["row"], line["pressed"]) == (1, "power_key")
    assert told.err.endswith(f"Row 1, {at(phone)}: key pressed.\n")


async def answer_of(phone: VirtualPhone, bench: Bench, command: str) -> bytes:
    address = PhoneAddress.parse(at(phone))
    connection = await open_connection(address, bench.station().adb_keys)
    try:
        return await connection.run(command, 30.0, 1 << 20)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("name", "by_key"), [("pixel-8", None), ("pixel-9", None), ("pixel-11", True), ("pixel-16", True)]
)
def test_only_whether_the_screen_is_on_leaves_the_phone(
    name: str, by_key: bool | None, bench: Bench, phones: Any
) -> None:
    question = exchange.ScreenQuestion()
    [phone] = phones(name)
    phone.model.press_power_key()

    answer = asyncio.run(answer_of(phone, bench, question.command))

    assert question.parse(answer) == Screen(is_on=False, by_key=by_key)
    told = answer.decode()
    assert CANARY_APP not in told
    assert "timeout" not in told
    assert "Time=" not in told
