"""What holds keys is closed to others, nothing that stands there is overwritten, and one alone signs in demos only."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs.cli import main
from certs.durable import make_private_folder
from certs.errors import NotWritten, RepositoryProblem
from certs.repository import create_repository
from certs.rotation import rotate
from certs.trust_folder import TrustFolder

NOW = datetime(2023, 3, 1, tzinfo=UTC)


def test_a_folder_of_trust_lets_nobody_else_in(tmp_path: Path) -> None:
    create_repository(tmp_path / "trust", NOW, demo=True)

    closed = [tmp_path / "trust", tmp_path / "trust" / "keys", tmp_path / "trust" / "tls"]
    assert [path.stat().st_mode & 0o777 for path in closed] == [0o700] * 3


def test_an_empty_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "taken-over"
    folder.mkdir(mode=0o755)

    assert make_private_folder(folder).stat().st_mode & 0o777 == 0o700


def test_an_open_folder_with_something_in_it_is_refused_with_the_command_that_closes_it(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "somebodys"
    folder.mkdir(mode=0o755)
    (folder / "notes").touch()

    with pytest.raises(NotWritten, match=f"chmod 700 {folder}"):
        create_repository(folder, NOW, demo=True)
    assert [path.name for path in folder.iterdir()] == ["notes"]


def test_a_public_half_that_stands_there_is_not_overwritten_and_no_key_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "approver.pub").write_text("of another key")

    assert main(["key", str(tmp_path / "approver.pem")]) == 1

    assert "not overwritten" in capsys.readouterr().err
    assert (tmp_path / "approver.pub").read_text() == "of another key"
    assert not (tmp_path / "approver.pem").exists()


def test_trust_in_service_with_one_approver_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(RepositoryProblem, match="--demo"):
        create_repository(tmp_path / "trust", NOW, approvers=2, threshold=1)
    assert not (tmp_path / "trust").exists()


def test_the_threshold_of_trust_in_service_cannot_be_lowered_to_one(tmp_path: Path) -> None:
    create_repository(tmp_path / "trust", NOW)
    signers = list(TrustFolder(tmp_path / "trust").local_signers([]))

    with pytest.raises(RepositoryProblem, match="keep two"):
        rotate(tmp_path / "trust", "targets", signers, NOW, keep_keys=True, threshold=1)
