"""A station's folder: who it is, what it knows, and that nothing in it is quietly replaced."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_scripts.errors import FileDamaged, NotEnrolled, PlaceholderSerial, StoryClockRefused
from agent_scripts.station_files.station import KnownPhone, Station
from policy.errors import InvalidName
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState
from policy.report import Consent
from tests.agent.conftest import MakeStation

OUTLOOK = PackageName("com.microsoft.office.outlook")
LEDGER = Ledger(
    "mark",
    (
        LedgerEntry(
            UserNumber(10),
            OUTLOOK,
            EnabledState.DEFAULT,
            EntryState.DONE,
            3,
            datetime(2023, 3, 15, 12, tzinfo=UTC),
        ),
    ),
)


def test_a_folder_without_a_station_names_the_command_that_enrols(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolled, match="curfew-agent enrol"):
        Station.open(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"kind":"curfew-station"}', '{"kind":"curfew-station","demo":true,"station_id":5}'],
)
def test_a_damaged_description_is_refused(make_station: MakeStation, text: str) -> None:
    folder = make_station().folder
    (folder / "station.json").write_text(text)

    with pytest.raises(FileDamaged, match=r"station\.json"):
        Station.open(folder)


def test_everything_in_the_folder_is_private(make_station: MakeStation) -> None:
    station = make_station()
    station.reserve_counters(1)
    station.remember(KnownPhone(PhoneId.random()))

    open_to_others = [p for p in station.folder.rglob("*") if p.stat().st_mode & 0o077]

    assert open_to_others == []


def test_the_story_clock_is_refused_in_service(make_station: MakeStation, tmp_path: Path) -> None:
    folder = make_station(demo=False).folder

    with pytest.raises(StoryClockRefused, match="demo root only"):
        Station.open(folder, tmp_path / "story")


# --- counter ------------------------------------------------------------------------------------------------------


def test_a_counter_is_never_given_twice_even_by_processes_at_once(make_station: MakeStation) -> None:
    station = make_station()
    program = (
        "import sys; from pathlib import Path; from agent_scripts.station_files.station import Station\n"
        "from agent_scripts.station_files.counters import Counters\n"
        "counters = Counters(Station.open(Path(sys.argv[1])).reserve_counters)\n"
        "print(*(counters.take() for _ in range(20)))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(station.folder)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]

    given = [int(number) for process in processes for number in process.communicate()[0].split()]

    assert len(set(given)) == len(given) == 60
    assert station.reserve_counters(1)[0] > max(given)


@pytest.mark.parametrize("text", ["", "-1", "seven", "1e3", "9" * 30])
def test_a_damaged_counter_is_refused_and_does_not_begin_anew(make_station: MakeStation, text: str) -> None:
    station = make_station()
    (station.folder / "counter").write_text(text)

    with pytest.raises(FileDamaged, match="is not a number"):
        station.reserve_counters(1)


# --- ledgers ------------------------------------------------------------------------------------------------------


def test_a_ledger_comes_back_as_it_was_kept(make_station: MakeStation) -> None:
    station, phone_id = make_station(), PhoneId.random()
    assert station.ledger(phone_id) is None

    station.keep_ledger(phone_id, LEDGER)

    assert Station.open(station.folder).ledger(phone_id) == LEDGER


def test_a_damaged_ledger_is_never_taken_for_an_empty_one(make_station: MakeStation) -> None:
    station, phone_id = make_station(), PhoneId.random()
    station.keep_ledger(phone_id, LEDGER)
    path = station.folder / "ledgers" / f"{phone_id}.json"
    path.write_bytes(path.read_bytes()[:-10])

    with pytest.raises(FileDamaged, match="is no ledger; move it away"):
        station.ledger(phone_id)


def test_a_name_that_is_no_phone_id_never_becomes_a_path(make_station: MakeStation) -> None:
    station = make_station()

    with pytest.raises(InvalidName):
        station.ledger("../../etc/passwd")  # type: ignore[arg-type]


# --- phones -------------------------------------------------------------------------------------------------------


def known(address: str, identity: str = "", label: str = "") -> KnownPhone:
    return KnownPhone(PhoneId.random(), address, identity, Consent.AGREED, label, "Pixel 7")


def test_phones_are_found_by_id_address_and_identity_after_a_restart(make_station: MakeStation) -> None:
    station = make_station()
    first, second = known("tcp:127.0.0.1:1", "aa", "A"), known("adb:X", "bb", "B")
    station.remember(second)
    station.remember(first)

    again = Station.open(station.folder)

    assert again.phones() == (first, second)
    assert again.phone(first.phone_id) == first
    assert again.phone_at("adb:X") == second
    assert again.id_of_identity("bb") == second.phone_id


def test_nothing_is_found_under_an_empty_address_or_identity(make_station: MakeStation) -> None:
    station = make_station()
    station.remember(KnownPhone(PhoneId.random(), consent=Consent.DECLINED, label="A-17"))

    assert station.phone_at("") is None
    assert station.id_of_identity("") is None


def test_an_address_belongs_to_the_phone_that_had_it_last(make_station: MakeStation) -> None:
    station = make_station()
    first, second = known("tcp:127.0.0.1:1"), known("tcp:127.0.0.1:1")
    station.remember(first)
    station.remember(second)

    assert station.phone_at("tcp:127.0.0.1:1") == second
    assert station.phone(first.phone_id) == replace(first, address="")


def test_phones_that_another_process_remembers_are_seen(make_station: MakeStation) -> None:
    station = make_station()
    assert station.phones() == ()

    Station.open(station.folder).remember(phone := known("adb:X"))

    assert station.phones() == (phone,)


@pytest.mark.parametrize(
    "changed", [{"phone_id": "x"}, {"consent": "perhaps"}, {"colour": "red"}, {"label": 5}]
)
def test_a_damaged_phone_is_refused(make_station: MakeStation, changed: dict[str, object]) -> None:
    station = make_station()
    station.remember(phone := known("adb:X"))
    path = station.folder / "phones" / f"{phone.phone_id}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))

    with pytest.raises(FileDamaged, match="does not describe a phone"):
        Station.open(station.folder).phones()


# --- identities ---------------------------------------------------------------------------------------------------


def test_an_identity_is_the_same_at_every_station_with_the_key_and_hides_the_serial(
    make_station: MakeStation,
) -> None:
    first, second = make_station(name="first"), make_station(name="second")

    identity = first.phone_identity("samsung", "a52s", "R58M123ABC")

    assert identity == second.phone_identity("samsung", "a52s", " R58M123ABC\n", label="any")
    assert len(identity) == 64
    assert "R58M" not in identity


def test_another_key_serial_device_or_maker_is_another_identity(make_station: MakeStation) -> None:
    station, other = make_station(name="first"), make_station(name="other")
    (other.folder / "organisation.key").write_text("ab" * 32)

    identities = {
        station.phone_identity("samsung", "a52s", "R58M123ABC"),
        other.phone_identity("samsung", "a52s", "R58M123ABC"),
        station.phone_identity("samsung", "a52s", "R58M123ABD"),
        station.phone_identity("samsung", "a52", "R58M123ABC"),
        station.phone_identity("samsunga", "52s", "R58M123ABC"),
    }

    assert len(identities) == 5


@pytest.mark.parametrize(
    "serial",
    ["", " ", "unknown", "0", "00000000", "0123456789ABCDEF", "012345", "1234567890", "EMULATOR34X1"],
)
def test_a_serial_that_many_phones_share_needs_a_label(make_station: MakeStation, serial: str) -> None:
    station = make_station()

    with pytest.raises(PlaceholderSerial, match="--label"):
        station.phone_identity("maker", "device", serial)

    labelled = {station.phone_identity("maker", "device", serial, label) for label in ("A-1", "A-2", " A-1 ")}
    assert len(labelled) == 2


@pytest.mark.parametrize("text", ["", "ab" * 31, "AB" * 32, "ab" * 33])
def test_a_damaged_organisation_key_is_refused(make_station: MakeStation, text: str) -> None:
    station = make_station()
    (station.folder / "organisation.key").write_text(text)

    with pytest.raises(FileDamaged, match="64 hex digits"):
        station.phone_identity("maker", "device", "R58M123ABC")
