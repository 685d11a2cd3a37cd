"""What becomes of signed reports: each is decided in one visible order, all of a request are stored in one transaction.

1. envelope of the agreed form        -> else rejected ``bad_envelope``
2. station known, not revoked         -> else rejected ``station_unknown``, ``station_revoked``
3. signature of that station's key    -> else rejected ``bad_signature``
4. report of the agreed form          -> else rejected ``bad_report``
5. the station it names signed it     -> else rejected ``wrong_station``
6. virtual only under a demo root     -> else rejected ``virtual_refused``
7. phone known                        -> else rejected ``phone_unknown``
8. the station has met the phone      -> else rejected ``phone_not_met`` (alarm)
9. report id new                      -> else ``duplicate``, or ``conflict`` when its content differs (kept, alarm)
10. counter of the station unused     -> else ``quarantined`` (kept, alarm: cloned station)
11. stored; ``late`` when the station's counter has been higher before

Requests that come together share the transaction (`server.storage.group_commit`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from structlog.contextvars import get_contextvars

from certs.audit_chain import AuditHead
from policy.document import Bundle
from policy.report_results import ReportResult
from server.errors import StorageBusy
from server.evidence import audit
from server.fleet.ring_holds import held_ring
from server.intake.deciding import OpenedRequest, RequestGroup
from server.intake.opening import open_all
from server.policies import bundles
from server.policies.bundles import Newest
from server.stations.stations import find_stations
from server.storage.database import Database
from server.storage.group_commit import GroupCommit

Envelopes = Sequence[Any]
"""Envelopes as JSON objects, parsed without doubles."""


@dataclass(frozen=True)
class Accepted:
    """What became of the reports of one request, and what holds for every station since then."""

    results: Sequence[ReportResult]
    newest: Newest
    bundle: Bundle | None
    audit_head: AuditHead
    held_ring: int | None = None
    """From which ring on those of that bundle are held."""


class Intake:
    """Takes in reports: those of requests that come together are opened and stored together.

    Made once per process.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[str, bytes] = {}
        self._group = GroupCommit(self._store, self._store_alone)

    def accept(self, envelopes: Envelopes, now: datetime) -> Accepted:
        """Return one result per envelope, in order; what is called stored is on disk.

        Raises `StorageUnavailable` when nothing of the request could be stored.
        """
        return self.submit(lambda: envelopes, now, get_contextvars()).result()

    def submit(
        self, envelopes: Callable[[], Envelopes], now: datetime, log_context: Mapping[str, Any]
    ) -> Future[Accepted]:
        """Return at once the outcome to come of `accept`; `envelopes` is called for them by another thread."""
        return self._group.submit(
            lambda: OpenedRequest(open_all(envelopes(), self._keys_of), now, log_context)
        )

    def _keys_of(self, station_ids: Collection[str]) -> Mapping[str, bytes]:
        # A station's key never changes, so it is asked for once; whether it was revoked is asked for every report.
        # A station that is not known is asked for each time: it may be enrolled the next moment.
        if unknown := station_ids - self._keys.keys():
            with self._database.reading() as session:
                found = find_stations(session, unknown)
            self._keys |= {station_id: station.public_key_pem for station_id, station in found.items()}
        return self._keys

    def _store(self, requests: Sequence[OpenedRequest]) -> Sequence[Accepted]:
        with self._database.writing() as session:
            group = RequestGroup(session, requests)
            decided = [group.decide(request) for request in requests]
            group.keep()
            bundle = bundles.bundle_of(session, group.newest)
            audit_head, held = audit.head(session), held_ring(session, bundle)
        return [Accepted(results, group.newest, bundle, audit_head, held) for results in decided]

    def _store_alone(self, request: OpenedRequest) -> Accepted:
        try:
            return self._store([request])[0]
        except IntegrityError as error:
            # Once is the same report by another node at this moment; this is the second time.
            raise StorageBusy(
                "the same reports keep arriving on other connections; try again in a few seconds"
            ) from error
