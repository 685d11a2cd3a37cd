"""``GET /status``: the time, the newest bundle, when to come again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from policy.document import Bundle
from policy.rings import share_held_from
from server.api.blueprint import described
from server.api.schemas import StatusSchema
from server.clock import written
from server.context import context
from server.fleet.ring_holds import held_ring
from server.policies import bundles
from server.policies.bundles import Newest

# Until a policy says how often stations come.
_WITHOUT_BUNDLE = timedelta(minutes=15)


@described("/status", StatusSchema)
def status() -> dict[str, Any]:
    """Tell the time and what is in force"""
    here = context()
    with here.database.reading() as session:
        newest = bundles.newest(session)
        bundle = bundles.bundle_of(session, newest)
        return status_of(newest, bundle, held_ring(session, bundle), here.clock.now())


def status_of(newest: Newest, bundle: Bundle | None, held: int | None, now: datetime) -> dict[str, Any]:
    """Return what every answer to a station carries."""
    interval = bundle.policy.check_interval if bundle else _WITHOUT_BUNDLE
    return {
        "server_time": written(now),
        "bundle_number": newest.number,
        "fleet_number": bundle.fleet.number if bundle else 0,
        "next_contact_s": int(interval.total_seconds()),
        "demo": newest.demo,
        "held_ring": held,
        "held_from": share_held_from(bundle.policy, held) if bundle else None,
    }
