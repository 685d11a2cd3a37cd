"""The bench at virtual phones: by the platform's own adb server and by TCP, as phones come, go, wait and fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import adbutils
import pytest

from agent_scripts.bench.listed import Listed
from agent_scripts.bench.rows import BenchRow
from agent_scripts.bench.stage import Stage
from agent_scripts.bench.workbench import Workbench
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.station_files.durable_file import held_alone
from agent_scripts.virtual_phone.phone import VirtualPhone
from agent_scripts.visits.batch import read_batch
from agent_scripts.visits.limits import Limits
from agent_scripts.visits.visiting import Visitor
from policy.observation import EnabledState
from tests.check.office import OUTLOOK, TIKTOK, Bench, Office
from tests.check.test_json_lines import is_valid


@pytest.fixture
def phones(enforcing: Office) -> Iterator[Callable[..., list[VirtualPhone]]]:
    with ExitStack() as stack:
        yield lambda *names: [stack.enter_context(enforcing.phone(name)) for name in names]


def at(phone: VirtualPhone) -> str:
    return f"tcp:127.0.0.1:{phone.port}"


def is_off(phone: VirtualPhone) -> bool:
    return phone.model.state(10, OUTLOOK).enabled == EnabledState.DISABLED_BY_USER.value


def listed(folder: Path, *lines: str) -> str:
    path = folder / "phones.csv"
    path.write_text("\n".join(("serial,address,label,holder,unit,consent", *lines)) + "\n")
    return str(path)


def once(bench: Bench, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the bench until nothing goes on by itself; returns the exit code and each phone's last line."""
    code, output = bench.agent("bench", "--once", "--json", *arguments)
    lines = [json.loads(line) for line in output.splitlines()]
    assert {line["kind"] for line in lines} <= {"bench"}
    return code, {line["address"]: line for line in lines}


def without_cables(bench: Bench, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    return once(bench, "--no-cables", *arguments)


def workbench_of(bench: Bench, *lines: str, limits: Limits | None = None, **options: Any) -> Workbench:
    rows = read_batch("\n".join(("address,label,holder,consent", *lines)) + "\n") if lines else ()
    visitor = Visitor(bench.station(), "tests", plain_tcp=False, as_json=False, language="en", limits=limits)
    return Workbench(visitor, listed=Listed(rows), pauses_s=(0.0, 0.0, 0.0), **options)


def led(workbench: Workbench, *then: Callable[[], bool]) -> None:
    """Let the bench work until each of `then` has come true, one after the other."""

    async def scenario() -> None:
        work = asyncio.create_task(workbench.run())
        try:
            for come_true in then:
                for _ in range(1200):
                    assert not work.done(), work
                    if come_true():
                        break
                    await asyncio.sleep(0.05)
                else:
                    raise AssertionError(f"never: {come_true}; {list(workbench.rows.by_address.values())}")
        finally:
            work.cancel()
            await asyncio.wait([work])

    asyncio.run(scenario())


def row(workbench: Workbench, address: str) -> BenchRow:
    found = workbench.rows.by_address.get(address)
    return found or BenchRow(0, address, Stage.NOT_READY)


def test_phones_of_a_list_go_from_the_cable_to_the_report(
    enforcing: Office, phones: Any, tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    clean, violating = phones("clean", "tiktok-personal")
    lines = (f",{at(clean)},I-1,i-1,DG A,agreed", f",{at(violating)},I-2,i-2,,agreed")
    path = listed(tmp_path, *lines)

    code, rows = without_cables(bench, "--batch", path, at(clean), at(violating))

    assert code == ExitCode.VIOLATING
    assert [(rows[at(p)]["label"], rows[at(p)]["verdict"]) for p in (clean, violating)] == [
        ("I-1", "compliant"),
        ("I-2", "violating"),
    ]
    assert rows[at(clean)]["release"]
    assert all(line["report_id"] for line in rows.values())
    assert is_off(violating)
    stored = {report["report_id"] for report in bench.last_reports(2)}
    assert stored == {line["report_id"] for line in rows.values()}


def test_the_bench_given_again_leaves_what_complies_and_visits_what_did_not(
    enforcing: Office, phones: Any, tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    clean, violating = phones("clean", "tiktok-personal")
    path = listed(tmp_path, f",{at(clean)},,j-1,,agreed", f",{at(violating)},,j-2,,agreed")
    _, before = without_cables(bench, "--batch", path, at(clean), at(violating))
    violating.model.uninstall(0, TIKTOK)

    code, rows = without_cables(bench, "--batch", path, at(clean), at(violating))

    assert code == ExitCode.COMPLIANT
    assert rows[at(clean)]["report_id"] == before[at(clean)]["report_id"]
    assert rows[at(violating)]["verdict"] == "compliant"
    assert rows[at(violating)]["report_id"] != before[at(violating)]["report_id"]
    assert not (bench.folder / "bench.json").exists(), "all is finished"


def test_a_phone_that_is_nobodys_asks_and_nothing_is_asked_about_its_apps(
    enforcing: Office, phones: Any
) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("tiktok-personal")

    code, rows = without_cables(bench, at(phone))

    assert (code, rows[at(phone)]["stage"]) == (ExitCode.NOT_REACHED, "asking")
    assert rows[at(phone)]["next_step"] == "Scan or type the holder."
    assert rows[at(phone)]["model"]
    assert bench.station().phones() == ()


def test_typed_answers_lead_a_phone_through(enforcing: Office, phones: Any) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("clean")
    workbench = workbench_of(bench, addresses=(at(phone),), with_adb=False)

    def typed(*lines: str) -> Callable[[], bool]:
        return lambda: bool([workbench.typed(line) for line in lines])

    led(
        workbench,
        lambda: row(workbench, at(phone)).stage is Stage.ASKING,
        typed("1", "label K-1", "k-1", "y"),
        lambda: row(workbench, at(phone)).word == "compliant",
    )

    [known] = bench.station().phones()
    assert known.label == "K-1"


def test_an_owner_who_declines_at_the_bench_is_asked_nothing_more(
    enforcing: Office, phones: Any, tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("tiktok-personal")
    path = listed(tmp_path, f",{at(phone)},L-1,l-1,,declined")

    code, rows = without_cables(bench, "--batch", path, at(phone))

    assert (code, rows[at(phone)]["verdict"], rows[at(phone)]["model"]) == (
        ExitCode.COMPLIANT,
        "declined",
        "",
    )
    _, rows = without_cables(bench, "--batch", path, at(phone))
    assert rows[at(phone)]["verdict"] == "declined"
    consents = enforcing.rows("SELECT consent FROM phone WHERE label = 'L-1'")
    assert consents == [("declined",)]


def test_an_owner_who_agreed_and_declines_now_has_everything_back(
    enforcing: Office, phones: Any, tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("tiktok-personal")
    address = at(phone)
    without_cables(bench, "--batch", listed(tmp_path, f",{address},M-1,m-1,,agreed"), address)
    assert is_off(phone)

    path = listed(tmp_path, f",{address},M-1,m-1,,declined")
    _, rows = without_cables(bench, "--new", "--batch", path, address)

    assert rows[address]["verdict"] == "declined"
    assert not is_off(phone)
    assert enforcing.rows("SELECT consent FROM phone WHERE label = 'M-1'") == [("declined",)]


def test_an_unauthorised_phone_waits_for_its_owner_and_goes_on_by_itself(
    enforcing: Office, phones: Any
) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("clean")
    phone.authorise_all = False
    address = at(phone)
    workbench = workbench_of(bench, f"{address},,n-1,agreed", addresses=(address,), with_adb=False)

    def taps_allow() -> bool:
        phone.authorise(bench.station().adb_keys.public_line)
        return True

    led(
        workbench,
        lambda: row(workbench, address).stage is Stage.UNAUTHORISED,
        taps_allow,
        lambda: row(workbench, address).word == "compliant",
    )


def test_a_cable_that_loses_the_connection_half_way_costs_a_try_and_no_phone(
    enforcing: Office, phones: Any
) -> None:
    bench = enforcing.new_bench()
    steady, loose = phones("clean", "tiktok-personal")
    loose.faults.hang_up_after_bytes(3000)
    lines = (f"{at(steady)},,o-1,agreed", f"{at(loose)},,o-2,agreed")
    workbench = workbench_of(bench, *lines, addresses=(at(steady), at(loose)), with_adb=False)

    led(
        workbench, lambda: {row(workbench, at(p)).word for p in (steady, loose)} == {"compliant", "violating"}
    )

    assert is_off(loose)


def test_a_connection_lost_while_the_phone_is_checked_is_tried_again_and_nothing_is_done_twice(
    enforcing: Office, phones: Any
) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("tiktok-personal")
    bench.provision(phone)
    phone.faults.hang_up_after_bytes(1500)
    workbench = workbench_of(bench, addresses=(at(phone),), with_adb=False)

    led(workbench, lambda: row(workbench, at(phone)).word == "violating")

    assert is_off(phone)
    bench.agent("send")
    assert {report["verdict"] for report in bench.last_reports(5)} == {"unreadable", "violating"}


def test_what_keeps_failing_is_tried_as_often_as_pauses_say_and_then_told_with_its_cause(
    enforcing: Office, phones: Any
) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("clean")
    phone.faults.answer_garbage()
    workbench = workbench_of(bench, f"{at(phone)},,p-1,agreed", addresses=(at(phone),), with_adb=False)

    led(workbench, lambda: row(workbench, at(phone)).stage is Stage.FAILED)

    failed = row(workbench, at(phone))
    assert failed.tries == 4
    assert "could not say what it is" in failed.to_do


def test_without_the_server_known_phones_are_served_and_their_reports_wait(
    enforcing: Office, phones: Any
) -> None:
    bench = enforcing.new_bench()
    known, unknown = phones("clean", "clean")
    bench.provision(known)
    bench.check(at(known))
    lines = (f"{at(unknown)},,q-2,agreed",)
    with bench.without_server():
        workbench = workbench_of(bench, *lines, addresses=(at(known), at(unknown)), with_adb=False)
        led(
            workbench,
            lambda: row(workbench, at(known)).word == "compliant",
            lambda: row(workbench, at(unknown)).stage is Stage.FAILED,
        )

    assert "The server registers each phone first" in row(workbench, at(unknown)).to_do
    assert bench.agent("status", "--json")[1].count('"reports_waiting": 1') == 1


def test_each_line_for_programs_is_as_promised_and_the_last_of_each_phone_counts(
    enforcing: Office, phones: Any, tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    clean, violating, unknown = phones("clean", "tiktok-personal", "clean")
    path = listed(tmp_path, f",{at(clean)},,r-1,,agreed", f",{at(violating)},,r-2,,agreed")
    options = ("--once", "--json", "--no-cables", "--batch", path)

    code, output = bench.agent("bench", *options, *map(at, (clean, violating, unknown)))

    last: dict[str, dict[str, Any]] = {}
    for line in map(json.loads, output.splitlines()):
        is_valid(line)
        last[line["address"]] = line
    assert code == most_urgent(ExitCode(line["exit_code"]) for line in last.values())
    assert sorted(line["row"] for line in last.values()) == [1, 2, 3]
    stages = {json.loads(line)["stage"] for line in output.splitlines()}
    assert stages >= {"plugged", "recognising", "provisioning", "checking", "asking", "done"}


def test_a_report_that_waits_is_told_by_the_last_line_of_its_phone(enforcing: Office, phones: Any) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("clean")
    bench.provision(phone)
    bench.check(at(phone))
    with bench.without_server():
        code, rows = without_cables(bench, at(phone))

    assert (code, rows[at(phone)]["exit_code"]) == (ExitCode.NOT_SENT, ExitCode.NOT_SENT)


def test_a_list_that_is_wrong_begins_nothing(bench: Bench, tmp_path: Path) -> None:
    code, output = bench.agent("bench", "--batch", listed(tmp_path, "A,,,,,agreed"))

    assert (code, output) == (ExitCode.WRONG_USE, "")
    assert "line 2: expected a holder" in bench.said


def test_two_benches_at_one_station_are_one_too_many(bench: Bench) -> None:
    with held_alone(bench.folder / "bench.lock"):
        code, _ = bench.agent("bench", "--once", "--no-cables")

    assert code == ExitCode.WRONG_USE
    assert "Another bench is open" in bench.said


def test_a_phone_on_a_cable_is_not_named_but_plugged_in(bench: Bench) -> None:
    assert bench.agent("bench", "--once", "adb:A")[0] == ExitCode.WRONG_USE
    assert "come by themselves" in bench.said


def test_in_a_log_phones_with_one_cause_are_one_line_and_the_end_counts(
    enforcing: Office, phones: Any
) -> None:
    bench = enforcing.new_bench()
    three = phones("clean", "clean", "clean")
    for phone in three:
        phone.authorise_all = False

    code, output = bench.agent("bench", "--once", "--no-cables", *map(at, three))

    assert code == ExitCode.NOT_REACHED
    assert "3 phones unauthorised, rows 1, 2, 3. Unlock the phone" in bench.said
    assert output.splitlines()[-1] == "3 phones: 3 need a hand, 0 at work, 0 done."


def plugged_in(client: adbutils.AdbClient, phone: VirtualPhone) -> str:
    client.connect(f"127.0.0.1:{phone.port}", timeout=10)
    return f"adb:127.0.0.1:{phone.port}"


def test_by_the_platforms_adb_phones_come_go_and_come_back(
    enforcing: Office, phones: Any, platform_adb: adbutils.AdbClient
) -> None:
    bench = enforcing.new_bench()
    one, two = phones("clean", "clean")
    addresses = [f"adb:127.0.0.1:{phone.port}" for phone in (one, two)]
    workbench = workbench_of(bench, *(f"{address},,{address},agreed" for address in addresses))
    two.faults.slow(1.0)

    led(
        workbench,
        lambda: workbench.is_looking,
        lambda: bool(plugged_in(platform_adb, one)),
        lambda: row(workbench, addresses[0]).word == "compliant",
        lambda: bool(plugged_in(platform_adb, two)),
        lambda: row(workbench, addresses[1]).stage is Stage.CHECKING,
        lambda: platform_adb.disconnect(f"127.0.0.1:{two.port}") is not None,
        lambda: row(workbench, addresses[1]).word == "gone",
        lambda: bool(plugged_in(platform_adb, two)),
        lambda: row(workbench, addresses[1]).word == "compliant",
    )

    assert [row(workbench, address).number for address in addresses] == [1, 2]


def test_by_the_platforms_adb_an_unauthorised_phone_is_told_from_an_absent_one(
    enforcing: Office, phones: Any, platform_adb: adbutils.AdbClient
) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("clean")
    phone.authorise_all = False
    bench.agent("devices")
    address = plugged_in(platform_adb, phone)

    code, rows = once(bench)

    assert (code, rows[address]["stage"]) == (ExitCode.NOT_REACHED, "unauthorised")
    assert "tap Allow" in rows[address]["next_step"]


def test_a_phone_shows_the_number_of_its_row_and_the_policys_word_to_its_owner_stays(
    enforcing: Office, phones: Any
) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("tiktok-personal")
    bench.provision(phone)
    workbench = workbench_of(bench, addresses=(at(phone),), with_adb=False)

    led(
        workbench,
        lambda: row(workbench, at(phone)).word == "violating",
        lambda: bool([workbench.typed(line) for line in ("1", "show")]),
        lambda: "curfew-bench" in phone.model.data.notifications,
    )

    assert phone.model.data.notifications["curfew-bench"] == {"title": "Curfew", "text": "Row 1"}
    assert "TikTok" in phone.model.data.notifications["curfew"]["text"]


def test_a_phone_that_shows_no_notice_is_told_with_the_other_way(enforcing: Office, phones: Any) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("clean")
    bench.provision(phone)
    phone.faults.refuse("notification", "post", text="Error occurred.")
    told: list[str] = []
    workbench = workbench_of(bench, addresses=(at(phone),), with_adb=False, notice=told.append)

    led(
        workbench,
        lambda: row(workbench, at(phone)).word == "compliant",
        lambda: bool([workbench.typed(line) for line in ("1", "show")]),
        lambda: "Row 1 shows no notice; unplug a phone, and its row stands out." in told,
    )


def test_a_phone_whose_owner_declined_shows_nothing(enforcing: Office, phones: Any) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("clean")
    told: list[str] = []
    line = f"{at(phone)},S-1,s-1,declined"
    workbench = workbench_of(bench, line, addresses=(at(phone),), with_adb=False, notice=told.append)

    led(
        workbench,
        lambda: row(workbench, at(phone)).word == "declined",
        lambda: bool([workbench.typed(line) for line in ("1", "show")]),
        lambda: any("declined, so nothing is asked" in line for line in told),
    )

    assert phone.model.data.notifications == {}


def test_an_adb_server_that_ends_is_started_again_and_its_phones_keep_their_rows(
    enforcing: Office, phones: Any, platform_adb: adbutils.AdbClient
) -> None:
    bench = enforcing.new_bench()
    [phone] = phones("clean")
    address = f"adb:127.0.0.1:{phone.port}"
    workbench = workbench_of(bench)

    def kill() -> bool:
        platform_adb.server_kill()
        return True

    led(
        workbench,
        lambda: workbench.is_looking,
        lambda: bool(plugged_in(platform_adb, phone)),
        lambda: row(workbench, address).stage is Stage.ASKING,
        kill,
        lambda: row(workbench, address).word == "gone",
        lambda: bool(plugged_in(platform_adb, phone)),
        lambda: row(workbench, address).plugged,
    )

    assert row(workbench, address).number == 1
