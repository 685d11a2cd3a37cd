"""A batch list: whose phone each is, as a CSV with a line per phone. Pure.

    serial,label,holder,unit,consent
    R58M41ABCDE,A-1042,mailbox-77,DG DIGIT,agreed
    R58M41ABCDF,A-1043,mailbox-78,DG DIGIT,

A phone is named by ``serial`` (as adb tells it), ``address``, or by its ``label`` alone. ``holder`` has to be there,
``unit`` and ``consent`` need not. A holder with two phones says ``yes`` under ``same_holder`` on each of their lines.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent_scripts.adb.phone_address import PhoneAddress, Way
from agent_scripts.errors import InvalidAddress, WrongUse
from agent_scripts.visits.provision import Registration
from policy.counted import counted
from policy.plain_text import said_by_others
from policy.report import Consent

_WHICH = ("serial", "address", "label")
_COLUMNS = (*_WHICH, "holder", "unit", "consent", "same_holder")
# What the server takes of each (``RegistrationSchema``): told here by line, and not phone by phone half-way.
_LONGEST = {"label": 100, "holder": 200, "unit": 60}
_CONSENTS = {"": None, **{consent.value: consent for consent in Consent}}
_SHOWN = 20


@dataclass(frozen=True)
class BatchRow:
    """A line of the list. ``address`` is empty where the label alone names the phone, ``consent`` None where it is to
    be asked for."""

    line: int
    address: str
    registration: Registration
    consent: Consent | None
    same_holder: bool = False

    @property
    def name(self) -> str:
        """How the list names the phone."""
        return self.address or self.registration.label


def read_batch(text: str) -> tuple[BatchRow, ...]:
    """Return the rows of a batch list; raises `WrongUse` with every wrong line by its number, and then takes none."""
    # The mark that spreadsheets put in front would be a part of the first column's name.
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    first = text.partition("\n")[0]
    # Spreadsheets write semicolons where a comma separates decimals.
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.DictReader(io.StringIO(text), strict=True, delimiter=delimiter)
    rows: list[BatchRow] = []
    wrong: list[str] = []
    try:
        _require_columns(reader.fieldnames or ())
        for values in reader:
            line = reader.line_num
            try:
                rows.append(_row(line, values))
            except (WrongUse, InvalidAddress) as error:
                wrong.append(f"line {line}: {error}")
    except csv.Error as error:
        raise refused([f"line {reader.reader.line_num}: expected CSV, found {error}"]) from error
    require_each_once([(row.line, row.name) for row in rows], also=wrong)
    wrong.extend(_shared_holders(rows))
    if wrong:
        raise refused(wrong)
    if not rows:
        raise refused(["line 2: expected a phone, found the end of the list"])
    return tuple(rows)


def refused(wrong: Sequence[str]) -> WrongUse:
    """Return how it is told which lines are wrong, in their order."""
    by_line = sorted(wrong, key=lambda line: int(line.partition(":")[0].removeprefix("line ")))
    more = [f"and {counted(len(wrong) - _SHOWN, 'more line')}"] if len(wrong) > _SHOWN else []
    told = "\n".join(f"  {line}" for line in (*by_line[:_SHOWN], *more))
    return WrongUse(
        f"The list is wrong in {counted(len(wrong), 'place')}, and nothing was begun:\n{told}\nCorrect it, and give the"
        " same command again."
    )


def require_each_once(names: Sequence[tuple[int, str]], also: list[str] | None = None) -> None:
    """Raise for a phone that two lines name; into `also` instead, where more is told at once."""
    first: dict[str, int] = {}
    twice = [
        f"line {line}: {said_by_others(name)} stands on line {first[name]} already; leave one of them"
        for line, name in names
        if first.setdefault(name, line) != line
    ]
    if also is not None:
        also.extend(twice)
    elif twice:
        raise refused(twice)


def _require_columns(columns: Sequence[str]) -> None:
    known = ", ".join(_COLUMNS)
    twice = {name for name in columns if columns.count(name) > 1}
    odd = [name for name in columns if name not in _COLUMNS or name in twice]
    if odd or "holder" not in columns or not set(_WHICH) & set(columns):
        raise refused(
            [
                "line 1: expected a first line with holder, one of serial, address and label, and of these columns"
                f" only, each once: {known}; found {said_by_others(', '.join(columns))}"
            ]
        )


def _row(line: int, values: Mapping[str | None, str | list[str] | None]) -> BatchRow:
    if None in values or None in values.values():
        raise WrongUse("expected as many fields as the first line has; look at the separators")
    told = {str(name): str(value).strip() for name, value in values.items()}
    for name, longest in _LONGEST.items():
        text = told.get(name, "")
        if len(text) > longest or not text.isprintable():
            raise WrongUse(
                f"expected a {name} of at most {longest} printable characters, found {said_by_others(text, 40)}"
            )
    if not told["holder"]:
        raise WrongUse("expected a holder, found none: the mail side must know whose phone it is")
    if told.get("consent", "") not in _CONSENTS:
        found = said_by_others(told["consent"])
        raise WrongUse(f"expected agreed, declined or nothing for the consent, found {found}")
    if told.get("same_holder", "") not in ("", "yes", "no"):
        raise WrongUse(
            f"expected yes, no or nothing for same_holder, found {said_by_others(told['same_holder'])}"
        )
    registration = Registration(told.get("label", ""), told["holder"], told.get("unit", ""))
    address = _address(told.get("serial", ""), told.get("address", ""))
    if not address and not registration.label:
        raise WrongUse("expected a serial, an address or a label, found none: no phone is named")
    return BatchRow(
        line,
        address,
        registration,
        _CONSENTS[told.get("consent", "")],
        told.get("same_holder") == "yes",
    )


def _address(serial: str, address: str) -> str:
    if serial and address:
        raise WrongUse("expected a serial or an address, found both; leave one of them")
    name = f"{Way.ADB.value}:{serial}" if serial else address
    return str(PhoneAddress.parse(name)) if name else ""


def _shared_holders(rows: Sequence[BatchRow]) -> Iterator[str]:
    """Yield a sentence for each line whose holder has another one, unless both say that this is meant."""
    first: dict[str, BatchRow] = {}
    for row in rows:
        other = first.setdefault(row.registration.holder, row)
        if other is not row and not (row.same_holder and other.same_holder):
            yield (
                f"line {row.line}: the holder of line {other.line} again; if one person has both phones, write yes"
                " under same_holder on both lines"
            )
