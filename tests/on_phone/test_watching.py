"""The script's life on a phone: it survives its starter, is alone, notices changes, and ends with adbd."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import timedelta

import pytest

from agent_scripts.virtual_phone.personalities import LYNC, OUTLOOK, TIKTOK
from policy.document import Family
from policy.ledger import EntryState
from policy.names import PackageName
from tests.on_phone.bench import MARKER, NOW, WORK_POLICY, WatchedPhone, eventually
from tests.on_phone.conftest import MakeWatched
from tests.virtual_phone.conftest import Computer, computer  # noqa: F401
from tests.virtual_phone.test_phone_platform_adb import Adb, adb, platform_adb  # noqa: F401


def started(watched: MakeWatched, kind: str = "tiktok-personal", **parts: object) -> WatchedPhone:
    phone = watched(kind)
    phone.plan(**parts)  # type: ignore[arg-type]
    assert phone.curfew(f"start {NOW}")[0].startswith("running ")
    return phone


def off(phone: WatchedPhone) -> bool:
    return (phone.state(), phone.state(LYNC)) == (3, 3)


def back(phone: WatchedPhone) -> bool:
    return (phone.state(), phone.state(LYNC)) == (0, 1)


# Surviving --------------------------------------------------------------------------------------------------


def test_it_outlives_the_terminal_that_started_it(watched: MakeWatched, computer: Computer) -> None:  # noqa: F811
    phone = watched("clean")
    phone.plan()
    phone.phone.authorise(computer.key_line)
    device = computer.connect(phone.phone, timeout_s=20)
    answer = device.shell(phone.command(f"start {NOW}"))
    device.close()

    assert "\nrunning " in answer
    phone.phone.model.install(0, TIKTOK)
    eventually(lambda: off(phone), "the work apps stayed on")


@pytest.mark.skipif(platform_adb() is None, reason="the adbutils wheel of this platform ships no adb")
def test_it_outlives_a_shell_without_a_terminal(watched: MakeWatched, adb: Adb) -> None:  # noqa: F811
    phone = watched("clean")
    phone.plan()
    phone.phone.authorise(adb.key_line)
    address = f"127.0.0.1:{phone.phone.port}"
    adb("connect", address)
    answer = adb("-s", address, "shell", phone.command(f"start {NOW}")).stdout.decode()
    adb("disconnect", address)

    assert "\nrunning " in answer
    phone.phone.model.install(0, TIKTOK)
    eventually(lambda: off(phone), "the work apps stayed on")


def test_a_reboot_ends_it_and_its_record_tells_when_it_watched(watched: MakeWatched) -> None:
    phone = started(watched)
    eventually(lambda: off(phone), "the work apps stayed on")

    phone.phone.reboot()

    assert not phone.runs
    time = phone.curfew("status")[1].split()
    assert time[2] == "0", "a time told before the reboot is not to be trusted"
    assert phone.curfew(f"start {NOW + 3600}")[0].startswith("running ")
    eventually(lambda: len([line for line in phone.spool if line.startswith("started ")]) == 2, "not started")
    starts = [line.split() for line in phone.spool if line.startswith("started ")]
    assert starts[0][3] != starts[1][3], "the boots differ"
    assert off(phone)


# One instance -----------------------------------------------------------------------------------------------


def test_a_second_start_takes_the_place_of_the_first(watched: MakeWatched) -> None:
    phone = started(watched, "clean")
    first = phone.curfew("status")[0]

    second = phone.curfew(f"start {NOW + 10}")[0]

    assert first != second
    assert [line.split()[0] for line in phone.spool if line.split()[0] in ("started", "stopped")][:2] == [
        "started",
        "stopped",
    ]
    assert phone.watches == [int(second.split()[1])]


def test_two_watches_at_once_are_impossible(watched: MakeWatched) -> None:
    phone = started(watched, "clean")
    (phone.folder / "watch.pid").unlink()

    intruder = phone.started(phone.command("watch"))
    try:
        eventually(lambda: len(phone.spool) >= 3, "the first did not go on")
        assert len([line for line in phone.spool if line.startswith("started ")]) == 1
    finally:
        os.killpg(intruder.pid, signal.SIGKILL)
        intruder.communicate()


def test_a_number_that_another_process_got_is_not_taken_for_the_watch(watched: MakeWatched) -> None:
    phone = watched("clean")
    other = phone.started("sleep 60")
    try:
        (phone.folder / "watch.pid").write_text(f"{other.pid} 12345\n")
        assert phone.curfew("status")[0] == "not-running"
        phone.curfew("stop")
        assert other.poll() is None
    finally:
        other.kill()
        other.communicate()


def test_stop_ends_it_at_once(watched: MakeWatched) -> None:
    phone = started(watched, "clean", poll_s=600)

    phone.curfew("stop")

    assert not phone.runs
    assert phone.spool[-1].startswith("stopped ")


# Noticing ---------------------------------------------------------------------------------------------------


def test_installing_removing_and_updating_are_noticed(watched: MakeWatched) -> None:
    phone = started(watched, "clean")
    model = phone.phone.model

    model.install(0, TIKTOK)
    eventually(lambda: off(phone), "the work apps stayed on")
    model.update(10, OUTLOOK)
    eventually(lambda: phone.state() == 3, "what an update undid was not put right")
    model.uninstall(0, TIKTOK)
    eventually(lambda: phone.state() == 0 and phone.state(LYNC) == 0, "the work apps stayed off")
    eventually(lambda: not phone.ledger.open_entries, "the ledger is not settled")
    assert phone.told == ["Work apps are back"]


def test_where_the_counter_is_not_known_the_interval_alone_counts(watched: MakeWatched) -> None:
    phone = watched("clean")
    phone.phone.faults.refuse("dumpsys", "package", "changes", text="Unknown option: changes\n")
    phone.plan()
    phone.curfew(f"start {NOW}")
    eventually(lambda: any(line.startswith("alive ") for line in phone.spool), "no first check")

    seen = len(phone.phone.calls)
    phone.phone.model.install(0, TIKTOK)
    phone.curfew("stop")

    assert ("dumpsys", "package", TIKTOK) not in list(phone.phone.calls)[seen:]


def test_an_answer_that_fails_once_does_not_end_the_looking(watched: MakeWatched) -> None:
    phone = started(watched, "clean")
    eventually(lambda: any(line.startswith("alive ") for line in phone.spool), "no first check")
    looks = ("dumpsys", "package", "changes")
    phone.phone.faults.refuse(*looks, text="Can't find service: package\n")
    before = len(phone.phone.calls)
    eventually(lambda: list(phone.phone.calls)[before:].count(looks) >= 2, "it did not look again")

    phone.phone.faults.clear()
    phone.phone.model.install(0, TIKTOK)

    eventually(lambda: off(phone), "the work apps stayed on")


# Time and the plan's end ------------------------------------------------------------------------------------


def checked(
    watched: MakeWatched, now: int = NOW, kind: str = "tiktok-personal", **parts: object
) -> WatchedPhone:
    phone = watched(kind)
    phone.plan(**parts)  # type: ignore[arg-type]
    phone.curfew(f"once {now}")
    return phone


def test_nothing_new_is_disabled_when_the_plan_is_too_old(watched: MakeWatched) -> None:
    phone = checked(watched, NOW + 72 * 3600 + 1)

    assert back(phone)
    assert any("violating" in line for line in phone.spool)


def test_everything_is_restored_at_the_end(watched: MakeWatched) -> None:
    phone = checked(watched)
    assert off(phone)

    phone.curfew(f"once {int(WORK_POLICY.ends_at.timestamp())}")

    assert back(phone)
    assert phone.told == ["Work apps are back"]
    assert [entry.state for entry in phone.ledger.entries] == [EntryState.RESTORED] * 2


def test_a_station_far_behind_an_earlier_one_is_not_believed(watched: MakeWatched) -> None:
    phone = checked(watched, NOW - 3600, kind="clean")
    phone.phone.model.install(0, TIKTOK)

    answer = phone.curfew(f"once {NOW - 3600 - 301}")

    assert answer[1].split()[2] == "0"
    assert phone.state() == 0
    phone.curfew(f"once {NOW}")
    assert phone.state() == 3


def test_a_time_told_before_a_reboot_is_not_counted_on(watched: MakeWatched) -> None:
    phone = watched("tiktok-personal")
    phone.plan()
    (phone.folder / "clock").write_text(f"another-boot 1 {NOW} 1\n")

    time = phone.curfew("once")[1].split()

    assert time[1:3] == [str(NOW), "0"]
    assert back(phone)


def test_the_phones_own_clock_is_reported_and_not_believed(watched: MakeWatched) -> None:
    phone = watched("tiktok-personal")
    phone.phone.model.set_clock(-400 * 86400)
    phone.plan()

    time = phone.curfew(f"once {NOW}")[1].split()

    assert abs(int(time[1]) - NOW) < 60
    assert int(time[3]) != int(time[1])
    assert off(phone)


def test_before_the_deadline_the_owner_is_told_once(watched: MakeWatched) -> None:
    later = replace(WORK_POLICY, deadline=WORK_POLICY.deadline + timedelta(days=30))
    phone = watched("tiktok-personal")
    phone.plan(later)
    phone.curfew(f"once {NOW}")
    phone.curfew("once")
    phone.curfew("once")

    assert back(phone)
    posts = [call for call in phone.phone.calls if call[:3] == ("cmd", "notification", "post")]
    assert [post[-1] for post in posts] == ["Remove it; it's 'HOME 'time'"]


def posts(phone: WatchedPhone) -> list[str]:
    return [call[-1] for call in phone.phone.calls if call[:3] == ("cmd", "notification", "post")]


def test_an_owner_who_followed_a_reminder_is_told_once_that_nothing_is_left_to_do(
    watched: MakeWatched,
) -> None:
    phone = watched("tiktok-personal")
    phone.plan(replace(WORK_POLICY, deadline=WORK_POLICY.deadline + timedelta(days=30)))
    phone.curfew(f"once {NOW}")
    phone.phone.model.uninstall(0, TIKTOK)
    phone.curfew("once")
    phone.curfew("once")

    assert posts(phone)[1:] == ["Work apps are back"]


def test_an_owner_reminded_by_the_station_is_told_so_by_the_script(watched: MakeWatched) -> None:
    phone = watched("clean")
    phone.plan(replace(WORK_POLICY, deadline=WORK_POLICY.deadline + timedelta(days=30)))
    phone.curfew(f"once {NOW}")
    assert posts(phone) == []
    (phone.folder / "notice").write_text("remind\n")
    phone.curfew("once")
    phone.curfew("once")

    assert posts(phone) == ["Work apps are back"]


def test_where_shells_cannot_tell_the_owner_it_goes_on(watched: MakeWatched) -> None:
    phone = watched("pixel-9")
    phone.phone.model.install(0, TIKTOK)
    phone.plan()
    phone.curfew(f"once {NOW}")

    assert phone.state() == 3
    assert phone.told == []


def test_without_opting_in_nothing_is_disabled(watched: MakeWatched) -> None:
    phone = checked(watched, on_phone=False)

    assert back(phone)
    assert any("violating" in line for line in phone.spool)


def test_a_closed_place_is_told_and_left_alone(watched: MakeWatched) -> None:
    phone = checked(watched, kind="closed-work-profile")

    assert phone.state() == 0
    assert any(line.endswith("violating 0 enforce ok") for line in phone.spool)


def test_restore_needs_neither_plan_nor_time(watched: MakeWatched) -> None:
    phone = checked(watched)
    for name in ("plan", "clock"):
        (phone.folder / name).unlink()

    phone.curfew("restore")

    assert back(phone)
    assert phone.ledger.open_entries == ()


# The ledger -----------------------------------------------------------------------------------------------------


_HEAD = f"curfew-ledger 1 {MARKER}\n"
_ENTRY = f"entry 10 {OUTLOOK} 0 done 3 2023-03-16T10:00:00+00:00 1\n"


@pytest.mark.parametrize(
    ("ledger", "why"),
    [
        ("curfew-ledger 2 x\n", "head"),
        ("curfew-ledger 1 ab\nend 0\n", "head"),
        (f"{_HEAD}{_ENTRY}", "cut"),
        (f"{_HEAD}{_ENTRY}end 2\n", "end"),
        (f"{_HEAD}end 0\n{_ENTRY}", "end"),
        (f"{_HEAD}{_ENTRY}{_ENTRY}end 2\n", "twice"),
        (f"{_HEAD}note 1\nend 0\n", "line"),
        (_HEAD + _ENTRY.replace(" 0 done", " 2 done") + "end 1\n", "entry"),
        (_HEAD + _ENTRY.replace("done", "begun") + "end 1\n", "entry"),
        (_HEAD + _ENTRY.replace("T10:", "T99:") + "end 1\n", "entry"),
        (_HEAD + _ENTRY.replace("entry 10", "entry x") + "end 1\n", "entry"),
    ],
)
def test_a_damaged_ledger_is_told_and_nothing_is_touched(watched: MakeWatched, ledger: str, why: str) -> None:
    phone = watched("tiktok-personal")
    phone.plan()
    (phone.folder / "ledger").write_text(ledger)

    answer = phone.curfew(f"once {NOW}")

    assert answer[-1] == f"ledger {why}"
    assert back(phone)
    assert (phone.folder / "ledger").read_text() == ledger
    assert phone.curfew("restore") == [f"failed ledger {why}"]


def test_an_entry_of_a_vanished_user_is_closed(watched: MakeWatched) -> None:
    phone = watched("clean")
    phone.plan()
    gone = _ENTRY.replace("entry 10", "entry 77")
    (phone.folder / "ledger").write_text(f"{_HEAD}{gone}end 1\n")

    phone.curfew(f"once {NOW}")

    assert [entry.state for entry in phone.ledger.entries] == [EntryState.GONE]


def test_where_users_cannot_be_counted_nothing_is_judged(watched: MakeWatched) -> None:
    phone = checked(watched)
    phone.phone.model.uninstall(0, TIKTOK)
    phone.phone.faults.refuse("dumpsys", "package", "com.android.shell", text="Error: no\n")

    phone.curfew("once")

    assert phone.spool[-1].endswith(" unreadable 0 enforce users")
    assert off(phone)
    phone.curfew("restore")
    assert back(phone), "to put back what we changed, nobody has to be counted"


def test_after_three_rounds_with_its_owner_an_app_stays_on(watched: MakeWatched) -> None:
    phone = checked(watched)
    rounds = []
    for minute in range(1, 5):
        phone.phone.model.press_enable(10, OUTLOOK)
        phone.curfew(f"once {NOW + 60 * minute}")
        rounds += [(e.rounds, phone.state()) for e in phone.ledger.entries if e.package == OUTLOOK]

    assert rounds == [(2, 3), (3, 3), (4, 1), (4, 1)]
    assert phone.state(LYNC) == 3
    assert any(line.endswith("violating 0 enforce ok") for line in phone.spool)


def test_a_step_that_was_begun_and_not_done_is_no_round(watched: MakeWatched) -> None:
    phone = checked(watched)
    for entry in phone.ledger.entries:
        phone.phone.model.set_enabled(10, entry.package, entry.prior.value)
    ledger = (phone.folder / "ledger").read_text()
    (phone.folder / "ledger").write_text(ledger.replace(" done ", " intended "))

    phone.curfew("once")

    assert off(phone)
    assert {entry.rounds for entry in phone.ledger.entries} == {1}


# Plans ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"bundle": 2}, "older"),
        ({"fleet": 0, "made_at": NOW - 7200}, "older"),
        ({"phone_id": "00000000-0000-0000-0000-000000000000"}, "phone"),
        ({"marker": "abcd"}, "phone"),
    ],
)
def test_a_plan_that_is_older_or_anothers_leaves_the_last_one_in_force(
    watched: MakeWatched, parts: dict[str, object], why: str
) -> None:
    phone = checked(watched)
    before = (phone.folder / "plan").read_bytes()

    phone.plan(**{"banned": (), **parts})  # type: ignore[arg-type]
    phone.curfew("once")

    assert (phone.folder / "plan").read_bytes() == before
    assert off(phone)
    assert any(line.endswith(f" refused {why}") for line in phone.spool)


def test_a_damaged_plan_leaves_the_last_one_in_force_and_is_told(watched: MakeWatched) -> None:
    phone = checked(watched)
    phone.give((phone.folder / "plan").read_bytes()[:-1])

    answer = phone.curfew("once")

    assert any(line.startswith("refused ") for line in answer)
    assert off(phone)


@pytest.mark.parametrize("again", ["once", f"once {NOW + 60}"])
@pytest.mark.parametrize("harm", ["cut", "unknown", "gone"])
def test_harm_to_the_plan_in_force_leaves_it_in_force(watched: MakeWatched, harm: str, again: str) -> None:
    phone = checked(watched, kind="clean")
    plan = phone.folder / "plan"
    good = plan.read_bytes()
    match harm:
        case "cut":
            plan.write_bytes(good[:-1])
        case "unknown":
            plan.write_bytes(good.replace(b"\nname ", b"\nnome "))
        case "gone":
            plan.unlink()
    phone.phone.model.install(0, TIKTOK)

    answer = phone.curfew(again)
    phone.curfew("once")

    assert off(phone), "it judges by the plan that was good"
    assert plan.read_bytes() == good
    told = [line for line in phone.spool if " refused " in line]
    assert len(told) == (0 if harm == "gone" else 1), "it is told, and once"
    assert any(line.startswith("refused ") for line in answer) == bool(told)


def test_a_watch_goes_on_with_the_plan_that_was_harmed_under_it(watched: MakeWatched) -> None:
    phone = started(watched, "clean")
    eventually(lambda: any(line.startswith("alive ") for line in phone.spool), "no first check")
    (phone.folder / "plan").write_text("curfew-plan 1\n")

    phone.phone.model.install(0, TIKTOK)

    eventually(lambda: off(phone), "the work apps stayed on")
    assert [line.split()[2:] for line in phone.spool if " refused " in line] == [["refused", "cut"]]


def test_no_older_plan_is_taken_while_the_one_in_force_is_harmed(watched: MakeWatched) -> None:
    phone = checked(watched)
    (phone.folder / "plan").write_text("x\n")

    phone.plan(banned=(), bundle=2)
    phone.curfew("once")

    assert off(phone)
    assert [line.split()[-1] for line in phone.spool if " refused " in line] == ["cut", "older"]


def test_where_both_copies_of_the_plan_are_harmed_nothing_is_done(watched: MakeWatched) -> None:
    phone = checked(watched)
    for name in ("plan", "plan.kept"):
        (phone.folder / name).write_text("x\n")
    phone.phone.model.uninstall(0, TIKTOK)

    phone.curfew("once")

    assert off(phone)
    assert phone.spool[-1].endswith(" unreadable 0 none plan")
    phone.plan(bundle=4)
    phone.curfew("once")
    assert back(phone)


@pytest.mark.parametrize("name", ["com.android.shell", TIKTOK])
def test_a_filter_that_the_phone_refuses_is_the_verdicts_word(watched: MakeWatched, name: str) -> None:
    phone = checked(watched)
    programs = phone.phone.userland.programs
    (programs / "sed").rename(programs / "real-sed")
    toybox = (programs / "real-sed").resolve()
    word = name.replace(".", r"\.")
    case = f"case $* in *'{word}'*) exit 1 ;; esac"
    (programs / "sed").write_text(f'#!{programs}/sh\n{case}\nexec {toybox} sed "$@"\n')
    (programs / "sed").chmod(0o755)
    phone.phone.model.uninstall(0, TIKTOK)

    phone.curfew("once")

    assert phone.spool[-1].endswith(" filter")
    assert " unreadable " in phone.spool[-1]
    assert off(phone)


def test_a_good_plan_ends_the_talk_of_a_refused_one(watched: MakeWatched) -> None:
    phone = checked(watched)
    (phone.folder / "plan").write_text("x\n")
    phone.plan(bundle=4)

    answer = phone.curfew("once")

    assert [line.split()[1] for line in answer if line.startswith("plan ")] == ["4"]
    assert not any(line.startswith("refused ") for line in answer)


def test_a_newer_plan_is_taken_over(watched: MakeWatched) -> None:
    phone = checked(watched)
    phone.plan(lifted=True, bundle=4)
    phone.curfew("once")

    assert back(phone)


def test_without_a_plan_nothing_is_done(watched: MakeWatched) -> None:
    phone = watched("tiktok-personal")
    phone.curfew(f"once {NOW}")

    assert back(phone)
    assert phone.spool == [f"verdict {NOW} unreadable 0 none plan"]


def test_without_a_plan_it_waits_for_the_next_station(watched: MakeWatched) -> None:
    phone = watched("tiktok-personal")
    phone.curfew(f"start {NOW}")
    eventually(lambda: any(line.startswith("alive ") for line in phone.spool), "no first check")

    phone.curfew("stop")

    assert [line.split()[0] for line in phone.spool] == ["started", "verdict", "alive", "stopped"]


def test_an_open_folder_is_not_worked_in(watched: MakeWatched) -> None:
    phone = watched("tiktok-personal")
    phone.plan()
    phone.folder.chmod(0o755)

    assert phone.curfew(f"once {NOW}") == ["failed folder"]
    assert phone.curfew("status") == ["failed folder"]
    assert back(phone)


# Slow phones ------------------------------------------------------------------------------------------------


def test_told_to_stop_in_the_middle_of_a_check_it_ends_at_once_and_says_nothing_of_that_check(
    watched: MakeWatched,
) -> None:
    phone = watched("tiktok-personal")
    many = tuple(PackageName(f"com.example.app{number}") for number in range(40))
    phone.plan(replace(WORK_POLICY, families=(Family("tiktok", (*many, PackageName(TIKTOK))),)))
    phone.phone.calls.clear()
    phone.phone.userland.make_programs_cost(0.1)
    assert phone.curfew(f"start {NOW}")[0].startswith("running ")
    eventually(lambda: ("dumpsys", "package", many[0]) in phone.phone.calls, "it did not check")

    told = phone.curfew("stop")

    assert all(line.startswith("stopping ") for line in told), told
    assert phone.watches == []

    assert ("dumpsys", "package", many[-1]) not in phone.phone.calls
    words = [line.split()[0] for line in phone.spool]
    assert words[-1] == "stopped"
    assert not {"verdict", "action", "alive"} & set(words)
    assert not (phone.folder / "verdict").exists()
    assert (phone.state(), phone.state(LYNC)) == (0, 1)
