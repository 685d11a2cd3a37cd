"""Phones that are told alike, together: one cause, one count, the most urgent first. Pure.

A bench of forty phones has a handful of causes; told phone by phone nobody would see them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from shlex import quote

from agent_scripts.exit_codes import ExitCode, urgency
from agent_scripts.visits.row import Row
from policy.counted import counted

_IN_COMMAND, _IN_SENTENCE = "ADDRESS", "the phone"
"""What stands for a phone's own address, in a command only where it is for several."""
_NOT_DONE = "not done"


@dataclass(frozen=True)
class Group:
    """Phones of which the same is to be told, in the order they were named. ``told`` is what, line by line."""

    verdict: str
    meaning: str
    """Why nothing follows from the verdict, where that is so; else empty."""
    exit_code: ExitCode
    told: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def heading(self) -> tuple[str, ...]:
        """What these phones are, and how many."""
        left = (_NOT_DONE,) if self.exit_code is ExitCode.NOT_DONE else ()
        meaning = (f"({self.meaning})",) if self.meaning else ()
        return (
            self.verdict,
            *meaning,
            *left,
            *((f"{counted(len(self.rows), 'phone')}",) if len(self.rows) > 1 else ()),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Which phones these are: all that helps to find one on the table, less where nothing is to be done."""
        if self.told:
            return tuple(_name(row) for row in self.rows)
        return tuple(row.label or quote(row.address) for row in self.rows)


def grouped(rows: Iterable[Row]) -> tuple[Group, ...]:
    """Return the groups of `rows`, problems first; of equal urgency the one whose phone was named first."""
    alike: dict[Group, list[Row]] = {}
    for row in rows:
        alike.setdefault(
            Group(row.verdict, row.meaning, row.exit_code, _told(row, _IN_COMMAND), ()), []
        ).append(row)
    groups = (
        # A command for one phone is one to be typed as it stands.
        replace(
            group,
            told=group.told if len(members) > 1 else _told(members[0], quote(members[0].address)),
            rows=tuple(members),
        )
        for group, members in alike.items()
    )
    return tuple(sorted(groups, key=lambda group: (urgency(group.exit_code), not group.told)))


def log_line(group: Group) -> str:
    """Return one line for a log: how many phones, what of them, and where they are."""
    about = ". ".join("; ".join(part.splitlines()) for part in group.told)
    verdict = f"{group.verdict} ({group.meaning})" if group.meaning else group.verdict
    if len(group.rows) == 1:
        return ". ".join(filter(None, (f"{quote(group.rows[0].address)}: {verdict}", about)))
    places = ", ".join(quote(row.address) for row in group.rows)
    return f"{counted(len(group.rows), 'phone')} {verdict}: {about}: {places}"


def counted_by_verdict(rows: Iterable[Row]) -> str:
    """Return how many phones there are of each verdict, the most urgent first: ``2 not reached, 40 compliant``."""
    kinds: Counter[str] = Counter()
    for group in grouped(rows):
        left = f" ({_NOT_DONE})" if group.exit_code is ExitCode.NOT_DONE else ""
        kinds[f"{group.verdict}{left}"] += len(group.rows)
    return ", ".join(f"{number} {kind}" for kind, number in kinds.items())


def _told(row: Row, in_command: str) -> tuple[str, ...]:
    found, done = ("; ".join(text.splitlines()) for text in (row.found_text, row.done_text))
    parts = (found and f"Found: {found}", done and f"Done: {done}", _about_the_phone(row, in_command))
    return tuple(filter(None, parts))


def _about_the_phone(row: Row, in_command: str) -> str:
    """Return the next step without the address, which stands beside it: so it is one for all with the same cause."""
    # Commands stand between backticks: every second part is one.
    parts = row.next_step.split("`")
    for number, part in enumerate(parts):
        instead = in_command if number % 2 else _IN_SENTENCE
        # As it is typed first: in quotation marks the address is whole as well, and they would stay.
        parts[number] = instead.join(part.replace(quote(row.address), row.address).split(row.address))
    step = "`".join(parts)
    return f"{step[:1].upper()}{step[1:]}"


def _name(row: Row) -> str:
    return ", ".join(filter(None, (row.label, row.model, quote(row.address))))
