"""Phones that are being left: what is still to be done about debugging, on disk before the first thing is taken away.

    {"address": "adb:R58M41ABCDE", "bundle": 3, "found": {"usb": "on", "wireless": "off"}, "identity": "9c…",
     "phone_id": "5f0c…", "said_by": "policy", "since": "2027-03-15T11:00:00+00:00",
     "told": {"usb": false, "wireless": false}, "wanted": "off"}

One file per phone, there from before the phone is left until debugging is as it is to be: a station that was killed in
between goes on from it (decision 0040).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from agent_scripts.errors import FileDamaged
from agent_scripts.exchange import Debugging, Switch
from agent_scripts.station_files.durable_file import make_folder, remove_durably, write_durably
from policy.document import DebuggingAtHandBack
from policy.names import PhoneId


class SaidBy(Enum):
    """Who says how debugging is to be left."""

    POLICY = "policy"
    OPTION = "option"
    """Of the command: off, whatever the policy says."""
    NOBODY = "nobody"
    """No bundle is accepted here, so it is left as it was found."""


@dataclass(frozen=True)
class Wanted:
    """How debugging is to be left, and who says so; ``bundle`` is the number of the policy's, None without one."""

    debugging: DebuggingAtHandBack = DebuggingAtHandBack.AS_FOUND
    said_by: SaidBy = SaidBy.NOBODY
    bundle: int | None = None


@dataclass(frozen=True)
class Leaving:
    """A phone that is being left.

    ``identity`` is `Station.phone_identity`, by which it is known again without our folder; empty: by nothing.
    ``since`` is trusted time, aware UTC. ``told_usb`` and ``told_wireless``: the phone was told to switch that off, or
    was just about to be; whether it did is to be read.
    """

    phone_id: PhoneId
    address: str
    identity: str
    since: datetime
    found: Debugging
    wanted: Wanted
    told_usb: bool = False
    told_wireless: bool = False

    @property
    def was_told(self) -> bool:
        """Whether it may have gone away because it was told to."""
        return self.told_usb or self.told_wireless


class Leavings:
    """The folder ``leaving/`` of the station in `folder`.

    All that read raise `FileDamaged` for a file that describes no such phone: it is not known which one it is about.
    """

    def __init__(self, folder: Path) -> None:
        """Use the folder, making it if it is not there."""
        self._folder = make_folder(folder / "leaving")

    def keep(self, leaving: Leaving) -> None:
        """Put it on disk, in place of what was there of its phone."""
        write_durably(self._path(leaving.phone_id), _form(leaving))

    def forget(self, phone_id: PhoneId) -> None:
        """Remove what is kept of a phone, if anything is."""
        path = self._path(phone_id)
        if path.exists():
            remove_durably(path)

    def of(self, phone_id: PhoneId) -> Leaving | None:
        """Return what is kept of a phone, None if it is not being left."""
        return _read(self._path(phone_id))

    def at(self, address: str) -> Leaving | None:
        """Return the phone that was being left at `address`; another one may be there by now."""
        return next((leaving for leaving in self.all() if leaving.address == address), None)

    def all(self) -> tuple[Leaving, ...]:
        """Return all phones that are being left, the one begun first in front."""
        found = filter(None, map(_read, sorted(self._folder.glob("*.json"))))
        return tuple(sorted(found, key=lambda leaving: leaving.since))

    def _path(self, phone_id: PhoneId) -> Path:
        return self._folder / f"{PhoneId(phone_id)}.json"


def _form(leaving: Leaving) -> bytes:
    described = {
        "phone_id": leaving.phone_id,
        "address": leaving.address,
        "identity": leaving.identity,
        "since": leaving.since.isoformat(),
        "found": {"usb": leaving.found.usb.value, "wireless": leaving.found.wireless.value},
        "wanted": leaving.wanted.debugging.value,
        "said_by": leaving.wanted.said_by.value,
        "bundle": leaving.wanted.bundle,
        "told": {"usb": leaving.told_usb, "wireless": leaving.told_wireless},
    }
    return json.dumps(described, indent=2, sort_keys=True).encode() + b"\n"


def _read(path: Path) -> Leaving | None:
    try:
        told = json.loads(path.read_bytes())
        leaving = Leaving(
            PhoneId(told["phone_id"]),
            _text(told["address"]),
            _text(told["identity"]),
            datetime.fromisoformat(told["since"]),
            Debugging(Switch(told["found"]["usb"]), Switch(told["found"]["wireless"])),
            Wanted(DebuggingAtHandBack(told["wanted"]), SaidBy(told["said_by"]), told["bundle"]),
            told["told"]["usb"] is True,
            told["told"]["wireless"] is True,
        )
        if leaving.since.tzinfo is None:
            raise ValueError("an aware time expected")
    except FileNotFoundError:
        # Never there, or another process has just finished with that phone.
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileDamaged(
            f"{path} does not describe a phone that is being left; move it away: whether its debugging is off, its"
            " owner sees in the developer options"
        ) from error
    return leaving


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text expected")
    return value
