from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, Key, SecretsHandler, Signature, Signer

from certs.durable import create_private_file
from certs.envelope import open_envelope, sign_envelope
from certs.errors import KeyExists, KeyReadableByOthers, KeyUnusable, PassphraseNeeded
from certs.keys import create_key, load_public_key, load_signer, public_key_pem
from tests.certs.simulated_repository import spare_key


def test_a_new_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    create_key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    create_key(tmp_path / "key.pem")
    before = (tmp_path / "key.pem").read_bytes()
    with pytest.raises(KeyExists):
        create_key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").read_bytes() == before


@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}"])
def test_a_key_file_is_named_by_path_or_uri(tmp_path: Path, form: str) -> None:
    create_key(tmp_path / "key.pem")
    signer = load_signer(form.format(tmp_path / "key.pem"))
    assert signer.public_key.scheme == "ecdsa-sha2-nistp256"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_may_read_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    create_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(mode)
    with pytest.raises(KeyReadableByOthers, match=f"chmod 600 {tmp_path / 'key.pem'}"):
        load_signer(str(tmp_path / "key.pem"))


def test_an_encrypted_key_opens_with_its_passphrase(tmp_path: Path) -> None:
    create_key(tmp_path / "key.pem", b"correct horse")
    assert load_signer(str(tmp_path / "key.pem"), b"correct horse")
    assert b"ENCRYPTED" in (tmp_path / "key.pem").read_bytes()


@pytest.mark.parametrize("passphrase", [None, b"", b"wrong"])
def test_an_encrypted_key_stays_shut_without_its_passphrase(tmp_path: Path, passphrase: bytes | None) -> None:
    create_key(tmp_path / "key.pem", b"correct horse")
    with pytest.raises(PassphraseNeeded):
        load_signer(str(tmp_path / "key.pem"), passphrase)


def test_an_ed25519_key_signs_too(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    file = tmp_path / "key.pem"
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    signer = load_signer(str(file))
    envelope = sign_envelope(b"payload", "kind", signer)
    assert open_envelope(envelope, "kind", public_key_pem(signer)) == b"payload"


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match=r"missing\.pem"):
        load_signer(str(tmp_path / "missing.pem"))


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").touch(mode=0o600)
    with pytest.raises(KeyUnusable, match="not a private key"):
        load_signer(str(tmp_path / "key.pem"))


def test_bytes_that_are_no_public_key_are_refused() -> None:
    with pytest.raises(KeyUnusable):
        load_public_key(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


class TokenSigner(Signer):
    """A token as PKCS#11 and cloud signers behave: it signs with what it has, whatever key it is told."""

    inside = spare_key("inside the token")

    def __init__(self, public_key: Key, secrets: SecretsHandler) -> None:
        self._public_key, self._secrets = public_key, secrets

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> Signer:
        assert secrets_handler
        return cls(public_key, secrets_handler)

    @property
    def public_key(self) -> Key:
        return self._public_key

    def sign(self, payload: bytes) -> Signature:
        if self._secrets("pin") != "1234":
            raise RuntimeError("CKR_PIN_INCORRECT")
        return Signature(self._public_key.keyid, self.inside.sign(payload).signature)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    """A URI scheme of securesystemslib's open registry."""
    monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, "testtoken", TokenSigner)
    return "testtoken:slot-1"


def test_a_key_in_a_token_is_found_among_the_keys_that_count(token: str) -> None:
    keys = [spare_key("another").public_key, TokenSigner.inside.public_key]
    assert load_signer(token, b"1234", keys).public_key == TokenSigner.inside.public_key


def test_a_token_whose_key_does_not_count_is_refused(token: str) -> None:
    with pytest.raises(KeyUnusable, match="another key"):
        load_signer(token, b"1234", [spare_key("another").public_key])


def test_a_token_asks_for_its_pin(token: str) -> None:
    with pytest.raises(PassphraseNeeded, match="pin"):
        load_signer(token, None, [TokenSigner.inside.public_key])


def test_a_token_that_fails_says_why(token: str) -> None:
    with pytest.raises(KeyUnusable, match="CKR_PIN_INCORRECT"):
        load_signer(token, b"0000", [TokenSigner.inside.public_key])


def test_a_signer_whose_library_is_missing_says_so(tmp_path: Path) -> None:
    create_key(tmp_path / "another.pem")
    # As where nobody has installed it; what was imported here already would not notice.
    program = (
        "import sys; sys.modules['pkcs11'] = None\n"
        "from certs.errors import KeyUnusable\n"
        "from certs.keys import load_signer\n"
        "key = load_signer(sys.argv[1]).public_key\n"
        "try: load_signer('hsm:2', b'1234', [key])\n"
        "except KeyUnusable as error: print(error)\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "another.pem")]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "python-pkcs11" in said


def test_a_disk_without_room_leaves_no_half_key_in_the_way_of_the_next_try(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from certs.durable import create_private_file\n"
        "from certs.errors import NotWritten\n"
        "try: create_private_file(Path(sys.argv[1]), b'k' * 5000)\n"
        "except NotWritten as error: print(error)\n"
    )
    path = tmp_path / "key.pem"

    def without_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, preexec_fn=without_room
    )

    assert "could not be written (File too large); make room and try again" in done.stdout
    assert not path.exists()
    create_private_file(path, b"whole")
