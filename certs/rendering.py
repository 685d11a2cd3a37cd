"""What an approver reads before signing: a policy or fleet document in plain words, and what changed.

Texts come from the document to be signed, so nothing in them may steer the terminal: whatever is not printable is
shown as its escape.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from policy.counted import counted
from policy.document import DebuggingAtHandBack, Fleet, Policy, Ring
from policy.plain_text import mixed_words, printable

Row = tuple[str, str]


def policy_rows(number: int, policy: Policy) -> list[Row]:
    """Return label and text of everything in the policy, what is banned first."""
    zone = ZoneInfo(policy.time_zone)
    active = [family for family in policy.families if family.active]
    rows = [
        ("policy", f"{policy.name}, number {number}"),
        (
            "in force",
            "NO: THE BAN IS LIFTED, each phone is put back at its next check"
            if policy.lifted
            else "from the deadline on",
        ),
        *(("banned", f"{family.name}: {', '.join(family.packages)}") for family in active),
        *(
            ("listed, not banned", f"{family.name}: {', '.join(family.packages)}")
            for family in policy.families
            if not family.active
        ),
        *(
            ("managed", f"{app.package} in {', '.join(sorted(place.value for place in app.places))}")
            for app in policy.managed
        ),
        ("owners of places", _listed(policy.owners)),
        ("users that count", _listed(kind.value for kind in policy.kinds)),
        ("deadline", _in_zone(policy.deadline, zone)),
        ("review at", _in_zone(policy.review_at, zone)),
        ("ends at", _in_zone(policy.ends_at, zone)),
        *(("ring", f"{_whom(ring)} from {_in_zone(ring.starts_at, zone)}") for ring in policy.rings),
        ("reminders before", ", ".join(_duration(before) for before in policy.reminders) or "none"),
        ("disables offline for", _duration(policy.offline_limit)),
        ("overdue after", _duration(policy.overdue_limit)),
        ("checks every", f"{_duration(policy.check_interval)}, up to {_duration(policy.check_jitter)} later"),
        (
            "preinstalled, disabled",
            "counts as gone" if policy.preinstalled_disabled_counts else "counts as present",
        ),
        (
            "checks on the phone",
            "the phone checks and enforces by itself between visits" if policy.on_phone else "no",
        ),
        (
            "debugging at hand-back",
            "off" if policy.debugging_at_hand_back is DebuggingAtHandBack.OFF else "as it was found",
        ),
        ("judgement", f"version {policy.minimum_judgement} or newer"),
        *(
            (f"message {language}", f"{text.remind} / {text.disabled} / {text.restored}")
            for language, text in sorted(policy.messages.items())
        ),
        # What this version does not know is signed with the rest, so it is shown too.
        *((f"described: {key}", str(value)) for key, value in sorted(policy.described.items())),
    ]
    # Who could read a forged name for the real one would sign it.
    rows += [("MIXED SCRIPTS", odd) for label, text in rows for odd in mixed_words(text)]
    return [(printable(label), printable(text)) for label, text in rows]


def fleet_rows(fleet: Fleet) -> list[Row]:
    """Return label and text of everything in the fleet document."""
    exemptions = [
        ("exempt", f"{e.phone_id} until {e.until:%Y-%m-%d %H:%M} UTC: {e.reason}") for e in fleet.exemptions
    ]
    rows = [
        (
            "fleet document",
            f"number {fleet.number}, {counted(len(exemptions), 'exemption')}",
        ),
        *exemptions,
    ]
    return [(printable(label), printable(text)) for label, text in rows]


def with_changes(rows: list[Row], before: list[Row]) -> list[tuple[str, str, str]]:
    """Return `rows` with a third column (``new`` or empty), followed by those of `before` that are ``gone``."""
    if not before:
        return [(label, text, "") for label, text in rows]
    gone = [(label, text, "gone") for label, text in before if (label, text) not in rows]
    return [(*row, "" if row in before else "new") for row in rows] + gone


def _whom(ring: Ring) -> str:
    if ring.share is not None:
        return f"up to {ring.share:.1%}"
    # Two lists of as many phones are not the same: the digest tells one from the other, for whoever compares.
    digest = sha256("\n".join(sorted(ring.phones)).encode()).hexdigest()[:12]
    return f"{counted(len(ring.phones), 'phone')} by list ({ring.called}; {digest})"


def policy_changes(
    number: int, policy: Policy, before: tuple[int, Policy] | None
) -> list[tuple[str, str, str]]:
    """Return the rows of a policy as `with_changes` does, and how the lists of its rings differ from those `before`."""
    rows = with_changes(policy_rows(number, policy), policy_rows(*before) if before else [])
    changes = list_changes(before[1], policy) if before else []
    return [*rows, *((*row, "new") for row in changes)]


def list_changes(before: Policy, after: Policy) -> list[Row]:
    """Return of each ring that both policies list the phones of how many were added and removed, where any were."""
    listed = {ring.called: ring.phones for ring in before.rings if ring.phones}
    return [
        (
            f"phones of {printable(ring.called)}",
            f"{counted(len(ring.phones - was), 'phone')} added, {counted(len(was - ring.phones), 'phone')} removed",
        )
        for ring in after.rings
        if (was := listed.get(ring.called)) and was != ring.phones
    ]


def _in_zone(time: datetime, zone: ZoneInfo) -> str:
    return f"{time.astimezone(zone):%A %Y-%m-%d %H:%M} {zone.key} ({time:%Y-%m-%d %H:%M} UTC)"


def _duration(duration: timedelta) -> str:
    hours, minutes = duration // timedelta(hours=1), duration % timedelta(hours=1) // timedelta(minutes=1)
    return f"{hours} h" if not minutes else f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)) or "none"
