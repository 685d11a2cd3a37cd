"""The key by which phones know a station: private, made once, never replaced, in the form Android reads."""

from __future__ import annotations

import base64
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent_scripts.adb.keys import AdbKeys
from agent_scripts.errors import FileDamaged
from agent_scripts.station_files.adb_key import station_adb_key
from agent_scripts.virtual_phone.keys import public_key


def test_both_files_are_private_and_stay_the_same(tmp_path: Path) -> None:
    first = station_adb_key(tmp_path)
    private, public = first.private_path.read_bytes(), first.public_path.read_bytes()

    again = station_adb_key(tmp_path)

    assert (again.private_path.read_bytes(), again.public_path.read_bytes()) == (private, public)
    assert {path.stat().st_mode & 0o777 for path in (first.private_path, first.public_path)} == {0o600}


def test_the_public_line_is_androids_structure_of_the_same_key(adb_keys: AdbKeys) -> None:
    key = load_pem_private_key(adb_keys.private_path.read_bytes(), None)
    numbers = key.public_key().public_numbers()  # type: ignore[union-attr]

    encoded, owner = adb_keys.public_line.split()
    words, n0inv, modulus, rr, exponent = struct.unpack("<II256s256sI", base64.b64decode(encoded))

    assert (words, exponent, owner) == (64, 65537, "curfew@station")
    assert int.from_bytes(modulus, "little") == numbers.n  # type: ignore[union-attr]
    assert n0inv * numbers.n % 2**32 == 2**32 - 1  # type: ignore[union-attr]
    assert int.from_bytes(rr, "little") == 2**4096 % numbers.n  # type: ignore[union-attr]


def test_a_lost_public_half_is_made_again_from_the_private_one(tmp_path: Path) -> None:
    keys = station_adb_key(tmp_path)
    line = keys.public_line
    keys.public_path.unlink()

    assert station_adb_key(tmp_path).public_line == line


def test_a_key_open_to_others_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = station_adb_key(tmp_path).private_path
    path.chmod(0o644)

    with pytest.raises(FileDamaged, match=f"chmod 600 {path}"):
        station_adb_key(tmp_path)


def test_a_damaged_key_is_refused_and_not_replaced(tmp_path: Path) -> None:
    keys = station_adb_key(tmp_path)
    keys.private_path.write_bytes(b"not a key")
    keys.public_path.unlink()

    with pytest.raises(FileDamaged, match="not a private key"):
        station_adb_key(tmp_path)
    assert keys.private_path.read_bytes() == b"not a key"


def test_first_commands_at_once_make_one_key_whose_halves_belong_together(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as commands:
        found = list(commands.map(station_adb_key, [tmp_path / "station"] * 6))

    private = load_pem_private_key(found[0].private_path.read_bytes(), None)
    assert isinstance(private, RSAPrivateKey)
    offered = public_key(found[0].public_line)
    assert private.public_key().public_numbers() == offered.public_numbers()
