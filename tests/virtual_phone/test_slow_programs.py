"""A phone can be told that its programs take their time, as on a cheap one under load."""

from __future__ import annotations

import time
from pathlib import Path

from agent_scripts.virtual_phone import VirtualPhone
from tests.virtual_phone.conftest import Computer


def test_programs_cost_time_and_what_the_shell_does_itself_does_not(
    tmp_path: Path, computer: Computer
) -> None:
    with VirtualPhone("pixel-14", tmp_path / "phone") as phone:
        phone.authorise(computer.key_line)
        device = computer.connect(phone)
        phone.userland.make_programs_cost(0.4)
        begun = time.monotonic()
        assert (
            device.shell(
                "cat /proc/uptime >/dev/null; sed -n '1,$p' </dev/null; dumpsys user | head -n 0; echo x"
            )
            == "x\n"
        )
        slow = time.monotonic() - begun
        begun = time.monotonic()
        assert device.shell("n=0; while [ $n -lt 50 ]; do n=$((n + 1)); done; echo $n") == "50\n"
        shell_alone = time.monotonic() - begun

    assert slow >= 3 * 0.4
    assert shell_alone < slow


def test_a_slow_phone_answers_as_before_and_can_be_fast_again(tmp_path: Path, computer: Computer) -> None:
    question = (
        "getprop ro.product.model; echo a-b | sed s/a/c/; stat -c %u /data/local/tmp; sh -c 'echo $1' x y"
    )
    with VirtualPhone("pixel-14", tmp_path / "phone") as phone:
        phone.authorise(computer.key_line)
        device = computer.connect(phone)
        before = device.shell(question)
        phone.userland.make_programs_cost(0.05)
        assert device.shell(question) == before
        phone.userland.make_programs_cost(0)
        assert device.shell(question) == before
        assert not phone.userland.programs.with_name("programs-behind").joinpath("sed").exists()
