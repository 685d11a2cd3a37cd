"""Phones, a computer's key, and a computer that connects with adb-shell."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from adb_shell.adb_device import AdbDeviceTcp
from adb_shell.auth.keygen import keygen
from adb_shell.auth.sign_cryptography import CryptographySigner

from agent_scripts.virtual_phone import VirtualPhone

PATIENCE_S = 60
"""How long a loaded machine may take; nothing waits so long unless something is broken."""

PhoneMaker = Callable[..., VirtualPhone]

needs_android_shell = pytest.mark.skipif(
    not (shutil.which("mksh") and shutil.which("toybox")),
    reason="A PHONE'S SHELL IS MISSING, so its traits were not tested: apt-get install mksh toybox",
)


class Computer:
    """A computer with its own adb key, known to the phones it is given."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "adbkey"
        keygen(str(self._path))
        self.key_line = self._path.with_suffix(".pub").read_text()
        self.signer = CryptographySigner(str(self._path))

    def connect(self, phone: VirtualPhone, *, timeout_s: float = PATIENCE_S) -> AdbDeviceTcp:
        device = AdbDeviceTcp("127.0.0.1", phone.port, default_transport_timeout_s=timeout_s)
        device.connect(rsa_keys=[self.signer], auth_timeout_s=timeout_s)
        return device


@pytest.fixture(scope="session")
def computer(tmp_path_factory: pytest.TempPathFactory) -> Computer:
    return Computer(tmp_path_factory.mktemp("computer"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Computer:
    return Computer(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def make_phone(tmp_path: Path, computer: Computer) -> Iterator[PhoneMaker]:
    """Start phones that know the computer; they are stopped at the end of the test."""
    phones: list[VirtualPhone] = []

    def make(kind: str = "pixel-14", *, knows: bool = True) -> VirtualPhone:
        phone = VirtualPhone(kind, tmp_path / f"phone-{len(phones)}")
        phones.append(phone)
        if knows:
            phone.authorise(computer.key_line)
        phone.start()
        return phone

    yield make
    for phone in phones:
        phone.stop()


@pytest.fixture
def phone(make_phone: PhoneMaker) -> VirtualPhone:
    return make_phone()


@pytest.fixture
def device(phone: VirtualPhone, computer: Computer) -> Iterator[AdbDeviceTcp]:
    connected = computer.connect(phone)
    yield connected
    connected.close()


def eventually(happened: Callable[[], bool]) -> bool:
    """Whether it happens at all."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if happened():
            return True
        time.sleep(0.02)
    return False
