"""``dumpsys user`` and ``pm list users``, cut free of names, as the users of the phone (COMMANDS.md 3).

A user's name is free text with colons, braces and even line breaks, so each text arrives as the beginnings and
ends of user lines: ``header`` is a whole line, ``open`` one that ends inside a name, ``tail`` the end of a name.
Which beginnings are real is told by the user numbers of a package dump, where no name can stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent_scripts.dialect.answers import CutAnswer, sound_lines
from agent_scripts.dialect.errors import Unreadable
from agent_scripts.dialect.kinds import UserFacts, kind_of
from agent_scripts.dialect.owners import Owners
from policy.names import UserNumber
from policy.observation import User, UserKind

_DUMP = "dumpsys user"
_LIST = "pm list users"
_FIRST_WITH_TYPES = 30
_OPENING = re.compile(r"(?:header|open) ([0-9]{1,9})(?: |$)", re.ASCII)
_CLOSING = re.compile(r"(?:header [0-9]{1,9}|tail) ([0-9a-fA-F]{1,8})((?: [a-z0-9~-]+)*)", re.ASCII)
_VOLATILE_FLAGS = 0x10 | 0x40 | 0x80
"""INITIALIZED, DISABLED and QUIET_MODE may change between two commands; the other bits may not."""


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
) -> tuple[User, ...]:
    """Return every user of the phone, by number; raise `Unreadable` where the sources disagree.

    `numbers` are the users that the dump of the shell's own app names.
    """
    dumped = _regions(sound_lines(dump, _DUMP), numbers, _DUMP)
    listed = _regions(sound_lines(listing, _LIST), numbers, _LIST)
    for number, region in dumped.items():
        if (region.flags ^ listed[number].flags) & ~_VOLATILE_FLAGS:
            raise Unreadable(f"{_DUMP} and {_LIST} disagree on the flags of user {number}")
    return tuple(
        _user(number, dumped[number], "running" in listed[number].words, owners, api_level, samsung)
        for number in sorted(numbers)
    )


def _user(
    number: UserNumber, region: _Region, running: bool, owners: Owners, api_level: int, samsung: bool
) -> User:
    closed = _is_closed(number, region.details)
    owner = owners.profiles.get(number)
    facts = UserFacts(
        number,
        region.flags,
        type=_type(number, region.details, api_level),
        parent=_parent(number, region.words),
        closed=closed,
        owner_listed=owner is not None,
    )
    kind = kind_of(facts, samsung=samsung)
    may_be_work = facts.is_managed and kind in (UserKind.WORK, UserKind.PERSONAL)
    has_owner = _has_owner(number, region.details, owners, may_be_work=may_be_work)
    return User(number, kind, has_owner, owner, open_to_shell=not closed, running=running)


def _has_owner(number: UserNumber, details: Sequence[str], owners: Owners, *, may_be_work: bool) -> bool:
    """Whether the user has a profile owner; a lost one would make a place of ours look like none."""
    said = {line == "owned true" for line in details if line.startswith("owned ")}
    found = number in owners.profiles
    if may_be_work and said - {found}:
        raise Unreadable(f"{_DUMP} and dumpsys device_policy disagree on whether user {number} has an owner")
    return found or True in said


def _regions(lines: Sequence[str], numbers: frozenset[UserNumber], command: str) -> dict[UserNumber, _Region]:
    """Return the lines that belong to each user; users still being made are left out, as Android does."""
    parts: dict[UserNumber, list[str]] = {}
    current: list[str] = []
    for line in lines:
        opening = _OPENING.match(line)
        number = int(opening[1]) if opening else None
        if opening and number in numbers:
            user = UserNumber(int(opening[1]))
            if user in parts:
                raise Unreadable(f"{command} names user {user} twice; a user's name may imitate another user")
            current = parts[user] = [line]
        elif opening and _is_unfinished(line):
            current = []
        else:
            current.append(line)
    missing = sorted(numbers - parts.keys())
    if missing:
        raise Unreadable(f"{command} does not name user {', '.join(map(str, missing))}")
    return {number: _region(number, part, command) for number, part in parts.items()}


def _region(number: UserNumber, part: Sequence[str], command: str) -> _Region:
    """Find where the user's name ends: the last end of a line in its part is the real one."""
    closings = [(index, match) for index, line in enumerate(part) if (match := _CLOSING.fullmatch(line))]
    if not closings:
        raise Unreadable(f"{command} breaks off in the line of user {number}")
    index, closing = closings[-1]
    # In the list only flags and `running` are read, and the flags are compared with the dump's.
    whole = command == _DUMP and part[0].startswith("header")
    if whole and any(part[at].startswith("header") for at, _ in closings[1:]):
        raise Unreadable(f"{command} names a user that the packages do not know; check again")
    return _Region(int(closing[1], 16), tuple(closing[2].split()), tuple(part[index + 1 :]))


def _is_unfinished(header: str) -> bool:
    return "partial~" in header.split() or "pre-created~" in header.split()


def _type(number: UserNumber, details: Sequence[str], api_level: int) -> str:
    types = [line.removeprefix("type ") for line in details if line.startswith("type ")]
    if len(types) > 1 or (not types and api_level >= _FIRST_WITH_TYPES):
        raise Unreadable(f"{_DUMP} gives user {number} {len(types)} types instead of one")
    return types[0] if types else ""


def _parent(number: UserNumber, words: Sequence[str]) -> int | None:
    parents = [word.removeprefix("parent~") for word in words if word.startswith("parent~")]
    if len(parents) > 1:
        raise Unreadable(f"{_DUMP} gives user {number} two parents")
    return int(parents[0]) if parents and parents[0].isdigit() else None


def _is_closed(number: UserNumber, details: Sequence[str]) -> bool:
    """Whether the user's own restrictions close it to the shell; those of guests stand under other headings."""
    heading = ""
    closed = False
    headings = []
    for line in details:
        if line.startswith("restrictions "):
            heading = line.removeprefix("restrictions ")
            headings.append(heading)
        elif line == "no_debugging_features" and heading != "other":
            closed = True
    if headings.count("effective") != 1:
        raise Unreadable(f"{_DUMP} does not tell which restrictions hold for user {number}")
    return closed
