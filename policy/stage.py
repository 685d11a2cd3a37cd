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
    if not policy.rings:
        return policy.deadline
    # A ring may start a phone later, never before the deadline.
    return max(policy.deadline, policy.rings[ring_of(policy, phone_id) - 1].starts_at)


def ring_of(policy: Policy, phone_id: PhoneId) -> int:
    """Return the number of the ring that a phone is in, 1 for the first: the one that lists it, else that of its share.

    Without rings everybody is in one, which starts with the deadline.
    """
    return policy.listed.get(phone_id) or ring_of_share(policy, share_of(phone_id))


def ring_of_share(policy: Policy, share: float) -> int:
    """Return the number of the ring that phones are in which stand there among all and which no ring lists."""
    # Shares end with exactly 1 and no phone's share reaches it: there is a ring, or the policy has none.
    rings = enumerate(policy.rings, 1)
    return next((number for number, ring in rings if ring.share is not None and share < ring.share), 1)


def is_held(policy: Policy, phone_id: PhoneId, held_ring: int | None) -> bool:
    """Whether a phone is in ring `held_ring` or behind it, so that nothing new is disabled there; None: nobody is."""
    return held_ring is not None and ring_of(policy, phone_id) >= held_ring


# What follows for one phone is asked of every publication, one after another.
@lru_cache(maxsize=1024)
def share_of(phone_id: PhoneId) -> float:
    """Return where `phone_id` stands among all phones, evenly spread over 0 <= share < 1 and stable for ever."""
    digest = sha256(phone_id.encode()).digest()
    return int.from_bytes(digest[:_SHARE_BYTES], "big") / (1 << 8 * _SHARE_BYTES)
