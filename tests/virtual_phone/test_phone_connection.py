"""Who may connect to a virtual phone, and what a stranger meets (docs/android/stand-ins.md, "adbd and its clients")."""

from __future__ import annotations

import resource
import socket
import threading
from pathlib import Path

import pytest
from adb_shell.adb_device import AdbDeviceTcp
from adb_shell.exceptions import DeviceAuthError, TcpTimeoutException

from agent_scripts.virtual_phone import PERSONALITIES, VirtualPhone
from agent_scripts.virtual_phone.errors import NoSuchPersonality, PhoneCannotStart
from agent_scripts.virtual_phone.keys import AuthorisedKeys
from tests.virtual_phone.conftest import Computer, PhoneMaker


def test_a_known_key_connects(phone: VirtualPhone, computer: Computer) -> None:
    device = computer.connect(phone)
    assert device.available
    device.close()


def test_an_unknown_key_meets_silence(phone: VirtualPhone, stranger: Computer) -> None:
    with pytest.raises(TcpTimeoutException):
        stranger.connect(phone, timeout_s=0.3)


def test_no_key_at_all_is_refused_at_once(phone: VirtualPhone) -> None:
    with pytest.raises(DeviceAuthError):
        AdbDeviceTcp("127.0.0.1", phone.port).connect(rsa_keys=None)


def test_a_computer_with_several_keys_is_known_by_any_of_them(
    phone: VirtualPhone, computer: Computer, stranger: Computer
) -> None:
    device = AdbDeviceTcp("127.0.0.1", phone.port)
    assert device.connect(rsa_keys=[stranger.signer, computer.signer], auth_timeout_s=5)
    device.close()


def test_the_owner_taps_allow_while_the_computer_waits(phone: VirtualPhone, stranger: Computer) -> None:
    asked = threading.Event()
    phone.on_unknown_key = lambda _: asked.set()

    def tap() -> None:
        asked.wait(5)
        phone.authorise(stranger.key_line)

    finger = threading.Thread(target=tap)
    finger.start()
    device = stranger.connect(phone)
    finger.join()
    assert device.shell("echo hello") == "hello\n"
    device.close()


def test_an_owner_who_allows_everybody_needs_no_tap(make_phone: PhoneMaker, computer: Computer) -> None:
    phone = make_phone(knows=False)
    phone.authorise_all = True
    device = computer.connect(phone)
    assert device.shell("echo hello") == "hello\n"
    device.close()


def test_a_restarted_phone_knows_its_keys_and_its_state(tmp_path: Path, computer: Computer) -> None:
    first = VirtualPhone("pixel-14", tmp_path / "phone")
    first.authorise(computer.key_line)
    first.model.install(0, "com.example.app")
    second = VirtualPhone("pixel-14", tmp_path / "phone")
    with second:
        device = computer.connect(second)
        assert device.shell("pm list packages com.example") == "package:com.example.app\n"
        device.close()


def test_a_second_computer_works_beside_the_first(phone: VirtualPhone, computer: Computer) -> None:
    first, second = computer.connect(phone), computer.connect(phone)
    assert (first.shell("echo 1"), second.shell("echo 2"), first.shell("echo 3")) == ("1\n", "2\n", "3\n")
    first.close()
    second.close()


def test_who_speaks_no_adb_is_hung_up_on(phone: VirtualPhone) -> None:
    with socket.create_connection(("127.0.0.1", phone.port), timeout=5) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: phone\r\n\r\n")
        assert stream.recv(1) == b""


def test_a_service_before_authorisation_is_not_heard(phone: VirtualPhone) -> None:
    from agent_scripts.virtual_phone.wire import Packet

    with socket.create_connection(("127.0.0.1", phone.port), timeout=0.3) as stream:
        stream.sendall(Packet(b"OPEN", 1, 0, b"shell:id\0").encode())
        with pytest.raises(TimeoutError):
            stream.recv(1)
    assert not phone.commands


def test_a_phone_listens_on_loopback_only(phone: VirtualPhone) -> None:
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection(("127.0.0.2", phone.port), timeout=1)


def test_a_port_of_the_emulator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhoneCannotStart, match="emulator"):
        VirtualPhone("pixel-14", tmp_path).start(5555)


def test_a_port_in_use_is_refused_with_advice(phone: VirtualPhone, tmp_path: Path) -> None:
    with pytest.raises(PhoneCannotStart, match="choose another port"):
        VirtualPhone("pixel-14", tmp_path / "second").start(phone.port)


def test_an_unknown_personality_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(NoSuchPersonality, match="pixel-14"):
        VirtualPhone("nokia-3310", tmp_path)


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
def test_every_ready_made_phone_names_itself(name: str, make_phone: PhoneMaker, computer: Computer) -> None:
    phone = make_phone(name)
    device = computer.connect(phone)
    api, virtual, model = device.shell(
        "getprop ro.build.version.sdk; getprop ro.curfew.virtual; getprop ro.product.model"
    ).splitlines()
    device.close()
    assert (int(api), virtual, model) == (PERSONALITIES[name].api, "1", PERSONALITIES[name].model)


def test_a_stopped_phone_starts_again_where_it_was(phone: VirtualPhone, computer: Computer) -> None:
    port = phone.port
    phone.model.install(0, "com.example.app")
    phone.stop()
    assert phone.start(port) == port
    device = computer.connect(phone)
    assert device.shell("pm list packages com.example") == "package:com.example.app\n"
    device.close()


def test_a_disk_that_is_full_when_a_key_is_allowed_costs_none_that_was_allowed(
    tmp_path: Path, computer: Computer, stranger: Computer
) -> None:
    keys = AuthorisedKeys(tmp_path / "adb_keys")
    keys.add(computer.key_line)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(computer.key_line) + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            keys.add(stranger.key_line)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    for known in (keys, AuthorisedKeys(tmp_path / "adb_keys")):
        assert known.knows(computer.key_line.encode())
        assert not known.knows(stranger.key_line.encode())


def test_stopping_twice_does_no_harm(phone: VirtualPhone) -> None:
    phone.stop()
    phone.stop()
