"""What rests on the server's word alone: done within the accepted bundle, and a person's to decide beyond it. Pure.

The server's ledger counts where phone and station remember nothing. Whoever stole the server could name any app in it,
to have it enabled or only to learn whether it is there. So an entry that no other memory confirms is acted on, and
its app asked about, only if the bundle manages that app in that place.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent_scripts.ledgers.lost import restoring_command
from agent_scripts.ledgers.recalled import Recalled
from policy.coverage import has_vanished, managed_pairs
from policy.document import Policy
from policy.ledger import Ledger, LedgerEntry
from policy.names import PhoneId
from policy.observation import Observation


def told_by_server_alone(recalled: Recalled, agreed: Ledger) -> tuple[LedgerEntry, ...]:
    """Return the open entries of `agreed`, the merged ledger, that neither phone nor station confirms."""
    # A phone with a ledger of its own needs nobody to confirm it; the server is not asked then (`recall`).
    if recalled.phone is not None or recalled.server is None:
        return ()
    station = recalled.station
    # A ledger with another marker dates from before a reset and confirms nothing.
    own = station.open_entries if station is not None and station.marker == recalled.marker else ()
    # With the prior state: an entry that differs in it is a contradiction, and is out of `agreed` already.
    confirmed = {(entry.user, entry.package, entry.prior) for entry in own}
    return tuple(e for e in agreed.open_entries if (e.user, e.package, e.prior) not in confirmed)


def beyond_the_bundle(
    entries: Iterable[LedgerEntry], policy: Policy | None, seen: Observation
) -> tuple[LedgerEntry, ...]:
    """Return those entries that the bundle does not let us touch; without a bundle that is all of them."""
    # A vanished user needs no protection: its entry is only closed, and nothing is asked or set there.
    pairs = managed_pairs(policy, seen) if policy is not None else frozenset()
    return tuple(
        entry
        for entry in entries
        if (entry.user, entry.package) not in pairs and not has_vanished(seen, entry.user, entry.package)
    )


def without(ledger: Ledger, entries: Iterable[LedgerEntry]) -> Ledger:
    """Return `ledger` with `entries` taken out."""
    out = set(entries)
    return Ledger(ledger.marker, tuple(entry for entry in ledger.entries if entry not in out))


def for_a_person(pending: Ledger, phone_id: PhoneId, api_level: int) -> tuple[str, ...]:
    """Return a line with the exact commands for each entry that waits for a person's decision."""
    return tuple(
        f"{entry.package} in user {entry.user}: only the server remembers that it was switched off by us, and the"
        " bundle in force does not manage it there, so it is left alone. If that is right, type"
        f" `{restoring_command(entry.user, entry.package, entry.prior, api_level)}`. Once it is decided, remove"
        f" unsettled/{phone_id}.json from this station's folder"
        for entry in pending.entries
    )
