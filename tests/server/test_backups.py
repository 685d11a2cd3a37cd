"""Backups and restoring: whole and closed to others, refused when damaged or newer, never over another server."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from server.app import create_app
from server.cli import main
from server.config import Config, read_config
from server.errors import BackupRefused
from server.evidence.audit import newest_rows
from server.maintenance.archive import DATABASES, unpack_archive
from server.storage.database import Base, Database
from server.storage.migrating import alembic_config, migrate, schemas
from tests.server.authority import Authority
from tests.server.databases import Databases
from tests.server.postgresql import find_programs

Run = Callable[..., tuple[int, str]]
OURS = version("curfew")


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str],
    databases: Databases,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    """Type a command; a server that is restored to a new place gets an empty database where that is not beside it."""
    monkeypatch.setenv("PATH", f"{find_programs()}{os.pathsep}{os.environ['PATH']}")

    def type_it(config: Path, *words: str) -> tuple[int, str]:
        with monkeypatch.context() as patch:
            if words[0] == "restore" and not config.exists() and "CURFEW_DATABASE_URL" not in os.environ:
                config.parent.mkdir(mode=0o700, exist_ok=True)
                patch.setenv("CURFEW_DATABASE_URL", databases.empty(config.parent))
            code = main(["--config", str(config), *words])
        return code, "".join(capsys.readouterr())

    return type_it


@pytest.fixture
def office(office: Authority) -> Authority:
    """A server as `curfew-server init` makes it, with a publication, a station and a phone's report."""
    bench = office.bench()
    office.accept(bench.sign(bench.report(office.phone(bench))))
    return office


@pytest.fixture
def settings(office: Authority) -> Path:
    return office.config.audit_key.parent / "server.env"


@pytest.fixture
def archive(run: Run, settings: Path, tmp_path: Path) -> Path:
    """A backup of the office."""
    assert run(settings, "backup", str(tmp_path / "office.backup"))[0] == 0
    return tmp_path / "office.backup"


@pytest.fixture
def copied(office: Authority) -> str:
    """The name of the part that is the database."""
    return DATABASES[make_url(office.config.database_url).get_backend_name()]


def restored(before: dict[str, int]) -> dict[str, int]:
    """Return what is to be there after a restore: a row about it, and one snapshot above all that was seen."""
    return before | {name: before[name] + 1 for name in ("audit", "trust_file")}


def stored(config: Config) -> dict[str, int]:
    """Return how many rows each table has."""
    with closing(Database(config.database_url)) as database, database.reading() as session:
        tables = Base.metadata.sorted_tables
        return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def rewritten(archive: Path, **changes: object) -> Path:
    """Return a copy of a backup whose manifest says something else, and holds."""
    copy = archive.with_name(f"rewritten-{uuid4().hex}")
    with tarfile.open(archive) as old, tarfile.open(copy, "w", format=tarfile.GNU_FORMAT) as new:
        parts = {member.name: old.extractfile(member).read() for member in old}  # type: ignore[union-attr]
        parts["manifest.json"] = json.dumps(json.loads(parts["manifest.json"]) | changes).encode()
        digest = sha256(parts["manifest.json"]).hexdigest()
        parts["manifest.sha256"] = f"{digest}  manifest.json\n".encode()
        for name, content in parts.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return copy


def test_a_backup_is_one_file_that_nobody_else_can_read_and_says_so_loudly(
    run: Run, settings: Path, tmp_path: Path
) -> None:
    code, said = run(settings, "backup", str(tmp_path / "office.backup"))

    assert code == 0
    assert "KEEP IT LIKE THE SERVER ITSELF" in said
    assert "NOT IN IT" not in said
    assert stat.S_IMODE((tmp_path / "office.backup").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_it_holds_what_a_server_needs_and_no_key_that_a_server_must_not_have(
    archive: Path, copied: str
) -> None:
    with tarfile.open(archive) as found:
        names = found.getnames()

    assert names == [
        *(
            "manifest.sha256",
            "manifest.json",
            "server.env",
            "audit.key",
            "tls/authority.pem",
            "tls/server.pem",
        ),
        *("tls/server.key", "keys/snapshot.pem", "keys/timestamp.pem", copied),
    ]


def test_its_manifest_tells_version_schema_and_the_hash_of_each_part(archive: Path, copied: str) -> None:
    with tarfile.open(archive) as found:
        content = {member.name: found.extractfile(member).read() for member in found}  # type: ignore[union-attr]
    manifest = json.loads(content.pop("manifest.json"))
    content.pop("manifest.sha256")

    kind = next(kind for kind, name in DATABASES.items() if name == copied)
    assert (manifest["schema"], manifest["database"]) == (schemas()[-1], kind)
    assert manifest["parts"] == {name: sha256(data).hexdigest() for name, data in content.items()}


def test_into_a_folder_it_goes_under_a_name_with_its_time(run: Run, settings: Path, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()

    assert run(settings, "backup", str(tmp_path / "backups"))[0] == 0

    [made] = (tmp_path / "backups").iterdir()
    assert made.match("curfew-20*T*Z.backup")


def test_what_a_killed_backup_left_is_removed_by_the_next(run: Run, settings: Path, tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, alive = tmp_path / f".backup-{ended.pid}-abc", tmp_path / f".backup-{os.getpid()}-abc"
    for folder in (left, alive):
        folder.mkdir()
        (folder / "database.copy").write_bytes(b"a whole database")

    assert run(settings, "backup", str(tmp_path / "office.backup"))[0] == 0

    assert (left.exists(), alive.exists()) == (False, True)


def test_a_backup_is_never_overwritten(run: Run, settings: Path, archive: Path) -> None:
    before = archive.read_bytes()

    code, said = run(settings, "backup", str(archive))

    assert code == 1
    assert "is not overwritten; choose another name" in said
    assert archive.read_bytes() == before


def test_a_file_that_the_settings_name_and_that_is_gone_is_told(
    run: Run, settings: Path, office: Authority, tmp_path: Path
) -> None:
    office.config.audit_key.unlink()

    code, said = run(settings, "backup", str(tmp_path / "office.backup"))

    assert code == 0
    assert f"NOT IN IT: {office.config.audit_key}" in said


@pytest.mark.about_sqlite("its file is damaged")
def test_a_damaged_database_makes_no_backup(
    run: Run, settings: Path, office: Authority, tmp_path: Path
) -> None:
    office.database.close()
    with (settings.parent / "curfew.sqlite").open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xa5" * 4096 * 20)

    code, said = run(settings, "backup", str(tmp_path / "office.backup"))

    assert code == 1
    assert f"curfew-server --config {settings} check" in said
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".key") == ["office"]


def test_a_server_is_stood_up_elsewhere_with_all_that_it_had(
    run: Run, office: Authority, archive: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new" / "server.env"

    code, said = run(new, "restore", str(archive))

    assert code == 0, said
    config = read_config(new, environ={})
    for name in ("secret_key", "holder_key", "public_url"):
        assert getattr(config, name) == getattr(office.config, name)
    for name in ("audit_key", "tls_folder", "trust_keys"):
        assert getattr(config, name).parent == tmp_path / "new"
    assert stored(config) == restored(stored(office.config))
    assert run(new, "check")[0] == 0
    assert create_app(config).test_client().get("/readyz").get_json() == {"ready": True, "failing": []}


def test_what_was_restored_is_closed_to_others(run: Run, archive: Path, tmp_path: Path) -> None:
    run(tmp_path / "new" / "server.env", "restore", str(archive))

    for path in (tmp_path / "new").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_restoring_is_a_row_of_the_audit_chain(run: Run, archive: Path, tmp_path: Path) -> None:
    run(tmp_path / "new" / "server.env", "restore", str(archive))

    database = Database(read_config(tmp_path / "new" / "server.env", environ={}).database_url)
    with database.reading() as session:
        row = newest_rows(session)[0]
    database.close()
    assert (row.action, row.subject) == ("database restored", "backup")
    assert set(row.detail) == {"made_at", "version", "schema"}


def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    good = unpacked(archive, tmp_path / "good")
    drawn = random.Random(20230315)
    # Each of the first kilobytes, where manifest and heads are, and some of the rest.
    places = [*range(0, 4096, 7), *drawn.sample(range(4096, len(whole)), 150)]
    refused = 0
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << drawn.randrange(8)
        archive.write_bytes(damaged)
        shutil.rmtree(tmp_path / "found", ignore_errors=True)
        try:
            assert unpacked(archive, tmp_path / "found") == good, place
        except BackupRefused:
            refused += 1
    assert refused > len(places) / 2


@pytest.mark.parametrize("part", ["server.env", "the database", "manifest.json", "keys/snapshot.pem"])
def test_a_flipped_bit_in_a_part_is_refused_and_nothing_is_made(
    run: Run, archive: Path, tmp_path: Path, part: str, copied: str
) -> None:
    with tarfile.open(archive) as found:
        place = found.getmember(copied if part == "the database" else part).offset_data + 40
    damaged = bytearray(archive.read_bytes())
    damaged[place] ^= 1
    archive.write_bytes(damaged)

    code, said = run(tmp_path / "new" / "server.env", "restore", str(archive))

    assert code == 1
    assert "the backup is damaged" in said
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_backup_that_was_cut_is_refused(run: Run, archive: Path, tmp_path: Path, share: float) -> None:
    with tarfile.open(archive) as found:
        last = found.getmembers()[-1]
    archive.write_bytes(archive.read_bytes()[: int((last.offset_data + last.size) * share)])

    assert run(tmp_path / "new" / "server.env", "restore", str(archive))[0] == 1
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema": "9999"}, f"with schema 9999, this is Curfew {OURS} and works with schema"),
        ({"version": "999.0.0"}, "made by Curfew 999.0.0 with schema"),
        ({"format": 2, "version": "999.1.0"}, "install Curfew 999.1.0 or newer here"),
    ],
)
def test_a_backup_of_a_newer_curfew_is_refused_with_both_versions(
    run: Run, archive: Path, tmp_path: Path, changes: Mapping[str, object], told: str
) -> None:
    code, said = run(tmp_path / "new" / "server.env", "restore", str(rewritten(archive, **changes)))

    assert code == 1
    assert told in said
    assert f"this is Curfew {OURS}" in said
    assert list((tmp_path / "new").iterdir()) == []


def test_versions_are_compared_as_numbers(archive: Path, tmp_path: Path) -> None:
    made = rewritten(archive, version="0.1.10")

    unpack_archive(made, tmp_path / "by the same", "0.1.10", tuple(schemas()))
    unpack_archive(made, tmp_path / "by a newer one", "0.2.0", tuple(schemas()))
    with pytest.raises(BackupRefused, match=r"made by Curfew 0\.1\.10 .* this is Curfew 0\.1\.9"):
        unpack_archive(made, tmp_path / "by an older one", "0.1.9", tuple(schemas()))


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "keys/root.pem"])
def test_a_part_that_no_backup_has_is_refused(run: Run, archive: Path, tmp_path: Path, name: str) -> None:
    with tarfile.open(archive) as found:
        parts = json.loads(found.extractfile("manifest.json").read())["parts"]  # type: ignore[union-attr]
    odd = rewritten(archive, parts=parts | {name: "0" * 64})

    assert run(tmp_path / "new" / "server.env", "restore", str(odd))[0] == 1
    assert not (tmp_path / "outside").exists()


def test_what_is_no_backup_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear all,\n" * 200)

    code, said = run(tmp_path / "new" / "server.env", "restore", str(tmp_path / "letter"))

    assert code == 1
    assert len(said.splitlines()) == 1


def test_a_server_that_is_there_is_overwritten_only_when_told(
    run: Run, settings: Path, office: Authority, archive: Path
) -> None:
    kept = stored(office.config)
    bench = office.bench("bench 2")
    office.accept(bench.sign(bench.report(office.phone(bench))))
    office.database.close()
    since = stored(office.config)

    code, said = run(settings, "restore", str(archive))
    refused = stored(office.config)
    replaced, _ = run(settings, "restore", str(archive), "--replace")

    assert (code, replaced) == (1, 0)
    assert f"{settings}, " in said
    assert "a database would be overwritten" in said
    assert refused == since
    assert stored(office.config) == restored(kept)


def test_a_database_in_use_is_not_replaced(
    run: Run, settings: Path, office: Authority, archive: Path
) -> None:
    with office.database.reading() as session:
        newest_rows(session)
        code, said = run(settings, "restore", str(archive), "--replace")

    assert code == 1
    assert "the database is in use; stop the server" in said


@pytest.mark.about_sqlite("its file is damaged")
def test_a_database_that_is_damaged_can_be_replaced(
    run: Run, settings: Path, office: Authority, archive: Path
) -> None:
    office.database.close()
    (settings.parent / "curfew.sqlite").write_bytes(b"no database any more" * 1000)

    assert run(settings, "restore", str(archive), "--replace")[0] == 0
    assert run(settings, "check")[0] == 0


def test_a_backup_of_an_older_schema_is_brought_to_the_newest(
    run: Run, settings: Path, office: Authority, tmp_path: Path
) -> None:
    with office.database.writing() as session:
        command.downgrade(alembic_config(session), "0006")

    assert run(settings, "backup", str(tmp_path / "old.backup"))[0] == 0
    assert run(tmp_path / "new" / "server.env", "restore", str(tmp_path / "old.backup"))[0] == 0

    assert run(tmp_path / "new" / "server.env", "check")[0] == 0


@pytest.mark.about_sqlite("where its file is")
def test_the_database_may_go_to_another_place(
    run: Run, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
    with monkeypatch.context() as patch:
        patch.setenv("CURFEW_DATABASE_URL", url)
        assert run(tmp_path / "new" / "server.env", "restore", str(archive))[0] == 0

    assert read_config(tmp_path / "new" / "server.env", environ={}).database_url == url
    assert run(tmp_path / "new" / "server.env", "check")[0] == 0


@pytest.mark.about_sqlite("where its file is")
def test_a_server_that_is_replaced_keeps_its_place_for_the_database(
    run: Run, settings: Path, office: Authority, tmp_path: Path
) -> None:
    office.database.close()
    elsewhere = tmp_path / "lib" / "curfew.sqlite"
    elsewhere.parent.mkdir(mode=0o700)
    (settings.parent / "curfew.sqlite").rename(elsewhere)
    lines = settings.read_text().splitlines()
    settings.write_text("\n".join([f"CURFEW_DATABASE_URL=sqlite:///{elsewhere}", *lines[1:]]) + "\n")
    assert run(settings, "backup", str(tmp_path / "office.backup"))[0] == 0
    elsewhere.write_bytes(b"damaged" * 1000)

    assert run(settings, "restore", str(tmp_path / "office.backup"), "--replace")[0] == 0

    assert run(settings, "check")[0] == 0
    assert not (settings.parent / "curfew.sqlite").exists()


@pytest.mark.about_sqlite("a copy of its file")
def test_one_kind_of_database_is_not_restored_into_another(
    run: Run, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURFEW_DATABASE_URL", "postgresql+psycopg://curfew:geheim@db/curfew")

    code, said = run(tmp_path / "new" / "server.env", "restore", str(archive))

    assert code == 1
    assert "one cannot be restored into the other" in said
    assert "geheim" not in said


def test_a_database_that_nobody_could_use_is_refused_before_anything_is_made(
    run: Run, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURFEW_DATABASE_URL", "curfew.sqlite")

    code, said = run(tmp_path / "new" / "server.env", "restore", str(archive))

    assert code == 1
    assert "the environment's CURFEW_DATABASE_URL: expected the URL of a database" in said
    assert list((tmp_path / "new").iterdir()) == []


def test_a_backup_is_one_moment_however_much_is_written_meanwhile(
    run: Run, settings: Path, office: Authority, tmp_path: Path
) -> None:
    bench, ended, stored_meanwhile = office.bench("busy"), Event(), [1]

    def report_without_end() -> None:
        while not ended.is_set():
            stored_meanwhile.append(len(office.accept(bench.sign(bench.report(office.phone(bench))))))

    with ThreadPoolExecutor(1) as stations:
        reporting = stations.submit(report_without_end)
        before = 0
        while len(stored_meanwhile) == before or before < 2:
            before = len(stored_meanwhile)
            (tmp_path / "busy.backup").unlink(missing_ok=True)
            code, said = run(settings, "backup", str(tmp_path / "busy.backup"))
            assert code == 0, said
        ended.set()
        reporting.result()

    assert run(tmp_path / "new" / "server.env", "restore", str(tmp_path / "busy.backup"))[0] == 0
    assert run(tmp_path / "new" / "server.env", "check")[0] == 0
    rows = stored(read_config(tmp_path / "new" / "server.env", environ={}))
    # Each report of a phone of its own: one that had been cut in half would leave another number.
    assert rows["phone_state"] == rows["report"] <= rows["phone"] <= rows["report"] + 1


@pytest.fixture
def on_postgresql(
    office: Authority, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], str]:
    """Let the office be on PostgreSQL, with its programs on PATH; returns what makes another, empty database."""
    server = request.getfixturevalue("postgresql")
    url = server.create_database(f"kept_{uuid4().hex}", request.getfixturevalue("published_postgresql"))
    settings = office.config.audit_key.parent / "server.env"
    lines = settings.read_text().splitlines()
    settings.write_text("\n".join([f"CURFEW_DATABASE_URL={url}", *lines[1:]]) + "\n")
    monkeypatch.setenv("PATH", f"{find_programs()}{os.pathsep}{os.environ['PATH']}")
    return lambda: str(server.create_database(f"new_{uuid4().hex}"))


def test_postgresql_is_copied_and_put_back_by_its_own_programs(
    run: Run,
    settings: Path,
    on_postgresql: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, said = run(settings, "backup", str(tmp_path / "office.backup"))
    assert code == 0, said
    new, url = tmp_path / "new" / "server.env", on_postgresql()
    with monkeypatch.context() as patch:
        patch.setenv("CURFEW_DATABASE_URL", url)
        code, said = run(new, "restore", str(tmp_path / "office.backup"))
        assert code == 0, said
        again, refused = run(tmp_path / "third" / "server.env", "restore", str(tmp_path / "office.backup"))

    assert read_config(new, environ={}).database_url == url
    assert run(new, "check")[0] == 0
    assert again == 1
    assert "a database would be overwritten" in refused
    assert run(new, "restore", str(tmp_path / "office.backup"), "--replace")[0] == 0
    assert run(new, "check")[0] == 0


def test_a_postgresql_of_a_newer_schema_is_replaced_whole_by_an_older_backup(
    run: Run, settings: Path, on_postgresql: Callable[[], str], tmp_path: Path
) -> None:
    database = Database(read_config(settings, environ={}).database_url)
    with database.writing() as session:
        command.downgrade(alembic_config(session), "0007")
    assert run(settings, "backup", str(tmp_path / "old.backup"))[0] == 0
    # With tables that the backup knows nothing of, and that refer to its own.
    migrate(database)
    database.close()

    code, said = run(settings, "restore", str(tmp_path / "old.backup"), "--replace")

    assert code == 0, said
    assert run(settings, "check")[0] == 0


@pytest.mark.parametrize(
    ("program", "words"), [("pg_dump", "backup"), ("pg_restore", "restore"), ("psql", "restore")]
)
def test_without_postgresqls_programs_the_one_that_is_missing_is_named(
    run: Run,
    settings: Path,
    on_postgresql: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    words: str,
) -> None:
    assert run(settings, "backup", str(tmp_path / "office.backup"))[0] == 0
    place, target = settings, "second.backup"
    if words == "restore":
        place, target = tmp_path / "new" / "server.env", "office.backup"
        monkeypatch.setenv("CURFEW_DATABASE_URL", on_postgresql())
    (tmp_path / "bin").mkdir()
    for other in {"pg_dump", "pg_restore", "psql"} - {program}:
        (tmp_path / "bin" / other).symlink_to(find_programs() / other)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    code, said = run(place, words, str(tmp_path / target))

    assert code == 1
    assert f"{program} is not there" in said
    assert "postgresql-client" in said


def unpacked(archive: Path, folder: Path) -> dict[str, bytes]:
    """Return the content of a backup that was found good."""
    folder.mkdir()
    unpack_archive(archive, folder, OURS, tuple(schemas()))
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
