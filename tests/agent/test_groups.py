"""Phones with one cause are told together: the cause once, the most urgent first, each phone in the order named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.visits.groups import counted_by_verdict, grouped, log_line
from agent_scripts.visits.row import Row
from policy.names import PackageName, UserNumber
from policy.verdict import Finding

AWAY = Row("tcp:127.0.0.1:6001", "", "", "not reached", (), (), "", ExitCode.NOT_REACHED)
WELL = Row("tcp:127.0.0.1:6101", "A-1", "Pixel 8", "compliant", (), (), "", ExitCode.COMPLIANT)
FOUND = (Finding("tiktok", UserNumber(0), PackageName("com.zhiliaoapp.musically")),)
VIOLATING = replace(
    WELL, verdict="violating", found=FOUND, next_step="Remove it.", exit_code=ExitCode.VIOLATING
)


def away(*addresses: str, because: str) -> list[Row]:
    return [replace(AWAY, address=address, next_step=because.format(address)) for address in addresses]


def test_one_cause_is_told_once_with_its_phones_in_the_order_they_were_named() -> None:
    rows = away("tcp:h:6003", "tcp:h:6001", "tcp:h:6002", because="{0} does not know this station; tap Allow")

    [group] = grouped(rows)

    assert group.told == ("The phone does not know this station; tap Allow",)
    assert group.heading == ("not reached", "3 phones")
    assert group.names == ("tcp:h:6003", "tcp:h:6001", "tcp:h:6002")
    assert log_line(group) == (
        "3 phones not reached: The phone does not know this station; tap Allow:"
        " tcp:h:6003, tcp:h:6001, tcp:h:6002"
    )


def test_a_command_for_several_phones_keeps_a_place_for_the_address() -> None:
    because = "{0} is not provisioned; run `curfew-agent provision {0}`"

    [group] = grouped(away("tcp:h:6001", "tcp:h:6002", because=because))

    assert group.told == ("The phone is not provisioned; run `curfew-agent provision ADDRESS`",)


def test_a_command_for_one_phone_is_told_as_it_is_typed_and_the_address_once_besides() -> None:
    [group] = grouped(away("tcp:h:6001", because="{0} is gone; run `curfew-agent check {0}`"))

    assert group.told == ("The phone is gone; run `curfew-agent check tcp:h:6001`",)
    assert group.heading == ("not reached",)
    assert (
        log_line(group) == "tcp:h:6001: not reached. The phone is gone; run `curfew-agent check tcp:h:6001`"
    )


def test_an_address_with_blanks_is_one_cause_too_and_named_as_it_is_typed() -> None:
    rows = [
        replace(AWAY, address=address, next_step=f"{address} is gone; run `curfew-agent check '{address}'`")
        for address in ("adb:b (2)", "adb:b (3)")
    ]

    [group] = grouped(rows)

    assert group.told == ("The phone is gone; run `curfew-agent check ADDRESS`",)
    assert group.names == ("'adb:b (2)'", "'adb:b (3)'")


def test_other_findings_are_another_group_though_the_next_step_is_one() -> None:
    elsewhere = replace(VIOLATING, found=(replace(FOUND[0], user=UserNumber(10)),))

    told = [group.told for group in grouped([VIOLATING, elsewhere])]

    assert told == [
        ("Found: com.zhiliaoapp.musically in user 0", "Remove it."),
        ("Found: com.zhiliaoapp.musically in user 10", "Remove it."),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_the_most_urgent_comes_first_and_what_needs_nothing_last(order: int) -> None:
    not_done = replace(VIOLATING, exit_code=ExitCode.NOT_DONE)
    unread = replace(WELL, verdict="unreadable", exit_code=ExitCode.UNREADABLE)
    noted = replace(WELL, next_step="To know.")
    rows = [AWAY, unread, not_done, VIOLATING, noted, WELL][::order]

    groups = grouped(rows)

    assert [group.rows for group in groups] == [
        (row,) for row in (AWAY, unread, not_done, VIOLATING, noted, WELL)
    ]
    assert (
        counted_by_verdict(rows)
        == "1 not reached, 1 unreadable, 1 violating (not done), 1 violating, 2 compliant"
    )


def test_a_phone_that_needs_nothing_is_named_shortly_and_one_that_does_so_that_it_is_found() -> None:
    nameless = replace(WELL, address="adb:b (2)", label="", model="")

    [well] = grouped([WELL, nameless])
    [violating] = grouped([VIOLATING])

    assert well.names == ("A-1", "'adb:b (2)'")
    assert violating.names == ("A-1, Pixel 8, tcp:127.0.0.1:6101",)
