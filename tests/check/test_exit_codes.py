"""The exit codes and which of them wins: as a table, and as a technician meets them."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest

import agent_scripts.cli
from agent_scripts.exit_codes import ExitCode, most_urgent
from tests.check.office import TIKTOK, Bench, Office

FROM_THE_MOST_URGENT = (
    ExitCode.WRONG_USE,
    ExitCode.NOT_REACHED,
    ExitCode.UNREADABLE,
    ExitCode.NOT_DONE,
    ExitCode.VIOLATING,
    ExitCode.NOT_SENT,
    ExitCode.COMPLIANT,
)


def test_the_codes_are_few_and_their_numbers_stay() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "COMPLIANT": 0,
        "WRONG_USE": 2,
        "VIOLATING": 10,
        "NOT_DONE": 11,
        "UNREADABLE": 12,
        "NOT_REACHED": 13,
        "NOT_SENT": 14,
    }


def test_of_any_two_codes_the_one_a_person_must_hear_of_first_wins() -> None:
    for one, other in permutations(FROM_THE_MOST_URGENT, 2):
        earlier = min(one, other, key=FROM_THE_MOST_URGENT.index)
        assert most_urgent([one, other]) is earlier


def test_no_phone_at_all_is_no_alarm() -> None:
    assert most_urgent([]) is ExitCode.COMPLIANT


def test_every_code_is_documented() -> None:
    assert ExitCode.__doc__ is not None
    for code in ExitCode:
        assert f"\n    {int(code):<4} {code.name}" in ExitCode.__doc__


def test_the_worst_phone_of_a_bench_decides_and_every_row_keeps_its_own_code(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with (
        enforcing.phone("clean") as clean,
        enforcing.phone("tiktok-personal") as violating,
        enforcing.phone("closed-work-profile") as closed,
        enforcing.phone("tiktok-work") as unreadable,
        enforcing.phone("clean") as away,
    ):
        addresses = bench.provision_all(clean, violating, closed, unreadable, away)
        unreadable.faults.answer_garbage()
        away.stop()
        expected = [0, 10, 11, 12, 13]
        for many in (3, 5):
            code, rows = bench.check(*addresses[:many])
            assert code == expected[many - 1]
            assert {row["address"]: row["exit_code"] for row in rows} == dict(
                zip(addresses[:many], expected, strict=False)
            )


def test_all_done_and_not_sent_is_a_code_of_its_own(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        assert bench.row(address)[0] == ExitCode.COMPLIANT
        with bench.without_server():
            assert bench.row(address)[0] == ExitCode.NOT_SENT

        assert bench.agent("send") == (ExitCode.COMPLIANT, "")


def test_a_lift_makes_a_phone_with_the_banned_app_no_alarm(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        bench.off_by(hours=24 * 34)
        with bench.without_server():
            code, row = bench.row(address)

        assert (row["verdict"], row["exit_code"], code) == ("violating", ExitCode.NOT_SENT, ExitCode.NOT_SENT)


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("check",), "--all"),
        (("check", "--all"), "curfew-agent provision ADDRESS"),
        (("check", "phone 1"), "curfew-agent devices"),
        (("check", "tcp:127.0.0.1:99999"), "correct it"),
        (("provision", "--consent", "agreed"), "curfew-agent devices"),
        (("provision", "--consent", "perhaps"), "agreed"),
        (
            (
                "provision",
                "tcp:127.0.0.1:6001",
                "tcp:127.0.0.1:6002",
                "--consent",
                "agreed",
                "--holder",
                "h-1",
            ),
            "curfew-agent provision tcp:127.0.0.1:6002 --holder REFERENCE",
        ),
        (("provision", "tcp:127.0.0.1:6001", "--consent", "agreed"), "one --holder for each of 1 phone"),
        (("chek",), "Usage"),
        (("restore", "tcp:127.0.0.1:6001", "--rounds", "1"), "Usage"),
        (("enrol", "curfew1:nonsense", "--name", "x", "--organisation-key", "/dev/null"), "new code"),
    ],
)
def test_a_command_that_does_not_say_enough_is_refused_with_what_to_do(
    arguments: tuple[str, ...], advice: str, office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(office, _empty_station(office))

    code, _ = bench.agent(*arguments)

    assert code == ExitCode.WRONG_USE
    assert advice in bench.said


def test_a_folder_that_is_no_station_names_the_command_that_enrols(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    code = agent_scripts.cli.main(["--station", str(office.folder / "nowhere"), "check", "--all"])

    assert code == ExitCode.WRONG_USE
    assert "nowhere enrol CODE" in capsys.readouterr().err


def test_the_story_clock_is_refused_where_the_root_is_no_demo(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _empty_station(office)
    described = json.loads((folder / "station.json").read_text())
    (folder / "station.json").write_text(json.dumps({**described, "demo": False}))
    try:
        code = agent_scripts.cli.main(
            ["--station", str(folder), "--story-clock", str(office.story_clock), "status"]
        )
    finally:
        (folder / "station.json").write_text(json.dumps(described))

    assert code == ExitCode.WRONG_USE
    assert "leave it out" in capsys.readouterr().err


def test_a_phone_that_nobody_provisioned_is_not_reached_and_names_the_command(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = f"tcp:127.0.0.1:{phone.port}"

        code, row = bench.row(address)

        assert code == ExitCode.NOT_REACHED
        assert f"curfew-agent provision {address}" in row["next_step"]
        assert phone.model.package(TIKTOK)


def _empty_station(office: Office) -> Path:
    stations = sorted(office.folder.glob("empty-station*"))
    if stations:
        return stations[0]
    bench = office.new_bench()
    bench.folder.rename(office.folder / "empty-station")
    return office.folder / "empty-station"


def test_a_name_of_the_operator_that_reports_refuse_is_refused_before_any_phone_is_asked(
    bench: Bench,
) -> None:
    code, _ = bench.agent("--operator", "A\u202eB", "check", "tcp:127.0.0.1:6001")

    assert code == ExitCode.WRONG_USE
    assert r'found "A\u202eB"' in bench.said
