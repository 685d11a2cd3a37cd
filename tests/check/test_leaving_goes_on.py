"""A station that was killed while it left a phone goes on from there, by the same command or at the bench."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.leaving import Leaving, SaidBy
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.document import DebuggingAtHandBack
from tests.check.dying_agent import Dead, When, run_agent
from tests.check.office import Bench, Office
from tests.check.test_handing_back import puts, switches, unprovision
from tests.check.test_json_lines import is_valid
from tests.check.test_on_phone import folder_of, states

KILLED = -signal.SIGKILL
NOT_REPORTED = "No report of that is on this station"


def leave(bench: Bench, address: str, when: When = When.NEVER, number: int = 0) -> Dead:
    words = ("unprovision", address, "--yes", "--json", "--debugging", "off")
    return run_agent(bench.command_line(*words), bench.folder / "said", when, number)


def step_of(dead: Dead, what: str, nth: int = 0) -> int:
    """Return the number of the nth step called `what`."""
    return int(re.findall(rf"step (\d+): {what}\n", dead.said)[nth])


def leavings(bench: Bench) -> tuple[Leaving, ...]:
    return bench.station().leavings.all()


@contextmanager
def left_half_way(office: Office, bench: Bench, kind: str = "clean", label: str = "") -> Iterator[Any]:
    """A phone whose station was killed when it had left it, and before it asked about its debugging."""
    with office.phone(kind) as phone, office.phone(kind) as other:
        for one in (other, phone):
            one.ends_debugging_at_once = False
        whole = leave(bench, bench.provision(other, label=label and f"{label}-other"))
        assert whole.exit_code == ExitCode.COMPLIANT, whole.said
        address = bench.provision(phone, label=label)
        # The last exchanges ask whether debugging is on, and switch it off.
        number = step_of(whole, "exchange", -2)
        assert leave(bench, address, When.BEFORE, number).exit_code == KILLED
        assert not folder_of(phone).exists()
        assert switches(phone)[0] == "1"
        yield phone, address


def without_cables(bench: Bench, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    code, output = bench.agent("bench", "--once", "--json", "--no-cables", *arguments)
    lines = [json.loads(line) for line in output.splitlines()]
    for line in lines:
        is_valid(line)
    return code, lines


@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
def test_killed_at_any_step_the_command_given_again_finishes(enforcing: Office, when: When) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        phone.ends_debugging_at_once = False
        address = bench.provision(phone)
        bench.row(address)
        whole = leave(bench, address)
    assert whole.exit_code == ExitCode.VIOLATING, whole.said
    print(f"leaving: {whole.steps} steps, killed {when.value} each")
    assert whole.steps >= 12
    for number in range(1, whole.steps + 1):
        with enforcing.phone("tiktok-personal") as phone:
            phone.ends_debugging_at_once = False
            before = states(phone)
            address = bench.provision(phone)
            bench.row(address)
            phone_id = bench.station().phone_at(address)
            assert phone_id is not None
            killed = leave(bench, address, when, number)
            # Another process of acting and sending may be one step shorter.
            assert killed.exit_code in (KILLED, ExitCode.VIOLATING), (number, killed.said)
            if killed.exit_code == ExitCode.VIOLATING:
                continue

            _, told = unprovision(bench, address, "--debugging", "off")

            at = (when, number, killed.said, bench.said)
            assert states(phone) == before, at
            assert not folder_of(phone).exists(), at
            assert bench.station().phone_at(address) is None, at
            if leavings(bench) or switches(phone) != ("0", "0"):
                raise AssertionError((at, told, leavings(bench)))
            handed_back = bench.last_report()
            known = handed_back["phone_id"] == phone_id.phone_id and handed_back.get("handed_back")
            assert known or NOT_REPORTED in bench.said or "is not provisioned" in bench.said, at


def test_what_is_kept_says_what_is_to_be_done_and_is_for_its_owner_alone(
    enforcing: Office, bench: Bench
) -> None:
    with left_half_way(enforcing, bench) as (_, address):
        [leaving] = leavings(bench)

        assert (leaving.address, leaving.was_told) == (address, False)
        assert json.loads(bench.agent("status", "--json")[1])["being_left"] == 1
        assert (leaving.wanted.debugging, leaving.wanted.said_by) == (
            DebuggingAtHandBack.OFF,
            SaidBy.OPTION,
        )
        [path] = (bench.folder / "leaving").glob("*.json")
        assert path.stat().st_mode & 0o777 == 0o600
        bench.agent("unprovision", address, "--yes")


def test_it_is_told_that_the_phone_was_left_already_and_debugging_goes_off_as_was_said_then(
    enforcing: Office, bench: Bench
) -> None:
    with left_half_way(enforcing, bench, label="half-way") as (phone, _):
        phone.calls.clear()

        code, [told] = unprovision(bench, "half-way")

        assert (code, told["ending"], told["said_by"]) == (ExitCode.COMPLIANT, "off", "option")
        assert "Restored and left already, on " in bench.said
        assert NOT_REPORTED not in bench.said
        assert (switches(phone), leavings(bench)) == (("0", "0"), ())
        assert not [call for call in phone.calls if "com.zhiliaoapp.musically" in " ".join(call)]


def test_one_that_was_told_to_go_off_and_stays_away_is_gone_and_that_ends_it(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone, enforcing.phone("clean") as other:
        phone.ends_debugging_at_once = other.ends_debugging_at_once = False
        whole = leave(bench, bench.provision(other))
        address = bench.provision(phone)
        killed = leave(bench, address, When.AFTER, step_of(whole, "exchange", -1))
        assert killed.exit_code == KILLED
        assert [leaving.told_usb for leaving in leavings(bench)] == [True]

        code, [told] = unprovision(bench, address)

        assert (code, told["ending"]) == (ExitCode.COMPLIANT, "gone")
        assert (switches(phone), leavings(bench)) == (("0", "0"), ())


def test_one_that_was_not_told_and_is_away_is_waited_for(enforcing: Office, bench: Bench) -> None:
    with left_half_way(enforcing, bench) as (phone, address):
        port = phone.port
        phone.stop()

        code, output = bench.agent("unprovision", address, "--yes", "--json")

        assert (code, len(leavings(bench))) == (ExitCode.NOT_REACHED, 1)
        assert json.loads(output)["verdict"] == "not_reached"
        phone.start(port)
        assert unprovision(bench, address)[1][0]["ending"] == "off"


def test_another_phone_at_its_address_is_refused_as_one_that_was_never_provisioned(
    enforcing: Office, bench: Bench
) -> None:
    with left_half_way(enforcing, bench) as (phone, address):
        port = phone.port
        phone.stop()
        with enforcing.phone("clean") as other:
            other.stop()
            other.start(port)

            code, told = unprovision(bench, address)

            assert (code, told, switches(other)[0]) == (ExitCode.NOT_REACHED, [], "1")
            assert len(leavings(bench)) == 1
            other.stop()
        phone.start(port)
        assert unprovision(bench, address)[1][0]["ending"] == "off"


def test_provisioned_anew_in_between_it_stays_and_how_it_was_found_first_still_counts(
    enforcing: Office, bench: Bench
) -> None:
    with left_half_way(enforcing, bench) as (phone, address):
        phone.switch_debugging(usb=True, wireless=True)

        bench.provision(phone)

        assert leavings(bench) == ()
        known = bench.station().phone_at(address)
        assert known is not None
        assert (known.usb_debugging, known.wireless_debugging) == ("on", "off")
        assert bench.row(address)[0] == ExitCode.COMPLIANT
        assert puts(phone) == []


def test_what_still_reads_on_is_tried_again_by_the_command_that_is_told(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        phone.ends_debugging_at_once = False
        address = bench.provision(phone)
        phone.faults.refuse("settings", "put", text="", exit_code=0)
        code, [told] = unprovision(bench, address, "--debugging", "off")
        assert (code, told["ending"]) == (ExitCode.NOT_DONE, "on")
        assert f"`curfew-agent unprovision {address}` tries again" in told["text"]
        phone.faults.clear()

        code, [told] = unprovision(bench, address)

        assert (code, told["ending"], leavings(bench)) == (ExitCode.COMPLIANT, "off", ())


@pytest.mark.parametrize("text", [b"", b"{}", b'{"since": 3}', b"\xff"])
def test_a_file_that_is_damaged_is_told_with_what_to_do(
    text: bytes, enforcing: Office, tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    path = bench.folder / "leaving" / "f2b1b0a4-0000-4000-8000-000000000000.json"
    path.write_bytes(text)

    code, _ = bench.agent("unprovision", "tcp:127.0.0.1:1", "--yes")

    assert code == ExitCode.WRONG_USE
    assert "does not describe a phone that is being left; move it away" in bench.said


def test_the_bench_names_such_a_phone_and_finishes_when_it_is_there(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with left_half_way(enforcing, bench, label="A-7") as (phone, address):
        assert without_cables(bench) == (ExitCode.COMPLIANT, [])
        assert "1 phone handed back, and not finished with: A-7." in bench.said
        assert f"`curfew-agent unprovision {address}` goes on" in bench.said

        code, lines = without_cables(bench, address)

        last = lines[-1]
        assert (code, last["verdict"], last["debugging"]) == (ExitCode.COMPLIANT, "handed_back", "off")
        assert "Restored and left already" in last["next_step"]
        assert (switches(phone), leavings(bench)) == (("0", "0"), ())


def test_the_bench_takes_a_phone_that_is_listed_anew_as_one_that_stays(
    enforcing: Office, tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    with left_half_way(enforcing, bench) as (phone, address):
        path = tmp_path / "phones.csv"
        path.write_text(f"address,holder,consent\n{address},k-anew,agreed\n")

        code, lines = without_cables(bench, "--batch", str(path), address)

        assert (code, lines[-1]["verdict"]) == (ExitCode.COMPLIANT, "compliant")
        assert (lines[-1]["debugging"], switches(phone)[0], leavings(bench)) == (None, "1", ())


def test_a_phone_that_was_begun_with_and_carries_our_folder_is_checked_at_the_bench(
    enforcing: Office,
) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("clean") as phone, enforcing.phone("clean") as other:
        other.ends_debugging_at_once = False
        whole = leave(bench, bench.provision(other))
        address = bench.provision(phone)
        # Before the exchange that leaves it.
        assert leave(bench, address, When.BEFORE, step_of(whole, "exchange", -3)).exit_code == KILLED
        assert (len(leavings(bench)), folder_of(phone).exists()) == (1, True)

        code, lines = without_cables(bench, address)

        assert (code, lines[-1]["verdict"]) == (ExitCode.COMPLIANT, "compliant")
        assert leavings(bench) == ()


def withdrawn_at_the_bench(
    bench: Bench, folder: Path, phone: VirtualPhone, when: When = When.NEVER, number: int = 0
) -> Dead:
    address = f"tcp:127.0.0.1:{phone.port}"
    path = folder / "declined.csv"
    path.write_text(f"address,label,holder,consent\n{address},L-{phone.port},k-{phone.port},declined\n")
    words = ("bench", "--once", "--json", "--no-cables", "--batch", str(path), address)
    return run_agent(bench.command_line(*words), bench.folder / "said", when, number)


def provisioned(bench: Bench, phone: VirtualPhone) -> str:
    address = f"tcp:127.0.0.1:{phone.port}"
    named = ("--label", f"L-{phone.port}", "--holder", f"k-{phone.port}", "--consent", "agreed")
    assert bench.agent("provision", address, *named)[0] == ExitCode.COMPLIANT
    # Off when it came, and switched on since: off is how it is to be when it goes.
    phone.switch_debugging(usb=True, wireless=True)
    assert bench.row(address)[0] == ExitCode.VIOLATING
    return address


@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
def test_consent_withdrawn_at_a_bench_that_is_killed_at_any_step_is_finished_by_the_next(
    enforcing: Office, tmp_path: Path, when: When
) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        provisioned(bench, phone)
        whole = withdrawn_at_the_bench(bench, tmp_path, phone)
    assert whole.exit_code == ExitCode.COMPLIANT, whole.said
    print(f"{whole.steps} steps, killed {when.value} every second")
    assert whole.steps >= 12
    for number in range(1 + (when is When.AFTER), whole.steps + 1, 2):
        with enforcing.phone("tiktok-personal") as phone:
            before = states(phone)
            address = provisioned(bench, phone)
            killed = withdrawn_at_the_bench(bench, tmp_path, phone, when, number)
            assert killed.exit_code in (KILLED, ExitCode.COMPLIANT), (number, killed.said)

            again = withdrawn_at_the_bench(bench, tmp_path, phone)

            at = (when, number, killed.said, again.said)
            assert again.exit_code == ExitCode.COMPLIANT, at
            assert (states(phone), folder_of(phone).exists()) == (before, False), at
            assert (switches(phone), leavings(bench)) == (("1", "0"), ()), at
            known = bench.station().phone_at(address)
            assert known is not None, at
            assert known.consent.value == "declined", at
