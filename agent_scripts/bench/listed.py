"""The batch list at the bench: which of its lines is about the phone that has just been plugged in. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from agent_scripts.visits.batch import BatchRow


class Listed:
    """The lines of a list, found by where a phone is, by its serial, or by the label that was scanned."""

    def __init__(self, rows: Iterable[BatchRow] = ()) -> None:
        """Take the rows of a list that was read whole (`read_batch`)."""
        self.rows = tuple(rows)
        self._by_address = {row.address: row for row in self.rows if row.address}
        self._by_label = {row.registration.label: row for row in self.rows if row.registration.label}

    def find(self, address: str, serial: str = "", label: str = "") -> BatchRow | None:
        """Return the line that names this phone; one by its address or serial goes before one by its label."""
        # A phone by wireless debugging has another name than its serial there.
        by_serial = self._by_address.get(f"adb:{serial}") if serial else None
        return self._by_address.get(address) or by_serial or self.labelled(label)

    def labelled(self, label: str) -> BatchRow | None:
        """Return the line with this label."""
        return self._by_label.get(label) if label else None
