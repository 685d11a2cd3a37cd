"""Keys: made, found and opened, in files or wherever securesystemslib has a signer for.

A key is named by a path (``keys/root.pem``, ``file:keys/root.pem``) or by any URI of securesystemslib's signers
(``hsm:2?label=...`` for PKCS#11, ``awskms:``, ``azurekms:``, ``gcpkms:``, ``hv:`` for Vault, ...). Files hold
P-256 keys in PEM, plain or encrypted, mode 0600.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from urllib.parse import unquote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.exceptions import Error as SecureSystemsError
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import (
    ED25519,
    SIGNER_FOR_URI_SCHEME,
    CryptoSigner,
    Key,
    Signer,
    SSlibKey,
)
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Timestamp

from certs.durable import create_private_file
from certs.errors import KeyReadableByOthers, KeyUnusable, PassphraseNeeded
from policy.counted import counted

__all__ = [
    "Signer",
    "create_key",
    "key_pem",
    "load_public_key",
    "load_signer",
    "public_key_pem",
    "refuse_open_permissions",
]

_PROBE_EXPIRES = datetime(1970, 1, 1, tzinfo=UTC)
"""What is signed to learn whose key a token holds is expired from birth, so it can never serve as metadata."""


def create_key(path: Path, passphrase: bytes | None = None) -> None:
    """Write a new P-256 private key to `path` (PEM, mode 0600), encrypted if a passphrase is given.

    Raises `KeyExists`: a key is never overwritten.
    """
    encryption: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    key = ec.generate_private_key(ec.SECP256R1())
    create_private_file(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def load_signer(uri: str, passphrase: bytes | None = None, public_keys: Sequence[Key] = ()) -> Signer:
    """Return the signer that `uri` names: a path, ``file:PATH``, or any URI of securesystemslib's signers.

    A key outside a file is found among `public_keys` by a probe signature, because tokens and key services
    sign without saying who they are; its PIN is `passphrase`. Raises `KeyReadableByOthers`,
    `PassphraseNeeded` or `KeyUnusable`.
    """
    scheme, _, rest = uri.partition(":")
    # Key files are opened here and not by securesystemslib, which does not look at who else may read them. What
    # has a colon and no known scheme in front is a path.
    if scheme in SIGNER_FOR_URI_SCHEME and scheme != CryptoSigner.SCHEME:
        return _outside_signer(uri, passphrase, public_keys)
    if scheme in ("file", CryptoSigner.SCHEME):
        return _file_signer(Path(unquote(rest.removeprefix("//"))), passphrase)
    return _file_signer(Path(uri), passphrase)


def public_key_pem(signer: Signer) -> bytes:
    """Return the signer's public key as PEM (SubjectPublicKeyInfo)."""
    return key_pem(signer.public_key)


def key_pem(key: Key) -> bytes:
    """Return a public key of trust metadata as PEM (SubjectPublicKeyInfo)."""
    public = str(key.keyval["public"])
    # securesystemslib keeps an Ed25519 key as bare hex, all others as PEM.
    if key.scheme != ED25519:
        return public.encode()
    raw = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    return raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def load_public_key(pem: bytes) -> SSlibKey:
    """Return the public key in `pem` in the form that trust metadata uses; raises `KeyUnusable`."""
    try:
        return SSlibKey.from_crypto(load_pem_public_key(pem))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("expected a public key in PEM (P-256 or Ed25519), found something else") from error


def refuse_open_permissions(path: Path) -> None:
    """Raise `KeyReadableByOthers` unless only the owner may read `path`."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyReadableByOthers(
            f"the key file {path} is open to others (mode {mode:04o}); close it with: chmod 600 {quote(str(path))}"
        )


def _file_signer(path: Path, passphrase: bytes | None) -> Signer:
    try:
        refuse_open_permissions(path)
        pem = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"the key file {path} cannot be read ({error.strerror}); check its name") from error
    # cryptography refuses a passphrase for a key that has none; and one command may open keys of both kinds.
    if b"ENCRYPTED" not in pem:
        passphrase = None
    elif not passphrase:
        raise PassphraseNeeded(f"the key file {path} is encrypted; give its passphrase")
    try:
        return CryptoSigner(load_pem_private_key(pem, passphrase))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # A wrong passphrase and a damaged file end in the same error, so the sentence names both.
        if passphrase:
            raise PassphraseNeeded(
                f"the passphrase does not open {path} (or the file is damaged); try again"
            ) from error
        raise KeyUnusable(f"{path} is not a private key in PEM (P-256 or Ed25519); check its name") from error


def _outside_signer(uri: str, passphrase: bytes | None, public_keys: Sequence[Key]) -> Signer:
    def secret(name: str) -> str:
        if passphrase is None:
            raise PassphraseNeeded(f"the key {uri} asks for its {name}; give it as the passphrase")
        return passphrase.decode()

    found = "no public key to compare with"
    for key in public_keys:
        try:
            signer: Signer = Signer.from_priv_key_uri(uri, key, secret)
            signed = Metadata(Timestamp(expires=_PROBE_EXPIRES))
            # Drivers and cloud clients may raise anything; Metadata.sign makes one error of it.
            key.verify_signature(signed.sign(signer), signed.signed_bytes)
            return signer
        except UnverifiedSignatureError:
            found = "another key"
        except UnsignedMetadataError as error:
            # `Metadata.sign` has wrapped our own question for the PIN; it is asked, and not counted as a key
            # that fails.
            if isinstance(error.__cause__, PassphraseNeeded):
                raise error.__cause__ from error
            found = str(error)
        except (ValueError, OSError, ImportError, SecureSystemsError) as error:
            found = str(error)
    raise KeyUnusable(
        f"the key {uri} is none of the {counted(len(public_keys), 'key')} that count here; found: {found}"
    )
