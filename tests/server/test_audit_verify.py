"""``curfew-server audit verify``: whether the chain is whole, and whether what the stations saw still stands in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import alembic.command
import pytest
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from server.cli import main
from server.errors import StorageBusy
from server.evidence import audit
from server.evidence.alarms import Alarm, AlarmKind, Settlement, open_alarms, settle_alarm
from server.evidence.audit import HeadSigner
from server.storage.database import Database
from server.storage.migrating import alembic_config
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


def open_kinds(authority: Authority) -> list[AlarmKind]:
    with authority.database.reading() as session:
        return [alarm.kind for alarm in open_alarms(session)]


@pytest.mark.parametrize(
    ("harm", "kind"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE number = 2", AlarmKind.AUDIT_CHAIN_BROKEN),
        ("DELETE FROM audit_head", AlarmKind.AUDIT_HEAD_MISSING),
    ],
)
def test_what_is_found_raises_one_alarm_however_often_it_is_found(
    small_authority: Authority, verify: Verify, harm: str, kind: AlarmKind
) -> None:
    record(small_authority, 4)
    change(small_authority, harm)

    assert "An alarm was raised" in verify()[1]
    assert "An alarm about it was raised before" in verify()[1]

    assert open_kinds(small_authority) == [kind]


def test_a_broken_chain_that_a_person_has_looked_into_raises_no_second_alarm(
    small_authority: Authority, verify: Verify
) -> None:
    record(small_authority, 4)
    change(small_authority, "UPDATE audit SET actor = 'nobody' WHERE number = 2")
    verify()
    with small_authority.database.writing() as session:
        settle_alarm(session, 1, Settlement("auditor", NOW, "a mistake at the database"))

    assert verify()[0] == 1

    assert open_kinds(small_authority) == []


def test_a_head_that_is_taken_away_again_is_an_alarm_again(
    small_authority: Authority, verify: Verify
) -> None:
    for _ in range(2):
        change(small_authority, "DELETE FROM audit_head")
        verify()
        [number] = [one.number for one in alarms_of(small_authority)]
        with small_authority.database.writing() as session:
            settle_alarm(session, number, Settlement("auditor", NOW, "put back"))
            audit.record(session, "auditor", "alarm settled", f"alarm {number}", {}, NOW)


def alarms_of(authority: Authority) -> Sequence[Alarm]:
    with authority.database.reading() as session:
        return open_alarms(session)


def test_a_cut_that_a_stations_file_shows_raises_an_alarm(
    small_authority: Authority, verify: Verify, tmp_path: Path
) -> None:
    file = seen_heads(small_authority, tmp_path / "bench-1", 2)
    cut = "(SELECT max(number) FROM audit)"
    change(
        small_authority,
        f"DELETE FROM audit WHERE number = {cut}",
        f"UPDATE audit_head SET number = {cut}, hash = (SELECT hash FROM audit WHERE number = {cut})",
    )

    verify(file)

    assert open_kinds(small_authority) == [AlarmKind.AUDIT_HEAD_UNKNOWN]


def test_a_wrong_file_raises_no_alarm(small_authority: Authority, verify: Verify, tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"no head")

    assert verify(tmp_path / "odd")[0] == 1

    assert open_kinds(small_authority) == []


def test_looking_leaves_an_older_database_as_it_is_and_names_the_command_that_mends_it(
    authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    with authority.database.writing() as session:
        alembic.command.downgrade(alembic_config(session), "0003")
    settings = str(authority.write_settings())

    for looking in (("audit", "verify"), ("thin", "--older-than", "90")):
        assert main(["--config", settings, *looking]) == 1
        said = capsys.readouterr().err
        assert "the database has schema 0003, this Curfew works with " in said
        assert "then run: curfew-server --config" in said

    with authority.database.reading() as session:
        assert MigrationContext.configure(session.connection()).get_current_revision() == "0003"


def test_a_database_of_a_newer_curfew_asks_for_that_version(
    small_authority: Authority, verify: Verify
) -> None:
    change(small_authority, "UPDATE alembic_version SET version_num = '9999'")

    code, said = verify()

    assert code == 1
    assert "schema 9999" in said
    assert "install that version" in said


@pytest.mark.about_sqlite("what is done to its file")
def test_looking_makes_no_database_where_there_is_none(
    small_authority: Authority, verify: Verify, tmp_path: Path
) -> None:
    small_authority.database.close()
    database = tmp_path / "curfew.sqlite"
    database.rename(tmp_path / "away.sqlite")

    code, said = verify()

    assert code == 1
    assert f"expected a database at {database}, found none" in said
    assert not database.exists()


@pytest.mark.about_sqlite("what is done to its file")
def test_a_whole_chain_is_told_without_a_byte_written(
    small_authority: Authority, verify: Verify, tmp_path: Path
) -> None:
    record(small_authority, 2)
    small_authority.database.close()
    before = (tmp_path / "curfew.sqlite").read_bytes()

    assert verify()[0] == 0

    assert (tmp_path / "curfew.sqlite").read_bytes() == before


def test_a_database_opened_to_look_at_takes_no_change(authority: Authority) -> None:
    looking = Database(authority.config.database_url, read_only=True)

    with pytest.raises((StorageBusy, DBAPIError)), looking.reading() as session:
        session.execute(text("UPDATE audit_head SET number = 0"))

    looking.close()
