"""Whenever the process dies, the station has either the old bundle or the new one, and goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from certs.durable import write_durably
from certs.errors import NotWritten, StoredDamaged
from certs.trust_client import TrustClient
from tests.certs.simulated_repository import BASE_URL, HOUR, NOW, SimulatedRepository

ROOT = Path(__file__).resolve().parents[2]


class PowerCut(BaseException):
    """Nothing catches this, as nothing catches a pulled plug."""


def test_a_process_killed_before_any_of_its_file_operations_leaves_old_or_new(
    server: SimulatedRepository, station: TrustClient, tmp_path: Path
) -> None:
    server.put_policy(2)
    server.publish()
    served = tmp_path / "served"
    served.mkdir()
    for name, data in server.files.items():
        (served / name.replace("/", "_")).write_bytes(data)
    numbers = []
    for n in range(1, 40):
        folder = tmp_path / f"station-{n}"
        shutil.copytree(tmp_path / "station", folder)
        code = _refresh_and_die(folder, served, n)
        after = TrustClient(folder, server.fetch, BASE_URL)
        accepted = after.stored()
        assert accepted is not None
        numbers.append(accepted.bundle.number)
        assert after.refresh(NOW + HOUR).bundle.number == 2
        if code == 0:
            break
        assert code == -signal.SIGKILL
    print(f"killed {len(numbers) - 1} times; bundle in force after each: {numbers}")
    assert code == 0
    assert numbers == sorted(numbers)
    assert {1, 2} == set(numbers)
    assert len(numbers) > 4


def test_a_power_cut_during_any_download_leaves_the_old_bundle(
    server: SimulatedRepository, station: TrustClient, tmp_path: Path
) -> None:
    server.put_policy(2)
    server.publish()
    for downloads in range(7):
        left = downloads

        def fetch(url: str, max_length: int) -> bytes:
            nonlocal left
            left -= 1
            if left < 0:
                raise PowerCut
            return server.fetch(url, max_length)

        client = TrustClient(tmp_path / "station", fetch, BASE_URL)
        try:
            client.refresh(NOW)
        except PowerCut:
            accepted = client.stored()
            assert accepted is not None
            assert accepted.bundle.number == 1
            continue
        break
    assert station.refresh(NOW).bundle.number == 2


def test_a_full_disk_keeps_the_old_bundle_and_says_so(
    server: SimulatedRepository, station: TrustClient, tmp_path: Path
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise NotWritten(
            f"{path} could not be written (No space left on device); free some space, then repeat"
        )

    server.put_policy(2)
    server.publish()
    client = TrustClient(tmp_path / "station", server.fetch, BASE_URL, write=full)
    with pytest.raises(NotWritten, match="free some space"):
        client.refresh(NOW)
    accepted = client.stored()
    assert accepted is not None
    assert accepted.bundle.number == 1


def test_a_damaged_store_is_named_and_not_taken_for_an_empty_one(
    station: TrustClient, tmp_path: Path
) -> None:
    state = tmp_path / "station" / "trust.json"
    state.write_bytes(state.read_bytes()[:-200])
    with pytest.raises(StoredDamaged, match="restore it from a copy"):
        station.stored()
    with pytest.raises(StoredDamaged):
        station.refresh(NOW)


def test_the_store_is_for_its_owner_only(station: TrustClient, tmp_path: Path) -> None:
    for file in (tmp_path / "station").iterdir():
        assert file.stat().st_mode & 0o077 == 0


def test_a_durable_write_into_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="could not be written"):
        write_durably(tmp_path / "missing" / "file", b"x")


def test_nothing_is_left_beside_a_durable_write(tmp_path: Path) -> None:
    write_durably(tmp_path / "file", b"old")
    write_durably(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"new"


def _refresh_and_die(station: Path, served: Path, n: int) -> int:
    command = [
        sys.executable,
        "-m",
        "tests.certs.dying_refresh",
        str(station),
        str(served),
        str(n),
        NOW.isoformat(),
    ]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    ).returncode
