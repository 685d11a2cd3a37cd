"""A phone on which every program takes its time is checked right: deadlines follow progress."""

from __future__ import annotations

import time

from agent_scripts.virtual_phone.phone import VirtualPhone
from agent_scripts.visits.limits import Limits
from agent_scripts.visits.unprovision import unprovision_phone
from tests.check.office import OUTLOOK, Bench, Office, told_done
from tests.check.test_on_phone import folder_of, has_noted, states, until, watched, watchers

SLOW_S = 0.1
SILENCE_S = 2.5
"""Far less than a whole check of such a phone takes, and far more than any one section of it."""


def test_four_slow_phones_are_right_although_each_takes_longer_than_the_silence_allowed(
    enforcing: Office, bench: Bench
) -> None:
    with (
        enforcing.phone("tiktok-personal") as one,
        enforcing.phone("clean") as two,
        enforcing.phone("tiktok-personal") as three,
        enforcing.phone("clean") as four,
    ):
        phones = (one, two, three, four)
        addresses = bench.provision_all(*phones)
        for phone in phones:
            phone.userland.make_programs_cost(SLOW_S)
        begun = time.monotonic()
        code, rows = bench.visit_within(Limits(reading_s=SILENCE_S), *addresses)

        assert time.monotonic() - begun > SILENCE_S, "otherwise the silence allowed was not tried"
        found = {row["address"]: row["verdict"] for row in rows}
        assert [found[address] for address in addresses] == ["violating", "compliant"] * 2
        assert code == 10
        assert [states(phone) == [3, 3] for phone in phones] == [True, False] * 2


def test_a_phone_that_answers_nothing_is_given_up_after_the_silence_allowed(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        phone.faults.answer_nothing()

        _, (row,) = bench.visit_within(Limits(reading_s=SILENCE_S), address)

        assert row["verdict"] == "unreadable"
        assert f"answered nothing for {SILENCE_S:g} s" in row["next_step"]


def slow_and_watched(watching: Office, at_desk: Bench, phone: VirtualPhone) -> str:
    """Let the phone be placed a script while it is slow and return its address once a check of its own runs."""
    address = at_desk.provision(phone)
    phone.userland.make_programs_cost(SLOW_S / 2)
    assert at_desk.row(address)[0] == 0
    assert (watched(at_desk)["script"], watched(at_desk)["problem"]) == ("started", "")
    asked = len(phone.calls)
    until(
        lambda: has_noted(phone, "started") and len(phone.calls) > asked + 2, "it is in the middle of a check"
    )
    return address


def test_a_slow_phone_whose_script_checks_is_collected_and_unprovisioned(
    watching: Office, at_desk: Bench
) -> None:
    with watching.phone("clean") as phone:
        address = slow_and_watched(watching, at_desk, phone)

        code, (row,) = at_desk.visit_within(Limits(placing_s=10.0), address, visit=unprovision_phone)

        assert code == 0, row
        assert "removed every trace of Curfew" in told_done(row)
        assert not folder_of(phone).exists()
        assert watchers(phone) == []
        assert phone.model.state(10, OUTLOOK).enabled == 0
