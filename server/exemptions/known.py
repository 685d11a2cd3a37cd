"""Which exemptions there are and were: those in force, and those that ended, by the clock or by a publication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from sqlalchemy.orm import Session

from policy.document import Exemption
from server.errors import NoSuchPlace
from server.policies.bundles import situation_and_history
from server.policies.situation import Published, Situation
from server.storage.keyset import RowPiece

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ENDS_SOON = timedelta(days=7)
"""So long before its end an exemption is marked."""


class ExemptionState(Enum):
    """What an exemption is now."""

    IN_FORCE = "in_force"
    OVER = "over"
    """Its end has come."""
    ENDED = "ended"
    """A later publication left it out before its end."""
    REPLACED = "replaced"
    """A later publication has another one for the same phone in its place."""


@dataclass(frozen=True)
class KnownExemption:
    """One exemption that was published: since when, and until when it holds or held."""

    exemption: Exemption
    since: datetime
    state: ExemptionState
    ended_at: datetime | None

    def ends_soon(self, now: datetime) -> bool:
        """Whether it is in force and near its end."""
        return self.state is ExemptionState.IN_FORCE and self.exemption.until - now <= ENDS_SOON


def known_exemptions(session: Session, now: datetime) -> Sequence[KnownExemption]:
    """Return every exemption that was ever published: in force first, the next to end first; then the latest ended."""
    return exemptions_of(situation_and_history(session, now))


@dataclass(frozen=True)
class WantedExemptions:
    """Which exemptions are asked for; None: whichever."""

    in_force: bool | None = None
    reason: str | None = None
    phone_id: str | None = None


class ExemptionSort(Enum):
    """What exemptions are listed by."""

    END = "end"
    """When each ends, or has ended."""
    SINCE = "since"


def list_exemptions(
    known: Sequence[KnownExemption],
    wanted: WantedExemptions,
    sort: ExemptionSort,
    falling: bool,
    after: str,
    limit: int,
) -> RowPiece[KnownExemption]:
    """Return those of `known` that come behind a place; raises `NoSuchPlace` for an `after` that nobody gave. Pure."""
    found = [one for one in known if _is_wanted(one, wanted)]
    found.sort(key=lambda one: _place(one, sort), reverse=falling)
    if after:
        here = _read_place(after)
        found = [one for one in found if (_place(one, sort) < here if falling else _place(one, sort) > here)]
    shown = found[:limit]
    return RowPiece(shown, "~".join(map(str, _place(shown[-1], sort))) if len(found) > limit else None)


def _is_wanted(one: KnownExemption, wanted: WantedExemptions) -> bool:
    return (
        wanted.in_force in (None, one.state is ExemptionState.IN_FORCE)
        and wanted.reason in (None, one.exemption.reason)
        and wanted.phone_id in (None, one.exemption.phone_id)
    )


def _place(one: KnownExemption, sort: ExemptionSort) -> tuple[int, str, int]:
    # A phone can be exempted twice from one publication on only where one of them has replaced the other.
    times = (one.ended_at or one.exemption.until, one.since)
    first, second = ((at - _EPOCH) // timedelta(microseconds=1) for at in times)
    by_end = sort is ExemptionSort.END
    return (first if by_end else second, one.exemption.phone_id, second if by_end else first)


def _read_place(text: str) -> tuple[int, str, int]:
    try:
        first, phone_id, second = text.split("~")
        return int(first), phone_id, int(second)
    except ValueError as error:
        raise NoSuchPlace from error


def exemptions_of(here: Situation) -> Sequence[KnownExemption]:
    """Return every exemption of these publications, as `known_exemptions` does. Pure."""
    found = [_known(one, since, gone, here) for one, since, gone in _stays(here.publications)]
    in_force = [one for one in found if one.state is ExemptionState.IN_FORCE]
    ended = [one for one in found if one.state is not ExemptionState.IN_FORCE]
    in_force.sort(key=lambda one: (one.exemption.until, one.exemption.phone_id))
    ended.sort(key=lambda one: (one.ended_at, one.exemption.phone_id), reverse=True)
    return [*in_force, *ended]


def _stays(publications: Sequence[Published]) -> list[tuple[Exemption, datetime, Published | None]]:
    """Return each exemption with the time it came, and the publication that left it out."""
    came: dict[Exemption, datetime] = {}
    stays: list[tuple[Exemption, datetime, Published | None]] = []
    for published in publications:
        now_there = set(published.bundle.fleet.exemptions)
        stays += [(one, came.pop(one), published) for one in sorted(came.keys() - now_there, key=_by_phone)]
        came.update(dict.fromkeys(now_there - came.keys(), published.at))
    return [*stays, *((one, since, None) for one, since in came.items())]


def _by_phone(one: Exemption) -> str:
    return one.phone_id


def _known(one: Exemption, since: datetime, gone: Published | None, here: Situation) -> KnownExemption:
    if gone is None or gone.at >= one.until:
        if here.now < one.until:
            return KnownExemption(one, since, ExemptionState.IN_FORCE, None)
        return KnownExemption(one, since, ExemptionState.OVER, one.until)
    replaced = any(other.phone_id == one.phone_id for other in gone.bundle.fleet.exemptions)
    state = ExemptionState.REPLACED if replaced else ExemptionState.ENDED
    return KnownExemption(one, since, state, gone.at)
