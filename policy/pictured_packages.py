"""What a phone would answer about each package: as far as one report tells, and at each extreme of what it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from policy.document import Policy
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, PackageReading, PackageState
from policy.picture import HIDDEN, Pair, Picture, PicturedEntry
from policy.pictured_worlds import Placed
from policy.verdict import Verdict

_HERE = PackageState(installed=True)
_GONE = PackageState(installed=False)
_OURS = PackageState(True, enabled=EnabledState.DISABLED_BY_USER, disabled_by_shell=True)
_FOREIGN = PackageState(False, enabled=EnabledState.DISABLED)
_SYSTEM = "preinstalled and switched off"
SET_ASIDE = {
    "archived": PackageState(True, archived=True),
    HIDDEN: PackageState(True, hidden=True),
    _SYSTEM: PackageState(True, enabled=EnabledState.DISABLED_BY_USER),
}
"""Banned apps that are there and count as gone, by the reason that a report gives."""


@dataclass(frozen=True)
class Corner:
    """An extreme of what is not known: all of it there, or none.

    What is between them need not be tried: whether anything is found, in use or to be disabled only grows with what is
    there, so where both extremes agree on each of these, all between do.
    """

    banned: bool = False
    managed: bool = False
    updated: bool = False


class PicturedPackages:
    """What a phone in one world would answer about each package, as far as its report tells."""

    def __init__(
        self,
        picture: Picture,
        entries: Mapping[Pair, PicturedEntry],
        policy: Policy,
        placed: Placed,
        asked: Policy,
    ) -> None:
        """Of a report that was made under `asked`, as `policy` would read it; `entries` are the picture's own."""
        self._picture, self._entries = picture, entries
        # Asked for each user and package, and made anew by each asking (`Policy.banned`).
        self._banned_now, self._banned_then = policy.banned, asked.banned
        self._managed_now = [app.package for app in policy.managed]
        self._users = [user.number for user in placed.world.users]
        self._counted_then, self._counted_now = placed.counted_then, placed.counted_now
        self._pairs_now = placed.pairs_now
        # Of an app that could not be read for the moment, a station says that it is in reach: then that is open.
        passing = self._picture.verdict is Verdict.VIOLATING and self._picture.enforceable
        self._unread = self._picture.unread
        if passing:
            self._unread -= frozenset(app.package for app in asked.managed)
        self._managed_then = frozenset(app.package for app in asked.managed)
        passing_apps = self._picture.unread - self._unread
        self._known_pairs = frozenset(pair for pair in placed.pairs_then if pair[1] not in passing_apps)
        self._off_counts_anew = policy.preinstalled_disabled_counts and not asked.preinstalled_disabled_counts

    @property
    def has_free_banned(self) -> bool:
        """Whether a banned app may be somewhere that was not asked about, or may count otherwise than it did."""
        return any(
            self._is_free(number, package)
            for package in self._banned_now
            for number in self._counted_now
            if package not in self._unread
        )

    @property
    def has_free_managed(self) -> bool:
        """Whether a managed app may be somewhere that was not asked about."""
        return any(
            pair not in self._known_pairs or self._picture.managed.get(pair, _GONE) is None
            for pair in self._pairs_now
            if pair[1] not in self._unread
        )

    def _is_free(self, number: UserNumber, package: PackageName) -> bool:
        if package not in self._banned_then or number not in self._counted_then:
            return True
        return self._off_counts_anew and (number, package) in self._picture.findings

    def read(self, corner: Corner) -> dict[PackageName, PackageReading]:
        """Return what is read of every package that the policy or the ledger names, at this extreme."""
        readings = {package: self._banned(package, corner) for package in self._banned_now}
        readings |= {package: self._managed(package, corner) for package in self._managed_now}
        dropped = {package for _, package in self._entries} - readings.keys()
        readings |= {package: PackageReading(package, self._held(package)) for package in dropped}
        return readings

    def _banned(self, package: PackageName, corner: Corner) -> PackageReading:
        picture = self._picture
        if package in self._unread and package in self._banned_then:
            return PackageReading(package, unreadable="it was not read")
        states = {}
        for number in self._users:
            pair = (number, package)
            if pair in picture.no_line:
                continue
            if self._is_free(number, package):
                states[number] = _HERE if corner.banned else _GONE
            elif pair in picture.findings:
                states[number] = _HERE
            else:
                states[number] = SET_ASIDE[picture.set_aside[pair]] if pair in picture.set_aside else _GONE
        states |= {number: _HERE for number, name in picture.unlisted if name == package}
        system = any(why == _SYSTEM for (_, name), why in picture.set_aside.items() if name == package)
        return PackageReading(package, states, system=system)

    def _managed(self, package: PackageName, corner: Corner) -> PackageReading:
        if package in self._unread and package in self._managed_then:
            return PackageReading(package, unreadable="it was not read")
        states = {
            number: self._state((number, package), corner)
            for number in self._users
            if (number, package) not in self._picture.no_line
        }
        states |= {number: _HERE for number, name in self._picture.unlisted if name == package}
        return PackageReading(package, self._held(package) | states)

    def _state(self, pair: Pair, corner: Corner) -> PackageState:
        held = pair in self._entries
        if pair in self._known_pairs and pair in self._picture.managed:
            after = self._picture.managed[pair]
            if after is None:
                return _HERE if corner.managed else _OURS
            ours = held and pair not in self._picture.not_ours
            ago = timedelta(0) if corner.updated else None
            return PackageState(True, enabled=after, disabled_by_shell=ours, installed_ago=ago)
        if pair in self._known_pairs or pair not in self._pairs_now:
            return _FOREIGN if pair in self._picture.not_ours else _GONE
        if corner.managed:
            return _HERE
        return _OURS if held else _GONE

    def _held(self, package: PackageName) -> dict[UserNumber, PackageState]:
        """Return the lines of those users in whom something of ours may be off."""
        return {
            number: _FOREIGN if (number, name) in self._picture.not_ours else _GONE
            for number, name in self._entries
            if name == package
        }
