"""A cable that freezes in the middle of an exchange: no end, no reset, the bytes simply stop, one way or both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agent_scripts.bench.stage import Stage
from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from agent_scripts.visits.limits import Limits
from tests.check.office import LYNC, OUTLOOK, Bench, Office
from tests.check.test_bench_work import at, led, row, workbench_of
from tests.phones.bad_cable import BOTH_WAYS, Cables, Way

BRIEF = Limits(reading_s=1.5, acting_s=1.5, placing_s=1.5)
LONG = Limits()
WAYS = (frozenset({Way.THERE}), frozenset({Way.BACK}), BOTH_WAYS)


@pytest.fixture
def cables() -> Iterator[Cables]:
    with Cables() as held:
        yield held


@pytest.fixture
def bench(enforcing: Office) -> Bench:
    return enforcing.new_bench()


def deeds(phone: VirtualPhone) -> Counter[str]:
    return Counter(
        f"{verb} {call[-1]}"
        for call in phone.calls
        for verb in ("disable-user", "enable", "default-state")
        if verb in call
    )


@pytest.mark.parametrize("after_bytes", [20, 900, 6_000, 14_000, 20_000])
def test_wherever_cables_freeze_phones_are_led_to_their_end_and_nothing_is_done_twice(
    after_bytes: int, bench: Bench, enforcing: Office, cables: Cables
) -> None:
    with ExitStack() as stack:
        phones = [stack.enter_context(enforcing.phone("tiktok-personal")) for _ in WAYS]
        # The first connection is the bench's look whether the phone is there.
        frozen = [
            cables.freezing(phone.port, connection=2, after_bytes=after_bytes, ways=ways)
            for phone, ways in zip(phones, WAYS, strict=True)
        ]
        addresses = tuple(cable.address for cable in frozen)
        lines = [f"{address},,f-{address},agreed" for address in addresses]
        workbench = workbench_of(bench, *lines, addresses=addresses, with_adb=False, limits=BRIEF)

        led(workbench, lambda: all(row(workbench, one).word == "violating" for one in addresses))

        assert [cable.frozen for cable in frozen] == [1, 1, 1], "otherwise the byte was never reached"
        once = {f"disable-user {OUTLOOK}": 1, f"disable-user {LYNC}": 1}
        assert [deeds(phone) for phone in phones] == [once] * 3


def test_while_one_cable_is_frozen_the_others_go_on(bench: Bench, enforcing: Office, cables: Cables) -> None:
    with enforcing.phone("clean") as frozen, enforcing.phone("clean") as sound:
        cable = cables.freezing(frozen.port, connection=2, after_bytes=6_000, ways=BOTH_WAYS)
        lines = [f"{address},,f-{address},agreed" for address in (cable.address, at(sound))]
        workbench = workbench_of(
            bench, *lines, addresses=(cable.address, at(sound)), with_adb=False, limits=LONG
        )

        led(
            workbench,
            lambda: cable.frozen == 1,
            lambda: row(workbench, at(sound)).stage is Stage.DONE,
        )

        assert row(workbench, cable.address).stage in (Stage.PROVISIONING, Stage.CHECKING, Stage.PLUGGED)


def test_a_check_over_a_cable_that_freezes_ends_with_a_named_cause_and_the_next_one_is_right(
    bench: Bench, enforcing: Office, cables: Cables
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        bench.provision(phone)
        cable = cables.freezing(phone.port, connection=1, after_bytes=9_000, ways=BOTH_WAYS)

        code, (first,) = bench.visit_within(BRIEF, cable.address)

        assert code in (ExitCode.UNREADABLE, ExitCode.NOT_REACHED)
        assert "answered nothing for 1.5 s" in first["next_step"]
        assert bench.row(cable.address)[1]["verdict"] == "violating"
        assert set(deeds(phone).values()) == {1}
