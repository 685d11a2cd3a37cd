"""What one observation shows of banned and managed apps, and what it leaves open (docs/design.md rules 1, 2 and 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policy.document import PlaceKind, Policy
from policy.names import PackageName, UserNumber
from policy.observation import Observation, PackageReading, PackageState, User, UserKind
from policy.verdict import Finding, ManagedState, Reason, ReasonCode

_SYSTEM_USER = UserNumber(0)
# Not USER_0: no owner is there to hide an app, so whoever hid it is the person.
_ORGANISATION = (PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE)
# Shorter than a report's reason may be (policy/schemas/report_document.py): a longer one could not be
# written, and the whole report would be lost with it.
_DETAIL_MAX_LENGTH = 300


@dataclass(frozen=True)
class Coverage:
    """One observation, read with one policy in hand.

    ``spoiled`` is not empty when nothing of the observation can be relied on; all else is empty then.
    ``gaps`` and ``managed_gaps`` name what was not read of banned and of managed apps; ``set_aside`` names
    banned apps that are on the phone and count as gone. ``managed`` holds the managed apps found in places.
    """

    spoiled: tuple[Reason, ...] = ()
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Reason, ...] = ()
    set_aside: tuple[Reason, ...] = ()
    managed: tuple[ManagedState, ...] = ()
    managed_gaps: tuple[Reason, ...] = ()

    @property
    def managed_apps_are_gone(self) -> bool:
        """Whether every managed app was positively read as gone from every place."""
        return not (self.spoiled or self.managed or self.managed_gaps)


def cover(policy: Policy, observation: Observation) -> Coverage:
    """Return what `observation` shows under `policy`."""
    spoiled = tuple(_spoiling(observation))
    # Nothing else is looked at: half of a contradictory answer proves neither presence nor absence.
    if spoiled:
        return Coverage(spoiled=spoiled)
    places = places_of(policy, observation)
    findings, gaps, set_aside = _banned_apps(policy, observation, places)
    managed, managed_gaps = _managed_apps(policy, observation, places)
    # A gap and not spoiled: banned apps are judged all the same, but "the managed apps are gone" is not
    # concluded (decision 0014).
    managed_gaps = (*(unplaced_owners(policy, observation) if policy.managed else ()), *managed_gaps)
    return Coverage((), findings, gaps, set_aside, managed, managed_gaps)


def places_of(policy: Policy, observation: Observation) -> Mapping[UserNumber, PlaceKind]:
    """Return the users of the phone that are places, with their kind; all others are personal.

    A profile of an owner that the policy does not list (Island, Shelter, a second employer) is no place, nor
    is user 0 under such an owner: it belongs to another organisation. A listed owner's place is the user it is in,
    which under a headless system user is not 0; where the phone does not tell, it is nobody's place.
    """
    places = {
        user.number: PlaceKind.WORK_PROFILE
        for user in observation.users
        if user.kind is UserKind.WORK and user.owner in policy.owners
    }
    first = observation.user(observation.main_user)
    if first is not None and first.owner in policy.owners:
        # The owner of a whole person's user, as under a headless system user: a profile it is not.
        places[first.number] = PlaceKind.MANAGED_DEVICE
    if observation.device_owner in policy.owners:
        if observation.device_owner_user is not None:
            places[observation.device_owner_user] = PlaceKind.MANAGED_DEVICE
    # The first person's user is a place only where there is no other: under a foreign owner it is another's.
    elif not (places or observation.has_device_owner or _is_owned(policy, observation)):
        places[observation.main_user] = PlaceKind.USER_0
    return places


def _is_owned(policy: Policy, observation: Observation) -> bool:
    """Whether a listed owner is anywhere on the phone, be its user a place or not."""
    return any(user.owner in policy.owners for user in observation.users)


def unplaced_owners(policy: Policy, observation: Observation) -> tuple[Reason, ...]:
    """Return where a listed owner is that has no place: what it manages there was not looked at (rule 7)."""
    places = places_of(policy, observation)
    found = [
        Reason(
            ReasonCode.PHONE_UNREADABLE, f"the owner of user {user.number} is ours, and that user is no place"
        )
        for user in observation.users
        if user.owner in policy.owners and user.number not in places
    ]
    # Not guessed to be user 0: under a headless system user that place is empty and would read as "gone".
    if observation.device_owner in policy.owners and observation.device_owner_user is None:
        found.append(
            Reason(ReasonCode.PHONE_UNREADABLE, "the phone does not tell which user its owner is in")
        )
    return tuple(found)


def managed_pairs(policy: Policy, observation: Observation) -> frozenset[tuple[UserNumber, PackageName]]:
    """Return every user and package that the policy lets us touch on this phone: managed apps in their places."""
    places = places_of(policy, observation)
    return frozenset(
        (number, app.package)
        for app in policy.managed
        for number, kind in places.items()
        if kind in app.places
    )


def state_of(observation: Observation, user: UserNumber, package: PackageName) -> PackageState | None:
    """Return the state that was read for `package` in `user`, None if there is no line that can be relied on."""
    reading = observation.packages.get(package)
    if reading is None or _fault(package, reading):
        return None
    return reading.states.get(user)


def has_vanished(observation: Observation, user: UserNumber, package: PackageName) -> bool:
    """Whether the phone positively has no such user any more; Android gives its number to nobody else.

    A number comes back after a factory reset only (docs/android/commands.md 3.1), and that takes our marker away too.
    """
    # A spoiled answer may have lost the user from its list, and an entry that is closed as gone is never restored.
    if observation.user(user) is not None or any(_spoiling(observation)):
        return False
    reading = observation.packages.get(package)
    # A dump has a line for every user, closed ones too (docs/android/commands.md 9): where it still names this
    # one, the list of users was cut.
    return reading is None or (not _fault(package, reading) and user not in reading.states)


def _spoiling(observation: Observation) -> Iterator[Reason]:
    for text in observation.unreadable:
        yield Reason(ReasonCode.PHONE_UNREADABLE, text[:_DETAIL_MAX_LENGTH])
    numbers = [user.number for user in observation.users]
    # Where no user was read at all, the reason stands above already: the phone was not heard naming its users.
    if observation.unreadable and not numbers:
        return
    if _SYSTEM_USER not in numbers:
        # Every Android phone has a user 0: an answer without it is a cut one, never an empty phone.
        yield Reason(ReasonCode.USER_MISSING, "the phone named no user 0")
    # Looking a user up takes the first of that number, so its double's kind and owner would never be judged.
    if len(set(numbers)) != len(numbers):
        yield Reason(ReasonCode.PHONE_UNREADABLE, "the phone named a user twice")
    if any(user.owner is not None and not user.has_owner for user in observation.users):
        yield Reason(ReasonCode.PHONE_UNREADABLE, "a profile names an owner and has none")
    if observation.device_owner is not None and not observation.has_device_owner:
        yield Reason(ReasonCode.PHONE_UNREADABLE, "the phone names a device owner and has none")
    # Without that user its place is missing, and managed apps in it would read as gone.
    for number in {observation.device_owner_user, observation.main_user} - {None, _SYSTEM_USER, *numbers}:
        yield Reason(
            ReasonCode.USER_MISSING,
            f"the phone named no user {number}, and its owner or first person is in it",
        )


def counts(policy: Policy, user: User, places: Mapping[UserNumber, PlaceKind]) -> bool:
    """Return whether a banned app in that user is a violation."""
    if user.kind is UserKind.WORK and user.number not in places:
        # A foreign profile is personal (rule 4), so it is looked at even where work profiles are not.
        return bool({UserKind.PERSONAL, UserKind.WORK} & policy.kinds)
    return user.kind in policy.kinds


def _fault(package: PackageName, reading: PackageReading | None) -> str:
    """Return why a reading cannot be relied on, empty if it can."""
    if reading is None:
        return "no answer"
    if reading.unreadable:
        return reading.unreadable
    if reading.package != package:
        return "the answer is about another package"
    if not reading.known and reading.states:
        return "unknown to the phone, yet it has states"
    return ""


def _unread(package: PackageName, why: str) -> Reason:
    return Reason(ReasonCode.PACKAGE_UNREADABLE, f"{package}: {why}"[:_DETAIL_MAX_LENGTH])


def _missing(package: PackageName, user: UserNumber) -> Reason:
    return Reason(ReasonCode.USER_MISSING, f"{package}: no line for user {user}")


def _unlisted(package: PackageName, user: UserNumber) -> Reason:
    # Two of the phone's answers contradict each other: its list of users may have been cut.
    why = f"installed in user {user}, which the phone did not list"
    return Reason(ReasonCode.USER_MISSING, f"{package}: {why}")


def _banned_apps(
    policy: Policy, observation: Observation, places: Mapping[UserNumber, PlaceKind]
) -> tuple[tuple[Finding, ...], tuple[Reason, ...], tuple[Reason, ...]]:
    counting = [user.number for user in observation.users if counts(policy, user, places)]
    present: set[tuple[PackageName, UserNumber]] = set()
    gaps: list[Reason] = []
    set_aside: list[Reason] = []
    for package in sorted(policy.banned):
        reading = observation.packages.get(package)
        fault = _fault(package, reading)
        if reading is None or fault:
            gaps.append(_unread(package, fault))
            continue
        # A package that the phone does not know is a positive answer for every user: no line is missing then.
        for number in counting if reading.known else ():
            state = reading.states.get(number)
            if state is None:
                gaps.append(_missing(package, number))
            elif not (why := _gone(policy, reading, state, places.get(number))):
                present.add((package, number))
            elif state.installed:
                set_aside.append(Reason(ReasonCode.BANNED_APP_GONE, f"{package}: {why} in user {number}"))
        # Of a user that was not listed the kind is unknown, so it may be one that counts. Its place is None, since
        # `hidden` proves nothing where no owner is known.
        gaps.extend(
            _unlisted(package, number)
            for number, state in sorted(reading.states.items())
            if observation.user(number) is None and not _gone(policy, reading, state, None)
        )
    # By family: a package that stands in two of them is found under each name that bans it.
    findings = tuple(
        Finding(family.name, number, package)
        for family in policy.families
        if family.active
        for package in family.packages
        for number in counting
        if (package, number) in present
    )
    return findings, tuple(gaps), tuple(set_aside)


def _gone(policy: Policy, reading: PackageReading, state: PackageState, place: PlaceKind | None) -> str:
    """Return why a banned app counts as gone, empty if it is present (rule 2)."""
    if not state.installed:
        return "not installed"
    if state.archived:
        return "archived"
    if state.hidden and place in _ORGANISATION:
        # Elsewhere its own user hid it, by Island or Shelter, and shows it again by one tap.
        return "hidden"
    if reading.system and not state.enabled.can_run and policy.preinstalled_disabled_counts:
        # A preinstalled copy stays without root; off is all its owner can do (docs/android/banned-apps.md 4).
        return "preinstalled and switched off"
    return ""


def _managed_apps(
    policy: Policy, observation: Observation, places: Mapping[UserNumber, PlaceKind]
) -> tuple[tuple[ManagedState, ...], tuple[Reason, ...]]:
    found: list[ManagedState] = []
    gaps: list[Reason] = []
    for app in sorted(policy.managed, key=lambda app: app.package):
        numbers = sorted(number for number, kind in places.items() if kind in app.places)
        reading = observation.packages.get(app.package)
        fault = _fault(app.package, reading)
        if reading is None or fault:
            # Where the app has no place on this phone nothing could be enforced, so nothing is left open.
            gaps.extend([_unread(app.package, fault)] if numbers else [])
            continue
        for number in numbers if reading.known else ():
            state = reading.states.get(number)
            if state is None:
                gaps.append(_missing(app.package, number))
            elif _in_use(state):
                found.append(ManagedState(number, app.package, state))
        gaps.extend(
            _unlisted(app.package, number)
            for number, state in sorted(reading.states.items())
            if observation.user(number) is None and _in_use(state)
        )
    return tuple(found), tuple(gaps)


def _in_use(state: PackageState) -> bool:
    # Not asked: whether it is enabled. What we switch off ourselves would else read as "managed apps gone", and
    # each disabling would lift itself at the next check.
    return state.installed and not state.hidden and not state.archived
