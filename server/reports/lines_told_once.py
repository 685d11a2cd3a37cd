"""Which reports tell each line of a phone's record once, where several stations collected the same lines. Pure.

A station collects from where it stopped, so the reports of one station never overlap, and those of two do. A
report tells its lines in sums, which cannot be taken apart: of reports that share a line only one may be summed up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from policy.watched import Watched


@dataclass(frozen=True)
class _Part:
    """The lines `first` to `last` of a record, between two times, in the report of that place in the list."""

    place: int
    first: int
    last: int
    since: datetime
    until: datetime


def telling_each_line_once(told: Sequence[Watched]) -> frozenset[int]:
    """Return the places of the reports to sum up: no line twice, and as many lines as can be had that way.

    Reports that brought no line of the record are always among them.
    """
    parts = [_part(place, watched) for place, watched in enumerate(told)]
    found = sorted((part for part in parts if part is not None), key=lambda part: (part.since, part.first))
    chosen = {place for place, part in enumerate(parts) if part is None}
    for record in _records(found):
        chosen |= {part.place for part in _longest_cover(record)}
    return frozenset(chosen)


def _part(place: int, watched: Watched) -> _Part | None:
    times = [
        *(time for span in watched.spans for time in (span.since, span.until)),
        *(verdict.at for verdict in watched.verdicts),
        *(action.at for action in watched.actions),
    ]
    # Line 0 is none. Lines without any time cannot be placed in a record, so nothing is held against them.
    if not watched.last_line or not times:
        return None
    return _Part(place, watched.first_line, watched.last_line, min(times), max(times))


def _records(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Return the parts record by record: a record begun anew has the old numbers at a later time."""
    records: list[list[_Part]] = []
    for part in parts:
        current = records[-1] if records else []
        seen = [other for other in current if other.last >= part.first]
        # Known numbers at a time when every earlier part had ended: the phone counts anew. Where the times overlap,
        # another station has collected the same lines.
        begun_anew = bool(seen) and all(other.until < part.since for other in current)
        if not current or begun_anew:
            records.append([part])
        else:
            current.append(part)
    return records


def _longest_cover(record: Sequence[_Part]) -> list[_Part]:
    """Return parts without a common line that tell the most lines together (weighted interval scheduling)."""
    by_end = sorted(record, key=lambda part: (part.last, -part.first))
    # After n parts, `best[n]` is the best choice among them: how many lines it tells, and by which parts.
    best: list[tuple[int, list[_Part]]] = [(0, [])]
    for part in by_end:
        # What ends before this part begins; the slice leaves the parts that have an entry in `best`.
        before = max(
            (
                best[place + 1]
                for place, other in enumerate(by_end[: len(best) - 1])
                if other.last < part.first
            ),
            key=lambda cover: cover[0],
            default=best[0],
        )
        with_it = (before[0] + part.last - part.first + 1, [*before[1], part])
        best.append(max(best[-1], with_it, key=lambda cover: cover[0]))
    return best[-1][1]
