"""The next steps that pages name, each typed as it stands there."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import FileSystemBytecodeCache

from policy.ready_made import ready_made_policy
from policy.report import Consent
from server.app import create_app
from server.config import read_config
from server.evidence.alarms import AlarmKind, raise_chain_alarm
from server.people.people import Role
from tests.check.office import LYNC, OUTLOOK, Bench, Office
from tests.next_steps.conftest import policy_file
from tests.next_steps.desk import Desk, types
from tests.next_steps.test_steps_of_the_agent import AGREED, CHECK, ENROL, at, code_and_key
from tests.next_steps.test_steps_of_the_server import PASSWORD, VERIFY, kept_head
from tests.pages.office import Office as Pages
from tests.pages.office import make_office, now, policy_in_force
from tests.pages.test_lift_page import Lift
from tests.server.databases import Databases

PERSON = "curfew-server --config SERVER.env person NAME --role ROLE"
PUBLISH = "curfew-server --config SERVER.env publish FOLDER"
UPDATE = "curfew-certs draft FOLDER NEXT.json --update-families"
SIGN = "curfew-certs sign FOLDER POLICY.json --key KEY"


@pytest.fixture
def empty(
    tmp_path: Path, databases: Databases, migrated: str, compiled_templates: FileSystemBytecodeCache
) -> Iterator[Pages]:
    """A server with nothing in it yet."""
    folder = tmp_path / "empty"
    folder.mkdir()
    url = databases.copy_of(migrated, folder)
    pages = make_office(folder, url)
    pages.app.jinja_env.bytecode_cache = compiled_templates
    yield pages
    pages.database.close()
    databases.drop(url)


def shown(pages: Pages, *addresses: str, roles: tuple[Role, ...] = tuple(Role)) -> list[str]:
    client = pages.client(*roles) if roles else pages.app.test_client()
    return [html.unescape(client.get(a, base_url="https://localhost").text) for a in addresses]


@types(
    ("server/templates/bundles.html", SIGN),
    ("server/templates/bundles.html", "curfew-certs publish FOLDER"),
    ("server/templates/bundles.html", PUBLISH),
    ("server/templates/bundles.html", "curfew-certs show FOLDER"),
    ("server/templates/bundles.html", UPDATE),
)
def test_the_bundles_page_leads_to_the_first_bundle_and_to_the_next(
    desk: Desk, empty: Pages, trust: Path
) -> None:
    (page,) = shown(empty, "/bundles")
    policy, key = policy_file(desk.folder / "policy.json"), f"'{trust / 'keys' / 'approver-1.pem'}'"
    filled = {"FOLDER": "'my trust'", "POLICY_json": policy, "KEY": key}
    desk.types_the_next_step(page, SIGN, keys="y\n", then="1 of 1", filled=filled)
    desk.types_the_next_step(page, "curfew-certs publish FOLDER", then="is published", FOLDER="'my trust'")
    desk.runs("curfew-server init 'my server' --trust 'my trust'")
    filled = {"SERVER_env": "'my server/server.env'", "FOLDER": "'my trust'"}
    desk.types_the_next_step(page, PUBLISH, then="Bundle 1", filled=filled)
    (tiktok, *_) = ready_made_policy().families
    empty.publish(
        policy=replace(policy_in_force(), families=(replace(tiktok, packages=tiktok.packages[:1]),))
    )
    client = empty.app.test_client()
    empty.sign_in(client, "-".join(role.value for role in Role))
    page = html.unescape(client.get("/bundles", base_url="https://localhost").text)
    desk.types_the_next_step(page, "curfew-certs show FOLDER", then="newest bundle: 1", FOLDER="'my trust'")
    desk.types_the_next_step(page, UPDATE, FOLDER="'my trust'", NEXT_json="next.json")


@types(
    ("server/templates/fleet.html", ENROL),
    ("server/templates/fleet.html", "curfew-agent provision ADDRESS --holder REFERENCE"),
    ("server/templates/fleet.html", CHECK),
    ("server/templates/stations.html", ENROL),
    ("server/templates/phone.html", CHECK),
    ("server/templates/phone.html", "curfew-agent probe --all"),
    ("server/templates/sign_in.html", PERSON),
)
def test_the_pages_of_an_empty_server_lead_to_a_checked_phone(
    desk: Desk, empty: Pages, office: Office, tmp_path: Path
) -> None:
    desk.variables["CURFEW_STORY_CLOCK"] = str(office.story_clock)
    (fleet, stations), (sign_in,) = shown(empty, "/", "/stations"), shown(empty, "/sign-in", roles=())
    filled = {"SERVER_env": office.config, "NAME": "desk-9", "ROLE": "technician"}
    desk.types_the_next_step(sign_in, PERSON, keys=PASSWORD, then="desk-9 can sign in", filled=filled)
    for page, folder in ((stations, "one"), (fleet, "two")):
        desk.variables["CURFEW_STATION"] = str(desk.folder / folder)
        desk.types_the_next_step(page, ENROL, then="Enrolled as station", filled=code_and_key(office))
    with office.phone("clean") as phone:
        filled = {"ADDRESS": at(phone), "REFERENCE": "h-1"}
        provision = "curfew-agent provision ADDRESS --holder REFERENCE"
        desk.types_the_next_step(fleet, provision, keys=AGREED, then="provisioned as", filled=filled)
        desk.types_the_next_step(fleet, CHECK, then="compliant")
        empty.station("bench 1", tmp_path / "station.pem")
        client = empty.app.test_client()
        empty.sign_in(client, "-".join(role.value for role in Role))
        page = client.get(f"/phones/{empty.phone()}", base_url="https://localhost").text
        desk.types_the_next_step(page, "curfew-agent probe --all", then="every place is open")
        desk.types_the_next_step(page, CHECK, then="compliant")


@types(("server/templates/alarms.html", VERIFY))
def test_an_alarm_about_the_audit_chain_is_looked_into_on_the_server(
    desk: Desk, empty: Pages, server: Path
) -> None:
    with empty.database.writing() as session:
        raise_chain_alarm(session, AlarmKind.AUDIT_CHAIN_BROKEN, "row 2 is missing", now())
    (page,) = shown(empty, "/alarms")
    filled = {"SERVER_env": "'my server/server.env'", "FILE": kept_head(desk, server)}
    desk.types_the_next_step(page, VERIFY, then="The chain is whole", filled=filled)


@types(("server/pages/standing_words.py", "curfew-agent unprovision ADDRESS"))
def test_the_page_of_a_phone_whose_owner_declined_leads_to_putting_back(
    desk: Desk, empty: Pages, bench: Bench, tmp_path: Path
) -> None:
    empty.station("bench 1", tmp_path / "station.pem")
    phone_id = empty.phone(consent=Consent.DECLINED)
    empty.report(phone_id, consent=Consent.DECLINED)
    (page,) = shown(empty, f"/phones/{phone_id}")
    with bench.office.phone("tiktok-personal") as phone:
        bench.provision(phone)
        bench.check()
        unprovision = "curfew-agent unprovision ADDRESS"
        desk.types_the_next_step(page, unprovision, keys="y\n", code=10, ADDRESS=at(phone))
        assert [phone.model.state(10, app).enabled for app in (OUTLOOK, LYNC)] == [0, 1]


@types(
    (
        "server/templates/enrolment_code.html",
        "curfew-agent enrol {…} --name NAME --organisation-key FILE",
    )
)
def test_the_page_of_a_new_code_is_typed_at_the_station(desk: Desk, office: Office) -> None:
    clock = str(office.story_clock)
    desk.variables |= {"CURFEW_STORY_CLOCK": clock, "CURFEW_STATION": str(desk.folder / "station")}
    config = read_config(office.config, environ={"CURFEW_STORY_CLOCK": clock})
    pages = Pages(create_app(config), config)
    client = pages.client(*Role)
    fields = {"made_for": "bench 9", "hours": "24"}
    page = pages.send(client, "/stations/enrolment-codes", fields, form_on="/stations").text
    pages.database.close()
    filled = {name: value for name, value in code_and_key(office).items() if name != "CODE"}
    enrol = "curfew-agent enrol {…} --name NAME --organisation-key FILE"
    desk.types_the_next_step(html.unescape(page), enrol, then="Enrolled as station", filled=filled)


WRITE = "curfew-server lift write FOLDER"
VERIFY_LIFT = "curfew-server verify-lift lift-{…}.json"


@types(("server/commands/lift.py", WRITE), ("server/templates/lift.html", VERIFY_LIFT))
def test_the_certificate_of_a_lift_is_written_and_verified(desk: Desk, empty: Pages) -> None:
    empty.publish()
    empty.station("Bench 2", desk.folder / "station.pem")
    empty.person("approver-1", Role.APPROVER)
    lift = Lift(empty)
    phone = lift.off("CW-1")
    lift.lifted()
    lift.restored(phone)
    names = ("database_url", "secret_key", "holder_key", "audit_key", "public_url", "tls_folder")
    settings = desk.folder / "server.env"
    settings.write_text("".join(f"CURFEW_{name.upper()}={getattr(empty.config, name)}\n" for name in names))
    settings.chmod(0o600)
    told = desk.runs("curfew-server lift certify --by approver-1")
    desk.types_the_next_step(told, WRITE, then="Wrote", FOLDER=".")
    [page] = shown(empty, "/lift")
    desk.types_the_next_step(page, VERIFY_LIFT, then="1 phone read back restored")
