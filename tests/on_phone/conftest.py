"""Phones with the script on them, and the shell it is judged in."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent_scripts.virtual_phone import VirtualPhone
from tests.on_phone.bench import WatchedPhone

log = logging.getLogger(__name__)

MakeWatched = Callable[..., WatchedPhone]


@dataclass(frozen=True)
class PhoneShell:
    """The shell of a phone: mksh, else busybox."""

    words: tuple[str, ...]
    environment: dict[str, str]


@pytest.fixture(scope="session")
def phone_shell(tmp_path_factory: pytest.TempPathFactory) -> PhoneShell:
    folder = tmp_path_factory.mktemp("few")
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(folder), "LC_ALL": "C"}
    mksh = shutil.which("mksh")
    if mksh:
        return PhoneShell((mksh,), environment)
    busybox = shutil.which("busybox")
    if not busybox:
        pytest.skip("NEITHER mksh NOR busybox: the script was judged by no shell; install mksh")
    log.warning("MKSH IS MISSING: the script is judged in busybox, which is no Android shell; install mksh")
    return PhoneShell((busybox, "ash"), environment)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[MakeWatched]:
    """Start phones with the script in their folder; they are stopped at the end of the test."""
    phones: list[VirtualPhone] = []

    def make(kind: str = "tiktok-personal", *, extra: str = "") -> WatchedPhone:
        phone = VirtualPhone(kind, tmp_path / f"phone-{len(phones)}")
        phones.append(phone)
        phone.start()
        made = WatchedPhone(phone, extra)
        made.place()
        return made

    yield make
    for phone in phones:
        phone.stop()
