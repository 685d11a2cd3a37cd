"""What can be promised on one phone, from one reading and the policy. Pure.

Facts about Android and its makers come from docs/android/commands.md, whose chapter each sentence names.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_scripts.exchange import Reading
from policy.coverage import places_of
from policy.document import PlaceKind, Policy
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, Observation, PackageReading, User, UserKind
from policy.probe import Limit, LimitCode, Owner, Probe, ProbedPlace, ProbedUser, Reach

# API levels: 29 is Android 10, 30 is Android 11, 36 is Android 16.
_FIRST_WITH_NOTIFICATIONS = 29
_FIRST_WITH_KEY_EXPIRY = 29
_FIRST_WITH_WIRELESS = 30
_FIRST_WITH_PROTECTION = 30
_FIRST_WITH_OWNERSHIP = 30
_NEWEST_KNOWN = 36
_SECURITY_SETTINGS = 'Developer options, "USB debugging (Security settings)"'
_MAKERS_WITH_SECURITY_SETTINGS = frozenset({"xiaomi", "redmi", "poco"})
_MAKERS_WITHOUT_SYSTEM_APPS = _MAKERS_WITH_SECURITY_SETTINGS | {"vivo", "iqoo"}
# As long as a name in a probe may be (`policy.schemas.probe_document`); a longer one has the probe refused.
_MAX_NAME = 100


def probe(reading: Reading, policy: Policy | None) -> Probe:
    """Return what can be promised on the phone that gave `reading`, under `policy`; None: no bundle was accepted.

    Apps count as far as the reading asked about them, so a phone whose owner has not agreed yet is probed by its
    users and owners alone.
    """
    seen, facts = reading.observation, reading.facts
    manufacturer = facts.manufacturer[:_MAX_NAME] if facts else ""
    places = _places(seen, manufacturer, policy)
    return Probe(
        release=facts.release[:_MAX_NAME] if facts else "",
        api_level=seen.api_level,
        manufacturer=manufacturer,
        model=facts.model[:_MAX_NAME] if facts else "",
        reach=_reach(seen, policy, places),
        users=tuple(_user(user) for user in seen.users),
        device_owner=_owner(seen.has_device_owner, seen.device_owner),
        company_owned=_company_owned(seen),
        places=places,
        limits=tuple(_limits(seen, manufacturer, policy, places)),
    )


def _user(user: User) -> ProbedUser:
    owner = _owner(user.has_owner, user.owner)
    return ProbedUser(user.number, user.kind, user.running, user.open_to_shell, owner)


def _owner(has_owner: bool, named: PackageName | None) -> Owner:
    if named is not None:
        return Owner.POLICY
    return Owner.OTHER if has_owner else Owner.NONE


def _company_owned(seen: Observation) -> bool | None:
    """Whether a phone with a work profile belongs to the company; up to 29 it then has a device owner as well."""
    if seen.unreadable or not any(user.kind is UserKind.WORK for user in seen.users):
        return None
    return seen.company_owned if seen.api_level >= _FIRST_WITH_OWNERSHIP else seen.has_device_owner


def _places(seen: Observation, manufacturer: str, policy: Policy | None) -> tuple[ProbedPlace, ...]:
    if policy is None or seen.unreadable:
        return ()
    used = {kind for app in policy.managed for kind in app.places}
    return tuple(
        _place(seen, manufacturer, policy, number, kind)
        for number, kind in sorted(places_of(policy, seen).items())
        if kind in used
    )


def _place(
    seen: Observation, manufacturer: str, policy: Policy, number: UserNumber, kind: PlaceKind
) -> ProbedPlace:
    user = seen.user(number)
    is_open = user is not None and user.open_to_shell
    apps = [
        seen.packages[a.package] for a in policy.managed if kind in a.places and a.package in seen.packages
    ]
    hindered = any(
        app.unreadable or _is_locked(app, number) or _maker_refuses(app, number, manufacturer) for app in apps
    )
    return ProbedPlace(number, kind, is_open, enforce=is_open and not hindered, restore=is_open)


def _maker_refuses(found: PackageReading, number: UserNumber, manufacturer: str) -> bool:
    state = found.states.get(number)
    here = state is not None and state.installed
    return here and found.system and manufacturer.casefold() in _MAKERS_WITHOUT_SYSTEM_APPS


def _is_locked(found: PackageReading, number: UserNumber) -> bool:
    state = found.states.get(number)
    return (
        state is not None
        and state.installed
        and state.enabled in (EnabledState.DISABLED, EnabledState.DISABLED_UNTIL_USED)
    )


def _reach(seen: Observation, policy: Policy | None, places: tuple[ProbedPlace, ...]) -> Reach:
    if policy is None or seen.unreadable:
        return Reach.UNKNOWN
    if not places:
        return Reach.NONE
    # One closed place is enough: the mail side blocks a holder, and not a place.
    return Reach.OPEN if all(place.open_to_shell for place in places) else Reach.CLOSED


def _limits(
    seen: Observation, manufacturer: str, policy: Policy | None, places: tuple[ProbedPlace, ...]
) -> Iterator[Limit]:
    if seen.unreadable:
        for why in seen.unreadable:
            yield Limit(
                LimitCode.UNREADABLE,
                f"The phone could not be read: {why}"[:500],
                "docs/design.md 4",
                hinders=True,
            )
    elif policy is None:
        yield Limit(
            LimitCode.NO_POLICY,
            "This station has accepted no bundle yet, so it does not know what a place is.",
            "docs/design.md 5",
            "connect this station to the server and probe again",
            hinders=True,
        )
    else:
        yield from _limits_of_places(seen, policy, places)
        yield from _limits_of_apps(seen, manufacturer, policy, places)
        yield from _limits_of_users(seen, places)
    yield from _limits_of_release(seen.api_level)
    if manufacturer.casefold() in _MAKERS_WITH_SECURITY_SETTINGS:
        yield Limit(
            LimitCode.SECURITY_SETTINGS,
            "This maker lets adb change settings, such as how long its keys last, only after a switch of its own.",
            "docs/android/commands.md 12.3, 17",
            _SECURITY_SETTINGS,
        )


def _limits_of_places(seen: Observation, policy: Policy, places: tuple[ProbedPlace, ...]) -> Iterator[Limit]:
    if not places:
        yield Limit(
            LimitCode.NO_PLACE,
            "The phone has no place of the policy, so there is nothing to switch off on it.",
            "docs/design.md 4",
        )
    for user in seen.users:
        if user.kind is not UserKind.SECURE_FOLDER and user.has_owner and user.owner not in policy.owners:
            yield Limit(
                LimitCode.FOREIGN_OWNER,
                f"The profile of user {user.number} belongs to an owner that the policy does not list, so it counts"
                " as personal and is never touched.",
                "docs/android/commands.md 10.5, 16",
                "if it is the organisation's own, add its owner to the policy's owners",
            )
    if seen.has_device_owner and seen.device_owner is None:
        yield Limit(
            LimitCode.FOREIGN_OWNER,
            "The phone is managed by an owner that the policy does not list, so user 0 is never touched.",
            "docs/android/commands.md 10.5",
            "if it is the organisation's own, add its owner to the policy's owners",
        )
    for place in places:
        if not place.open_to_shell:
            yield Limit(
                LimitCode.PLACE_CLOSED,
                f"The owner of user {place.user} has closed it to adb, so nothing can be disabled or restored there.",
                "docs/android/commands.md 9",
                "the owner must drop no_debugging_features for the work profile",
                hinders=True,
            )
    company_profile = _company_owned(seen) and any(p.kind is PlaceKind.WORK_PROFILE for p in places)
    if seen.has_device_owner or company_profile:
        yield Limit(
            LimitCode.OWNER_MAY_CLOSE,
            "The company owns the phone, so its device management may switch adb off altogether at any time.",
            "docs/android/commands.md 9, 10.5",
            "agree with the device management that user 0 stays without no_debugging_features",
        )


def _limits_of_apps(
    seen: Observation, manufacturer: str, policy: Policy, places: tuple[ProbedPlace, ...]
) -> Iterator[Limit]:
    for found in seen.packages.values():
        if found.unreadable:
            yield Limit(
                LimitCode.PACKAGE_UNREADABLE,
                f"{found.package} could not be read: {found.unreadable}"[:500],
                "docs/android/commands.md 5",
                hinders=True,
            )
    managed = {app.package: app.places for app in policy.managed}
    here = [
        (place, seen.packages[package])
        for place in places
        for package, kinds in managed.items()
        if place.kind in kinds and package in seen.packages
    ]
    for place, found in here:
        if _is_locked(found, place.user):
            yield Limit(
                LimitCode.NOT_OURS_TO_SWITCH,
                f"{found.package} in user {place.user} was switched off by an app or its owner; adb can change nothing"
                " about it, so it is left as it is.",
                "docs/android/commands.md 6.2",
                "whoever switched it off enables it",
                hinders=True,
            )
        elif _maker_refuses(found, place.user, manufacturer):
            yield Limit(
                LimitCode.SYSTEM_APP_REFUSED,
                f"{found.package} came with the phone, and this maker is known to refuse disabling such apps.",
                "docs/android/commands.md 6.2, 17",
                hinders=True,
            )
    if places:
        yield Limit(
            LimitCode.UPDATE_RESETS,
            "An update of a disabled app or its user can make it run again between checks; while the ban is enforced,"
            " the next check disables it again.",
            "docs/android/commands.md 6.3",
        )
        if seen.api_level >= _FIRST_WITH_PROTECTION:
            yield Limit(
                LimitCode.OWNER_MAY_PROTECT,
                "The owner may protect an app from being disabled, which shows only when it is tried.",
                "docs/android/commands.md 6.2",
                "the owner must not list the managed apps as user-control-disabled",
            )


def _limits_of_users(seen: Observation, places: tuple[ProbedPlace, ...]) -> Iterator[Limit]:
    numbers = {place.user for place in places}
    for user in seen.users:
        if not user.open_to_shell and user.number not in numbers:
            yield Limit(
                LimitCode.USER_CLOSED,
                f"User {user.number} is closed to adb; the named apps are read there all the same.",
                "docs/android/commands.md 5.1, 9",
            )
        if not user.running:
            yield Limit(
                LimitCode.NOT_RUNNING,
                f"User {user.number} is paused, locked or stopped, which changes nothing: reading, disabling and"
                " restoring work all the same.",
                "docs/android/commands.md 3.5",
            )


def _limits_of_release(api_level: int) -> Iterator[Limit]:
    if not api_level:
        return
    if api_level < _FIRST_WITH_NOTIFICATIONS:
        yield Limit(
            LimitCode.NO_NOTIFICATIONS,
            "Adb can post notifications from Android 10 on only, so the owner has to be told in person.",
            "docs/android/commands.md 12.1",
        )
    if api_level >= _FIRST_WITH_KEY_EXPIRY:
        yield Limit(
            LimitCode.KEY_EXPIRES,
            "The phone forgets this station seven days after it was last connected, and its owner has to allow it"
            " again.",
            "docs/android/commands.md 14.2",
            "the global setting adb_allowed_connection_time at 0 means never; it weakens the phone, so ask its owner",
        )
    if api_level >= _FIRST_WITH_WIRELESS:
        yield Limit(
            LimitCode.WIRELESS,
            "Wireless debugging needs pairing first and ends when the network changes, so a cable is the surer way.",
            "docs/android/commands.md 14.3",
        )
    if api_level > _NEWEST_KNOWN:
        yield Limit(
            LimitCode.NEWER_RELEASE,
            "This Android is newer than those that Curfew was read against; what it does not know it calls unreadable.",
            "docs/android/commands.md 0",
            "update Curfew",
        )
