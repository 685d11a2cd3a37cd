"""Framework programs called from the phone's shell: arguments in, two texts and an exit code out."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from adb_shell.adb_device import AdbDeviceTcp

from agent_scripts.virtual_phone import AndroidModel, VirtualPhone
from agent_scripts.virtual_phone.calls import Counter as PhoneCalls
from agent_scripts.virtual_phone.framework_answers import FrameworkAnswer

OUTLOOK = "com.microsoft.office.outlook"


def test_stdout_stderr_and_exit_code_are_told_apart(device: AdbDeviceTcp) -> None:
    command = "cd /data/local/tmp; cmd nothing >out 2>err; echo $?; cat out; cat err"
    assert device.shell(command) == "20\ncmd: Can't find service: nothing\n"


def test_arguments_keep_blanks_quotes_and_line_breaks(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    device.shell("""settings put global 'a key' "it's  \\"quoted\\"
two lines, ünï, \\\\back, %s, -n" """)
    assert phone.calls[-1][-1] == 'it\'s  "quoted"\ntwo lines, ünï, \\back, %s, -n'


def test_empty_arguments_arrive(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    device.shell("settings put global key ''")
    assert phone.calls[-1] == ("settings", "put", "global", "key", "")


def test_a_dump_can_be_cut_in_a_pipe(device: AdbDeviceTcp) -> None:
    assert device.shell(f"dumpsys package {OUTLOOK} | head -n 1") == "Activity Resolver Table:\n"


def test_many_calls_at_once_get_their_own_answers(device: AdbDeviceTcp) -> None:
    command = (
        "for n in 1 2 3 4 5 6 7 8; do (settings put global k$n v$n; settings get global k$n) & done; wait"
    )
    assert sorted(device.shell(command).split()) == [f"v{n}" for n in range(1, 9)]


def test_an_answer_keeps_its_bytes(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    with phone.model.changing() as data:
        data.users[10].name = " Wörk \u202e profile} : "
    assert (
        device.shell("pm list users").splitlines()[2]
        == "\tUserInfo{10: Wörk \u202e profile} : :1030} running"
    )


def test_a_change_is_in_the_folder_at_once(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    assert (
        device.shell(f"pm disable-user --user 10 {OUTLOOK}")
        == f"Package {OUTLOOK} new state: disabled-user\n"
    )
    kept = json.loads((phone.folder / "model.json").read_text())
    assert kept["packages"][OUTLOOK]["users"]["10"]["enabled"] == 3


def test_the_kept_state_can_be_read_back(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    device.shell(f"pm disable-user --user 10 {OUTLOOK}")
    kept = AndroidModel.from_json((phone.folder / "model.json").read_text())
    assert kept.state(10, OUTLOOK) == phone.model.state(10, OUTLOOK)
    assert kept.to_json() == phone.model.to_json()


def test_nothing_of_a_call_is_left_behind(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    device.shell("pm list users; dumpsys user | head -n 1; cmd nothing")
    device.shell("true")
    left = Counter(path.name.partition(".")[0] for path in phone.userland.calls.iterdir())
    assert left == {"asks": 1, "ready": 8}


def test_a_mistake_of_the_model_is_told_at_once_and_the_next_call_is_served(device: AdbDeviceTcp) -> None:
    said = device.shell("cmd package list packages --uid x; echo $?; pm list users")
    assert "virtual phone: ValueError" in said
    assert "\n255\n" in said
    assert "UserInfo{0:" in said


def test_what_was_asked_before_a_reboot_is_not_done_after_it(tmp_path: Path) -> None:
    served: list[Sequence[str]] = []

    async def answering(_program: str, args: Sequence[str]) -> FrameworkAnswer:
        served.append(args)
        return FrameworkAnswer()

    async def reboot_while_two_ask() -> None:
        calls = PhoneCalls(tmp_path, answering)
        for caller in ("101", "102"):
            (tmp_path / f"{caller}.ask").write_text("cmd\0package\0disable-user")
            (tmp_path / "asks").write_text(f"{caller}\n")
        calls.forget_all()
        await asyncio.sleep(0.01)
        calls.close()

    asyncio.run(reboot_while_two_ask())

    assert served == []
