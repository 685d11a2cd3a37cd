"""What a phone's own script needs of a bundle: a flat text that a shell can check line by line (docs/design.md 7).

    curfew-plan 1
    phone_id 1f0c9a52-8a1e-4c57-9d0e-6f8f3f5c2b11
    marker 5f0c2a…
    bundle 3                    numbers of policy and fleet document: never older than what the phone has
    fleet 0
    made_at 1678877999          times are seconds since 1970, UTC
    …
    banned com.zhiliaoapp.musically
    managed com.microsoft.office.outlook work_profile managed_device
    user 0 counts alone open    number, whether it counts, its place, whether the shell may act in it
    end 27                      lines before this one
    sha256 9f86d0…              of all lines before this one

What the state of an app was before us stands in the phone's ledger, not here. Users are those the station saw; one
that came later is no place, and counts only where every kind of user does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Any

from policy.coverage import counts, places_of, unplaced_owners
from policy.document import Bundle, ManagedApp, Message, PlaceKind
from policy.errors import PlanImpossible, PolicyError
from policy.ledger import Ledger
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import Observation, UserKind
from policy.stage import enforcement_starts_at

POLL_S = 5
"""How often the phone's counter of package changes is looked at (docs/android/commands.md 15)."""

LATEST_TIME = 2_139_999_999
"""The last second a plan may name, in October 2037: phones count in 32 bits (docs/android/commands.md 13.2)."""

_LINES_MAX = 1000
# As long as a policy's messages may be (policy/schemas/policy_document.py), so none of them loses its end.
_TEXT_MAX = 500
# No zero in front: the phone's `is_number` refuses one, and arithmetic in a shell may read it as octal.
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_MARKER = re.compile(r"[0-9a-f]{1,64}", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,30}", re.ASCII)
# Nothing evaluates these texts; they are kept harmless all the same.
_HARMFUL = re.compile(r"[\"`$\\]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# The least values are those of on_phone/plan.sh, and nine digits are the most its `is_number` takes: a plan
# outside of them would be made here and refused there. 604,800 seconds are the week a policy may name.
_BOUNDS = {
    "bundle": (0, 999_999_999),
    "fleet": (0, 999_999_999),
    "judgement": (1, 999_999_999),
    "interval_s": (60, 604_800),
    "jitter_s": (0, 604_800),
    "poll_s": (1, 3600),
}
_TIMES = ("made_at", "valid_until", "starts_at", "exempt_until", "review_at", "ends_at")
_SWITCHES = ("on_phone", "lifted", "preinstalled_off_is_gone", "new_users_count")
_TEXTS = ("name", "remind", "disabled", "restored")


class PlannedPlace(Enum):
    """What a user is to managed apps; the first person stands ``alone`` when a place without any work profile."""

    WORK_PROFILE = "work_profile"
    MANAGED_DEVICE = "managed_device"
    ALONE = "alone"
    NONE = "none"


@dataclass(frozen=True)
class PlannedUser:
    """One user the station saw."""

    number: UserNumber
    counts: bool
    place: PlannedPlace
    open_to_shell: bool


@dataclass(frozen=True)
class Plan:
    """One phone's part of a bundle. Times are whole seconds since 1970, UTC.

    ``starts_at`` is the deadline, or this phone's ring if that is later. From ``made_at`` to ``valid_until`` the
    script may disable; ``exempt_until`` is 0 for a phone that is not exempt. Without a message nobody is told.
    """

    phone_id: PhoneId
    marker: str
    bundle: int
    fleet: int
    made_at: int
    valid_until: int
    on_phone: bool
    judgement: int
    starts_at: int
    exempt_until: int
    review_at: int
    ends_at: int
    lifted: bool
    preinstalled_off_is_gone: bool
    new_users_count: bool
    interval_s: int
    jitter_s: int
    poll_s: int
    name: str
    message: Message | None
    banned: tuple[PackageName, ...]
    managed: tuple[ManagedApp, ...]
    users: tuple[PlannedUser, ...]
    language: str = "en"


def plan_of(
    bundle: Bundle,
    phone_id: PhoneId,
    observation: Observation,
    ledger: Ledger,
    now: datetime,
    valid_until: datetime,
    language: str,
) -> Plan:
    """Return the plan of one phone that was just read well.

    `now` is trusted time, at which the bundle counts as confirmed; `valid_until` is when that confirmation is too
    old for disabling. Raises `PlanImpossible` for an observation that cannot be relied on, a phone without our
    marker, and times beyond `LATEST_TIME`.
    """
    _require_well_read(bundle, observation)
    policy = bundle.policy
    tongue = _spoken(policy.messages, language)
    plan = Plan(
        phone_id=phone_id,
        marker=ledger.marker,
        bundle=bundle.number,
        fleet=bundle.fleet.number,
        made_at=_seconds(now),
        # Down, alone of all times: rounded up it would lengthen the leave to disable.
        valid_until=_seconds(valid_until, down=True),
        **_times(bundle, phone_id),
        on_phone=policy.on_phone,
        judgement=policy.minimum_judgement,
        lifted=policy.lifted,
        preinstalled_off_is_gone=policy.preinstalled_disabled_counts,
        new_users_count=policy.kinds == frozenset(UserKind),
        interval_s=max(policy.check_interval // timedelta(seconds=1), _BOUNDS["interval_s"][0]),
        jitter_s=policy.check_jitter // timedelta(seconds=1),
        poll_s=POLL_S,
        name=_harmless(policy.name),
        message=_harmless_message(policy.messages[tongue]) if tongue else None,
        banned=tuple(sorted(policy.banned)),
        managed=tuple(sorted(policy.managed, key=lambda app: app.package)),
        users=_planned_users(bundle, observation),
        language=tongue or "en",
    )
    plan_text(plan)  # refuses here and not on the phone what the phone would refuse
    return plan


def _require_well_read(bundle: Bundle, observation: Observation) -> None:
    """A plan made of half a phone would call a user's place none, and leave its apps on for weeks."""
    if observation.unreadable or observation.user(UserNumber(0)) is None:
        why = "; ".join(observation.unreadable) or "the phone named no user 0"
        raise PlanImpossible(f"expected a phone whose users were read, found: {why}; check it again")
    unplaced = unplaced_owners(bundle.policy, observation)
    if unplaced:
        raise PlanImpossible(
            f"expected to know where the owners are, found: {unplaced[0].detail}; check it again"
        )


def _times(bundle: Bundle, phone_id: PhoneId) -> dict[str, int]:
    policy = bundle.policy
    exempt = [e.until for e in bundle.fleet.exemptions if e.phone_id == phone_id]
    return {
        "starts_at": _seconds(enforcement_starts_at(policy, phone_id)),
        # Of two exemptions the longer one holds, as in the fleet document itself.
        "exempt_until": _seconds(max(exempt)) if exempt else 0,
        "review_at": _seconds(policy.review_at),
        "ends_at": _seconds(policy.ends_at),
    }


def _planned_users(bundle: Bundle, observation: Observation) -> tuple[PlannedUser, ...]:
    places = places_of(bundle.policy, observation)
    found = []
    for user in sorted(observation.users, key=lambda user: user.number):
        kind = places.get(user.number)
        place = PlannedPlace(kind.value) if kind and kind is not PlaceKind.USER_0 else PlannedPlace.NONE
        # Under any device owner, a stranger's too, the first person's user is no place alone (`places_of`).
        owned = observation.has_device_owner or PlaceKind.MANAGED_DEVICE in places.values()
        if user.number == observation.main_user and not owned:
            # A place of its own as soon as the last work profile goes, whether or not there is one now.
            place = PlannedPlace.ALONE
        counting = counts(bundle.policy, user, places)
        found.append(PlannedUser(user.number, counting, place, user.open_to_shell))
    return tuple(found)


def plan_text(plan: Plan) -> bytes:
    """Return the plan as the phone keeps it; two equal plans give the same bytes.

    Raises `PlanImpossible` for what the phone's script would refuse.
    """
    lines = [f"{key} {value}" for key, value in _lines(plan)]
    if len(lines) > _LINES_MAX:
        raise PlanImpossible(f"expected at most {_LINES_MAX} lines, found {len(lines)}; name fewer packages")
    body = "\n".join(("curfew-plan 1", *lines, f"end {len(lines) + 1}")) + "\n"
    text = f"{body}sha256 {sha256(body.encode()).hexdigest()}\n".encode()
    # Read back by our own reader: a plan that the phone would refuse is refused here.
    if parse_plan(text) != plan:
        raise PlanImpossible("expected a plan that its text can say exactly; make it with plan_of()")
    return text


def _lines(plan: Plan) -> Iterator[tuple[str, object]]:
    for key in ("phone_id", "marker", "bundle", "fleet", "made_at", "valid_until"):
        yield key, getattr(plan, key)
    yield "on_phone", int(plan.on_phone)
    for key in ("judgement", "starts_at", "exempt_until", "review_at", "ends_at"):
        yield key, getattr(plan, key)
    for key in ("lifted", "preinstalled_off_is_gone", "new_users_count"):
        yield key, int(getattr(plan, key))
    for key in ("interval_s", "jitter_s", "poll_s", "language", "name"):
        yield key, getattr(plan, key)
    if plan.message is not None:
        for key in ("remind", "disabled", "restored"):
            yield key, getattr(plan.message, key)
    for package in plan.banned:
        yield "banned", package
    for app in plan.managed:
        yield "managed", " ".join((app.package, *sorted(place.value for place in app.places)))
    for user in plan.users:
        counting = "counts" if user.counts else "other"
        yield (
            "user",
            f"{user.number} {counting} {user.place.value} {'open' if user.open_to_shell else 'closed'}",
        )


def parse_plan(text: bytes) -> Plan:
    """Return the plan in `text`; raise `PlanImpossible` for one that was cut, changed or has an unknown line."""
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError as error:
        raise PlanImpossible("the plan is not UTF-8") from error
    # What follows the last line feed has to be empty: anything there was added, and no line feed means a cut.
    if lines[0] != "curfew-plan 1" or len(lines) < 4 or lines[-1]:
        raise PlanImpossible("the plan is cut or of another version")
    body = "".join(f"{line}\n" for line in lines[:-2])
    # Sum and count before any line is read: a cut plan may still hold only possible lines.
    if lines[-2] != f"sha256 {sha256(body.encode()).hexdigest()}" or lines[-3] != f"end {len(lines) - 3}":
        raise PlanImpossible("the plan is damaged: its sum or its count of lines is wrong")
    values: dict[str, list[str]] = {}
    for line in lines[1:-3]:
        key, _, value = line.partition(" ")
        values.setdefault(key, []).append(value)
    try:
        return _plan(values)
    except (PolicyError, ValueError, KeyError) as error:
        raise PlanImpossible(f"a line of the plan is impossible: {error}") from error


def _plan(values: dict[str, list[str]]) -> Plan:
    banned = tuple(PackageName(value) for value in values.pop("banned", []))
    managed = tuple(_managed(value.split(" ")) for value in values.pop("managed", []))
    users = tuple(_user(value.split(" ")) for value in values.pop("user", []))
    single = {key: found[0] for key, found in values.items() if len(found) == 1}
    if len(single) != len(values):
        raise ValueError("a line stands twice")
    told = tuple(_text(single.pop(key)) for key in ("remind", "disabled", "restored") if key in single)
    if len(told) not in (0, 3):
        raise ValueError("a message needs all three texts")
    parts: dict[str, Any] = {
        **{key: _number(single.pop(key), 0, LATEST_TIME) for key in _TIMES},
        **{key: _number(single.pop(key), *bounds) for key, bounds in _BOUNDS.items()},
        **{key: bool(_number(single.pop(key), 0, 1)) for key in _SWITCHES},
        "phone_id": PhoneId(single.pop("phone_id")),
        "marker": _matched(_MARKER, single.pop("marker")),
        "language": _matched(_LANGUAGE, single.pop("language")),
        "name": _text(single.pop("name")),
    }
    # Not skipped: an unknown line may be a rule, and the phone's own reader refuses the whole plan for it too.
    if single:
        raise ValueError(f"unknown line {min(single)[:40]!r}")
    if len(set(banned) | {app.package for app in managed}) != len(banned) + len(managed):
        raise ValueError("a package stands twice")
    if sum(user.place is PlannedPlace.ALONE for user in users) > 1:
        raise ValueError("only one user can be a place alone")
    if len({user.number for user in users}) != len(users) or 0 not in [user.number for user in users]:
        raise ValueError("expected each user once, and user 0 among them")
    return Plan(
        **parts, message=Message(*told) if told else None, banned=banned, managed=managed, users=users
    )


def _managed(words: Sequence[str]) -> ManagedApp:
    places = [PlaceKind(word) for word in words[1:]]
    # One order only, so that equal plans are equal bytes.
    if not places or places != sorted(set(places), key=lambda place: place.value):
        raise ValueError("expected the places of a managed app in order")
    return ManagedApp(PackageName(words[0]), frozenset(places))


def _user(words: Sequence[str]) -> PlannedUser:
    number, counting, place, reach = words
    if counting not in ("counts", "other") or reach not in ("open", "closed"):
        raise ValueError("expected a user that counts or not, open or closed")
    return PlannedUser(
        UserNumber(_number(number, 0, 99_999)), counting == "counts", PlannedPlace(place), reach == "open"
    )


def _number(text: str, smallest: int, largest: int) -> int:
    if not _NUMBER.fullmatch(text) or not smallest <= int(text) <= largest:
        raise ValueError(f"expected a number from {smallest} to {largest}, found {text[:20]!r}")
    return int(text)


def _matched(form: re.Pattern[str], text: str) -> str:
    if not form.fullmatch(text):
        raise ValueError(f"found {text[:40]!r}")
    return text


def _text(text: str) -> str:
    if text != _harmless(text):
        raise ValueError(f"expected one line of harmless text, found {text[:40]!r}")
    return text


def _seconds(time: datetime, *, down: bool = False) -> int:
    """Return whole seconds, rounded up unless `down`: a moment has come when the phone's seconds reach it."""
    seconds, rest = divmod(time - datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1))
    seconds += bool(rest) and not down
    if not 0 <= seconds <= LATEST_TIME:
        raise PlanImpossible(
            f"expected times until October 2037, found {time:%Y-%m-%d}; phones count seconds in 32 bits,"
            " so choose an earlier end for the policy"
        )
    return seconds


def _spoken(messages: Mapping[str, Message], language: str) -> str:
    """Return the language to tell the phone's owner in: the wanted one, English, or the first there is."""
    return next((tag for tag in (language, "en", *sorted(messages)) if tag in messages), "")


def _harmless_message(message: Message) -> Message:
    return Message(_harmless(message.remind), _harmless(message.disabled), _harmless(message.restored))


def _harmless(text: str) -> str:
    """Return one line that no shell could mistake for anything but text; what it is read with trims blanks."""
    clean = _UNPRINTABLE.sub(" ", _HARMFUL.sub("'", text)).strip(" \t")
    return clean[:_TEXT_MAX].rstrip(" ") or "-"
