"""How far the measure has come for one phone, from policy and time alone."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from policy.document import Policy
from policy.names import PhoneId
from policy.verdict import Stage

# 48 bits divide exactly in a float, so the share never rounds up to 1.
_SHARE_BYTES = 6


def stage_of(policy: Policy, phone_id: PhoneId, now: datetime) -> Stage:
    """Return the stage of `phone_id` at `now` (aware UTC).

    The end of the measure outranks a missed review, and a missed review outranks the deadline: in doubt
    about what still holds, less is disabled.
    """
    if policy.lifted or now >= policy.ends_at:
        return Stage.LIFTED
    if now >= policy.review_at:
        return Stage.PAUSED
    if now >= enforcement_starts_at(policy, phone_id):
        return Stage.ENFORCE
    return Stage.REMIND


def enforcement_starts_at(policy: Policy, phone_id: PhoneId) -> datetime:
    """Return when enforcement starts for `phone_id`: the deadline, or its ring's start if that is later."""
    share = share_of(phone_id)
    # Shares end with exactly 1 and no phone's share reaches it, so None means that the policy has no rings.
    ring = next((ring for ring in policy.rings if share < ring.share), None)
    # A ring may start a phone later, never before the deadline.
    return policy.deadline if ring is None else max(policy.deadline, ring.starts_at)


def is_held(phone_id: PhoneId, held_from: float | None) -> bool:
    """Whether a phone is among those that are not newly disabled: their share is `held_from` or more; None: nobody."""
    return held_from is not None and share_of(phone_id) >= held_from


# What follows for one phone is asked of every publication, one after another.
@lru_cache(maxsize=1024)
def share_of(phone_id: PhoneId) -> float:
    """Return where `phone_id` stands among all phones, evenly spread over 0 <= share < 1 and stable for ever."""
    digest = sha256(phone_id.encode()).digest()
    return int.from_bytes(digest[:_SHARE_BYTES], "big") / (1 << 8 * _SHARE_BYTES)
