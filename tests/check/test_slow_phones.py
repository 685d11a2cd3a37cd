"""A phone on which every program takes its time is checked right: deadlines follow progress."""

from __future__ import annotations

import time

import pytest

from agent_scripts.virtual_phone.phone import VirtualPhone
from agent_scripts.visits import check, placing
from tests.check.office import OUTLOOK, Bench, Office
from tests.check.test_on_phone import folder_of, has_noted, states, until, watched, watchers

SLOW_S = 0.1
SILENCE_S = 2.5
"""Far less than a whole check of such a phone takes, and far more than any one section of it."""


@pytest.fixture
def short_silence(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(check, "READ_TIMEOUT_S", SILENCE_S)
    return SILENCE_S


def test_four_slow_phones_are_right_although_each_takes_longer_than_the_silence_allowed(
    short_silence: float, enforcing: Office, bench: Bench
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
        code, rows = bench.check(*addresses)

        assert time.monotonic() - begun > short_silence, "otherwise the silence allowed was not tried"
        found = {row["address"]: row["verdict"] for row in rows}
        assert [found[address] for address in addresses] == ["violating", "compliant"] * 2
        assert code == 10
        assert [states(phone) == [3, 3] for phone in phones] == [True, False] * 2


def test_a_phone_that_answers_nothing_is_given_up_after_the_silence_allowed(
    short_silence: float, enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        phone.faults.answer_nothing()

        _, row = bench.row(address)

        assert row["verdict"] == "unreadable"
        assert f"answered nothing for {short_silence:g} s" in row["next_step"]


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
    watching: Office, at_desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "PLACE_TIMEOUT_S", 10.0)
    with watching.phone("clean") as phone:
        address = slow_and_watched(watching, at_desk, phone)

        code, output = at_desk.agent("unprovision", "--json", "--yes", address)

        assert code == 0, output
        assert "removed every trace of Curfew" in output
        assert not folder_of(phone).exists()
        assert watchers(phone) == []
        assert phone.model.state(10, OUTLOOK).enabled == 0
