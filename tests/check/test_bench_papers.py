"""The last stage at the bench: each phone's label and its owner's receipt, made once, and printed once by a program."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent_scripts.bench.paper_work import PaperPlan
from agent_scripts.bench.stage import Paper, Stage
from agent_scripts.bench.workbench import Workbench
from agent_scripts.errors import DiskFull
from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.paper_records import PaperKind, PaperRecords, Printed
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.names import PhoneId
from tests.check.dying_agent import When, run_agent
from tests.check.office import TIKTOK, Bench, Office
from tests.check.test_bench_work import at, led, listed, row, without_cables, workbench_of
from tests.check.test_json_lines import is_valid
from tests.check.test_papers import codes_of, text_of


@pytest.fixture
def phones(enforcing: Office) -> Iterator[Callable[..., list[VirtualPhone]]]:
    with ExitStack() as stack:
        yield lambda *names: [stack.enter_context(enforcing.phone(name)) for name in names]


@pytest.fixture
def bench(enforcing: Office) -> Bench:
    return enforcing.new_bench()


def program(path: Path, text: str) -> str:
    """Write a printer's program and return the command that runs it."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def printer(folder: Path, name: str = "printer") -> str:
    """A program that copies what it is to print into a tray, a sheet each time; paper is called as its file."""
    (folder / "tray").mkdir(exist_ok=True)
    text = f'n=$(ls {folder}/tray | wc -l)\ncp "$1" {folder}/tray/$((n + 1))-$(basename "$1" | sed "s/.*-//")'
    return program(folder / name, text)


def tray(folder: Path) -> list[str]:
    """What came out, in order: ``1-label.pdf``."""
    return sorted(path.name for path in (folder / "tray").iterdir())


def one_phone(phones: Any, folder: Path, name: str = "tiktok-personal") -> tuple[VirtualPhone, str]:
    [phone] = phones(name)
    return phone, listed(folder, f",{at(phone)},P-1,p-{at(phone)},,agreed")


def workbench_that_prints(bench: Bench, phone: VirtualPhone, folder: Path, *words: str) -> Workbench:
    plan = PaperPlan(folder / "paper", printers={PaperKind.LABEL: words}, limit_s=20)
    line = f"{at(phone)},P-1,p-{at(phone)},agreed"
    return workbench_of(bench, line, addresses=(at(phone),), with_adb=False, paper=plan)


def stands(workbench: Workbench, phone: VirtualPhone) -> Callable[[], bool]:
    return lambda: row(workbench, at(phone)).paper_problem != ""


def printed(workbench: Workbench, phone: VirtualPhone) -> Callable[[], bool]:
    return lambda: row(workbench, at(phone)).paper is Paper.PRINTED


def test_from_the_cable_to_the_printed_label_nobody_presses_a_key(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, path = one_phone(phones, tmp_path)
    words = ("--print-label", printer(tmp_path), "--print-receipt", printer(tmp_path, "other"))

    code, rows = without_cables(bench, "--batch", path, *words, at(phone))

    assert code == ExitCode.VIOLATING
    assert (rows[at(phone)]["stage"], rows[at(phone)]["paper"]) == ("done", "printed")
    assert sorted(name.partition("-")[2] for name in tray(tmp_path)) == ["label.pdf", "receipt.pdf"]
    [receipt] = (tmp_path / "tray").glob("*receipt.pdf")
    [label] = (tmp_path / "tray").glob("*label.pdf")
    assert (
        codes_of(label)
        == codes_of(receipt)
        == [f"{bench.office.url}/my-phone/{rows[at(phone)]['report_id']}"]
    )
    assert TIKTOK in text_of(receipt)


def test_paper_lies_in_the_folder_for_its_user_alone_and_names_no_holder(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, path = one_phone(phones, tmp_path)

    _, rows = without_cables(bench, "--batch", path, "--paper", str(tmp_path / "paper"), at(phone))

    files = sorted((tmp_path / "paper").iterdir())
    assert [file.name.rpartition("-")[2] for file in files] == ["label.pdf", "receipt.pdf"]
    assert all(file.name.startswith("P-1-") for file in files)
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "paper").stat().st_mode & 0o777 == 0o700
    assert rows[at(phone)]["paper"] == "ready"
    assert f"p-{at(phone)}" not in text_of(files[1])


def test_without_being_asked_the_bench_makes_no_paper(bench: Bench, phones: Any, tmp_path: Path) -> None:
    phone, path = one_phone(phones, tmp_path)

    _, rows = without_cables(bench, "--batch", path, at(phone))

    assert rows[at(phone)]["paper"] == "none"
    assert not (bench.folder / "paper").exists()


@pytest.mark.parametrize(("form", "begins"), [("svg", b"<svg"), ("zpl", b"^XA"), ("pdf", b"%PDF")])
def test_a_label_is_written_as_the_printer_takes_it(
    form: str, begins: bytes, bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, path = one_phone(phones, tmp_path)
    paper = tmp_path / "paper"

    without_cables(bench, "--batch", path, "--paper", str(paper), "--label-format", form, at(phone))

    [label] = paper.glob(f"*-label.{form}")
    assert label.read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("phones_own", "option", "heading"), [("fr-BE", "en", "Ce qui"), ("pl-PL", "de", "Was ")]
)
def test_a_receipt_is_in_the_phones_language_else_in_the_one_that_was_named(
    phones_own: str, option: str, heading: str, bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, path = one_phone(phones, tmp_path)
    phone.model.choose_language(phones_own)
    paper = tmp_path / "paper"

    without_cables(bench, "--batch", path, "--paper", str(paper), "--language", option, at(phone))

    [receipt] = paper.glob("*-receipt.pdf")
    assert heading in text_of(receipt)


def test_a_second_check_makes_a_new_receipt_only_where_it_tells_something_else_and_no_second_label(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, path = one_phone(phones, tmp_path)
    words = ("--print-label", printer(tmp_path), "--print-receipt", printer(tmp_path, "other"))

    def again() -> list[str]:
        without_cables(bench, "--new", "--batch", path, *words, at(phone))
        return sorted(name.partition("-")[2] for name in tray(tmp_path))

    assert again() == ["label.pdf", "receipt.pdf"]
    assert again() == ["label.pdf", "receipt.pdf"], "it tells the same"
    phone.model.uninstall(0, TIKTOK)
    assert again() == ["label.pdf", "receipt.pdf", "receipt.pdf"]


def test_another_holder_gets_papers_of_their_own_though_they_tell_the_same(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, path = one_phone(phones, tmp_path, "clean")
    words = ("--print-label", printer(tmp_path), at(phone))
    without_cables(bench, "--batch", path, *words)
    path = listed(tmp_path, f",{at(phone)},P-1,somebody-else,,agreed")

    without_cables(bench, "--new", "--batch", path, *words)

    assert tray(tmp_path) == ["1-label.pdf", "2-label.pdf"]


def test_a_paper_whose_code_is_about_to_end_is_made_anew_though_it_tells_the_same(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, path = one_phone(phones, tmp_path, "clean")
    words = ("--print-receipt", printer(tmp_path), "--batch", path, at(phone))
    without_cables(bench, *words)
    [known] = bench.station().phones()
    records = PaperRecords(bench.folder)
    made = records.of(known.phone_id)[PaperKind.RECEIPT]

    def again(age: timedelta) -> list[str]:
        older = replace(made, checked_at=made.checked_at - age, printed=Printed.YES)
        records.keep(known.phone_id, PaperKind.RECEIPT, older)
        without_cables(bench, "--new", *words)
        return tray(tmp_path)

    assert again(timedelta(days=6)) == ["1-receipt.pdf"]
    assert again(timedelta(days=8)) == ["1-receipt.pdf", "2-receipt.pdf"]


def test_an_owner_who_declines_gets_no_paper(bench: Bench, phones: Any, tmp_path: Path) -> None:
    [phone] = phones("clean")
    path = listed(tmp_path, f",{at(phone)},P-2,p-2,,declined")

    _, rows = without_cables(bench, "--batch", path, "--paper", str(tmp_path / "paper"), at(phone))

    assert (rows[at(phone)]["stage"], rows[at(phone)]["paper"]) == ("done", "none")


def test_an_owner_who_declines_now_gets_a_receipt_of_what_was_put_back_and_no_sticker(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, path = one_phone(phones, tmp_path)
    without_cables(bench, "--batch", path, at(phone))
    path = listed(tmp_path, f",{at(phone)},P-1,p-{at(phone)},,declined")

    without_cables(bench, "--new", "--batch", path, "--paper", str(tmp_path / "paper"), at(phone))

    assert [file.name.rpartition("-")[2] for file in (tmp_path / "paper").iterdir()] == ["receipt.pdf"]


def test_a_printer_that_fails_is_one_line_with_its_words_and_prints_when_it_is_mended(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, _ = one_phone(phones, tmp_path)
    broken = program(tmp_path / "printer", "echo 'no paper in tray 2' >&2; exit 1")
    workbench = workbench_that_prints(bench, phone, tmp_path, broken)
    heard: list[str] = []
    workbench.notice = heard.append

    def mended() -> bool:
        printer(tmp_path)
        return "1 paper waits" in workbench.typed("print")

    led(workbench, stands(workbench, phone), mended, printed(workbench, phone))

    [line] = [line for line in heard if "printed" in line]
    assert line.startswith("The label of row 1 (P-1) is not printed: ")
    assert 'ended with 1: "no paper in tray 2"; mend that; print here' in line
    assert tray(tmp_path) == ["1-label.pdf"]


def test_a_printer_that_fails_holds_up_no_phone_and_nothing_is_printed_after_it(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    both = phones("clean", "tiktok-personal")
    lines = [f",{at(phone)},Q-{n},q-{at(phone)},,agreed" for n, phone in enumerate(both)]
    broken = program(tmp_path / "printer", f"echo x >> {tmp_path}/tried; exit 3")
    path = listed(tmp_path, *lines)

    code, rows = without_cables(bench, "--batch", path, "--print-label", broken, *map(at, both))

    assert code == ExitCode.VIOLATING
    assert {line["paper"] for line in rows.values()} == {"waits"}
    assert (tmp_path / "tried").read_text() == "x\n", "it is tried again when somebody says so"
    assert (bench.folder / "bench.json").exists()

    _, rows = without_cables(bench, "--batch", path, "--print-label", printer(tmp_path), *map(at, both))

    assert {line["paper"] for line in rows.values()} == {"printed"}
    assert len(tray(tmp_path)) == 2


def test_a_printer_that_hangs_is_ended_and_whether_its_paper_came_out_is_a_persons_to_see(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, _ = one_phone(phones, tmp_path)
    hanging = program(tmp_path / "printer", f"echo $$ > {tmp_path}/pid; sleep 600")
    plan = PaperPlan(tmp_path / "paper", printers={PaperKind.LABEL: (hanging,)}, limit_s=0.3)
    line = f"{at(phone)},P-1,p-{at(phone)},agreed"
    workbench = workbench_of(bench, line, addresses=(at(phone),), with_adb=False, paper=plan)

    def once_more() -> bool:
        printer(tmp_path)
        return bool([workbench.typed(words) for words in ("1", "print")])

    led(
        workbench,
        lambda: row(workbench, at(phone)).paper is Paper.UNSURE,
        lambda: row(workbench, at(phone)).needs_hand,
        once_more,
        printed(workbench, phone),
    )

    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    assert tray(tmp_path) == ["1-label.pdf"]


@pytest.mark.parametrize("full_at", [Printed.BEGUN, Printed.NO])
def test_a_disk_that_is_full_while_a_paper_is_printed_is_a_line_and_the_paper_waits(
    bench: Bench, phones: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: Printed
) -> None:
    phone, _ = one_phone(phones, tmp_path)
    words = printer(tmp_path) if full_at is Printed.BEGUN else program(tmp_path / "printer", "exit 1")
    workbench = workbench_that_prints(bench, phone, tmp_path, words)
    heard: list[str] = []
    workbench.notice = heard.append
    note, full = PaperRecords.note, [True]

    def no_room(records: PaperRecords, phone_id: PhoneId, kind: PaperKind, printed: Printed) -> None:
        if full[0] and printed is full_at:
            raise DiskFull(bench.folder / "papers")
        note(records, phone_id, kind, printed)

    monkeypatch.setattr(PaperRecords, "note", no_room)

    def mended() -> bool:
        full[0] = False
        printer(tmp_path)
        return "1 paper waits" in workbench.typed("print")

    led(workbench, stands(workbench, phone), mended, printed(workbench, phone))

    cause = "the disk is full" if full_at is Printed.BEGUN else "ended with 1"
    assert [cause in line for line in heard if "is not printed" in line] == [True]
    assert tray(tmp_path) == ["1-label.pdf"]


def test_a_printer_that_is_gone_is_said_with_its_name(bench: Bench, phones: Any, tmp_path: Path) -> None:
    phone, _ = one_phone(phones, tmp_path)
    workbench = workbench_that_prints(bench, phone, tmp_path, str(tmp_path / "nowhere"))

    led(workbench, stands(workbench, phone))

    assert "nowhere cannot be started: No such file or directory" in row(workbench, at(phone)).paper_problem


@pytest.mark.parametrize("command", ["no-such-printer -d labels", "", "lp 'unfinished"])
def test_a_command_that_names_no_program_is_refused_before_a_phone_is_looked_at(
    command: str, bench: Bench
) -> None:
    assert bench.agent("bench", "--once", "--no-cables", "--print-label", command)[0] == ExitCode.WRONG_USE
    assert "--print-label" in bench.said


def test_what_was_printed_is_printed_once_more_only_by_order(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, _ = one_phone(phones, tmp_path)
    workbench = workbench_that_prints(bench, phone, tmp_path, printer(tmp_path))

    def typed(*lines: str) -> Callable[[], bool]:
        return lambda: bool([workbench.typed(line) for line in lines])

    led(
        workbench,
        printed(workbench, phone),
        typed("1", "print"),
        lambda: len(tray(tmp_path)) == 2,
        printed(workbench, phone),
    )


def test_a_bench_without_paper_says_so_to_whoever_wants_to_print(bench: Bench, phones: Any) -> None:
    [phone] = phones("clean")
    workbench = workbench_of(bench, addresses=(at(phone),), with_adb=False)

    assert workbench.typed("print").startswith("This bench makes no paper: begin it with --paper")


def test_a_folder_that_cannot_be_written_costs_the_paper_and_no_check(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, _ = one_phone(phones, tmp_path, "clean")
    (tmp_path / "paper").write_text("a file")
    plan = PaperPlan(tmp_path / "paper")
    line = f"{at(phone)},P-1,p-{at(phone)},agreed"
    workbench = workbench_of(bench, line, addresses=(at(phone),), with_adb=False, paper=plan)

    led(workbench, lambda: row(workbench, at(phone)).paper is Paper.FAILED)

    done = row(workbench, at(phone))
    assert (done.word, done.needs_hand) == ("compliant", True)
    assert "paper" in done.to_do
    assert done.code is ExitCode.COMPLIANT


@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
def test_a_bench_that_is_killed_while_it_makes_or_prints_paper_prints_each_at_most_once_by_itself(
    when: When, enforcing: Office, tmp_path: Path
) -> None:
    def words(bench: Bench, phone: VirtualPhone, folder: Path) -> list[str]:
        path = listed(folder, f",{at(phone)},K-1,k-{bench.folder.name},,agreed")
        options = ("--print-label", printer(folder))
        return bench.command_line(
            "bench", "--once", "--json", "--no-cables", "--batch", path, *options, at(phone)
        )

    def folder(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    with enforcing.phone("clean") as phone:
        bench = enforcing.new_bench()
        whole = run_agent(words(bench, phone, folder("whole")), bench.folder / "said")
    steps = 0
    # The paper is the end of the work: kept label, kept receipt, their records, before and after printing, the rows.
    for number in range(whole.steps, max(0, whole.steps - 14), -3):
        with enforcing.phone("clean") as phone:
            bench, here = enforcing.new_bench(), folder(f"{when.value}-{number}")
            killed = run_agent(words(bench, phone, here), bench.folder / "said", when, number)
            steps += killed.exit_code == -signal.SIGKILL

            again = run_agent(words(bench, phone, here), bench.folder / "said")

            assert again.exit_code == ExitCode.COMPLIANT, again.said
            [known] = bench.station().phones()
            record = PaperRecords(bench.folder).of(known.phone_id)[PaperKind.LABEL]
            assert record.printed in (Printed.YES, Printed.BEGUN)
            assert len(tray(here)) <= 1, number
            assert len(tray(here)) == 1 or record.printed is Printed.BEGUN, number
    assert steps >= 3, "otherwise nothing was cut off"


def test_each_line_for_programs_tells_of_paper_as_promised(bench: Bench, phones: Any, tmp_path: Path) -> None:
    phone, path = one_phone(phones, tmp_path)

    _, output = bench.agent(
        "bench",
        "--once",
        "--json",
        "--no-cables",
        "--batch",
        path,
        "--print-label",
        printer(tmp_path),
        at(phone),
    )

    assert all(is_valid(json.loads(line)) for line in output.splitlines())
    assert '"stage": "label"' in output


def test_a_bench_that_goes_on_without_paper_leaves_no_phone_at_that_stage(
    bench: Bench, phones: Any, tmp_path: Path
) -> None:
    phone, path = one_phone(phones, tmp_path, "clean")
    broken = program(tmp_path / "printer", "exit 1")
    without_cables(bench, "--batch", path, "--print-label", broken, at(phone))

    code, rows = without_cables(bench, "--batch", path, at(phone))

    assert (code, rows[at(phone)]["stage"]) == (ExitCode.COMPLIANT, Stage.DONE.value)
    assert rows[at(phone)]["paper"] == "none"
    assert not (bench.folder / "bench.json").exists(), "all is finished"
