"""Pending decisions: entries that only the server remembers, held on the station until a person has decided.

They are kept because every report carries the phone's whole ledger: one without these entries would make the server
forget them. They live in a folder of the station called ``unsettled``, which stations in use have.
"""

from __future__ import annotations

from pathlib import Path

from agent_scripts.errors import FileDamaged
from agent_scripts.station_files.durable_file import write_durably
from agent_scripts.station_files.station import Station
from policy.errors import PolicyError
from policy.ledger import Ledger
from policy.names import PhoneId
from policy.schemas import dump_ledger, load_ledger


def pending_decisions(station: Station, phone_id: PhoneId, marker: str) -> Ledger:
    """Return what waits for a decision; empty where nothing does, or where it dates from before a reset."""
    path = _path(station, phone_id)
    if not path.exists():
        return Ledger(marker)
    try:
        found = load_ledger(path.read_bytes())
    except (OSError, PolicyError) as error:
        # Not taken for an empty one: the next report would then make the server forget what waits.
        raise FileDamaged(f"{path} is no ledger; move it away: the server is asked again then") from error
    # What dates from before a reset is passed over and stays on disk: only a person or a newer decision ends it.
    return found if found.marker == marker else Ledger(marker)


def keep_pending(station: Station, phone_id: PhoneId, pending: Ledger) -> None:
    """Put what waits for a decision on disk."""
    write_durably(_path(station, phone_id), dump_ledger(pending))


def _path(station: Station, phone_id: PhoneId) -> Path:
    # `PhoneId` takes lower-case UUIDs only, so no id can lead to a file outside of the folder.
    return station.folder / "unsettled" / f"{PhoneId(phone_id)}.json"
