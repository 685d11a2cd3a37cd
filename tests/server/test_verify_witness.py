"""``curfew-certs verify-witness``: what a running server answers, compared with the heads that others kept."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from certs.audit_chain import AuditHead
from certs.cli import main
from certs.keys import create_key
from certs.tls import create_authority
from server.evidence.audit import HeadSigner
from server.people.people import Role
from tests.agent.small_server import Asked, SmallServer, Told, running_server
from tests.server.authority import Authority
from tests.server.test_audit_api import change, cut, record, signed_head

Verify = Callable[..., tuple[int, str]]


@pytest.fixture
def server(app: Flask, small_authority: Authority) -> Iterator[SmallServer]:
    """The server's own application behind HTTPS."""

    def answer(asked: Asked) -> Told:
        answered = app.test_client().open(
            asked.path, method=asked.method, headers=asked.headers, data=asked.body
        )
        return Told(answered.status_code, answered.data)

    with running_server(small_authority.config.tls_folder, answer) as running:
        yield running


@pytest.fixture
def verify(
    server: SmallServer,
    small_authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Verify:
    """Run the command as an auditor; returns exit code and what it said."""
    monkeypatch.setenv("CURFEW_TOKEN", small_authority.person_token(Role.AUDITOR))

    def run(file: Path, *options: str, url: str = server.url, tls: Path = server.tls) -> tuple[int, str]:
        code = main(
            [
                "verify-witness",
                str(file),
                "--server",
                url,
                "--authority",
                str(tls / "authority.pem"),
                *options,
            ]
        )
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.fixture
def kept(small_authority: Authority, tmp_path: Path) -> Path:
    """A station's file after it has seen three heads, the newest that of the newest row."""
    heads = []
    for _ in range(3):
        record(small_authority, 1)
        heads.append(json.dumps(signed_head(small_authority)))
    file = tmp_path / "audit_heads.jsonl"
    file.write_text("\n".join(heads) + "\n")
    return file


def test_a_chain_that_has_grown_fits_all_heads_that_were_kept(
    verify: Verify, kept: Path, small_authority: Authority
) -> None:
    record(small_authority, 3)

    code, said = verify(kept)

    assert code == 0
    assert "The chain is whole: " in said
    assert f"{kept}: all 3 heads that it holds stand in the chain." in said


def test_rows_cut_together_with_the_head_are_told_as_cut(
    verify: Verify, kept: Path, small_authority: Authority
) -> None:
    cut(small_authority, 1)

    code, said = verify(kept)

    assert code == 1
    assert f"{kept}, line 3: row " in said
    assert "its newest rows were cut off" in said


def test_rows_written_anew_are_told_as_changed(
    verify: Verify, kept: Path, small_authority: Authority
) -> None:
    cut(small_authority, 2)
    record(small_authority, 5, actor="intruder")

    code, said = verify(kept)

    assert code == 1
    assert f"{kept}, line 2: row " in said
    assert "another row stands there: the chain was rewritten" in said


def test_an_altered_row_is_found_though_the_server_does_not_say_so(
    verify: Verify, kept: Path, small_authority: Authority
) -> None:
    change(small_authority, "UPDATE audit SET actor = 'nobody' WHERE number = 2")

    code, said = verify(kept)

    assert code == 1
    assert "row 2 was altered" in said


def test_a_missing_head_is_told_beside_what_still_fits(
    verify: Verify, kept: Path, small_authority: Authority
) -> None:
    change(small_authority, "DELETE FROM audit_head")

    code, said = verify(kept)

    assert code == 1
    assert "the head is missing" in said
    assert "all 3 heads that it holds stand in the chain" in said


def test_a_server_that_is_away_compares_nothing(verify: Verify, kept: Path) -> None:
    code, said = verify(kept, url="https://127.0.0.1:1")

    assert code == 1
    assert "does not answer, so nothing was compared" in said


def test_a_server_that_shows_another_certificate_is_not_believed(
    verify: Verify, kept: Path, tmp_path: Path
) -> None:
    create_authority(tmp_path / "other")

    code, said = verify(kept, tls=tmp_path / "other")

    assert code == 1
    assert "a certificate that is not believed" in said


@pytest.mark.parametrize("content", [b"", b"\n", b"not JSON\n", b"{}\n", b'{"payload": "e30="}\n'])
def test_a_file_of_something_else_is_named_as_wrong(verify: Verify, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd").write_bytes(content)

    code, said = verify(tmp_path / "odd")

    assert code == 1
    assert "expected a head signed by this server" in said


def test_a_head_signed_by_another_server_makes_the_file_a_wrong_one(
    verify: Verify, kept: Path, small_authority: Authority, tmp_path: Path
) -> None:
    create_key(tmp_path / "other.key")
    other = HeadSigner(tmp_path / "other.key")
    kept.write_bytes(other.signed_head(AuditHead(2, "f" * 64)) + b"\n")

    code, said = verify(kept)

    assert code == 1
    assert "choose a file that was kept of this very server" in said


def test_a_file_that_is_not_there_is_named(verify: Verify, tmp_path: Path) -> None:
    code, said = verify(tmp_path / "nothing")

    assert code == 1
    assert "expected a file of heads, found none to read" in said


@pytest.mark.parametrize(
    ("role", "expected"), [(Role.TECHNICIAN, "--role auditor"), (None, "an auditor's token")]
)
def test_who_may_not_read_the_chain_is_told_whose_token_it_takes(
    verify: Verify,
    kept: Path,
    small_authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    role: Role | None,
    expected: str,
) -> None:
    monkeypatch.setenv("CURFEW_TOKEN", small_authority.person_token(role) if role else "curfew_wrong")

    code, said = verify(kept)

    assert code == 1
    assert expected in said


def test_who_signs_keeps_heads_of_their_own_and_each_run_compares_them(
    verify: Verify, small_authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "seen.jsonl"
    assert verify(file, "--keep")[0] == 0
    record(small_authority, 2)
    assert verify(file, "--keep")[0] == 0
    assert verify(file, "--keep")[0] == 0
    assert len(file.read_bytes().splitlines()) == 2
    cut(small_authority, 1)

    code, said = verify(file, "--keep")

    assert code == 1
    assert f"{file}, line 2: row " in said
    assert len(file.read_bytes().splitlines()) == 2


@pytest.mark.parametrize("body", [b"garbage", b"[]", b"{}", b'{"rows":[{}],"head":null,"audit_key_pem":""}'])
def test_an_answer_without_the_agreed_form_is_refused(
    verify: Verify, server: SmallServer, kept: Path, body: bytes
) -> None:
    server.answer = lambda _: Told(200, body)

    code, said = verify(kept)

    assert code == 1
    assert "the server's answer lacks" in said


def test_a_server_that_is_busy_is_asked_again_later(verify: Verify, server: SmallServer, kept: Path) -> None:
    server.answer = lambda _: Told(503)

    assert "answered 503, so nothing was compared; try again later" in verify(kept)[1]


def test_the_token_leaves_over_https_alone(verify: Verify, kept: Path) -> None:
    code, said = verify(kept, url="http://127.0.0.1:1")

    assert code == 1
    assert "expected an address like https://" in said


def test_the_token_may_come_on_stdin(
    verify: Verify, kept: Path, small_authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CURFEW_TOKEN")
    monkeypatch.setattr("sys.stdin", io.StringIO(small_authority.person_token(Role.AUDITOR) + "\n"))

    assert verify(kept)[0] == 0


@pytest.mark.parametrize("typed", ["", "\n", "t\u00f6ken\n", "to\x00ken\n"])
def test_what_can_be_no_token_is_sent_to_nobody(
    verify: Verify, server: SmallServer, kept: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.delenv("CURFEW_TOKEN")
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))

    code, said = verify(kept)

    assert code == 1
    assert "make one on the server: curfew-server --config SERVER.env token NAME" in said
    assert server.asked == []
