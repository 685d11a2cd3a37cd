"""The organisation's own TLS authority and the certificates of its servers.

Stations pin the authority by its fingerprint (it stands in the enrolment code), so no public authority is
trusted. All keys are P-256; certificates are X.509 v3, because rustls refuses version 1 (docs/performance.md 2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.durable import create_private_file, remove_durably, write_durably
from certs.errors import KeyUnusable
from certs.keys import refuse_open_permissions

AUTHORITY_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=397)
# A certificate begins so much in the past: a station whose clock is behind would refuse one that is not valid yet.
_CLOCKS_DIFFER_BY = timedelta(days=1)
_RENEWED = "server.renewed.pem"
"""A new key with its certificate, until both are in their places: whoever finds it goes on from there."""


def create_authority(folder: Path, now: datetime | None = None) -> None:
    """Create ``authority.key`` and ``authority.pem`` in `folder`; raises `KeyExists` rather than overwrite."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Curfew authority")])
    certificate = (
        _builder(name, name, key.public_key(), AUTHORITY_LIFETIME, now)
        # `path_length` 0: what it signs is a server and never another authority.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    create_private_file(folder / "authority.key", _key_pem(key))
    write_durably(folder / "authority.pem", certificate.public_bytes(Encoding.PEM))


def issue_server_certificate(folder: Path, names: Sequence[str], now: datetime | None = None) -> None:
    """Write ``server.key`` and ``server.pem`` for these host names and addresses, replacing older ones.

    Needs the authority of `create_authority` in `folder`. Raises `KeyUnusable` if it cannot be used or if
    `names` is empty.
    """
    if not names:
        raise KeyUnusable("a server certificate needs at least one host name or address; name one")
    authority, authority_key = _load_authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Curfew server")])
    certificate = (
        _builder(subject, authority.subject, key.public_key(), SERVER_LIFETIME, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, SHA256())
    )
    # Both in one file first: cut off between the two, a key would stand beside the certificate of another.
    write_durably(folder / _RENEWED, _key_pem(key) + certificate.public_bytes(Encoding.PEM))
    complete_renewal(folder)


def complete_renewal(folder: Path) -> None:
    """Put the newest key and certificate of the server in their places, where that was cut off half-way."""
    renewed = folder / _RENEWED
    if renewed.exists():
        key, begin, certificate = renewed.read_bytes().partition(b"-----BEGIN CERTIFICATE")
        write_durably(folder / "server.key", key)
        write_durably(folder / "server.pem", begin + certificate)
        remove_durably(renewed)


def refuse_foreign_key(folder: Path) -> None:
    """Raise `KeyUnusable` where ``server.key`` and ``server.pem`` do not belong together."""
    try:
        key = load_pem_private_key((folder / "server.key").read_bytes(), None)
        fits = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes()).public_key()
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(
            f"no usable certificate and key in {folder}; issue them anew: `curfew-certs certificate FOLDER NAME`"
        ) from error
    if key.public_key() != fits:
        raise KeyUnusable(
            f"{folder / 'server.key'} does not belong to server.pem beside it; issue both anew:"
            " `curfew-certs certificate FOLDER NAME`"
        )


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 of the certificate in `pem` (over DER), in lower-case hex; raises `KeyUnusable`."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise KeyUnusable("expected a certificate in PEM, found something else") from error
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    lifetime: timedelta,
    now: datetime | None,
) -> x509.CertificateBuilder:
    start = now or datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - _CLOCKS_DIFFER_BY)
        .not_valid_after(start + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _load_authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key_file = folder / "authority.key"
    try:
        refuse_open_permissions(key_file)
        key = load_pem_private_key(key_file.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / "authority.pem").read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise KeyUnusable(
            f"no usable TLS authority in {folder}; bring authority.key and authority.pem back from a backup. If there"
            " is none, stations have to trust another: `curfew-certs init FOLDER` makes it with new trust"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise KeyUnusable(
            f"{key_file} does not belong to authority.pem beside it; restore both from one copy"
        )
    return certificate, key


def _name(name: str) -> x509.GeneralName:
    try:
        # Clients look for an address among the addresses only; written as a name it would match nothing.
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, key_cert_sign: bool = False, digital_signature: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
