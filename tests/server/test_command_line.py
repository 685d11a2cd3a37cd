"""``curfew-server``, called as its users do: what it prints, what it leaves, which exit code."""

from __future__ import annotations

import io
import json
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from server.cli import main
from server.commands.settings import operator
from server.config import read_config
from server.evidence.audit import newest_rows
from server.people.people import Role, find_person
from server.people.tokens import token_person
from server.stations.stations import BY_NAME, list_stations
from server.storage.database import Database
from tests.server.authority import NOW, PASSWORD, Authority, TrustFolder

Run = Callable[..., int]


@pytest.fixture
def folder(demo_trust: TrustFolder, tmp_path: Path) -> Path:
    """The folder that `init` makes."""
    made = tmp_path / "server"
    assert main(["init", str(made), "--trust", str(demo_trust.path)]) == 0
    return made


@pytest.fixture
def run(folder: Path) -> Run:
    def run_with_config(*arguments: str) -> int:
        return main(["--config", str(folder / "server.env"), *arguments])

    return run_with_config


@pytest.fixture
def database(folder: Path) -> Database:
    return Database(read_config(folder / "server.env", environ={}).database_url)


def test_init_makes_settings_only_the_owner_can_read(folder: Path) -> None:
    for name in ("server.env", "audit.key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert read_config(folder / "server.env", environ={}).public_url == "https://127.0.0.1:8443"


def test_init_never_replaces_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "server.env").read_text()

    assert main(["init", str(folder)]) == 1
    assert (folder / "server.env").read_text() == before
    assert "not overwritten" in capsys.readouterr().err


def test_init_prints_no_secret(
    demo_trust: TrustFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", str(tmp_path / "other"), "--trust", str(demo_trust.path)])

    config = read_config(tmp_path / "other" / "server.env", environ={})
    printed = "".join(capsys.readouterr())
    assert config.secret_key not in printed
    assert config.holder_key not in printed


def test_publish_says_what_is_in_force(
    run: Run, demo_trust: TrustFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("publish", str(demo_trust.path)) == 0

    assert "Bundle 1" in capsys.readouterr().out


def test_publishing_the_same_again_says_so(
    run: Run, demo_trust: TrustFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run("publish", str(demo_trust.path))
    capsys.readouterr()

    assert run("publish", str(demo_trust.path)) == 0

    assert "is already published as number 1; nothing was changed." in capsys.readouterr().out


def test_a_command_is_recorded_under_the_account_that_typed_it(
    run: Run, database: Database, demo_trust: TrustFolder
) -> None:
    run("publish", str(demo_trust.path))

    with database.reading() as session:
        [row] = newest_rows(session)

    account = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert row.actor == f"{account} on the server's command line"


def test_an_account_without_a_name_is_recorded_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 4_000_000_000)

    assert operator() == "uid 4000000000 on the server's command line"


def test_publishing_a_folder_without_trust_is_one_sentence(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("publish", str(tmp_path)) == 1

    assert "curfew-certs init" in capsys.readouterr().err


def test_an_enrolment_code_is_the_only_line_on_stdout(
    run: Run, demo_trust: TrustFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run("publish", str(demo_trust.path))
    capsys.readouterr()

    assert run("enrolment-code", "--for", "bench 1", "--hours", "2") == 0

    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("curfew1:")


def test_there_is_no_code_before_publishing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("enrolment-code") == 1

    assert "server.env publish FOLDER" in capsys.readouterr().err


def test_a_person_is_made_with_a_password_from_stdin(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))

    assert run("person", "Desk-1", "--role", "auditor", "--role", "author") == 0

    with database.reading() as session:
        person = find_person(session, "desk-1")
    assert person is not None
    assert person.roles == {Role.AUDITOR, Role.AUTHOR}


def test_a_weak_password_is_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))

    assert run("person", "desk-1", "--role", "auditor") == 1

    assert "12 characters" in capsys.readouterr().err


def test_switching_the_last_auditor_off_says_what_nobody_may_do_now_and_how_to_mend_it(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("desk-1", "desk-2"):
        monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
        run("person", name, "--role", "auditor")

    assert run("person", "desk-1", "--off") == 0
    first = capsys.readouterr()
    assert run("person", "desk-2", "--off") == 0
    last = capsys.readouterr()

    assert "every session and token has ended" in first.out
    assert "Nobody" not in first.err
    assert "Nobody who is on may now" in last.err
    assert "read the audit chain" in last.err
    assert "server.env person NAME --role ROLE" in last.err
    with database.reading() as session:
        person = find_person(session, "desk-2")
    assert person is not None
    assert person.off_since is not None


def test_an_account_is_switched_on_again(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    run("person", "desk-1", "--role", "auditor")
    run("person", "desk-1", "--off")
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    run("person", "desk-1", "--role", "author")
    assert "stays off" in capsys.readouterr().out

    assert run("person", "desk-1", "--on") == 0

    assert "desk-1 is on" in capsys.readouterr().out


def test_switching_nobody_off_is_one_sentence(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("person", "nobody", "--off") == 1

    assert "nobody is called" in capsys.readouterr().err


def test_an_account_keeps_its_password_where_only_roles_are_changed(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    run("person", "desk-1", "--role", "auditor")
    with database.reading() as session:
        before = find_person(session, "desk-1")
    capsys.readouterr()

    assert run("person", "desk-1", "--role", "author", "--keep-password") == 0

    said = capsys.readouterr()
    assert "desk-1 is author from now on." in said.out
    assert "Nobody who is on may now" in said.err
    with database.reading() as session:
        after = find_person(session, "desk-1")
    assert before is not None
    assert after == replace(before, roles=frozenset({Role.AUTHOR}))


def test_a_first_password_is_printed_alone_and_has_to_be_changed(
    run: Run, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("person", "desk-1", "--role", "auditor", "--first-password") == 0
    [first] = capsys.readouterr().out.splitlines()
    assert run("person", "desk-1", "--first-password") == 0
    [second] = capsys.readouterr().out.splitlines()

    assert len(first) == len(second) == 19
    assert first != second
    with database.reading() as session:
        person = find_person(session, "desk-1")
    assert person is not None
    assert person.first_password_until is not None


def test_people_are_listed_for_people_and_for_programs(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("person", "desk-2", "--role", "auditor", "--first-password")
    run("person", "desk-1", "--role", "admin", "--role", "author", "--first-password")
    run("person", "desk-1", "--off")
    run("person", "desk-2", "--sign-out")
    capsys.readouterr()

    assert run("people") == 0
    lines = capsys.readouterr().out.splitlines()
    assert run("people", "--role", "admin", "--off", "--json") == 0
    [fact] = capsys.readouterr().out.splitlines()

    assert lines[0].startswith("desk-1: admin, author (off since ")
    assert lines[1].startswith("desk-2: auditor (on, never signed in, first password until ")
    assert (json.loads(fact)["name"], json.loads(fact)["on"]) == ("desk-1", False)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--off", "--sign-out"),
        ("--role", "author", "--off"),
        ("--first-password", "--on"),
        ("--keep-password",),
        ("--role", "author", "--keep-password", "--first-password"),
    ],
)
def test_what_is_to_become_of_an_account_is_said_once(run: Run, words: tuple[str, ...]) -> None:
    assert run("person", "desk-1", *words) == 2


def test_a_token_is_good_for_its_person(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    run("person", "desk-1", "--role", "auditor")
    capsys.readouterr()

    assert run("token", "desk-1") == 0

    [token] = capsys.readouterr().out.splitlines()
    with database.reading() as session:
        person = token_person(session, token, NOW)
    assert person is not None
    assert person.name == "desk-1"


def test_a_token_for_nobody_is_one_sentence(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("token", "nobody") == 1

    assert "server.env person NAME --role ROLE" in capsys.readouterr().err


def test_a_lost_station_is_revoked(
    run: Run, folder: Path, demo_trust: TrustFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("migrate")
    office = Authority(tmp_path, demo_trust, read_config(folder / "server.env", environ={}))
    bench = office.bench()

    assert run("revoke", bench.station_id, "--reason", "stolen from a car\n") == 0
    assert run("revoke", bench.station_id) == 0

    assert "It was revoked before." in capsys.readouterr().out
    with office.database.reading() as session:
        [row] = list_stations(session, None, BY_NAME, "", 10).rows
    assert row.revoked_at is not None
    assert row.revoked_at >= NOW
    with office.database.reading() as session:
        [act] = newest_rows(session)
    assert act.detail == {"name": "bench 1", "reason": "stolen from a car\\n"}


def test_an_unknown_station_is_one_sentence(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("revoke", "nowhere") == 1

    assert "there is no station" in capsys.readouterr().err


def test_the_config_may_stand_behind_the_command(folder: Path) -> None:
    assert main(["migrate", "--config", str(folder / "server.env")]) == 0


def test_a_missing_config_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tmp_path / "nothing.env"), "migrate"]) == 1

    assert "curfew-server init" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["unknown"],
        ["person", "x", "--role", "king"],
        ["person", "x"],
        ["person", "x", "--role", "author", "--off"],
        ["serve", "--port", "0"],
    ],
)
def test_what_is_typed_wrongly_ends_with_2(arguments: list[str]) -> None:
    assert main(arguments) == 2
