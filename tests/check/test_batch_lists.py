"""Many phones are provisioned by a list: nothing where it is wrong, and what is done is not done again."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.office import Bench, Office


@pytest.fixture
def three(enforcing: Office) -> Any:
    with ExitStack() as stack:
        yield [stack.enter_context(enforcing.phone("clean")) for _ in range(3)]


def listed(folder: Path, *lines: str) -> str:
    path = folder / "phones.csv"
    path.write_text("\n".join(("address,label,holder,unit,consent", *lines)) + "\n")
    return str(path)


def given(bench: Bench, path: str) -> tuple[int, dict[str, dict[str, Any]]]:
    code, output = bench.agent("provision", "--batch", path, "--json")
    lines = [json.loads(line) for line in output.splitlines()]
    return code, {line["address"]: line for line in lines if line["kind"] == "provisioning"}


def at(phone: VirtualPhone) -> str:
    return f"tcp:127.0.0.1:{phone.port}"


def registered(office: Office, station: str) -> list[str]:
    rows = office.rows("SELECT action, detail FROM audit WHERE action LIKE 'phone registered%'")
    return [action for action, detail in rows if station in json.dumps(detail)]


def test_a_list_makes_phones_known_with_holder_unit_and_label_and_records_who_declined(
    enforcing: Office, three: list[VirtualPhone], tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    one, two, _ = three
    lines = (f"{at(one)},B-1,b-1,DG A,agreed", f"{at(two)},B-2,b-2,,agreed", ",B-3,b-3,,declined")

    code, told = given(bench, listed(tmp_path, *lines))

    assert code == ExitCode.COMPLIANT
    assert [told[at(phone)]["label"] for phone in (one, two)] == ["B-1", "B-2"]
    assert told[""]["consent"] == "declined"
    units = enforcing.rows("SELECT label, unit FROM phone WHERE label LIKE 'B-_' ORDER BY label")
    assert units == [("B-1", "DG A"), ("B-2", ""), ("B-3", "")]


def test_given_again_a_list_goes_on_with_what_is_left(
    enforcing: Office, three: list[VirtualPhone], tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    one, two, _ = three
    two.authorise_all = False
    path = listed(tmp_path, f"{at(one)},,c-1,,agreed", f"{at(two)},,c-2,,agreed", ",C-3,c-3,,declined")
    assert given(bench, path)[0] == ExitCode.NOT_REACHED
    station = bench.station().station_id
    before = registered(enforcing, station)
    two.authorise_all = True

    code, told = given(bench, path)

    assert code == ExitCode.COMPLIANT
    assert "2 phones of the list: done before, left as it is." in bench.said
    assert (told[at(one)]["probe"], told[at(two)]["probe"]["reach"]) == (None, "open")
    assert registered(enforcing, station) == [*before, "phone registered"]
    assert given(bench, path)[0] == ExitCode.COMPLIANT
    assert len(registered(enforcing, station)) == len(before) + 1


def test_a_line_that_was_changed_is_done_anew(
    enforcing: Office, three: list[VirtualPhone], tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    one, two, _ = three
    given(bench, listed(tmp_path, f"{at(one)},,d-1,,agreed", f"{at(two)},,d-2,,agreed"))

    code, told = given(bench, listed(tmp_path, f"{at(one)},,d-9,,agreed", f"{at(two)},,d-2,DG B,agreed"))

    assert code == ExitCode.COMPLIANT
    assert "another holder until now" in bench.said
    assert all(line["probe"] for line in told.values())


def test_a_phone_that_was_left_since_is_not_done(
    enforcing: Office, three: list[VirtualPhone], tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    path = listed(tmp_path, f"{at(three[0])},,e-1,,agreed")
    given(bench, path)
    bench.agent("unprovision", at(three[0]), "--yes")

    assert given(bench, path)[1][at(three[0])]["probe"]


def test_the_refusal_of_an_owner_is_told_again_where_the_server_did_not_hear_of_it(
    enforcing: Office, three: list[VirtualPhone], tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    given(bench, listed(tmp_path, f"{at(three[0])},F-1,f-1,,agreed"))
    path = listed(tmp_path, f"{at(three[0])},F-1,f-1,,declined")
    with bench.without_server():
        assert given(bench, path)[0] == ExitCode.WRONG_USE

    code, told = given(bench, path)

    assert (code, told[at(three[0])]["consent"]) == (ExitCode.COMPLIANT, "declined")
    assert "done before" not in bench.said
    assert given(bench, path)[0] == ExitCode.COMPLIANT
    assert "1 phone of the list: done before" in bench.said


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("{two},,g-2,,", "line 3: expected agreed or declined for the consent, found nothing"),
        (",G-7,g-2,,agreed", "line 3: expected a serial or an address"),
        ("{two},,g-2,,declined", "line 3: expected a label, found none"),
        ("{one},,g-2,,agreed", "line 3: "),
        ("{two},,g-1,,agreed", "line 3: the holder of line 2 again"),
    ],
)
def test_nothing_is_begun_where_a_list_is_wrong(
    second: str, told: str, enforcing: Office, three: list[VirtualPhone], tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    line = second.format(one=at(three[0]), two=at(three[1]))

    code, lines = given(bench, listed(tmp_path, f"{at(three[0])},,g-1,,agreed", line))

    assert (code, lines) == (ExitCode.WRONG_USE, {})
    assert told in bench.said
    assert bench.station().phones() == ()


def test_a_label_that_leads_to_a_phone_of_another_line_names_it_twice(
    enforcing: Office, three: list[VirtualPhone], tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    bench.provision(three[0], label="H-1")

    code, _ = given(bench, listed(tmp_path, f"{at(three[0])},,h-1,,agreed", ",H-1,h-2,,agreed"))

    assert code == ExitCode.WRONG_USE
    assert "stands on line 2 already" in bench.said


@pytest.mark.parametrize("more", [("--holder", "h-1"), ("--label", "A"), ("--consent", "agreed"), ("adb:A",)])
def test_beside_a_list_nothing_else_names_phones(more: tuple[str, ...], bench: Bench, tmp_path: Path) -> None:
    code, _ = bench.agent("provision", "--batch", listed(tmp_path), *more)

    assert code == ExitCode.WRONG_USE
    assert "With --batch the list tells" in bench.said


def test_a_list_in_another_encoding_is_refused(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "phones.csv"
    path.write_bytes("serial,holder\nA,bo\u00eete\n".encode("latin-1"))

    assert bench.agent("provision", "--batch", str(path))[0] == ExitCode.WRONG_USE
    assert "UTF-8" in bench.said


def test_one_holder_for_several_phones_is_refused_with_what_to_type_instead(bench: Bench) -> None:
    code, _ = bench.agent("provision", "adb:A", "adb:B", "adb:C", "--holder", "X", "--consent", "agreed")

    assert code == ExitCode.WRONG_USE
    assert "Expected one --holder for each of 3 phones, found 1" in bench.said
    assert "curfew-agent provision adb:B --holder REFERENCE --label TAG" in bench.said
    assert "curfew-agent provision --batch FILE.csv" in bench.said
