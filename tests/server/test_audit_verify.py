"""``curfew-server audit verify``: whether the chain is whole, and whether what the stations saw still stands in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from server.cli import main
from server.evidence import audit
from server.evidence.audit import HeadSigner
from tests.server.authority import NOW, Authority

Verify = Callable[..., tuple[int, str]]


@pytest.fixture
def verify(small_authority: Authority, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Run the command on this server, with these witness files; returns exit code and what it said."""
    settings = small_authority.write_settings()

    def run(*files: Path) -> tuple[int, str]:
        witnesses = [word for file in files for word in ("--witness", str(file))]
        code = main(["--config", str(settings), "audit", "verify", *witnesses])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def change(authority: Authority, *statements: str) -> None:
    with authority.database.writing() as session:
        for statement in statements:
            session.execute(text(statement))


def record(authority: Authority, count: int, actor: str = "desk-1") -> None:
    with authority.database.writing() as session:
        for number in range(count):
            audit.record(session, actor, "changed", f"thing {number}", {}, NOW)


def seen_heads(authority: Authority, path: Path, rows: int) -> Path:
    """Return a station's file after it has seen a head for each of so many new rows."""
    signer = HeadSigner(authority.config.audit_key)
    heads = []
    for _ in range(rows):
        record(authority, 1)
        with authority.database.reading() as session:
            heads.append(signer.signed_head(audit.head(session)))
    path.write_bytes(b"".join(head + b"\n" for head in heads))
    return path


def test_a_whole_chain_and_what_stations_saw_of_it_is_told_with_counts(
    small_authority: Authority, verify: Verify, tmp_path: Path
) -> None:
    first = seen_heads(small_authority, tmp_path / "bench-1", 2)
    second = seen_heads(small_authority, tmp_path / "bench-2", 3)

    code, said = verify(first, second)

    assert code == 0
    assert "The chain is whole: " in said
    assert f"{first}: all 2 heads" in said
    assert f"{second}: all 3 heads" in said


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE number = 2", "row 2 was altered"),
        ("DELETE FROM audit WHERE number = 2", "row 2 is missing"),
        ("DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)", "the head names row"),
        ("DELETE FROM audit_head", "the head is missing"),
    ],
)
def test_what_was_changed_cut_or_taken_away_is_named(
    small_authority: Authority, verify: Verify, harm: str, fault: str
) -> None:
    record(small_authority, 4)
    change(small_authority, harm)

    code, said = verify()

    assert code == 1
    assert fault in said
    assert "newest backup" in said


def test_rows_cut_together_with_the_head_are_found_by_what_a_station_saw(
    small_authority: Authority, verify: Verify, tmp_path: Path
) -> None:
    file = seen_heads(small_authority, tmp_path / "bench-1", 3)
    cut = "(SELECT max(number) FROM audit)"
    change(
        small_authority,
        f"DELETE FROM audit WHERE number = {cut}",
        f"UPDATE audit_head SET number = {cut}, hash = (SELECT hash FROM audit WHERE number = {cut})",
    )
    assert verify()[0] == 0

    code, said = verify(file)

    assert code == 1
    assert f"{file}, line 3: row 4 was the newest when this head was seen" in said
    assert "the chain ends at row 3: its newest rows were cut off" in said


def test_a_chain_begun_anew_is_found_though_every_row_holds(
    small_authority: Authority, verify: Verify, tmp_path: Path
) -> None:
    file = seen_heads(small_authority, tmp_path / "bench-1", 2)
    change(small_authority, "DELETE FROM audit", "DELETE FROM audit_head")
    record(small_authority, 9, actor="intruder")
    assert verify()[0] == 0

    code, said = verify(file)
    assert code == 1
    assert "another row stands there: the chain was rewritten" in said


@pytest.mark.parametrize("line", [b"", b"{}", b"not JSON", b"[1]", b'{"payload": "e30="}'])
def test_a_file_of_something_else_is_refused_by_its_line(verify: Verify, tmp_path: Path, line: bytes) -> None:
    (tmp_path / "odd").write_bytes(line + b"\n")

    code, said = verify(tmp_path / "odd")

    assert code == 1
    assert "line 1: expected a head signed by this server" in said
