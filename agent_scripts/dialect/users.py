"""``dumpsys user`` and ``pm list users``, cut free of names, as the users of the phone (docs/android/commands.md 3).

A user's name is free text with colons, braces and even line breaks, so each text arrives as the beginnings and
ends of user lines: ``header`` is a whole line, ``open`` one that ends inside a name, ``tail`` the end of a name.
Which beginnings are real is told by the user numbers of a package dump, where no name can stand, and by Android
naming its users in rising order. Where a name imitates users so well that two readings are left, neither is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from agent_scripts.dialect.cut_answer import CutAnswer, sound_lines
from agent_scripts.dialect.errors import Unreadable
from agent_scripts.dialect.kinds import UserFacts, kind_of, main_user_of
from agent_scripts.dialect.owners import Owners
from policy.counted import counted
from policy.names import UserNumber
from policy.observation import User, UserKind

_DUMP = "dumpsys user"
_LIST = "pm list users"
_FIRST_WITH_TYPES = 30
_CLOSING = re.compile(r"(?:header [0-9]{1,9}|tail) ([0-9a-fA-F]{1,8})((?: [a-z0-9~-]+)*)", re.ASCII)
_VOLATILE_FLAGS = 0x10 | 0x40 | 0x80
"""INITIALIZED, DISABLED and QUIET_MODE may change between two commands; the other bits may not."""

# Far more than a phone has, and far less than Python's recursion bears: `_rising` goes one deeper for each user.
_MOST_USERS = 256
_MOST_READINGS = 64
"""Names that leave more ways than this to read a text are hostile, and time is limited."""


@dataclass(frozen=True)
class _Region:
    """The lines of one user: its flags, the words behind them, and what follows down to the next user."""

    flags: int
    words: tuple[str, ...]
    details: tuple[str, ...]


def read_users(
    dump: CutAnswer | None,
    listing: CutAnswer | None,
    numbers: frozenset[UserNumber],
    owners: Owners,
    *,
    api_level: int,
    samsung: bool,
) -> tuple[tuple[User, ...], UserNumber]:
    """Return every user of the phone, by number, and its first person; raise `Unreadable` where the sources disagree.

    `numbers` are the users that the dump of the shell's own app names.
    """
    # The dump first: its flags decide which reading of the list is the true one.
    dumped = _regions(sound_lines(dump, _DUMP), numbers, _DUMP)
    listed = _regions(sound_lines(listing, _LIST), numbers, _LIST, dumped)
    facts = {
        number: UserFacts(
            number,
            region.flags,
            type=_type(number, region.details, api_level),
            parent=_parent(number, region.words),
            closed=_is_closed(number, region.details),
            owner_listed=owners.profiles.get(number) is not None,
        )
        for number, region in dumped.items()
    }
    main_user = main_user_of(facts.values())
    users = []
    for number in sorted(numbers):
        kind = kind_of(facts[number], samsung=samsung, main_user=main_user)
        running = "running" in listed[number].words
        users.append(_user(facts[number], kind, dumped[number], owners, running=running))
    return tuple(users), UserNumber(main_user)


def _user(facts: UserFacts, kind: UserKind, region: _Region, owners: Owners, *, running: bool) -> User:
    may_be_work = facts.is_managed and kind in (UserKind.WORK, UserKind.PERSONAL)
    number = UserNumber(facts.number)
    has_owner = _has_owner(number, region.details, owners, may_be_work=may_be_work)
    owner = owners.profiles.get(number)
    return User(number, kind, has_owner, owner, open_to_shell=not facts.closed, running=running)


def _has_owner(number: UserNumber, details: Sequence[str], owners: Owners, *, may_be_work: bool) -> bool:
    """Whether the user has a profile owner; a lost one would make a place of ours look like none."""
    said = {line == "owned true" for line in details if line.startswith("owned ")}
    found = number in owners.profiles
    # Only where it decides something: no owner makes another kind of user a place of ours.
    if may_be_work and said - {found}:
        raise Unreadable(f"{_DUMP} and dumpsys device_policy disagree on whether user {number} has an owner")
    return found or True in said


_Regions = dict[UserNumber, _Region]


def _regions(
    lines: Sequence[str], numbers: frozenset[UserNumber], command: str, like: _Regions | None = None
) -> _Regions:
    """Return the lines that belong to each user; with `like`, only a reading whose flags agree with it."""
    rising = sorted(numbers)
    if len(rising) > _MOST_USERS:
        raise Unreadable(f"the packages name {counted(len(rising), 'user')}; no phone has that many")
    beginnings = _beginnings(lines, rising)
    missing = [number for number in rising if not beginnings[number]]
    if missing:
        raise Unreadable(f"{command} does not name user {', '.join(map(str, missing))}")
    reasons: list[str] = []
    found: list[_Regions] = []
    # Names may hold whole lines that look like users. Every way to read the text is tried, and one must be left.
    for chain in islice(_chains([beginnings[number] for number in rising]), _MOST_READINGS):
        try:
            regions = _regions_at(lines, rising, chain, command)
            _compare(regions, like)
        except Unreadable as error:
            reasons.append(str(error))
        else:
            found.append(regions)
    if not found:
        raise Unreadable(reasons[0] if reasons else f"{command} does not name its users in rising order")
    # Stopped at the limit there may be more: then nothing is proved by the one that was found.
    if len(found) + len(reasons) == _MOST_READINGS or any(other != found[0] for other in found):
        raise Unreadable(f"{command} can be read in several ways; a user's name imitates other users")
    return found[0]


def _beginnings(lines: Sequence[str], numbers: Sequence[UserNumber]) -> dict[UserNumber, list[int]]:
    """Return where the line of each user may begin."""
    found: dict[UserNumber, list[int]] = {number: [] for number in numbers}
    by_text = {str(number): places for number, places in found.items()}
    for at, line in enumerate(lines):
        word, _, rest = line.partition(" ")
        if word in ("header", "open") and (number := rest.partition(" ")[0]) in by_text:
            by_text[number].append(at)
    return found


def _chains(places: Sequence[Sequence[int]]) -> Iterator[tuple[int, ...]]:
    """Yield every way to choose one place for each user so that they rise; one, unless a name imitates users."""
    possible: list[list[int]] = []
    end = max((place for row in places for place in row), default=0) + 1
    for row in reversed(places):
        # Whatever is chosen from these, the users after it still find their places: no way leads nowhere.
        possible.insert(0, [place for place in row if place < end])
        end = max(possible[0], default=-1)
    return _rising(possible, -1)


def _rising(places: Sequence[Sequence[int]], after: int) -> Iterator[tuple[int, ...]]:
    if not places:
        yield ()
        return
    for place in places[0]:
        if place > after:
            for rest in _rising(places[1:], place):
                yield (place, *rest)


def _regions_at(
    lines: Sequence[str], rising: Sequence[UserNumber], chain: Sequence[int], command: str
) -> _Regions:
    ends = (*chain[1:], len(lines))
    parts = (lines[start:end] for start, end in zip(chain, ends, strict=True))
    return {number: _region(number, part, command) for number, part in zip(rising, parts, strict=True)}


def _compare(regions: _Regions, like: _Regions | None) -> None:
    for number, region in regions.items():
        if like and (region.flags ^ like[number].flags) & ~_VOLATILE_FLAGS:
            raise Unreadable(f"{_DUMP} and {_LIST} disagree on the flags of user {number}")


def _region(number: UserNumber, part: Sequence[str], command: str) -> _Region:
    """Find where the user's name ends: the last end of a line in its part is the real one.

    Users still being made stand in the dump only and belong to nobody's part.
    """
    unfinished = [at for at, line in enumerate(part) if line.startswith("header ") and _is_unfinished(line)]
    part = part[: unfinished[0]] if unfinished else part
    closings = [(index, match) for index, line in enumerate(part) if (match := _CLOSING.fullmatch(line))]
    if not closings:
        raise Unreadable(f"{command} breaks off in the line of user {number}")
    index, closing = closings[-1]
    # A user's line that was begun below and never ended: the text was cut in it.
    if any(line.startswith("open ") for line in part[index + 1 :]):
        raise Unreadable(f"{command} names a user below user {number} and breaks off in its line")
    # In the list only flags and `running` are read, and the flags are compared with the dump's.
    whole = command == _DUMP and part[0].startswith("header")
    # The part's first line is whole, so no name is open there: a second whole line is a user, and nobody's.
    if whole and any(part[at].startswith("header") for at, _ in closings[1:]):
        raise Unreadable(f"{command} names a user that the packages do not know, or one twice; check again")
    return _Region(int(closing[1], 16), tuple(closing[2].split()), tuple(part[index + 1 :]))


def _is_unfinished(header: str) -> bool:
    return "partial~" in header.split() or "pre-created~" in header.split()


def _type(number: UserNumber, details: Sequence[str], api_level: int) -> str:
    types = [line.removeprefix("type ") for line in details if line.startswith("type ")]
    if len(types) > 1 or (not types and api_level >= _FIRST_WITH_TYPES):
        raise Unreadable(f"{_DUMP} gives user {number} {counted(len(types), 'type')} instead of one")
    return types[0] if types else ""


def _parent(number: UserNumber, words: Sequence[str]) -> int | None:
    parents = [word.removeprefix("parent~") for word in words if word.startswith("parent~")]
    if len(parents) > 1:
        raise Unreadable(f"{_DUMP} gives user {number} two parents")
    return int(parents[0]) if parents and parents[0].isdigit() else None


def _is_closed(number: UserNumber, details: Sequence[str]) -> bool:
    """Whether the user's own restrictions close it to the shell; those of guests stand under other headings."""
    # Any block closes the user: where the effective restrictions are not computed yet, the others tell.
    heading = ""
    closed = False
    headings = []
    for line in details:
        if line.startswith("restrictions "):
            heading = line.removeprefix("restrictions ")
            headings.append(heading)
        # Those of guests stand under "other": they close users that are not there yet.
        elif line == "no_debugging_features" and heading != "other":
            closed = True
    # Android prints it once, below all others: without it, restrictions may have been cut off.
    if headings.count("effective") != 1:
        raise Unreadable(f"{_DUMP} does not tell which restrictions hold for user {number}")
    return closed
