"""``curfew-server check``: each part of what is stored, whole or broken in the way that it is there to find."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from certs.keys import create_key
from server.cli import main
from server.maintenance.checks import CHECKS, Check, CheckResult, run_checks
from server.storage.database import Database
from server.storage.migrating import alembic_config, schemas
from tests.server.authority import Authority

PARTS = ["database", "migrations", "references", "bases", "counts", "audit", "trust", "people"]


def failing(authority: Authority) -> dict[str, CheckResult]:
    """Return what fails and how, of a database that is looked at as the command does."""
    database = Database(authority.config.database_url, read_only=True)
    found = dict(run_checks(authority.config, database))
    database.close()
    assert list(found) == PARTS
    return {part: finding for part, finding in found.items() if not finding.ok}


def change(authority: Authority, *statements: str) -> None:
    with authority.database.writing() as session:
        for statement in statements:
            session.execute(text(statement))


def test_a_server_with_reports_is_whole_in_every_part(authority: Authority) -> None:
    bench = authority.bench()
    authority.accept(bench.sign(bench.report(authority.phone(bench))))

    assert failing(authority) == {}


def test_an_older_schema_is_told_with_both_versions(authority: Authority) -> None:
    with authority.database.writing() as session:
        command.downgrade(alembic_config(session), "0006")

    finding = failing(authority)["migrations"]

    assert finding.found == f"schema 0006, and this version works with {schemas()[-1]}"
    assert finding.next_step.endswith("curfew-server --config SERVER.env migrate")


def test_a_newer_schema_is_told(authority: Authority) -> None:
    change(authority, "UPDATE alembic_version SET version_num = '9999'")

    assert "install that version here" in failing(authority)["migrations"].next_step


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE fleet_entry SET fresh = 'violating'", "1 phone is listed other than"),
        ("UPDATE fleet_tally SET phones = 7", "1 kept count of 1 differ"),
        (
            "INSERT INTO ring_tally VALUES (0.5, 1, 'violating', FALSE, '', 7)",
            "1 kept count of rings of 1 differ",
        ),
        ("INSERT INTO ring_bound VALUES (1.0)", "1 kept count of rings of 0 differ"),
        ("UPDATE station_activity SET reports = 7", "1 station has sent other than"),
        ("DELETE FROM station_activity", "1 station has sent other than"),
    ],
)
def test_counts_that_went_wrong_are_told_and_made_anew(
    authority: Authority, statement: str, told: str
) -> None:
    bench = authority.bench()
    authority.accept(bench.sign(bench.report(authority.phone(bench))))
    change(authority, statement)

    found = failing(authority)
    assert main(["--config", str(authority.write_settings()), "check", "--recount"]) == 0

    assert set(found) == {"counts"}
    assert told in found["counts"].found
    assert "check --recount" in found["counts"].next_step
    assert failing(authority) == {}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'somebody else' WHERE number = 1",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET number = 7",
    ],
)
def test_an_altered_audit_chain_is_told_and_nothing_else(authority: Authority, statement: str) -> None:
    change(authority, statement)

    assert set(failing(authority)) == {"audit"}


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM trust_file WHERE name = 'timestamp.json'", "refused by them"),
        (
            "UPDATE trust_file SET body = (SELECT body FROM trust_file WHERE name = 'timestamp.json')"
            " WHERE name LIKE '%targets.json'",
            "refused by them",
        ),
        ("DELETE FROM trust_file", "refused by them"),
        ("UPDATE publication SET number = 2", "given bundle 1, and the newest that is stored is 2"),
        ("UPDATE publication SET demo = NOT demo", "or another version of it"),
    ],
)
def test_trust_that_stations_refuse_or_that_is_not_the_newest_is_told(
    authority: Authority, statement: str, told: str
) -> None:
    change(authority, statement)

    found = failing(authority)

    assert set(found) == {"trust"}
    assert told in found["trust"].found


def test_online_keys_that_do_not_count_are_told(small_authority: Authority, tmp_path: Path) -> None:
    keys = tmp_path / "other-keys"
    keys.mkdir(mode=0o700)
    for name in ("snapshot.pem", "timestamp.pem"):
        create_key(keys / name)
    object.__setattr__(small_authority.config, "trust_keys", keys)

    assert "the timestamp cannot be renewed" in failing(small_authority)["trust"].found


@pytest.mark.about_sqlite("PostgreSQL stores no such row")
def test_a_row_that_names_what_is_not_there_is_told(small_authority: Authority) -> None:
    bench = small_authority.bench()
    small_authority.phone(bench)
    with sqlite3.connect(small_authority.folder / "curfew.sqlite") as database:
        database.execute("DELETE FROM station")

    found = failing(small_authority)

    assert set(found) == {"references"}
    assert "names what is not in station" in found["references"].found


@pytest.mark.parametrize("authority", ["postgresql"], indirect=True)
def test_a_reference_that_postgresql_does_not_enforce_is_told(
    authority: Authority,
) -> None:
    change(
        authority,
        "ALTER TABLE tokens DROP CONSTRAINT fk_tokens_person_id_people",
        "ALTER TABLE tokens ADD CONSTRAINT fk_tokens_person_id_people FOREIGN KEY (person_id) REFERENCES people (id)"
        " NOT VALID",
    )

    assert failing(authority)["references"].found == "tokens: fk_tokens_person_id_people is not enforced"


def damage(path: Path) -> None:
    """Overwrite the pages in the middle of an SQLite file, as a failing disk would."""
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xa5" * 4096 * 4)


@pytest.mark.about_sqlite("what is done to its file")
def test_a_damaged_file_is_told_and_the_other_parts_are_looked_at(small_authority: Authority) -> None:
    small_authority.database.close()
    damage(small_authority.folder / "curfew.sqlite")

    found = failing(small_authority)

    assert "database" in found
    assert found["database"].next_step.endswith("curfew-server --config SERVER.env restore FROM --replace")


def test_a_check_that_cannot_look_has_failed_and_tells_no_value(small_authority: Authority) -> None:
    def look(_config: object, session: object) -> CheckResult:
        session.execute(text("SELECT :secret FROM nowhere"), {"secret": "geheim"})  # type: ignore[attr-defined]
        raise AssertionError

    found = dict(
        run_checks(small_authority.config, small_authority.database, [Check("mine", look), CHECKS[0]])
    )

    assert found["mine"].found.startswith("it could not be looked at: ")
    assert "geheim" not in found["mine"].found
    assert (found["mine"].ok, found["database"].ok) == (False, True)


@pytest.fixture
def typed(
    small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str]]]:
    """Type the command; returns its exit code and the lines that it printed."""
    config = small_authority.write_settings()

    def type_it(*options: str) -> tuple[int, list[str]]:
        code = main(["--config", str(config), "check", *options])
        return code, capsys.readouterr().out.splitlines()

    return type_it


def test_the_command_tells_one_line_for_each_part_and_ends_with_0(
    typed: Callable[..., tuple[int, list[str]]],
) -> None:
    code, lines = typed()

    assert code == 0
    assert [line.split()[:2] for line in lines] == [[part, "ok"] for part in PARTS]


def test_one_part_that_fails_ends_the_command_with_1_and_tells_what_to_type(
    typed: Callable[..., tuple[int, list[str]]], small_authority: Authority
) -> None:
    change(small_authority, "DELETE FROM audit_head")

    code, lines = typed()
    json_code, json_lines = typed("--json")

    assert (code, json_code) == (1, 1)
    assert [line.split()[0] for line in lines if " FAILED " in line] == ["audit"]
    told = [json.loads(line) for line in json_lines]
    assert [(row["part"], row["ok"]) for row in told] == [(part, part != "audit") for part in PARTS]
    assert {tuple(sorted(row)) for row in told} == {("found", "kind", "next_step", "ok", "part")}
    assert (
        f"--config {small_authority.folder}/server.env audit verify"
        in told[PARTS.index("audit")]["next_step"]
    )


@pytest.mark.about_sqlite("what is done to its file")
def test_looking_changes_nothing(
    typed: Callable[..., tuple[int, list[str]]], small_authority: Authority
) -> None:
    small_authority.database.close()
    before = (small_authority.folder / "curfew.sqlite").read_bytes()
    change_nothing = typed()

    assert change_nothing[0] == 0
    assert (small_authority.folder / "curfew.sqlite").read_bytes() == before


@pytest.mark.about_sqlite("what is done to its file")
def test_a_database_that_is_not_there_is_one_sentence(
    small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    config = small_authority.write_settings()
    small_authority.database.close()
    (small_authority.folder / "curfew.sqlite").unlink()

    assert main(["--config", str(config), "check"]) == 1
    assert "expected a database at" in capsys.readouterr().err
    assert not (small_authority.folder / "curfew.sqlite").exists()
