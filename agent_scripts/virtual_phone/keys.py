"""Which computers may connect: public keys in adb's own form, checked against signatures.

See docs/android/commands.md 14.2.
"""

from __future__ import annotations

import base64
import binascii
import threading
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA1

_MODULUS_BYTES = 256
_EXPONENT_AT = 8 + 2 * _MODULUS_BYTES


def public_key(line: str | bytes) -> RSAPublicKey:
    """Return the key of a line like ``QAAAA…== user@host`` (AOSP ``libcrypto_utils/android_pubkey.cpp``).

    The 524 bytes are: words of the modulus, a Montgomery constant, modulus, another constant, exponent; all
    little-endian. Raises `ValueError` for anything else.
    """
    text = line.encode() if isinstance(line, str) else line
    try:
        raw = base64.b64decode(text.strip(b"\0 \n").split()[0], validate=True)
    except (binascii.Error, IndexError) as error:
        raise ValueError("expected a line of an adbkey.pub file; copy the whole line") from error
    # Exactly: adb knows no other size of key, and a shorter one would be read beyond its end.
    if len(raw) != _EXPONENT_AT + 4:
        raise ValueError(f"expected an adb public key of {_EXPONENT_AT + 4} bytes, found {len(raw)}")
    modulus = int.from_bytes(raw[8 : 8 + _MODULUS_BYTES], "little")
    return RSAPublicNumbers(int.from_bytes(raw[_EXPONENT_AT:], "little"), modulus).public_key()


class AuthorisedKeys:
    """The keys whose owner tapped *Allow*; kept in ``adb_keys`` of the phone's folder, so a restart remembers them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        lines = path.read_text().splitlines() if path.exists() else []
        self._keys = {line: public_key(line) for line in lines if line.strip()}

    def add(self, line: str | bytes) -> None:
        """Trust a key from now on."""
        text = (line.decode() if isinstance(line, bytes) else line).strip("\0 \n")
        key = public_key(text)
        with self._lock:
            keys = {**self._keys, text: key}
            # Beside it first: cut off half-way, a phone that starts again would know no computer, or not start at all.
            beside = self._path.with_name(f"{self._path.name}.new")
            beside.write_text("".join(f"{known}\n" for known in keys))
            beside.replace(self._path)
            self._keys = keys

    def forget_all(self) -> None:
        """Trust nobody any more."""
        with self._lock:
            self._keys.clear()
            self._path.unlink(missing_ok=True)

    def knows(self, line: bytes) -> bool:
        """Whether that public key is trusted."""
        # The key alone: the name behind it is what the computer likes to call itself.
        offered = line.strip(b"\0 \n").split()[:1]
        with self._lock:
            return any(known.encode().split()[:1] == offered for known in self._keys)

    def verify(self, token: bytes, signature: bytes) -> bool:
        """Whether one of the trusted keys signed the token (adb signs it as if it were a SHA-1 digest)."""
        with self._lock:
            # Copied, so that checking, which takes a while, does not keep the owner from allowing another.
            keys = list(self._keys.values())
        return any(_signed(key, token, signature) for key in keys)


def _signed(key: RSAPublicKey, token: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, token, PKCS1v15(), Prehashed(SHA1()))  # noqa: S303 - the protocol's own choice
    except InvalidSignature:
        return False
    return True
