"""Between two visits the phone's own script checks, acts and remembers; the next check learns of it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_scripts.exchange.watch_script import SCRIPT_NAME, watch_script
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.ledger import EntryState
from policy.plan import parse_plan
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office, told_done
from tests.check.test_killed_agent import assert_all_agree

FOLDER = "/data/local/tmp/curfew"
AN_APPS_UID = 10_123


def folder_of(phone: VirtualPhone) -> Path:
    return phone.userland.host_path(FOLDER)


def until(condition: Callable[[], bool], what: str) -> float:
    """Wait for what the script does by itself and return the seconds it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < 90:
        if condition():
            return time.monotonic() - begun
        time.sleep(0.05)
    raise AssertionError(f"waited in vain until {what}")


def states(phone: VirtualPhone) -> list[int]:
    return [int(phone.model.state(10, package).enabled) for package in (OUTLOOK, LYNC)]


def watchers(phone: VirtualPhone) -> list[int]:
    """Return the processes on the phone that run the script, without those it forks for a moment."""
    wanted, script = f"CURFEW_VIRTUAL_PHONE={phone.userland.tag}".encode(), SCRIPT_NAME.encode()
    parents = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"watch" in words and any(word.endswith(b"/" + script) for word in words):
                    parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended meanwhile
    return [process for process, parent in parents.items() if parent not in parents]


def watched(bench: Bench) -> dict[str, Any]:
    told: dict[str, Any] = bench.last_report()["watched"]
    return told


def has_noted(phone: VirtualPhone, word: str) -> bool:
    spool = folder_of(phone) / "spool"
    return spool.exists() and f" {word} " in spool.read_text()


def test_the_script_disables_and_restores_by_itself_and_the_next_checks_tell(
    watching: Office, at_desk: Bench
) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        before = states(phone)
        assert at_desk.row(address)[0] == 0
        assert watched(at_desk)["script"] == "started"
        until(lambda: has_noted(phone, "alive"), "it checked once")

        phone.model.install(0, TIKTOK)
        took = until(lambda: states(phone) == [3, 3], "the apps are off")
        print(f"installed to disabled: {took:.1f} s")
        until(lambda: (folder_of(phone) / "spool").read_text().count(" acted done") == 2, "it noted that")
        phone.commands.clear()
        code, row = at_desk.row(address)

        assert (code, row["verdict"]) == (10, "violating")
        assert len(phone.commands) == 1, "collected in the exchange of the reading, nothing was left to do"
        told = watched(at_desk)
        assert (told["script"], told["dropped"], told["damage"], told["problem"]) == ("running", 0, [], "")
        assert [verdict["verdict"] for verdict in told["verdicts"]] == ["compliant", "violating"]
        assert {(a["kind"], a["package"], a["user"], a["result"]) for a in told["actions"]} == {
            ("disable", OUTLOOK, 10, "done"),
            ("disable", LYNC, 10, "done"),
        }
        (span,) = told["spans"]
        assert (span["end"], span["heartbeats"], span["time_trusted"]) == ("running", 1, True)
        assert span["since"] <= told["actions"][0]["at"] <= span["until"]
        assert f"disabled {OUTLOOK} in user 10" in told_done(row)
        assert_all_agree(at_desk, address, EntryState.DONE)

        phone.model.uninstall(0, TIKTOK)
        took = until(lambda: states(phone) == before, "the apps are back")
        print(f"removed to restored: {took:.1f} s")
        until(
            lambda: EntryState.RESTORED.value in (folder_of(phone) / "ledger").read_text(),
            "it is in the ledger",
        )
        until(lambda: (folder_of(phone) / "spool").read_text().count(" restored") == 2, "it noted that")
        code, row = at_desk.row(address)

        assert (code, row["verdict"]) == (0, "compliant")
        later = watched(at_desk)
        assert later["first_line"] == told["last_line"] + 1, "what a report has is not told again"
        assert [(a["kind"], a["result"]) for a in later["actions"]] == [("restore", "done")] * 2
        assert later["spans"][0]["since"] == span["until"]
        assert_all_agree(at_desk, address, EntryState.RESTORED)


def test_a_reboot_ends_it_and_the_next_check_starts_it_again_and_tells_the_gap(
    watching: Office, at_desk: Bench
) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        until(lambda: has_noted(phone, "alive"), "it checked")
        phone.reboot()
        until(lambda: not watchers(phone), "it is dead")
        time.sleep(2)  # the gap
        phone.commands.clear()

        at_desk.row(address)

        told = watched(at_desk)
        assert len(phone.commands) == 2, "one exchange more, to start it"
        assert (told["script"], [span["end"] for span in told["spans"]]) == ("started", ["died"])
        assert len(watchers(phone)) == 1
        until(lambda: (folder_of(phone) / "spool").read_text().count(" alive ") == 2, "it checks again")
        at_desk.row(address)
        (again,) = watched(at_desk)["spans"]
        assert again["end"] == "running"
        assert again["since"] > told["spans"][0]["until"], "nobody watched in between"


def test_a_changed_script_is_never_run_but_replaced(watching: Office, at_desk: Bench) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        script = folder_of(phone) / SCRIPT_NAME
        proof = folder_of(phone).with_name("was-run")
        script.write_text(f"touch {proof}\n")

        at_desk.row(address)

        assert script.read_bytes() == watch_script()
        assert watched(at_desk)["script"] == "started"
        assert not proof.exists()


def test_a_file_that_others_may_write_is_closed_before_the_script_is_started(
    watching: Office, at_desk: Bench
) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        (folder_of(phone) / "plan").chmod(0o666)

        at_desk.row(address)

        assert watched(at_desk)["script"] == "started"
        assert {path.stat().st_mode & 0o777 for path in folder_of(phone).iterdir()} == {0o600}
        assert at_desk.row(address)[0] == 0
        assert watched(at_desk)["script"] == "running"


def test_an_older_version_is_replaced_while_it_runs(watching: Office, at_desk: Bench) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        until(lambda: has_noted(phone, "alive"), "it checked")
        (old,) = watchers(phone)
        script = folder_of(phone) / SCRIPT_NAME
        older = script.with_name("older")
        older.write_bytes(watch_script().replace(b"script_version=1", b"script_version=0"))
        older.rename(script)  # what is on the phone is not this version's, and runs

        at_desk.row(address)

        assert script.read_bytes() == watch_script()
        (new,) = watchers(phone)
        assert new != old
        until(lambda: (folder_of(phone) / "spool").read_text().count(" alive ") >= 1, "the new one checks")
        at_desk.row(address)
        assert watched(at_desk)["damage"] == []


def test_a_phone_never_gets_an_older_plan(watching: Office) -> None:
    with watching.phone("clean") as phone:
        behind, ahead = watching.new_bench(), watching.new_bench()
        address = behind.provision(phone)
        behind.row(address)
        watching.publish(on_phone=True)
        ahead.provision(phone)
        ahead.row(address)
        newest = parse_plan((folder_of(phone) / "plan").read_bytes())
        assert newest.bundle == watching.number

        with behind.without_server():
            behind.row(address)

        assert parse_plan((folder_of(phone) / "plan").read_bytes()) == newest
        assert len(watchers(phone)) == 1


def test_a_damaged_record_is_told_and_what_is_behind_the_damage_is_not_believed(
    watching: Office, at_desk: Bench
) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        until(lambda: has_noted(phone, "alive"), "it checked")
        spool = folder_of(phone) / "spool"
        spool.write_text(spool.read_text().replace("compliant", "violating"))

        _, row = at_desk.row(address)

        told = watched(at_desk)
        assert "not what the script wrote" in told["damage"][0]
        assert told["verdicts"] == []
        assert told["dropped"] >= 1
        assert "not what the script wrote" in row["next_step"]


def test_restoring_ends_the_script_or_it_would_disable_again(watching: Office, at_desk: Bench) -> None:
    with watching.phone("tiktok-personal") as phone:
        before = states(phone)
        address = at_desk.provision(phone)
        at_desk.row(address)
        assert states(phone) == [3, 3]

        at_desk.agent("restore", address, "--yes")

        assert watchers(phone) == []
        assert states(phone) == before
        assert watched(at_desk)["script"] == "removed"
        names = {path.name for path in folder_of(phone).iterdir()}
        assert names == {"phone_id", "marker", "ledger", "lock", "notice"}


def test_unprovisioning_restores_and_leaves_no_trace(
    watching: Office, at_desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching.phone("tiktok-personal") as phone:
        before = states(phone)
        address = at_desk.provision(phone)
        at_desk.row(address)
        assert states(phone) == [3, 3]

        monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
        assert at_desk.agent("unprovision", address)[0] == 2, "nobody said yes"
        assert folder_of(phone).exists()
        code, output = at_desk.agent("unprovision", address, "--yes", "--json")

        assert "removed every trace of Curfew" in output
        assert code in (0, 10)
        assert states(phone) == before
        assert watchers(phone) == []
        assert [path.name for path in folder_of(phone).parent.iterdir()] == []
        assert at_desk.station().phone_at(address) is None
        assert at_desk.agent("check", address)[0] == 13


def test_unprovisioning_keeps_the_folder_while_something_is_not_put_back(
    watching: Office, at_desk: Bench
) -> None:
    with watching.phone("tiktok-personal") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        phone.faults.refuse(
            "cmd", "package", "default-state", text="java.lang.SecurityException: no", exit_code=255
        )

        code, output = at_desk.agent("unprovision", address, "--yes", "--json")

        assert code == 11
        assert "not everything is put back yet" in output
        assert (folder_of(phone) / "ledger").exists()


def test_a_policy_that_wants_no_script_any_more_takes_it_away(watching: Office, at_desk: Bench) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        watching.publish(on_phone=False)
        try:
            at_desk.row(address)
        finally:
            watching.publish(on_phone=True)

        assert watched(at_desk)["script"] == "removed"
        assert watchers(phone) == []
        assert not (folder_of(phone) / SCRIPT_NAME).exists()


def test_a_policy_without_a_script_changes_nothing(bench: Bench, enforcing: Office) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        phone.commands.clear()

        bench.row(address)

        assert len(phone.commands) == 1
        assert "watched" not in bench.last_report()
        assert {path.name for path in folder_of(phone).iterdir()} == {"phone_id", "marker", "ledger", "lock"}


def test_no_app_can_write_into_our_files(watching: Office, at_desk: Bench) -> None:
    """Every file of ours in a folder that is closed to all others, as another uid finds it."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    place.chmod(0o755)
    phone = VirtualPhone("clean", place / "phone", serial="TESTAPP00001")
    phone.authorise_all = True
    try:
        with phone:
            at_desk.row(at_desk.provision(phone))
            ours = folder_of(phone)
            assert ours.stat().st_mode & 0o777 == 0o700
            assert {path.stat().st_mode & 0o777 for path in ours.iterdir()} == {0o600}
            if os.getuid() != 0 or not shutil.which("setpriv"):
                pytest.skip("only root can play an app of another uid; owner and modes were checked")
            # The script on the phone goes on keeping its record: a file with .new is on its way to its name.
            before = {path.name: path.read_bytes() for path in ours.iterdir() if path.suffix != ".new"}
            for folder in (place, *place.rglob("*")):
                if folder.is_dir() and folder != ours:
                    folder.chmod(0o771)  # as /data/local/tmp is: who knows a name may pass
            for name in (*before, "new"):
                assert as_an_app(f"echo : >>{ours / name}") != 0, name
                assert as_an_app(f"rm -f {ours / name}; mv {place} {ours / name}") != 0, name
            assert as_an_app(f"mv {ours} {ours}-away") != 0
            assert as_an_app(f"chmod 777 {ours}") != 0
            assert set(before) <= {path.name for path in ours.iterdir()}
            assert (ours / SCRIPT_NAME).read_bytes() == before[SCRIPT_NAME]
            assert (ours / "plan").read_bytes() == before["plan"]
    finally:
        shutil.rmtree(place)


def as_an_app(command: str) -> int:
    uid = f"--reuid={AN_APPS_UID}"
    words = ["setpriv", uid, f"--regid={AN_APPS_UID}", "--clear-groups", "sh", "-c", command]
    return subprocess.run(words, check=False, capture_output=True, timeout=20).returncode
