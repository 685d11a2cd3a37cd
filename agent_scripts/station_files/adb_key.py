"""The RSA key by which phones know this station: made once, mode 0600, never overwritten."""

from __future__ import annotations

import base64
import struct
from pathlib import Path
from shlex import quote

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from agent_scripts.adb.keys import AdbKeys
from agent_scripts.errors import FileDamaged
from agent_scripts.station_files.durable_file import held_alone, make_folder, write_durably

# The one size that Android's structure has room for (`ANDROID_PUBKEY_MODULUS_SIZE` in android_pubkey.h).
_BITS = 2048
_WORDS = _BITS // 32


def station_adb_key(folder: Path) -> AdbKeys:
    """Return the key of the station in `folder`, making it at the first call.

    Raises `FileDamaged` when a file is there and is not an RSA key of 2048 bits: making another one quietly
    would lock the station out of every phone it is allowed on.
    """
    keys = AdbKeys(make_folder(folder) / "adbkey")
    # Two first commands at once would leave one's private key beside the other's public one.
    with held_alone(folder / "adbkey.lock"):
        key: rsa.RSAPrivateKey | None = None
        if not keys.private_path.exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_durably(keys.private_path, pem)
        elif keys.private_path.stat().st_mode & 0o077:
            raise FileDamaged(
                f"{keys.private_path} can be read by others; run: chmod 600 {quote(str(keys.private_path))}"
            )
        # After the private key: killed in between, the public one is made from it at the next call.
        if not keys.public_path.exists():
            key = key or _load(keys.private_path)
            line = _android_form(key.public_key()) + b" curfew@station"
            write_durably(keys.public_path, line)
    return keys


def _load(path: Path) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise FileDamaged(f"{path} is not a private key; bring the file back from a backup") from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != _BITS:
        raise FileDamaged(f"{path} is not an RSA key of {_BITS} bits; bring the file back from a backup")
    return key


def _android_form(key: rsa.RSAPublicKey) -> bytes:
    """Return the key as Android's ``struct RSAPublicKey`` in base64 (SC libcrypto_utils ``android_pubkey.h``).

    Number of words, -1/n mod 2^32, modulus and 2^4096 mod n (both little-endian), exponent.
    """
    numbers = key.public_numbers()
    word = 1 << 32
    structure = struct.pack(
        f"<II{_BITS // 8}s{_BITS // 8}sI",
        _WORDS,
        word - pow(numbers.n, -1, word),
        numbers.n.to_bytes(_BITS // 8, "little"),
        pow(2, 2 * _BITS, numbers.n).to_bytes(_BITS // 8, "little"),
        numbers.e,
    )
    return base64.b64encode(structure)
