"""What every command is given: the options before it, and the phones that its arguments name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from agent_scripts.adb.phone_address import PhoneAddress, Way
from agent_scripts.errors import WrongUse
from agent_scripts.station_files.station import Station
from agent_scripts.visits.batch import BatchRow, read_batch
from agent_scripts.visits.visiting import Visitor
from policy.counted import counted
from policy.plain_text import said_by_others
from policy.report import Consent

_OPERATOR_MAX_LENGTH = 100


class Settings:
    """The options before the command."""

    def __init__(self, folder: Path, operator: str, plain_tcp: bool, story_clock: Path | None) -> None:
        self.folder = folder
        # A report takes printable text only: refused here, and not when a visit is over and its report is written.
        if not operator.isprintable() or not 0 < len(operator) <= _OPERATOR_MAX_LENGTH:
            raise WrongUse(
                f"Expected a name of 1 to {_OPERATOR_MAX_LENGTH} printable characters for --operator, found"
                f" {said_by_others(operator)}: reports name it. Give another."
            )
        self.operator = operator
        self.plain_tcp = plain_tcp
        self.story_clock = story_clock

    def station(self) -> Station:
        """Return the enrolled station. Raises `NotEnrolled` with the command that enrols it."""
        return Station.open(self.folder, story_clock=self.story_clock)

    def visitor(self, station: Station, as_json: bool, language: str) -> Visitor:
        """Return how phones are visited under these options."""
        return Visitor(station, self.operator, self.plain_tcp, as_json, language)


def batch_at(file: Path) -> tuple[BatchRow, ...]:
    """Return the rows of the batch list in `file`; raises `WrongUse` where it is none."""
    try:
        return read_batch(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise WrongUse(f"Expected {file} in UTF-8, found something else. Save it as UTF-8.") from error


def named_phones(station: Station, names: Sequence[str], every: bool | None) -> list[str]:
    """Return the addresses of the phones in the order named, each once; raises `WrongUse` if there is none.

    `every` is whether --all was given, None for a command that has no --all.
    """
    # For --all only: a phone that is named is taken whatever its owner said, for restoring needs no consent.
    # `check` and `probe` refuse such a phone themselves.
    agreed = (phone for phone in station.phones() if phone.consent is Consent.AGREED)
    # Without an address it was unprovisioned, or another phone was met there since.
    known = [phone.address for phone in agreed if phone.address]
    chosen = [*(address_of(station, name) for name in names), *(known if every else ())]
    if not chosen and every:
        found = "no phone whose owner agreed and whose address it has" if station.phones() else "no phone yet"
        raise WrongUse(
            f"This station knows {found}: run `curfew-agent devices`, then"
            " `curfew-agent provision ADDRESS --holder REFERENCE`."
        )
    if not chosen:
        otherwise = "" if every is None else ", or use --all for every known phone"
        raise WrongUse(
            f"No phone named: name one by its address, such as adb:SERIAL, or by its label{otherwise}."
        )
    return list(dict.fromkeys(chosen))


def address_of(station: Station, name: str) -> str:
    """Return where the phone is that `name` means: an address, or the label of a phone known here.

    Raises `InvalidAddress` for an address that is none, and `WrongUse` for a label that leads to no phone, or to two.
    """
    # What looks like an address is one: a label must not lead a command to another phone than it seems to name.
    if name.partition(":")[0] in {way.value for way in Way}:
        return str(PhoneAddress.parse(name))
    labelled = [phone for phone in station.phones() if name and phone.label == name]
    # One that is being left was taken off the list already, and goes on being left where it was.
    left = {leaving.phone_id: leaving.address for leaving in station.leavings.all()} if labelled else {}
    places = [place for phone in labelled if (place := phone.address or left.get(phone.phone_id, ""))]
    if len(places) == 1:
        return places[0]
    if places:
        raise WrongUse(
            f"{counted(len(places), 'phone')} here have the label {said_by_others(name)}: name the one that is meant"
            f" by its address, {' or '.join(map(quote, places))}."
        )
    if labelled:
        raise WrongUse(
            f"The phone labelled {said_by_others(name)} is at no address that this station knows; plug it in, run"
            " `curfew-agent devices`, and name its address."
        )
    raise WrongUse(
        f"Expected tcp:HOST:PORT, adb:SERIAL, usb:SERIAL or the label of a phone known here, found"
        f" {said_by_others(name)}; `curfew-agent devices` lists addresses and labels."
    )
