"""A batch list is taken whole, or refused with every wrong line by its number."""

from __future__ import annotations

import pytest

from agent_scripts.errors import WrongUse
from agent_scripts.visits.batch import BatchRow, read_batch
from agent_scripts.visits.provision import Registration
from policy.report import Consent


def test_a_list_names_phones_by_serial_address_or_label() -> None:
    rows = read_batch(
        "serial,address,label,holder,unit,consent\n"
        "R58,,A-1,h-1,DG A,agreed\n"
        ",tcp:127.0.0.1:6001,,h-2,,declined\n"
        ",,A-3, h-3 ,,\n"
    )

    assert rows == (
        BatchRow(2, "adb:R58", Registration("A-1", "h-1", "DG A"), Consent.AGREED),
        BatchRow(3, "tcp:127.0.0.1:6001", Registration("", "h-2"), Consent.DECLINED),
        BatchRow(4, "", Registration("A-3", "h-3"), None),
    )


def test_a_list_from_a_spreadsheet_is_read_with_its_mark_and_semicolons() -> None:
    [row] = read_batch("\ufeffserial;holder\r\nR58;h,1\r\n")

    assert (row.address, row.registration.holder) == ("adb:R58", "h,1")


def test_one_holder_may_have_two_phones_where_both_lines_say_so() -> None:
    first, second = read_batch("serial,holder,same_holder\nA,h-1,yes\nB,h-1,yes\n")

    assert first.registration.holder == second.registration.holder


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("serial,holder,colour\nA,h-1,red\n", 'line 1: expected a first line with holder'),
        ("serial,holder,holder\nA,h-1,h-2\n", "line 1: expected a first line with holder"),
        ("holder\nh-1\n", "one of serial, address and label"),
        ("serial\nA\n", "line 1: expected a first line with holder"),
        ("", "line 1: "),
        ("serial,holder\n", "line 2: expected a phone, found the end"),
        ("serial,holder\nA,h-1\nA,h-2\n", 'line 3: "adb:A" stands on line 2 already'),
        ("label,holder\nA-1,h-1\nA-1,h-2\n", 'line 3: "A-1" stands on line 2 already'),
        ("serial,holder\nA,h-1\nB,h-1\n", "line 3: the holder of line 2 again"),
        ("serial,holder,same_holder\nA,h-1,\nB,h-1,yes\n", "line 3: the holder of line 2 again"),
        ("serial,holder,same_holder\nA,h-1,maybe\n", "line 2: expected yes, no or nothing for same_holder"),
        ("serial,holder,consent\nA,h-1,perhaps\n", "line 2: expected agreed, declined or nothing"),
        ("serial,holder\nA,\n", "line 2: expected a holder, found none"),
        ("serial,label,holder\n,,h-1\n", "line 2: expected a serial, an address or a label, found none"),
        ("serial,address,holder\nA,adb:B,h-1\n", "line 2: expected a serial or an address, found both"),
        ("address,holder\nphone 1,h-1\n", "line 2: expected tcp:HOST:PORT"),
        ("serial,holder\nA\n", "line 2: expected as many fields"),
        ("serial,holder\nA,h-1,more\n", "line 2: expected as many fields"),
        (f"serial,holder\nA,{'h' * 201}\n", "line 2: expected a holder of at most 200"),
        (f"serial,holder,unit\nA,h-1,{'u' * 61}\n", "line 2: expected a unit of at most 60"),
        ("serial,holder,label\nA,h-1,a\u202eb\n", "line 2: expected a label of at most 100 printable"),
        ('serial,holder\nA,"h-1\n', "line 2: expected CSV"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_line(text: str, told: str) -> None:
    with pytest.raises(WrongUse) as refused:
        read_batch(text)

    assert told in str(refused.value)
    assert "nothing was begun" in str(refused.value)


def test_all_wrong_lines_are_told_at_once_in_their_order() -> None:
    with pytest.raises(WrongUse) as refused:
        read_batch("serial,holder,consent\nA,h-1,\nB,h-1,\nC,,\nA,h-4,\n")

    lines = [line.split(":")[0].strip() for line in str(refused.value).splitlines() if "line " in line]
    assert lines == ["line 3", "line 4", "line 5"]
    assert "wrong in 3 places" in str(refused.value)
