from __future__ import annotations

import hashlib
import shutil
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from certs.errors import KeyExists, KeyReadableByOthers, KeyUnusable
from certs.tls import (
    complete_renewal,
    create_authority,
    fingerprint,
    issue_server_certificate,
    refuse_foreign_key,
)


@pytest.fixture
def tls(tmp_path: Path) -> Path:
    create_authority(tmp_path / "tls")
    issue_server_certificate(tmp_path / "tls", ["curfew.test", "127.0.0.1", "::1"])
    return tmp_path / "tls"


def handshake(tls: Path, name: str) -> None:
    """Let a client that trusts only the authority meet the server, both in memory."""
    trusting = ssl.create_default_context(cafile=str(tls / "authority.pem"))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tls / "server.pem", tls / "server.key")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


@pytest.mark.parametrize("name", ["curfew.test", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_authority_accepts_the_server(tls: Path, name: str) -> None:
    handshake(tls, name)


def test_a_name_that_is_not_in_the_certificate_is_refused(tls: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tls, "elsewhere.test")


def test_a_server_of_another_authority_is_refused(tls: Path, tmp_path: Path) -> None:
    create_authority(tmp_path / "other")
    (tls / "authority.pem").write_bytes((tmp_path / "other" / "authority.pem").read_bytes())
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tls, "curfew.test")


def test_certificates_are_of_version_3_with_p256_keys(tls: Path) -> None:
    for name in ("authority.pem", "server.pem"):
        certificate = x509.load_pem_x509_certificate((tls / name).read_bytes())
        assert certificate.version is x509.Version.v3
        key = certificate.public_key()
        assert isinstance(key, EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"


def test_private_keys_are_for_their_owner_only(tls: Path) -> None:
    for name in ("authority.key", "server.key"):
        assert (tls / name).stat().st_mode & 0o777 == 0o600


def test_an_authority_is_never_overwritten(tls: Path) -> None:
    with pytest.raises(KeyExists):
        create_authority(tls)


def test_a_server_certificate_is_replaced(tls: Path) -> None:
    before = (tls / "server.pem").read_bytes()
    issue_server_certificate(tls, ["new.test"])
    assert (tls / "server.pem").read_bytes() != before
    handshake(tls, "new.test")


def test_a_renewal_that_is_killed_anywhere_leaves_a_pair_that_fits_once_it_is_completed(
    tls: Path, tmp_path: Path
) -> None:
    outcomes = set()
    for moment in range(1, 100):
        folder = tmp_path / str(moment)
        shutil.copytree(tls, folder)
        code = subprocess.run(
            [sys.executable, "-m", "tests.certs.dying_renewal", str(folder), str(moment)], check=False
        ).returncode
        complete_renewal(folder)
        refuse_foreign_key(folder)
        renewed = (folder / "server.pem").read_bytes() != (tls / "server.pem").read_bytes()
        handshake(folder, "new.test" if renewed else "curfew.test")
        assert not (folder / "server.renewed.pem").exists()
        outcomes.add((code, renewed))
        if code == 0:
            break

    assert outcomes == {(-signal.SIGKILL, False), (-signal.SIGKILL, True), (0, True)}


def test_a_key_of_another_certificate_is_refused_with_the_command_that_mends_it(tls: Path) -> None:
    (tls / "server.key").write_bytes((tls / "authority.key").read_bytes())
    with pytest.raises(KeyUnusable, match=r"does not belong to server\.pem.*curfew-certs certificate"):
        refuse_foreign_key(tls)


def test_an_authority_key_that_others_may_read_is_refused(tls: Path) -> None:
    (tls / "authority.key").chmod(0o644)
    with pytest.raises(KeyReadableByOthers, match="chmod 600"):
        issue_server_certificate(tls, ["new.test"])


def test_a_certificate_needs_a_name(tls: Path) -> None:
    with pytest.raises(KeyUnusable):
        issue_server_certificate(tls, [])


def test_without_an_authority_nothing_is_issued(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="curfew-certs init"):
        issue_server_certificate(tmp_path, ["new.test"])


def test_an_authority_with_a_foreign_key_is_refused(tls: Path, tmp_path: Path) -> None:
    create_authority(tmp_path / "other")
    (tls / "authority.pem").write_bytes((tmp_path / "other" / "authority.pem").read_bytes())
    with pytest.raises(KeyUnusable, match="does not belong"):
        issue_server_certificate(tls, ["new.test"])


def test_the_fingerprint_is_over_the_certificate_and_not_over_its_text(tls: Path) -> None:
    pem = (tls / "authority.pem").read_bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    assert fingerprint(b"a remark\n" + pem) == hashlib.sha256(der).hexdigest()


def test_a_fingerprint_of_no_certificate_is_refused() -> None:
    with pytest.raises(KeyUnusable):
        fingerprint(b"<html>")
