"""The system in whose shell these phones work: the one that was asked for, else one made of Debian's programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent_scripts.virtual_phone import PERSONALITIES, VirtualPhone
from agent_scripts.virtual_phone.personalities import TIKTOK
from agent_scripts.virtual_phone.system_root import release_of
from tests.on_phone.bench import WatchedPhone
from tests.system_root.debian_root import lay_out

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: mounts and chroot need root")

MakeGenuine = Callable[..., WatchedPhone]


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return VirtualPhone.default_system_root or lay_out(tmp_path_factory.mktemp("debian") / "system-root")


@pytest.fixture
def genuine(system: Path, tmp_path: Path) -> Iterator[MakeGenuine]:
    """Start a phone of the system's own release with the script on it; it is stopped at the end of the test."""
    phones: list[VirtualPhone] = []
    api = release_of(system)
    kind = next(kind for kind in PERSONALITIES.values() if kind.api == api)

    def make(*, banned: bool = True) -> WatchedPhone:
        phone = VirtualPhone(kind, tmp_path / f"phone-{len(phones)}", system_root=system)
        phones.append(phone)
        if banned:
            phone.model.install(0, TIKTOK)
        phone.start()
        made = WatchedPhone(phone)
        made.place()
        return made

    yield make
    for phone in phones:
        phone.stop()
