"""Rule 4: managed apps in the policy's places, nothing else, by a closed set of commands."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.personalities import PERSONALITIES, Person
from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.office import LYNC, NAMED, OUTLOOK, TIKTOK, Bench, Office

_ISLAND = Person(
    11,
    "Island",
    "profile.MANAGED",
    0x1030,
    {OUTLOOK: 0, LYNC: 0},
    0,
    "com.oasisfeng.island/.IslandDeviceAdminReceiver",
)
_PIXEL = PERSONALITIES["tiktok-personal"]
WITH_ISLAND = replace(_PIXEL, people=(*_PIXEL.people, _ISLAND))
PRIVATE = replace(_PIXEL, people=(replace(_PIXEL.people[0], apps={TIKTOK: 0, OUTLOOK: 0, LYNC: 1}),))
_NAMES = "|".join(map(re.escape, NAMED))
QUESTIONS = re.compile(
    rf"getprop|dumpsys user|pm list users|dumpsys device_policy|dumpsys package (?:com\.android\.shell|{_NAMES})"
)
DEBUGGING = re.compile(r"settings (?:get global adb_(?:wifi_)?enabled|put global adb_(?:wifi_)?enabled 0)")
"""When a phone is provisioned, and when it is handed back: read, or switched off."""
VERBS = re.compile(
    rf"cmd package (?:disable-user|default-state|enable) --user 10 (?:{OUTLOOK}|{LYNC})"
    r"|cmd notification post -t Curfew curfew .+"
    r"|cmd notification post -t Curfew curfew-bench Row [0-9]+",
    re.DOTALL,
)


def test_outlook_in_an_island_profile_is_never_touched(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone(WITH_ISLAND) as phone:
        address = bench.provision(phone)

        bench.row(address)

        assert [_states(phone, 10), _states(phone, 11)] == [[3, 3], [0, 0]]
        assert not [call for call in phone.calls if "--user" in call and "11" in call]


def test_outlook_in_user_0_of_a_private_phone_is_never_touched(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone(PRIVATE) as phone:
        address = bench.provision(phone)

        code, row = bench.row(address)

        assert (code, row["verdict"]) == (ExitCode.COMPLIANT, "compliant")
        assert _states(phone, 0) == [0, 1]


def test_on_a_headless_tablet_the_place_is_the_user_that_the_owner_is_in(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("headless-tablet") as phone:
        address = bench.provision(phone)

        code, row = bench.row(address)

        assert (code, row["verdict"]) == (ExitCode.VIOLATING, "violating")
        assert _states(phone, 10) == [3, 3]

        phone.model.uninstall(10, TIKTOK)
        code, row = bench.row(address)
        assert (code, _states(phone, 10)) == (ExitCode.COMPLIANT, [0, 1])


def test_tiktok_that_island_hides_is_still_there(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("island-hides-tiktok") as phone:
        address = bench.provision(phone)

        code, row = bench.row(address)

        assert (code, row["verdict"]) == (ExitCode.VIOLATING, "violating")
        assert _states(phone, 10) == [3, 3]


def test_tiktok_in_huaweis_app_twin_counts(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("huawei-twin") as phone:
        address = bench.provision(phone)

        assert bench.row(address)[1]["verdict"] == "violating"


def test_a_managed_device_is_a_place_of_its_own(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("fully-managed") as phone:
        address = bench.provision(phone)

        bench.row(address)

        assert _states(phone, 0) == [3, 3]


def test_a_place_closed_to_the_shell_is_not_enforceable_and_says_who_must_act(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("closed-work-profile") as phone:
        address = bench.provision(phone)

        code, row = bench.row(address)

        assert (code, row["verdict"]) == (ExitCode.NOT_DONE, "violating")
        assert "the mail side must block" in row["next_step"]
        assert _states(phone, 10) == [0, 0]


def test_states_that_are_not_ours_are_never_touched_and_are_reported(enforcing: Office, bench: Bench) -> None:
    with ExitStack() as stack:
        phones = {state: stack.enter_context(enforcing.phone("tiktok-personal")) for state in (2, 3, 4)}
        for state, phone in phones.items():
            phone.model.set_enabled(10, OUTLOOK, state, "com.android.settings" if state == 3 else None)
        addresses = bench.provision_all(*phones.values())

        bench.check(*addresses)
        assert [_states(phone, 10) for phone in phones.values()] == [[2, 3], [3, 3], [4, 3]]
        said = "".join(str(report["reasons"]) for report in bench.last_reports(3))
        assert all(f"{OUTLOOK} in user 10 is in state {state}" in said for state in phones)

        for phone in phones.values():
            phone.model.uninstall(0, TIKTOK)
        bench.check(*addresses)
        assert [_states(phone, 10) for phone in phones.values()] == [[2, 1], [3, 1], [4, 1]]


def test_all_that_a_phone_is_ever_asked_or_told_is_a_closed_list_about_named_packages(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        assert not [call for call in map(" ".join, phone.calls) if TIKTOK in call or OUTLOOK in call]
        bench.row(address)
        phone.model.press_enable(10, OUTLOOK)
        bench.row(address)
        bench.agent("restore", "--yes", address)
        phone.model.uninstall(0, TIKTOK)
        bench.row(address)
        bench.agent("unprovision", "--yes", "--debugging", "off", address)

        calls = {" ".join(call) for call in phone.calls}
        debugging = {call for call in calls if DEBUGGING.fullmatch(call)}
        assert len(debugging) == 3, "both read, and the one that was on switched off"
        asked = calls - debugging

        assert {
            call for call in asked if not QUESTIONS.fullmatch(call) and not VERBS.fullmatch(call)
        } == set()
        shell_app_and_others = 5
        questions = [call for call in asked if QUESTIONS.fullmatch(call)]
        assert len(questions) == len(NAMED) + shell_app_and_others
        assert {call.split()[2] for call in asked if call.startswith("cmd package")} == {
            "disable-user",
            "default-state",
            "enable",
        }


def test_a_check_costs_one_exchange_and_with_work_to_do_two(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        counts = []
        for _ in range(2):
            phone.commands.clear()
            bench.row(address)
            counts.append(len(phone.commands))

        assert counts == [2, 1]


def _states(phone: VirtualPhone, user: int) -> list[int]:
    return [phone.model.state(user, package).enabled for package in (OUTLOOK, LYNC)]
