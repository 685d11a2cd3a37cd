"""A phone that says no for the moment is asked again within the check, and is never one that cannot be enforced on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.patience import Patience
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.ledger import EntryState
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office, told_done
from tests.check.phone_moments import ACTING, at_exchange, check_within
from tests.check.test_consent_and_privacy import blocks
from tests.check.test_killed_agent import assert_all_agree
from tests.check.test_refused_disabling import provisioned, reasons

NO_SERVICE = "cmd: Can't find service: package\n"
DEAD = (
    "\nException occurred while executing 'disable-user':\nandroid.os.DeadObjectException\n\tat android.os\n"
)
DIED = "Error with service 'package' while dumping: DEAD_OBJECT"
WAIT = "wait a minute and check again"
READ_AGAIN = 3
"""The exchange in which a check looks again after it read and acted."""


def states(phone: VirtualPhone) -> list[int]:
    return [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)]


def verbs(phone: VirtualPhone, package: str) -> int:
    return sum("disable-user" in call and package in call for call in phone.calls)


def not_blocked(office: Office, bench: Bench, holder: str) -> None:
    """The phone as it was reported is nobody's to block."""
    assert bench.last_report()["enforceable"] or bench.last_report()["verdict"] == "unreadable"
    assert reasons(bench) == set()
    assert blocks(office)[holder]["block"] is False


@pytest.mark.parametrize("kind", ["tiktok-personal", "pixel-8"])
def test_a_phone_that_still_starts_is_read_again_within_the_check(
    kind: str, enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone(kind) as phone:
        phone.model.install(0, TIKTOK)
        phone.faults.starting(2)
        address = bench.provision(phone)
        phone.faults.starting(3)

        code, row = bench.row(address)

        assert (code, row["verdict"]) == (ExitCode.VIOLATING, "violating")
        assert states(phone) == [3, 3]


STARTS: dict[str, Callable[[VirtualPhone], None]] = {
    "a system that starts": lambda phone: phone.faults.starting(99),
    "a service that dies": lambda phone: phone.faults.lose_service("package", text=DIED),
    "a list of owners that breaks off": lambda phone: phone.faults.lose_service(
        "device_policy", text="Error while reading data for service device_policy: EPIPE"
    ),
    "an adbd in standby": lambda phone: phone.faults.stand_by(99),
}


@pytest.mark.parametrize("what", STARTS)
def test_a_phone_that_goes_on_starting_is_unreadable_with_advice_and_blocks_nobody(
    what: str, enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        holder = f"starting-{list(STARTS).index(what)}"
        address = provisioned(bench, phone, holder)
        before = states(phone)
        STARTS[what](phone)

        code, row = bench.row(address)

        assert (code, row["verdict"]) == (ExitCode.UNREADABLE, "unreadable")
        assert WAIT in row["next_step"]
        assert WAIT in bench.last_report()["reasons"][0]["detail"]
        assert states(phone) == before
        not_blocked(enforcing, bench, holder)


@pytest.mark.parametrize("what", ["package", "device_policy", "standby"])
def test_what_passes_after_two_tries_costs_the_check_nothing(
    what: str, enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        if what == "standby":
            phone.faults.stand_by(2)
        else:
            phone.faults.lose_service(
                what, text=f"Error with service '{what}' while dumping: DEAD_OBJECT", times=2
            )

        assert bench.row(address)[0] == ExitCode.VIOLATING
        assert states(phone) == [3, 3]


def test_a_verb_that_is_refused_for_the_moment_is_judged_again_and_the_report_tells_all(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        phone.faults.refuse("disable-user", OUTLOOK, text=NO_SERVICE, exit_code=20)
        at_exchange(phone, READ_AGAIN, phone.faults.clear)

        code, row = bench.row(address)

        assert (code, states(phone)) == (ExitCode.VIOLATING, [3, 3])
        assert "NOT" not in told_done(row)
        report = bench.last_report()
        done = [(a["package"], a["result"]) for a in report["actions"] if a["kind"] == "disable"]
        assert sorted(done) == [(LYNC, "done"), (OUTLOOK, "done")]
        assert {(app["package"], app["before"], app["after"]) for app in report["managed"]} == {
            (OUTLOOK, 0, 3),
            (LYNC, 1, 3),
        }
        assert_all_agree(bench, address, EntryState.DONE)


def test_nothing_is_done_twice_where_only_the_reading_back_failed(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        at_exchange(phone, ACTING, lambda: phone.faults.lose_service("package", text=DIED, after=1, times=1))

        code, _ = bench.row(address)

        assert (code, states(phone)) == (ExitCode.VIOLATING, [3, 3])
        assert (verbs(phone, OUTLOOK), verbs(phone, LYNC)) == (1, 1)
        assert_all_agree(bench, address, EntryState.DONE)


def test_a_package_that_could_not_be_read_while_acting_is_acted_on_after_all(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        at_exchange(phone, ACTING, lambda: phone.faults.lose_service("package", text=DIED, times=1))

        assert bench.row(address)[0] == ExitCode.VIOLATING
        assert states(phone) == [3, 3]
        assert_all_agree(bench, address, EntryState.DONE)


@pytest.mark.parametrize("text", [NO_SERVICE, DEAD])
def test_a_verb_that_stays_refused_is_tried_twice_and_is_not_called_not_enforceable(
    text: str, enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        holder = f"refused-for-now-{int(text == DEAD)}"
        address = provisioned(bench, phone, holder)
        phone.faults.refuse("disable-user", OUTLOOK, text=text)

        code, row = bench.row(address)

        assert (code, verbs(phone, OUTLOOK)) == (ExitCode.NOT_DONE, 2)
        assert WAIT in row["next_step"]
        assert states(phone) == [0, 3], "what can be disabled is"
        not_blocked(enforcing, bench, holder)


def test_a_managed_app_that_cannot_be_read_for_the_moment_is_not_out_of_reach(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = provisioned(bench, phone, "unread-for-now")
        phone.faults.refuse("dumpsys", "package", OUTLOOK, text=f"{DIED}\n", exit_code=0)

        code, row = bench.row(address)

        assert (code, row["verdict"], states(phone)) == (ExitCode.NOT_DONE, "violating", [0, 3])
        assert WAIT in row["next_step"]
        not_blocked(enforcing, bench, "unread-for-now")


def test_a_restoring_that_is_refused_for_the_moment_is_finished_in_the_same_check(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        before = states(phone)
        bench.row(address)
        phone.model.uninstall(0, TIKTOK)
        phone.faults.refuse("default-state", OUTLOOK, text=NO_SERVICE, exit_code=20)
        at_exchange(phone, READ_AGAIN, phone.faults.clear)

        assert bench.row(address)[0] == ExitCode.COMPLIANT
        assert states(phone) == before
        assert_all_agree(bench, address, EntryState.RESTORED)


def test_without_patience_a_check_asks_once(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        phone.faults.starting(1)

        row = check_within(bench, address, run=lambda run: replace(run, patience=Patience(())))

        assert row.exit_code == ExitCode.UNREADABLE


def test_the_pauses_are_kept_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def ask() -> int:
        return len(slept)

    monkeypatch.setattr(asyncio, "sleep", sleep)

    assert asyncio.run(Patience((1.0, 2.0, 4.0)).until(lambda asked: asked == 2, ask)) == 2
    assert asyncio.run(Patience((8.0, 16.0)).until(lambda _: False, ask)) == 4
    assert slept == [1.0, 2.0, 8.0, 16.0]
