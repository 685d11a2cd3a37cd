"""A bench is killed at its steps; the same command goes on, and nothing is done or registered twice."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from agent_scripts.bench.kept_bench import KeptBench
from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files import durable_file
from agent_scripts.station_files.durable_file import Step
from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.dying_agent import Dead, When, run_agent
from tests.check.office import LYNC, OUTLOOK, PROGRAMS, Bench, Office
from tests.check.test_batch_lists import registered

KILLED = -signal.SIGKILL


def run_bench(bench: Bench, phone: VirtualPhone, when: When = When.NEVER, number: int = 0) -> Dead:
    path = bench.folder / "phones.csv"
    address = f"tcp:127.0.0.1:{phone.port}"
    path.write_text(f"address,holder,consent\n{address},k-{bench.folder.name},agreed\n")
    words = ("bench", "--once", "--json", "--no-cables", "--batch", str(path), address)
    return run_agent(bench.command_line(*words), bench.folder / "said", when, number)


@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
def test_a_bench_that_is_killed_goes_on_with_the_same_command(enforcing: Office, when: When) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        whole = run_bench(enforcing.new_bench(), phone)
    assert whole.exit_code == ExitCode.VIOLATING, whole.said
    print(f"{whole.steps} steps, killed {when.value} every third")
    assert whole.steps >= 10
    for number in range(1 + (when is When.AFTER), whole.steps + 1, 3):
        with enforcing.phone("tiktok-personal") as phone:
            bench = enforcing.new_bench()
            killed = run_bench(bench, phone, when, number)
            # Another process of sending and acting may be one step shorter.
            assert killed.exit_code in (KILLED, ExitCode.VIOLATING), (number, killed.said)

            again = run_bench(bench, phone)

            assert again.exit_code == ExitCode.VIOLATING, (number, again.said)
            assert {int(phone.model.state(10, app).enabled) for app in (OUTLOOK, LYNC)} == {3}, number
            [known] = bench.station().phones()
            ledger = bench.station().ledger(known.phone_id)
            assert ledger is not None
            assert len(ledger.open_entries) == 2, number
            told = registered(enforcing, bench.station().station_id)
            # The answer may have been lost: then it is the same registration again, and no second phone.
            assert told.count("phone registered") == 1, (number, told)
            numbers = enforcing.rows(
                "SELECT counter FROM report WHERE station_id = :station",
                station=bench.station().station_id,
            )
            assert len(numbers) == len(set(numbers)) >= 1, number


def test_the_list_of_rows_is_for_its_owner_alone(enforcing: Office, tmp_path: Path) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("clean") as phone:
        assert bench.agent("bench", "--once", "--no-cables", f"tcp:127.0.0.1:{phone.port}")[0] == 13

    assert (bench.folder / "bench.json").stat().st_mode & 0o777 == 0o600


def test_what_is_kept_at_ctrl_c_is_not_replaced_by_what_a_thread_was_still_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptBench(tmp_path)
    last = threading.Thread(target=kept.keep, args=(b"the last",))

    def overtake(side: Step, _: Path) -> None:
        if side is Step.BEFORE and last.ident is None:
            last.start()
            # As long as one that does not wait for its turn would need.
            last.join(timeout=0.5)

    monkeypatch.setattr(durable_file, "witnesses", [overtake])
    kept.keep(b"the one before")
    last.join()

    assert (tmp_path / "bench.json").read_bytes() == b"the last"


@pytest.mark.parametrize("text", [b"", b"{}", b'{"kind": "curfew-bench-1", "rows": [{}]}', b"\xff"])
def test_a_list_of_rows_that_is_damaged_is_told_and_begun_anew_by_order(
    text: bytes, enforcing: Office
) -> None:
    bench = enforcing.new_bench()
    (bench.folder / "bench.json").write_bytes(text)
    code, _ = bench.agent("bench", "--once", "--no-cables")
    assert code == ExitCode.WRONG_USE
    assert "does not describe a bench" in bench.said

    assert bench.agent("bench", "--once", "--no-cables", "--new")[0] == ExitCode.COMPLIANT


def test_lines_typed_into_a_pipe_are_taken_and_ctrl_c_says_what_is_left(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("clean") as one, enforcing.phone("clean") as two:
        addresses = [f"tcp:127.0.0.1:{phone.port}" for phone in (one, two)]
        words = [
            str(PROGRAMS / "curfew-agent"),
            *bench.command_line("bench", "--no-cables", "--json", *addresses),
        ]
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            last: dict[str, str] = {}
            for line in map(json.loads, process.stdout):
                last[line["address"]] = line["stage"]
                if last == dict.fromkeys(addresses, "asking"):
                    process.stdin.write(f"{addresses[0]}\nk-typed\ny\n")
                    process.stdin.flush()
                if last.get(addresses[0]) == "done":
                    break
            process.send_signal(signal.SIGINT)
            try:
                # Not for ever: a bench that does not end is to fail this test, and not to hold up all others.
                process.wait(timeout=120)
            finally:
                process.kill()
            said = process.stderr.read()

    assert process.returncode == ExitCode.NOT_REACHED
    assert ": did the owner agree?" in said
    assert "Stopped; 1 phone not finished. What was done is on disk: the same command goes on." in said
    rows = json.loads((bench.folder / "bench.json").read_text())["rows"]
    assert {row["address"]: row["stage"] for row in rows} == {addresses[0]: "done", addresses[1]: "plugged"}
    assert "k-typed" not in json.dumps(rows)
