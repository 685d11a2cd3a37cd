"""``dumpsys device_policy``, cut to owners, as who owns the phone and its profiles (docs/android/commands.md 10.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent_scripts.dialect.cut_answer import CutAnswer, sound_lines
from agent_scripts.dialect.errors import Unreadable
from policy.counted import counted
from policy.errors import InvalidName
from policy.names import PackageName

_COMMAND = "dumpsys device_policy"
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True)
class Owners:
    """The owners of a phone; None as a name means an owner that is none of the policy's.

    `device_owner_user` is the user that the device owner is in, None where the dump does not tell: under a headless
    system user it is not 0. `profiles` has an entry for every user with a profile owner.
    `company_owned` is True if a profile owner says
    that the phone belongs to the organisation, None if none says anything of it.
    """

    has_device_owner: bool = False
    device_owner: PackageName | None = None
    device_owner_user: int | None = None
    profiles: Mapping[int, PackageName | None] = field(default_factory=dict)
    company_owned: bool | None = None


@dataclass
class _Heading:
    """One owner's paragraph while it is read; `user` is None under a bare ``Device Owner:``."""

    device: bool
    user: int | None
    names: set[str] = field(default_factory=set)


def read_owners(
    answer: CutAnswer | None, listed: frozenset[PackageName], listing: CutAnswer | None = None
) -> Owners:
    """Return the owners; raise `Unreadable` for an answer that was cut or contradicts itself.

    Owners stand before the lists of administrators, of which user 0 always has one, so the first of these
    lists proves that no owner was cut off. A release that prints no such list has to name the same owners in
    `listing`, the counted ones of ``dpm list-owners`` (docs/android/commands.md 10.2).
    """
    headings: list[_Heading] = []
    company: set[bool] = set()
    ended = False
    # The order is what proves: owners, then administrators. What an administrator prints cannot become an owner.
    for line in sound_lines(answer, _COMMAND):
        word, _, rest = line.partition(" ")
        if word == "admins":
            ended = True
        elif ended:
            # Personal administrators may print what they like down here.
            if word in ("device", "profile"):
                raise Unreadable(f"{_COMMAND} names an owner below the administrators")
        elif word in ("device", "profile"):
            headings.append(_Heading(word == "device", _number(rest) if rest else None))
        elif word == "company" and headings:
            # Said of the phone and not of a profile: one owner that says so is enough.
            company.add(rest == "true")
        elif word in ("name", "id") and headings:
            _take(headings[-1], word, rest)
        else:
            raise Unreadable(f"{_COMMAND} has a line of an unknown form")
    headings = [heading for heading in headings if not _is_bare(heading)]
    if not ended and not _all_listed(headings, listing):
        raise Unreadable(f"{_COMMAND} ends before its list of administrators")
    return replace(_owners(headings, listed), company_owned=any(company) if company else None)


def _is_bare(heading: _Heading) -> bool:
    """Whether it is the ``Device Owner:`` that some builds print where there is none, with nothing under it."""
    return heading.device and heading.user is None and not heading.names


def _all_listed(headings: list[_Heading], listing: CutAnswer | None) -> bool:
    """Whether the counted list names these owners and no others; it lists administrators that own nothing too."""
    try:
        lines = sound_lines(listing, "dpm list-owners")
    except Unreadable:
        return False
    counts = [line for line in lines if line.startswith("count ")]
    # The count is Android's own: a list that was cut has fewer lines than it says.
    if counts != [f"count {len(lines) - 1}"]:
        return False
    # Kinds and users only: the counted list names nobody, since it would name owners that are none of the policy's.
    devices = sum(line.startswith("device ") for line in lines)
    profiles = sorted(line for line in lines if line.startswith("profile "))
    dumped = sorted(f"profile {heading.user}" for heading in headings if not heading.device)
    return devices == len(headings) - len(dumped) and profiles == dumped


def _take(heading: _Heading, word: str, rest: str) -> None:
    if word == "name":
        heading.names.add(rest)
        return
    # A bare `Device Owner:` learns its user from the line below it; where the heading told one, both must agree.
    user = _number(rest)
    if heading.user is not None and heading.user != user:
        raise Unreadable(f"{_COMMAND} gives one owner the users {heading.user} and {user}")
    heading.user = user


def _owners(headings: list[_Heading], listed: frozenset[PackageName]) -> Owners:
    devices = [heading for heading in headings if heading.device]
    profiles: dict[int, PackageName | None] = {}
    for heading in headings:
        if heading.device:
            continue
        if heading.user is None or heading.user in profiles:
            raise Unreadable(f"{_COMMAND} names the profile owner of user {heading.user} twice")
        profiles[heading.user] = _name(heading, listed)
    if len(devices) > 1:
        raise Unreadable(f"{_COMMAND} names {counted(len(devices), 'device owner')}")
    if not devices:
        return Owners(profiles=profiles)
    device = devices[0]
    return Owners(True, _name(device, listed), device.user, profiles)


def _name(heading: _Heading, listed: frozenset[PackageName]) -> PackageName | None:
    if len(heading.names) != 1:
        raise Unreadable(f"{_COMMAND} gives an owner {len(heading.names)} names")
    (text,) = heading.names
    # What the filter on the phone puts for every owner that it may not name.
    if text == "-":
        return None
    try:
        name = PackageName(text)
    except InvalidName as error:
        raise Unreadable(f"{_COMMAND} names an owner that is no package") from error
    # Once more here: an owner that the phone names unasked stays unnamed (docs/design.md rule 10).
    return name if name in listed else None


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Unreadable(f"{_COMMAND} names an owner's user by something that is no number")
    return int(text)
