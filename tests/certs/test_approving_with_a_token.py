"""An approver whose key is in a PKCS#11 token: SoftHSM's, by the library that a hardware token is spoken to with."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from certs import repository as trust
from certs.cli import commands
from certs.keys import create_key, load_signer
from certs.proposal import Proposal, base_of, make_proposal, require_signature
from certs.proposal_document import ProposalDocument, dump_proposal, load_approval
from tests.certs.simulated_repository import policy_document

PIN = "4711"
LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Token:
    """A trust folder whose first approver's key is in the token and nowhere else."""

    uri: str
    folder: Path
    place: Path

    def proposal(self) -> Path:
        """Write a proposal as the page of its draft gives it, and return the file."""
        files = trust.publication_files(self.folder)
        rules = {
            "deadline": NOW + timedelta(days=9),
            "review_at": NOW + timedelta(days=20),
            "ends_at": NOW + timedelta(days=30),
            "rings": (),
        }
        proposal = make_proposal(base_of(files), policy_document(2, **rules), NOW)
        document = ProposalDocument(
            draft_id=7,
            revision=1,
            title="Next",
            proposal=proposal,
            proposed_by="author",
            proposed_at=NOW,
            until=NOW + timedelta(days=14),
            publish_at=None,
            state="open",
            signed=(),
            missing=("token", "second"),
            needed=2,
            needed_because="",
            rehearsal=None,
            warnings=(),
            published=files,
        )
        path = self.place / "proposal.json"
        path.write_text(json.dumps(dump_proposal(document)))
        return path


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    # Not skipped where it is missing: then nothing would show that a token works.
    library = next((path for path in LIBRARIES if Path(path).exists()), None)
    assert library, "SoftHSM is missing; install it: sudo apt-get install softhsm2"
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    monkeypatch.setenv("PYKCS11LIB", library)
    keys = {}
    for name in ("token", "second"):
        create_key(tmp_path / f"{name}.pem")
        keys[name] = load_signer(str(tmp_path / f"{name}.pem")).public_key
    util("--init-token", "--free", "--label", "curfew", "--pin", PIN, "--so-pin", "0815")
    util(
        "--import",
        str(tmp_path / "token.pem"),
        "--token",
        "curfew",
        "--label",
        "a",
        "--id",
        "02",
        "--pin",
        PIN,
    )
    folder = tmp_path / "trust"
    trust.create_repository(folder, NOW, approver_keys=keys)
    document = policy_document(
        1, ends_at=NOW + timedelta(days=30), review_at=NOW + timedelta(days=20), rings=()
    )
    for name in keys:
        trust.sign_policy(folder, document, load_signer(str(tmp_path / f"{name}.pem")), NOW)
    trust.publish(folder, NOW)
    (tmp_path / "token.pem").unlink()
    return Token("hsm:2?label=curfew", folder, tmp_path)


def util(*words: str) -> None:
    subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)


def approve(token: Token, pin: str) -> tuple[int, str, Path]:
    out = token.place / "signature.json"
    words = ["approve", str(token.proposal()), "--key", token.uri, "--trust", str(token.folder)]
    done = CliRunner().invoke(commands, [*words, "--out", str(out), "--yes"], input=f"{pin}\n")
    return done.exit_code, str(done.exception), out


def test_a_draft_is_approved_with_a_key_that_never_leaves_its_token(token: Token) -> None:
    code, problem, out = approve(token, PIN)
    assert code == 0, problem
    draft, approval = load_approval(out.read_bytes())
    base = base_of(trust.publication_files(token.folder))
    told = json.loads((token.place / "proposal.json").read_bytes())
    assert (draft, approval.signed_sha256) == (7, told["signed_sha256"])
    proposal = Proposal(base64.b64decode(told["policy"]), base64.b64decode(told["targets"]))
    assert require_signature(proposal, base, approval) == "token"


def test_a_wrong_pin_signs_nothing(token: Token) -> None:
    code, problem, out = approve(token, "0000")
    assert code == 1
    assert "none of the 2 keys that count here" in problem
    assert not out.exists()
