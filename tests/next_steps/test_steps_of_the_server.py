"""The next steps that ``curfew-server`` and its API print, each typed as it is printed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import urllib3
from alembic import command
from sqlalchemy import text

from server.config import read_config
from server.evidence import audit
from server.evidence.audit import HeadSigner
from server.storage.database import Database
from server.storage.migrating import alembic_config
from tests.check.office import Office
from tests.next_steps.desk import Desk, types

SERVER = "curfew-server --config 'my server/server.env'"
PASSWORD = "four unrelated words here\n"
TOKEN = "curfew-server --config SERVER.env token NAME"
AUDITOR = "curfew-server --config SERVER.env person NAME --role auditor"
VERIFY = "curfew-server --config SERVER.env audit verify --witness FILE"


def kept_head(desk: Desk, server: Path) -> str:
    """Keep the newest head of that server as a station does, and return the file's name in the desk's folder."""
    config = read_config(server, environ={})
    database = Database(config.database_url)
    with database.reading() as session:
        head = HeadSigner(config.audit_key).signed_head(audit.head(session))
    database.close()
    (desk.folder / "audit_heads.jsonl").write_bytes(head + b"\n")
    return "audit_heads.jsonl"


@types(
    ("server/commands/people.py", "curfew-server --config SERVER.env person {…} --on"),
    ("server/commands/people.py", "curfew-server --config SERVER.env token {…}"),
    ("server/commands/people.py", "curfew-server --config SERVER.env person NAME --role ROLE"),
    ("server/people/tokens.py", "curfew-server --config SERVER.env person {…} --on"),
    ("server/people/people.py", "curfew-server --config SERVER.env person NAME --role ROLE"),
)
def test_accounts_are_made_and_switched_on(desk: Desk, server: Path) -> None:
    person, switch_on = "curfew-server --config SERVER.env person NAME --role ROLE", "person {…} --on"
    said = desk.runs(f"{SERVER} token desk-1", code=1)
    filled = {"NAME": "desk-1", "ROLE": "technician"}
    desk.types_the_next_step(said, person, keys=PASSWORD, then="desk-1 can sign in", filled=filled)
    said = desk.runs(f"{SERVER} person desk-1 --off")
    desk.types_the_next_step(
        said, person, keys=PASSWORD, then="can sign in", NAME="desk-2", ROLE="technician"
    )
    refused = desk.runs(f"{SERVER} token desk-1", code=1)
    said = desk.runs(f"{SERVER} person desk-1 --role technician", keys=PASSWORD)
    switch_on = "curfew-server --config SERVER.env person {…} --on"
    said = desk.types_the_next_step(said, switch_on, then="desk-1 is on")
    desk.types_the_next_step(said, "curfew-server --config SERVER.env token {…}")
    desk.types_the_next_step(refused, switch_on, then="desk-1 is on")


@types(("server/maintenance/checks.py", "curfew-server --config SERVER.env person NAME --role admin"))
def test_a_server_without_an_admin_says_how_one_is_made(desk: Desk, server: Path) -> None:
    desk.runs(f"{SERVER} migrate")
    said = desk.runs(f"{SERVER} check")
    admin = "curfew-server --config SERVER.env person NAME --role admin"
    desk.types_the_next_step(said, admin, keys=PASSWORD, then="can sign in", NAME="sam-1")
    assert "1 admin can sign in" in desk.runs(f"{SERVER} check")


@types(
    (
        "server/commands/policy.py",
        "curfew-server --config SERVER.env policy draft --author NAME --title TITLE",
    )
)
def test_without_a_draft_it_is_told_how_one_begins(desk: Desk, server: Path) -> None:
    desk.runs(f"{SERVER} person author-1 --role author", keys=PASSWORD)
    said = desk.runs(f"{SERVER} policy drafts")
    draft = "curfew-server --config SERVER.env policy draft --author NAME --title TITLE"
    desk.types_the_next_step(said, draft, NAME="author-1", TITLE="Later", then="Draft 1 stands at revision 1")
    assert "1: Later" in desk.runs(f"{SERVER} policy drafts")


@types(("server/stations/enrolment.py", "curfew-server --config SERVER.env publish FOLDER"))
def test_before_the_first_bundle_no_code_is_made(desk: Desk, published: Path) -> None:
    desk.runs("curfew-server init 'my server' --trust 'my trust'")
    said = desk.runs(f"{SERVER} enrolment-code", code=1)
    publish = "curfew-server --config SERVER.env publish FOLDER"
    desk.types_the_next_step(said, publish, FOLDER="'my trust'", then="Bundle 1")
    assert "curfew1:" in desk.runs(f"{SERVER} enrolment-code")


@types(("server/policies/bundles.py", "curfew-server --config SERVER.env publish FOLDER"))
def test_the_storys_clock_needs_trust_for_practice(desk: Desk, published: Path) -> None:
    desk.runs("curfew-server init 'my server' --trust 'my trust'")
    (desk.folder / "clock").write_text("0\n")
    desk.variables["CURFEW_STORY_CLOCK"] = str(desk.folder / "clock")
    said = desk.runs(f"{SERVER} person desk-1 --role author", keys=PASSWORD, code=1)
    publish = "curfew-server --config SERVER.env publish FOLDER"
    desk.types_the_next_step(said, publish, FOLDER="'my trust'", then="It is demo trust")
    desk.runs(f"{SERVER} person desk-1 --role author", keys=PASSWORD)


@types(
    ("server/config.py", "curfew-server init FOLDER"),
    ("server/config.py", "chmod 600 {…}"),
    ("server/storage/database.py", "chmod 600 {…}*"),
    ("server/serving.py", "curfew-certs init FOLDER"),
    ("certs/tls.py", "curfew-certs certificate FOLDER NAME"),
)
def test_settings_that_are_missing_or_open_are_mended(desk: Desk, server: Path) -> None:
    said = desk.runs("curfew-server migrate", code=1)
    desk.types_the_next_step(said, "curfew-server init FOLDER", FOLDER="new", then="Made new/server.env")
    server.chmod(0o644)
    desk.types_the_next_step(desk.runs(f"{SERVER} migrate", code=1), "chmod 600 {…}")
    (server.parent / "curfew.sqlite").chmod(0o644)
    desk.types_the_next_step(desk.runs(f"{SERVER} migrate", code=1), "chmod 600 {…}*")
    desk.runs(f"{SERVER} migrate")
    key = desk.folder / "my trust" / "tls" / "server.key"
    key.write_bytes((key.parent / "authority.key").read_bytes())
    said = desk.runs(f"{SERVER} serve", code=1)
    desk.types_the_next_step(
        said, "curfew-certs certificate FOLDER NAME", FOLDER="'my trust'", NAME="127.0.0.1"
    )
    key.unlink()
    said = desk.runs(f"{SERVER} serve", code=1)
    desk.types_the_next_step(said, "curfew-certs init FOLDER", FOLDER="'new trust'")
    assert (desk.folder / "new trust" / "tls" / "server.key").is_file()


@types(("server/evidence/audit.py", VERIFY))
def test_a_lost_head_of_the_audit_chain_is_compared_with_a_stations(desk: Desk, server: Path) -> None:
    desk.runs(f"{SERVER} person desk-1 --role author", keys=PASSWORD)
    kept = kept_head(desk, server)
    with sqlite3.connect(server.parent / "curfew.sqlite") as database:
        database.execute("DELETE FROM audit_head")
    logged = desk.runs(f"{SERVER} person desk-2 --role author", keys=PASSWORD)
    filled = {"SERVER_env": "'my server/server.env'", "FILE": kept}
    desk.types_the_next_step(logged, VERIFY, then="The chain is whole", filled=filled)


@types(
    ("server/storage/database.py", "curfew-server --config SERVER.env migrate"),
    ("server/storage/migrating.py", "curfew-server --config SERVER.env migrate"),
)
def test_a_database_that_is_old_or_not_there_is_migrated_by_who_means_to(desk: Desk, server: Path) -> None:
    migrate = "curfew-server --config SERVER.env migrate"
    database = Database(f"sqlite:///{server.parent / 'curfew.sqlite'}")
    with database.writing() as session:
        command.downgrade(alembic_config(session), "-1")
    database.close()
    said = desk.runs(f"{SERVER} audit verify", code=1)
    desk.types_the_next_step(said, migrate, then="newest schema")
    desk.runs(f"{SERVER} audit verify")
    for file in server.parent.glob("curfew.sqlite*"):
        file.unlink()
    said = desk.runs(f"{SERVER} audit verify", code=1)
    desk.types_the_next_step(said, migrate, then="newest schema")


CHECKS = "server/maintenance/checks.py"


@types(
    (CHECKS, "curfew-server --config SERVER.env migrate"),
    (CHECKS, VERIFY),
    (CHECKS, "curfew-server --config SERVER.env publish FOLDER"),
)
def test_what_a_check_finds_is_mended_by_what_it_names(desk: Desk, server: Path) -> None:
    kept = kept_head(desk, server)
    database = Database(f"sqlite:///{server.parent / 'curfew.sqlite'}")
    with database.writing() as session:
        command.downgrade(alembic_config(session), "-1")
        session.execute(text("DELETE FROM trust_file"))
        session.execute(text("UPDATE audit SET actor = 'x'"))
    database.close()
    said = desk.runs(f"{SERVER} check", code=1)
    migrate = "curfew-server --config SERVER.env migrate"
    desk.types_the_next_step(said, migrate, then="newest schema")
    desk.types_the_next_step(said, VERIFY, code=1, then="The chain is broken", FILE=kept)
    publish = "curfew-server --config SERVER.env publish FOLDER"
    desk.types_the_next_step(said, publish, FOLDER="'my trust'", then="Bundle 1")


@types(
    ("server/maintenance/database_copy.py", "curfew-server --config SERVER.env check"),
    ("server/commands/backups.py", "curfew-server --config {…} check"),
    (CHECKS, "curfew-server --config SERVER.env restore FROM --replace"),
)
def test_a_damaged_database_is_looked_at_and_a_backup_restored(desk: Desk, server: Path) -> None:
    desk.runs(f"{SERVER} backup good.backup")
    database = server.parent / "curfew.sqlite"
    database.write_bytes(b"no database any more" * 1000)
    said = desk.runs(f"{SERVER} backup bad.backup", code=1)
    said = desk.types_the_next_step(said, "curfew-server --config SERVER.env check", code=1, then="FAILED")
    restore = "curfew-server --config SERVER.env restore FROM --replace"
    said = desk.types_the_next_step(said, restore, FROM="good.backup", then="Restored")
    desk.types_the_next_step(said, "curfew-server --config {…} check", then="trust      ok")


RECOUNT = "curfew-server --config SERVER.env check --recount"


@types((CHECKS, RECOUNT))
def test_counts_that_are_wrong_are_made_anew(desk: Desk, server: Path) -> None:
    database = Database(f"sqlite:///{server.parent / 'curfew.sqlite'}")
    with database.writing() as session:
        session.execute(text("INSERT INTO fleet_tally VALUES (1, 'unseen', 0, 'open', 5)"))
    database.close()
    said = desk.runs(f"{SERVER} check", code=1)
    desk.types_the_next_step(said, RECOUNT, then="counts     ok")


@types(
    ("certs/cli_prompts.py", TOKEN),
    ("certs/served_chain.py", TOKEN),
    ("certs/served_chain.py", AUDITOR),
)
def test_who_may_not_read_the_audit_chain_gets_a_token_that_may(desk: Desk, office: Office) -> None:
    desk.variables["CURFEW_STORY_CLOCK"] = str(office.story_clock)
    office.server("person", "sam-1", "--role", "technician", configured=True, typed=PASSWORD)
    authority = office.trust / "tls" / "authority.pem"
    verify = f"curfew-certs verify-witness seen.jsonl --keep --server {office.url} --authority {authority}"
    named = {"SERVER_env": office.config, "NAME": "sam-1"}
    for token in ("two words", "curfew_wrong"):
        desk.variables["CURFEW_TOKEN"] = token
        said = desk.runs(verify, code=1)
        desk.variables["CURFEW_TOKEN"] = desk.types_the_next_step(said, TOKEN, filled=named).strip()
    said = desk.runs(verify, code=1)
    desk.types_the_next_step(said, AUDITOR, keys=PASSWORD, filled=named)
    desk.variables["CURFEW_TOKEN"] = desk.runs(f"curfew-server --config {office.config} token sam-1").strip()
    assert "The chain is whole" in desk.runs(verify)


@types(
    ("server/api/person_access.py", TOKEN),
    ("server/stations/enrolment.py", "curfew-server --config SERVER.env enrolment-code"),
)
def test_what_the_api_names_is_typed_on_the_server(desk: Desk, office: Office) -> None:
    desk.variables["CURFEW_STORY_CLOCK"] = str(office.story_clock)
    office.server("person", "desk-1", "--role", "technician", configured=True, typed=PASSWORD)
    pool = urllib3.PoolManager(ca_certs=str(office.trust / "tls" / "authority.pem"))
    refused = pool.request("GET", f"{office.url}/api/v1/blocks")
    told = desk.types_the_next_step(
        refused.json()["error"]["next"],
        "curfew-server --config SERVER.env token NAME",
        SERVER_env=office.config,
        NAME="desk-1",
    )
    bearer = {"Authorization": f"Bearer {told.strip()}"}
    assert pool.request("GET", f"{office.url}/api/v1/blocks", headers=bearer).status == 200
    joining = json.dumps({"token": "x" * 22, "name": "bench", "public_key_pem": "none"}).encode()
    head = {"Content-Type": "application/json"}
    refused = pool.request("POST", f"{office.url}/api/v1/stations", body=joining, headers=head)
    code = "curfew-server --config SERVER.env enrolment-code"
    desk.types_the_next_step(refused.json()["error"]["next"], code, then="curfew1:", SERVER_env=office.config)
