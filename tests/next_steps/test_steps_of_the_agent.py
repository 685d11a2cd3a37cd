"""The next steps that ``curfew-agent`` prints, each typed as it is printed, at a running server and virtual phones."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

import adbutils
import pytest

from agent_scripts.adb.adb_server_phone import _no_server
from agent_scripts.server_link.client import fetch_trust_file
from agent_scripts.server_link.https import ServerLink
from agent_scripts.server_link.refused_request import refused_sentence
from agent_scripts.virtual_phone.phone import VirtualPhone
from certs.errors import FileMissing
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office
from tests.check.test_ledgers import _contradict
from tests.check.test_lost_memory import ALL_LOST, _lose
from tests.next_steps.desk import Desk, types

ENROL = "curfew-agent enrol CODE --name NAME --organisation-key FILE"
PROVISION = "curfew-agent provision {…} --holder REFERENCE"
BATCH = "curfew-agent provision --batch FILE.csv"
DEVICES, CHECK, SEND = "curfew-agent devices", "curfew-agent check --all", "curfew-agent send"
AGREED = "agreed\n"


def code_and_key(office: Office) -> dict[str, object]:
    code = office.server("enrolment-code", configured=True).strip().splitlines()[-1]
    return {"CODE": code, "NAME": "'bench 9'", "FILE": office.trust / "keys" / "organisation.key"}


@pytest.fixture
def violating(office: Office) -> Iterator[VirtualPhone]:
    with office.phone("tiktok-personal") as phone:
        yield phone


@pytest.fixture
def clean(office: Office) -> Iterator[VirtualPhone]:
    with office.phone("clean") as phone:
        yield phone


def at(phone: VirtualPhone) -> str:
    return f"tcp:127.0.0.1:{phone.port}"


def plugged_in(desk: Desk, phone: VirtualPhone, client: adbutils.AdbClient) -> str:
    """Connect the phone to the adb server that the agent starts, and return its address there."""
    desk.runs("curfew-agent devices")
    client.connect(f"127.0.0.1:{phone.port}", timeout=10)
    return f"adb:127.0.0.1:{phone.port}"


@types(
    ("agent_scripts/station_files/station.py", ENROL),
    ("agent_scripts/commands/set_up.py", DEVICES),
    ("agent_scripts/commands/looking.py", DEVICES),
    ("agent_scripts/commands/looking.py", "curfew-agent virtual-phone --port 0"),
    ("agent_scripts/commands/settings.py", DEVICES),
    ("agent_scripts/commands/settings.py", "curfew-agent provision ADDRESS --holder REFERENCE"),
)
def test_from_an_empty_folder_to_a_phone_by_next_steps_alone(
    desk: Desk, office: Office, clean: VirtualPhone, platform_adb: adbutils.AdbClient
) -> None:
    desk.with_processes = True
    desk.variables["CURFEW_STORY_CLOCK"] = str(office.story_clock)
    said = desk.runs("curfew-agent --station 'my station' check --all", code=2)
    said = desk.types_the_next_step(said, ENROL, then="Enrolled as station", filled=code_and_key(office))
    desk.with_processes = False
    listed = desk.types_the_next_step(said, DEVICES, then="No phone: adb sees none")
    desk.types_the_next_step(listed, DEVICES, then="No phone")
    desk.types_the_next_step(
        listed, "curfew-agent virtual-phone --port 0", keys="quit\n", then="waits at tcp:"
    )
    status = desk.runs("curfew-agent --station 'my station' status")
    desk.types_the_next_step(status, DEVICES, then="No phone")
    said = desk.runs("curfew-agent --station 'my station' check --all", code=2)
    desk.types_the_next_step(said, DEVICES, then="No phone")
    provision = "curfew-agent provision ADDRESS --holder REFERENCE"
    filled = {"ADDRESS": at(clean), "REFERENCE": "h-1"}
    desk.types_the_next_step(said, provision, keys=AGREED, then="provisioned as", filled=filled)
    assert "--station 'my station'" in desk.typed[-1]
    desk.runs("curfew-agent --station 'my station' check --all")


@types(
    ("agent_scripts/commands/set_up.py", DEVICES),
    ("agent_scripts/commands/set_up.py", f"{PROVISION} --label TAG"),
    ("agent_scripts/commands/set_up.py", BATCH),
    ("agent_scripts/errors.py", PROVISION),
    ("agent_scripts/visits/row.py", PROVISION),
    ("agent_scripts/adb/phone_address.py", DEVICES),
    ("agent_scripts/adb/adb_server_phone.py", DEVICES),
)
def test_a_phone_that_is_not_known_is_made_known(
    desk: Desk, bench: Bench, clean: VirtualPhone, platform_adb: adbutils.AdbClient
) -> None:
    for asked, code in (
        ("provision --consent agreed", 2),
        (f"check {quote('phone 1')}", 2),
        ("check adb:NOBODY", 13),
    ):
        desk.types_the_next_step(desk.runs(f"curfew-agent {asked}", code=code), DEVICES)
    said = desk.runs(f"curfew-agent check {at(clean)}", code=13)
    desk.types_the_next_step(said, PROVISION, keys=AGREED, then="provisioned as", REFERENCE="h-1")
    said = desk.runs(f"curfew-agent provision {at(clean)} --consent agreed", code=2)
    filled = {"REFERENCE": "h-1", "TAG": "A-1042"}
    desk.types_the_next_step(
        said, f"{PROVISION} --label TAG", keys=AGREED, then="provisioned as", filled=filled
    )
    (desk.folder / "phones.csv").write_text(f"address,holder,consent\n{at(clean)},h-1,agreed\n")
    said = desk.runs(f"curfew-agent provision {at(clean)} adb:OTHER --holder h-1 --consent agreed", code=2)
    desk.types_the_next_step(said, BATCH, then="done before", filled={"FILE.csv": "phones.csv"})
    said = desk.runs(f"curfew-agent unprovision {at(clean)} --yes")
    desk.types_the_next_step(said, PROVISION, keys=AGREED, then="provisioned as", REFERENCE="h-1")


@types(
    ("agent_scripts/commands/paper.py", DEVICES),
    ("agent_scripts/commands/paper.py", CHECK),
    ("agent_scripts/commands/paper.py", "curfew-agent check {…}"),
)
def test_papers_are_printed_once_a_phone_was_checked(desk: Desk, office: Office, clean: VirtualPhone) -> None:
    bench = office.new_bench()
    desk.variables["CURFEW_STATION"] = str(bench.folder)
    address = bench.provision(clean, label="A-1")
    desk.types_the_next_step(desk.runs("curfew-agent receipt nobody", code=2), DEVICES)
    nothing = desk.runs("curfew-agent receipt --all", code=2)
    desk.types_the_next_step(
        desk.runs("curfew-agent receipt A-1", code=2), "curfew-agent check {…}", then=address
    )
    desk.types_the_next_step(nothing, CHECK)
    desk.runs("curfew-agent receipt A-1 --out receipt.pdf")


@types(("agent_scripts/visits/visiting.py", SEND), ("agent_scripts/visits/live_table.py", SEND))
def test_reports_that_wait_are_sent(desk: Desk, bench: Bench, clean: VirtualPhone) -> None:
    bench.provision(clean)
    with bench.without_server():
        said = desk.runs("curfew-agent check --all", code=14)
        listed = desk.runs("curfew-agent check --all --json 2>/dev/null", code=14)
    desk.types_the_next_step(said, SEND)
    desk.types_the_next_step(listed, SEND)
    assert not list(bench.station().spool_folder.iterdir())


@types(("agent_scripts/station_files/room.py", SEND))
def test_a_disk_that_is_nearly_full_is_relieved_of_what_waits(
    desk: Desk, bench: Bench, clean: VirtualPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.provision(clean)
    with bench.without_server():
        desk.runs("curfew-agent check --all", code=14)
    # No disk has room for so many reports.
    monkeypatch.setattr("agent_scripts.station_files.room._AT_LEAST", 10**15)
    said = desk.runs("curfew-agent status --json")
    desk.types_the_next_step(said, SEND)
    assert not list(bench.station().spool_folder.iterdir())


@types(
    ("agent_scripts/visits/row.py", "curfew-agent unprovision {…}"),
    ("agent_scripts/visits/declined.py", "curfew-agent unprovision {…}"),
)
def test_leaving_a_phone_is_finished_once_its_place_is_open(
    desk: Desk, bench: Bench, violating: VirtualPhone
) -> None:
    address, step = bench.provision(violating), "curfew-agent unprovision {…}"
    for leave, code in (
        (f"unprovision {address} --yes", 11),
        (f"provision {address} --holder h-1 --consent declined", 11),
    ):
        bench.agent("check", "--all")
        violating.model.restrict(10, "no_debugging_features")
        said = desk.runs(f"curfew-agent {leave}", code=code)
        violating.model.unrestrict(10, "no_debugging_features")
        desk.types_the_next_step(said, step, keys="y\n", code=10 if "unprovision" in leave else 0)
        assert [violating.model.state(10, app).enabled for app in (OUTLOOK, LYNC)] == [0, 1]
        bench.provision(violating)


@types(
    ("agent_scripts/visits/leaving.py", "curfew-agent unprovision {…}"),
    ("agent_scripts/visits/handing_back.py", "curfew-agent unprovision {…}"),
)
def test_a_phone_that_was_left_is_finished_with_once_its_debugging_can_be_switched_off(
    desk: Desk, bench: Bench, clean: VirtualPhone
) -> None:
    address, step = bench.provision(clean), "curfew-agent unprovision {…}"
    clean.ends_debugging_at_once = False
    clean.faults.refuse("settings", "put", text="", exit_code=0)
    said = desk.runs(f"curfew-agent unprovision {address} --yes --debugging off", code=11)
    listed = desk.runs("curfew-agent bench --once --no-cables")
    desk.types_the_next_step(listed, step, keys="y\n", code=11, then="Restored and left already")
    clean.faults.clear()
    desk.types_the_next_step(said.partition("is still on")[2], step, keys="y\n", then="read back as off")


@types(
    ("agent_scripts/exchange/memory.py", "adb shell rm {…}/ledger"),
    ("agent_scripts/exchange/memory.py", "adb shell rm -r {…}"),
    ("policy/ledger_merge.py", "adb shell pm {…} --user {…} {…}"),
)
def test_what_a_person_decides_is_typed_into_adb(
    desk: Desk, bench: Bench, violating: VirtualPhone, clean: VirtualPhone, platform_adb: adbutils.AdbClient
) -> None:
    # Two phones are plugged in: adb wants to be told which.
    plugged_in(desk, clean, platform_adb)
    address = plugged_in(desk, violating, platform_adb)
    desk.runs(f"curfew-agent provision {address} --holder h-1 --consent agreed")
    desk.runs("curfew-agent check --all", code=10)
    _contradict(bench, address)
    violating.model.uninstall(0, TIKTOK)
    said = desk.runs("curfew-agent check --all", code=11)
    desk.types_the_next_step(said, "adb shell pm {…} --user {…} {…}")
    assert violating.model.state(10, OUTLOOK).enabled in (0, 1)
    ledger = violating.userland.host_path("/data/local/tmp/curfew/ledger")
    ledger.write_text("curfew-ledger 1 \nentry 10\n")
    desk.types_the_next_step(desk.runs("curfew-agent check --all", code=11), "adb shell rm {…}/ledger")
    assert not ledger.exists()
    ledger.parent.chmod(0o777)
    desk.types_the_next_step(desk.runs("curfew-agent check --all", code=11), "adb shell rm -r {…}")
    assert not ledger.parent.exists()


@types(
    ("agent_scripts/ledgers/lost.py", "adb shell {…} {…} --user {…} {…}"),
    ("agent_scripts/adb/adb_server_phone.py", "adb start-server"),
)
def test_an_app_that_no_ledger_remembers_is_put_back_by_hand(
    desk: Desk, bench: Bench, violating: VirtualPhone, platform_adb: adbutils.AdbClient
) -> None:
    desk.types_the_next_step(str(_no_server(OSError())), "adb start-server")
    address = plugged_in(desk, violating, platform_adb)
    desk.runs(f"curfew-agent provision {address} --holder h-1 --consent agreed")
    desk.runs("curfew-agent check --all", code=10)
    _lose(bench, violating, address, ALL_LOST)
    violating.model.uninstall(0, TIKTOK)
    said = desk.runs("curfew-agent check --all", code=11)
    desk.types_the_next_step(said, "adb shell {…} {…} --user {…} {…}")
    assert sorted(violating.model.state(10, app).enabled for app in (OUTLOOK, LYNC)) == [0, 3]


@types(("agent_scripts/server_link/refused_request.py", ENROL))
def test_a_used_code_is_replaced_by_a_new_one(desk: Desk, office: Office) -> None:
    desk.variables["CURFEW_STORY_CLOCK"] = str(office.story_clock)
    used = code_and_key(office)
    enrol = f"enrol {used['CODE']} --name x --organisation-key {used['FILE']}"
    desk.runs(f"curfew-agent --station first {enrol}")
    said = desk.runs(f"curfew-agent --station second {enrol}", code=2)
    desk.types_the_next_step(said, ENROL, then="Enrolled as station", filled=code_and_key(office))


@types(
    (
        "agent_scripts/server_link/refused_request.py",
        "curfew-agent --station NEW_FOLDER enrol CODE --name NAME --organisation-key FILE",
    ),
    ("agent_scripts/server_link/client.py", "curfew-server --config SERVER.env publish FOLDER"),
)
def test_a_revoked_station_is_enrolled_in_a_new_folder(
    desk: Desk, office: Office, bench: Bench, clean: VirtualPhone
) -> None:
    office.server("revoke", bench.station().station_id, configured=True)
    said = desk.runs(f"curfew-agent provision {at(clean)} --holder h-1 --consent agreed", code=13)
    enrol = "curfew-agent --station NEW_FOLDER enrol CODE --name NAME --organisation-key FILE"
    filled = {"NEW_FOLDER": "'new station'", **code_and_key(office)}
    desk.types_the_next_step(said, enrol, then="Enrolled as station", filled=filled)
    link = ServerLink(office.url, (bench.folder / "authority.pem").read_bytes())
    with pytest.raises(FileMissing) as missing:
        fetch_trust_file(link, "/trust/99.root.json", 1000)
    publish = "curfew-server --config SERVER.env publish FOLDER"
    filled = {"SERVER_env": office.config, "FOLDER": office.trust}
    desk.types_the_next_step(str(missing.value), publish, then="is already published", filled=filled)


@types(
    ("agent_scripts/station_files/trusted_time.py", CHECK),
    ("agent_scripts/server_link/refused_request.py", CHECK),
    ("agent_scripts/station_files/adb_key.py", "chmod 600 {…}"),
)
def test_a_check_brings_time_and_bundle(desk: Desk, bench: Bench, clean: VirtualPhone) -> None:
    bench.provision(clean)
    (bench.folder / "time.json").unlink()
    status = desk.runs("curfew-agent status")
    desk.types_the_next_step(status, CHECK)
    assert "trusted" in desk.runs("curfew-agent status")
    desk.types_the_next_step(refused_sentence(409, "bundle_unknown", "no such bundle"), CHECK)
    (bench.folder / "adbkey").chmod(0o644)
    desk.types_the_next_step(desk.runs("curfew-agent check --all", code=None), "chmod 600 {…}")
    desk.runs("curfew-agent check --all")


@types(("agent_scripts/visits/probe_visit.py", "curfew-agent probe ADDRESS"))
def test_a_probe_of_several_phones_leads_to_one_of_each(
    desk: Desk, bench: Bench, violating: VirtualPhone, clean: VirtualPhone
) -> None:
    said = desk.runs(f"curfew-agent probe {at(violating)} {at(clean)}")
    desk.types_the_next_step(said, "curfew-agent probe ADDRESS", then="Users", ADDRESS=at(clean))
