"""What a technician types, or a barcode scanner types for them: a phone's name, or the answer to what is asked. Pure.

    14 or #14      selects row 14                 A-1042         selects the phone with that label or serial
    mailbox-77     the holder of the selected     y, n           whether its owner agreed
    label A-1042   its label                      again          tries it again
    show           shows the row's number on the phone's screen
    which          for half a minute, the row of a phone whose power key is pressed stands out
    print          prints the selected phone's papers once more, or with no row selected what waits for the printer

A label of the batch list says the rest.
"""

from __future__ import annotations

from agent_scripts.bench.events import Again, Answered, Event, Print, Show, Which
from agent_scripts.bench.listed import Listed
from agent_scripts.bench.rows import BenchRow, Rows
from agent_scripts.bench.stage import Asked, Stage
from agent_scripts.visits.batch import BatchRow
from policy.plain_text import said_by_others
from policy.report import Consent

_CONSENTS = {
    **dict.fromkeys(("y", "yes", "agreed"), Consent.AGREED),
    **dict.fromkeys(("n", "no", "declined"), Consent.DECLINED),
}
_LONGEST = {Asked.HOLDER: 200, Asked.LABEL: 100}


class Typing:
    """Which row is selected, and what was typed for it until now."""

    def __init__(self, rows: Rows, listed: Listed) -> None:
        """Begin with no row selected."""
        self._rows = rows
        self._listed = listed
        self.selected = ""
        """The address of the selected row; empty: none."""
        self._scanned = ""
        self._holders: dict[str, str] = {}
        self._doubted = ("", "")

    def take(self, line: str) -> tuple[Event | Show | Print | Which | None, str]:
        """Return what follows from a typed line, and a sentence that answers it."""
        text = line.strip()
        row = self._rows.by_address.get(self.selected)
        asked = row.asked if row else None
        if not text:
            self.selected = ""
            return None, "No row is selected."
        if found := self._named(text, asked):
            self.selected = found.address
            return None, f"Row {found.number} ({found.name}): {found.to_do or found.word}"
        if row is None and (listed := self._listed.labelled(text)):
            self._scanned = text
            return None, f"Line {listed.line} of the list: the next phone that asks whose it is."
        if text == "which":
            return Which(), "Press the power key of a phone: its row stands out. Half a minute from now."
        if row is None and text == "print":
            return Print(), ""
        if row is None:
            return (
                None,
                f"No row is called {said_by_others(text, 60)}: select one by number, label or serial.",
            )
        word, _, rest = text.partition(" ")
        if word == "label" and rest:
            return self._label(row, rest.strip())
        if text == "show":
            return Show(row.address), f"Row {row.number}: look for the phone that shows it."
        if text == "print":
            return Print(row.address), f"Row {row.number}: its papers once more."
        if text == "again":
            return Again(row.address), f"Row {row.number}: once more."
        if asked is Asked.CONSENT:
            return self._consent(row, text.lower())
        if asked is Asked.LABEL:
            return self._label(row, text)
        if asked is Asked.HOLDER:
            return self._holder(row, text)
        return None, f"Row {row.number} asks nothing now; {said_by_others(text, 60)} is the name of no row."

    def answer_for(self, row: BenchRow) -> Event | None:
        """Return what the label says that was scanned before this phone was plugged in, once."""
        listed, self._scanned = self._listed.labelled(self._scanned), ""
        return self._by_list(row, listed) if listed and row.asked is Asked.HOLDER else None

    def _by_list(self, row: BenchRow, listed: BatchRow) -> Event:
        told = listed.registration
        self._holders[told.holder] = row.address
        return Answered(row.address, told.label, told.holder, told.unit, listed.consent)

    def _named(self, text: str, asked: Asked | None) -> BenchRow | None:
        """Return the row that `text` names; where the selected one asks, a bare number may be the answer."""
        number = text.removeprefix("#")
        by_number = number.isdigit() and (text != number or asked is None)
        for row in self._rows.by_address.values():
            serial = row.address.partition(":")[2]
            if text in (row.label, row.address, serial) or (by_number and row.number == int(number)):
                return row
        return None

    def _holder(self, row: BenchRow, holder: str) -> tuple[Event | None, str]:
        listed = self._listed.labelled(holder)
        if listed is not None:
            # The label of a line of the list, scanned from the phone: the list says the rest.
            return self._by_list(row, listed), f"Row {row.number} is line {listed.line} of the list."
        if not _fits(holder, Asked.HOLDER):
            return None, "Expected a holder of at most 200 printable characters."
        other = self._rows.by_address.get(self._holders.get(holder, ""))
        # One holder for two phones is seldom meant: the scanner was aimed at the wrong sheet.
        if other is not None and other.address != row.address and self._doubted != (row.address, holder):
            self._doubted = (row.address, holder)
            return None, f"Row {other.number} has this holder already; if both are theirs, type it again."
        self._holders[holder] = row.address
        return Answered(row.address, holder=holder), f"Row {row.number}: did the owner agree? y or n."

    def _consent(self, row: BenchRow, word: str) -> tuple[Event | None, str]:
        consent = _CONSENTS.get(word)
        if consent is None:
            return None, f"Row {row.number}: expected y or n, whether the owner agreed."
        return Answered(row.address, consent=consent), f"Row {row.number}: {consent.value}."

    def _label(self, row: BenchRow, label: str) -> tuple[Event | None, str]:
        if not _fits(label, Asked.LABEL):
            return None, "Expected a label of at most 100 printable characters."
        if row.stage is Stage.DONE:
            return None, f"Row {row.number} is done; its label is told when it is provisioned again."
        return Answered(row.address, label=label), f"Row {row.number} is labelled {said_by_others(label)}."


def _fits(text: str, asked: Asked) -> bool:
    return len(text) <= _LONGEST[asked] and text.isprintable()
