"""What every command is given: the options before it, and the phones that its arguments name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.errors import WrongUse
from agent_scripts.station_files.station import Station
from agent_scripts.visits.visiting import Visitor
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


def named_phones(station: Station, addresses: Sequence[str], every: bool) -> list[str]:
    """Return the addresses in the order named, each once; raises `WrongUse` if there is none."""
    # For --all only: a phone that is named is taken whatever its owner said, for restoring needs no consent.
    # `check` and `probe` refuse such a phone themselves.
    agreed = (phone for phone in station.phones() if phone.consent is Consent.AGREED)
    # Without an address it was unprovisioned, or another phone was met there since.
    known = [phone.address for phone in agreed if phone.address]
    chosen = [*addresses, *(known if every else ())]
    if not chosen and every:
        raise WrongUse(
            "This station knows no phone yet: run `curfew-agent devices`, then"
            " `curfew-agent provision ADDRESS --holder REFERENCE`."
        )
    if not chosen:
        raise WrongUse("No phone named: name one such as adb:SERIAL, or use --all for every known phone.")
    return list(dict.fromkeys(str(PhoneAddress.parse(address)) for address in chosen))
