"""What the station remembers of one phone, on its disk before anything is changed there."""

from __future__ import annotations

from agent_scripts.ledgers.pending import keep_pending
from agent_scripts.ledgers.reconciled import Reconciled
from agent_scripts.station_files.station import Station
from policy.ledger import Ledger
from policy.names import PhoneId


class StationLedger:
    """The station's own ledger during one visit; what is on disk already is not written again."""

    def __init__(self, station: Station, phone_id: PhoneId, reconciled: Reconciled) -> None:
        self._station = station
        self._phone_id = phone_id
        self._reconciled = reconciled
        self._on_disk = reconciled.recalled.station

    def keep(self, ledger: Ledger) -> None:
        """Put on disk what the station is to keep where `ledger` counts, and what waits for a person."""
        # Pending decisions first: killed in between, they are told twice; the other way round they would be lost with
        # the next report.
        if self._reconciled.unconfirmed:
            keep_pending(self._station, self._phone_id, self._reconciled.pending)
        # What comes back from the phone has the phone's word on disputed entries; this memory keeps its own.
        ledger = self._reconciled.for_station(ledger)
        if ledger != self._on_disk:
            self._station.keep_ledger(self._phone_id, ledger)
            self._on_disk = ledger
