"""The next steps that ``curfew-server`` and its API print, each typed as it is printed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import urllib3

from tests.check.office import Office
from tests.next_steps.desk import Desk, types

SERVER = "curfew-server --config 'my server/server.env'"
PASSWORD = "four unrelated words here\n"


@types(
    ("server/commands/people.py", "curfew-server --config SERVER.env person {…} --on"),
    ("server/commands/people.py", "curfew-server --config SERVER.env token {…}"),
    ("server/commands/people.py", "curfew-server --config SERVER.env person NAME --role ROLE"),
    ("server/people/sign_ins.py", "curfew-server --config SERVER.env person {…} --on"),
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
)
def test_settings_that_are_missing_or_open_are_mended(desk: Desk, server: Path) -> None:
    said = desk.runs("curfew-server migrate", code=1)
    desk.types_the_next_step(said, "curfew-server init FOLDER", FOLDER="new", then="Made new/server.env")
    server.chmod(0o644)
    desk.types_the_next_step(desk.runs(f"{SERVER} migrate", code=1), "chmod 600 {…}")
    (server.parent / "curfew.sqlite").chmod(0o644)
    desk.types_the_next_step(desk.runs(f"{SERVER} migrate", code=1), "chmod 600 {…}*")
    desk.runs(f"{SERVER} migrate")
    (desk.folder / "my trust" / "tls" / "server.key").unlink()
    said = desk.runs(f"{SERVER} serve", code=1)
    desk.types_the_next_step(said, "curfew-certs init FOLDER", FOLDER="'new trust'")
    assert (desk.folder / "new trust" / "tls" / "server.key").is_file()


@types(("server/evidence/audit.py", "curfew-server --config SERVER.env audit verify --witness FILE"))
def test_a_lost_head_of_the_audit_chain_is_compared_with_a_stations(desk: Desk, server: Path) -> None:
    desk.runs(f"{SERVER} person desk-1 --role author", keys=PASSWORD)
    with sqlite3.connect(server.parent / "curfew.sqlite") as database:
        for table in ("audit", "audit_head"):
            database.execute(f"DELETE FROM {table}")
    logged = desk.runs(f"{SERVER} person desk-2 --role author", keys=PASSWORD)
    (desk.folder / "audit_heads.jsonl").touch()
    desk.types_the_next_step(
        logged,
        "curfew-server --config SERVER.env audit verify --witness FILE",
        then="The chain is whole: 1 row",
        SERVER_env="'my server/server.env'",
        FILE="audit_heads.jsonl",
    )


@types(
    ("server/api/blocks.py", "curfew-server --config SERVER.env token NAME"),
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
