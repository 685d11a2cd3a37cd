"""A phone in the shell of an unpacked system is read, acts and is watched as on the stand-ins."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agent_scripts import exchange
from agent_scripts.virtual_phone import VirtualPhone, VirtualPhoneError
from agent_scripts.virtual_phone.command import serve_by_hand
from agent_scripts.virtual_phone.personalities import LYNC, TIKTOK
from policy.names import PackageName, UserNumber
from policy.observation import Observation
from tests.on_phone.bench import FOLDER, NOW, PHONE_ID, WORK_POLICY, WatchedPhone, eventually
from tests.system_root.conftest import MakeGenuine, needs_root
from tests.virtual_phone.conftest import Computer, computer  # noqa: F401

pytestmark = needs_root


def observed(phone: WatchedPhone) -> Observation:
    question = exchange.ReadingQuestion(WORK_POLICY.named_packages, WORK_POLICY.owners, PHONE_ID)
    return question.parse(phone.shell(question.command).encode()).observation


def off(phone: WatchedPhone) -> bool:
    return (phone.state(), phone.state(LYNC)) == (3, 3)


def back(phone: WatchedPhone) -> bool:
    return (phone.state(), phone.state(LYNC)) == (0, 0)


def test_a_phone_is_read_to_the_last_word(genuine: MakeGenuine) -> None:
    seen = observed(genuine())
    assert seen.unreadable == ()
    assert [user.number for user in seen.users] == [0, 10]
    states = seen.packages[PackageName(TIKTOK)].states
    assert (states[UserNumber(0)].installed, states[UserNumber(10)].installed) == (True, False)


def test_the_script_switches_off_and_puts_back(genuine: MakeGenuine) -> None:
    phone = genuine()
    phone.plan()
    phone.curfew(f"once {NOW}")
    assert off(phone)
    phone.phone.model.uninstall(0, TIKTOK)
    phone.curfew(f"once {NOW + 60}")
    assert back(phone)


def processes_know_when_they_began(phone: WatchedPhone) -> bool:
    """Whether a process is told the same start of itself as others are told of it.

    qemu makes up a stat of its own for whoever asks about itself, and the script, which is known by its
    start, then seems to be another process (docs/android/stand-ins.md, "Trying on a phone's own shell").
    """
    own, seen = phone.shell("read -r own </proc/$$/stat; echo $own; cat /proc/$$/stat; :").splitlines()
    return own.rpartition(")")[2].split()[19] == seen.rpartition(")")[2].split()[19]


def test_the_script_watches_and_acts(genuine: MakeGenuine) -> None:
    phone = genuine(banned=False)
    phone.plan()
    phone.curfew(f"start {NOW}")
    if processes_know_when_they_began(phone):
        eventually(lambda: phone.runs, "the script does not run")
    phone.phone.model.install(0, TIKTOK)
    eventually(lambda: off(phone), "the work apps stayed on")
    phone.phone.model.uninstall(0, TIKTOK)
    eventually(lambda: back(phone), "the work apps stayed off")


def test_commands_run_as_a_phones_shell_user(genuine: MakeGenuine) -> None:
    phone = genuine()
    assert (
        phone.shell("id -u; echo hers >/data/local/tmp/hers; stat -c %u /data/local/tmp/hers")
        == "2000\n2000\n"
    )
    assert phone.phone.userland.host_path("/data/local/tmp/hers").read_text() == "hers\n"


def test_nothing_can_be_written_to_the_system(genuine: MakeGenuine, system: Path) -> None:
    before = sorted(system.rglob("*"))
    said = genuine().shell("echo x >/system/written; echo x >/system/bin/written; echo $?")
    assert said.endswith("1\n")
    assert sorted(system.rglob("*")) == before


def test_a_phone_that_ends_leaves_no_mount(genuine: MakeGenuine) -> None:
    phone = genuine(banned=False)
    phone.plan()
    phone.curfew(f"start {NOW}")
    assert _processes_of(phone)
    phone.phone.reboot()
    assert str(phone.phone.folder) not in Path("/proc/self/mounts").read_text()
    eventually(lambda: not _processes_of(phone), "the script outlived adbd")


def _processes_of(phone: WatchedPhone) -> list[Path]:
    tag = f"CURFEW_VIRTUAL_PHONE={phone.phone.userland.tag}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            found += [entry] if tag in (entry / "environ").read_bytes().split(b"\0") else []
        except OSError:
            continue  # gone meanwhile
    return found


def test_a_pushed_file_belongs_to_the_shell(genuine: MakeGenuine, computer: Computer, tmp_path: Path) -> None:  # noqa: F811
    phone = genuine().phone
    phone.authorise(computer.key_line)
    (tmp_path / "pushed").write_text("word\n")
    device = computer.connect(phone, timeout_s=60)
    device.push(str(tmp_path / "pushed"), f"{FOLDER}-made/pushed")
    said = device.shell(f"cat {FOLDER}-made/pushed; rm {FOLDER}-made/pushed && stat -c %u {FOLDER}-made")
    device.close()
    assert said == "word\n2000\n"


def test_a_folder_without_a_shell_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        VirtualPhoneError, match=r"expected system/bin/sh in it, found none; docs/android\.md"
    ):
        VirtualPhone("clean", tmp_path / "phone", system_root=tmp_path)


def test_a_dump_without_its_links_is_refused(system: Path, tmp_path: Path) -> None:
    (tmp_path / "system/bin").mkdir(parents=True)
    shutil.copy(system / "system/bin/sh", tmp_path / "system/bin/sh")
    with pytest.raises(
        VirtualPhoneError, match=r"lacks toybox, cat, grep, sed, .*make one to toybox for each"
    ):
        VirtualPhone("clean", tmp_path / "phone", system_root=tmp_path)


def test_another_processor_names_the_way_to_run_it(system: Path, tmp_path: Path) -> None:
    (tmp_path / "system").mkdir()
    shutil.copytree(system / "system/bin", tmp_path / "system/bin", symlinks=True)
    head = bytearray((tmp_path / "system/bin/sh").read_bytes())
    head[18:20] = (243).to_bytes(2, "little")
    (tmp_path / "system/bin/sh").write_bytes(head)
    with pytest.raises(
        VirtualPhoneError, match=r"is built for riscv64 .*`update-binfmts --enable qemu-riscv64`"
    ):
        VirtualPhone("clean", tmp_path / "phone", system_root=tmp_path)


def test_who_is_not_root_is_told(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert serve_by_hand("pixel-14", 0, tmp_path, system) == 1
    assert "only root may make; run this as root" in capsys.readouterr().err
