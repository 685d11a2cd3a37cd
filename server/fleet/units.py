"""Which unit phones belong to: labels that an organisation gives, never a person; all of a list are set, or none."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from policy.counted import counted
from policy.names import PhoneId
from policy.plain_text import said_by_others
from server.errors import InConflict, Malformed, NotThere
from server.evidence import audit
from server.fleet.phones import UNIT_MAX_LENGTH, phones_named, put_units
from server.texts import storable

_NAMES = ("phone_id", "label")
_SHOWN = 10


@dataclass(frozen=True)
class WantedUnit:
    """The unit that a phone is to belong to, empty for none; ``phone`` is its id or its label."""

    phone: str
    unit: str


@dataclass(frozen=True)
class UnitsSet:
    """How many phones are in another unit than before, and how many were there already."""

    changed: int
    unchanged: int


def read_units(text: str) -> Sequence[WantedUnit]:
    """Return what a CSV with the columns ``unit`` and ``phone_id`` or ``label`` asks for; raises `Malformed`."""
    # The mark that spreadsheets put in front would be a part of the first column's name.
    rows = csv.DictReader(io.StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")), strict=True)
    try:
        columns = rows.fieldnames or ()
        named = [name for name in _NAMES if name in columns]
        if "unit" not in columns or len(named) != 1:
            raise _malformed(
                "a first line with the columns unit and phone_id, or unit and label",
                said_by_others(", ".join(columns), 100),
            )
        return [_wanted(row, named[0], rows.line_num) for row in rows]
    except csv.Error as error:
        raise _malformed("a CSV file", f"line {rows.line_num}: {error}") from error


def _wanted(row: Mapping[str, str | None], named: str, line: int) -> WantedUnit:
    phone, unit = row[named], row["unit"]
    if not phone or unit is None or not storable(unit, UNIT_MAX_LENGTH):
        expected = f"a phone and a unit of at most {UNIT_MAX_LENGTH} printable characters"
        raise _malformed(expected, f"line {line}: {said_by_others(f'{phone}, {unit}', 100)}")
    return WantedUnit(phone.strip(), unit.strip())


def _malformed(expected: str, found: str) -> Malformed:
    return Malformed(
        "units_malformed", f"expected {expected}, found {found}", "Correct it, and hand it over again."
    )


def set_units(
    session: Session, wanted: Sequence[WantedUnit], actor: str, now: datetime, *, dry_run: bool = False
) -> UnitsSet:
    """Let these phones belong to these units, with one audit row; raises before anything is changed.

    `NotThere` names phones that are not registered, `InConflict` those that are named for two units, or by a label that
    several have.
    """
    known = phones_named(session, {one.phone for one in wanted})
    _refuse([one.phone for one in wanted if one.phone not in known])
    units: dict[PhoneId, str] = {}
    for one in wanted:
        found = known[one.phone]
        if len(found) > 1:
            raise _conflict(one.phone, "is the label of several phones; name them by their ids")
        phone_id = next(iter(found))
        if units.setdefault(phone_id, one.unit) != one.unit:
            raise _conflict(one.phone, "is named for two units; leave one of them")
    before = {phone_id: unit for found in known.values() for phone_id, unit in found.items()}
    changes = {phone_id: unit for phone_id, unit in units.items() if before[phone_id] != unit}
    if changes and not dry_run:
        put_units(session, changes)
        # Not of each phone: an organisation that renames a unit moves thousands.
        detail = {
            "phones": len(changes),
            "units": sorted({unit or "none" for unit in changes.values()})[:_SHOWN],
        }
        audit.record(session, actor, "units set", counted(len(changes), "phone"), detail, now)
    return UnitsSet(len(changes), len(units) - len(changes))


def _refuse(unknown: Sequence[str]) -> None:
    if not unknown:
        return
    shown = ", ".join(said_by_others(name, 60) for name in unknown[:_SHOWN])
    more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    raise NotThere(
        "phones_unknown",
        f"{counted(len(unknown), 'phone')} named here are not registered: {shown}{more}; no unit was changed",
        "Correct or remove their lines, and hand the list over again.",
    )


def _conflict(phone: str, why: str) -> InConflict:
    return InConflict("units_contradict", f"{said_by_others(phone, 60)} {why}", "No unit was changed.")
