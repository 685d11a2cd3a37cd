"""The JSON form of a ledger, alone or inside a report.

``{"entries":[{"at":"2023-03-15T11:00:00Z","bundle_number":1,"package":"com.microsoft.office.outlook","prior":0,
"rounds":1,"state":"done","user":10}],"marker":"5f0c…"}``
"""

from __future__ import annotations

from typing import Any

from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState
from policy.schemas import forms
from policy.schemas.fields import Many, Record, Value, load_strictly, part
from policy.schemas.quick_writing import quick_writer
from policy.schemas.strict_json import parse_object, quick_json
from policy.schemas.values import as_is, integer, number_of, token_or_empty, utc_time, word, write_utc_time

ENTRIES_MAX = 2000
NUMBER_MAX = (1 << 31) - 1
_ADVICE = "Keep the file as it is and restore from another copy of the ledger"


def package_name(**options: Any) -> Value:
    """Return a field for a package name."""
    return Value(PackageName, str, **options)


def user_number(**options: Any) -> Value:
    """Return a field for an Android user's number."""
    return Value(UserNumber, int, **({"metadata": forms.USER_NUMBER} | options))


class _EntrySchema(Record):
    makes = LedgerEntry

    user = user_number()
    package = package_name()
    # Every state is read here; `LedgerEntry` refuses those that we never touch.
    prior = Value(number_of(EnabledState), int)
    state = Value(word(EntryState), lambda state: state.value)
    bundle_number = Value(integer(0, NUMBER_MAX), as_is)
    at = Value(utc_time, write_utc_time)
    rounds = Value(integer(1, NUMBER_MAX), as_is)


class LedgerSchema(Record):
    """A ledger."""

    makes = Ledger

    marker = Value(token_or_empty, as_is)
    entries = Many(part(_EntrySchema), ENTRIES_MAX)


_SCHEMA = LedgerSchema()
_write = quick_writer(_SCHEMA)


def load_ledger(data: bytes) -> Ledger:
    """Return the ledger in `data`."""
    ledger: Ledger = load_strictly(_SCHEMA, parse_object(data, "a ledger"), "ledger", _ADVICE)
    return ledger


def dump_ledger(ledger: Ledger) -> bytes:
    """Return `ledger` as canonical JSON."""
    return quick_json(_write(ledger))
