"""What the mail side has to do: for every holder, block or not, why, and since when.

The list is complete: every holder of a provisioned phone stands on it once, so that whoever applies it can compare and
repeat without harm. A holder with several phones is blocked while one of them asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy.orm import Session

from policy.report import Consent
from policy.stage import enforcement_starts_at, stage_of
from policy.verdict import Stage, Verdict
from server.fleet import phone_states, phones
from server.fleet.phones import Phone
from server.fleet.standing import CheckFacts
from server.policies.bundles import situation
from server.policies.situation import Situation


class BlockCause(Enum):
    """Why a holder is to be blocked, or is not; a closed list."""

    NOT_ENFORCEABLE = "not_enforceable"
    DECLINED = "declined"
    UNREADABLE = "unreadable"
    SILENT = "silent"
    LIFTED = "lifted"
    EXEMPT = "exempt"
    NOT_YET_ENFORCED = "not_yet_enforced"
    ENFORCED_ON_PHONE = "enforced_on_phone"
    COMPLIANT = "compliant"
    WITHIN_LIMIT = "within_limit"


BLOCKING = frozenset(
    {BlockCause.NOT_ENFORCEABLE, BlockCause.DECLINED, BlockCause.UNREADABLE, BlockCause.SILENT}
)
"""The causes that ask for a block."""


@dataclass(frozen=True)
class Block:
    """What is to be done about one holder. ``since`` is when the cause began (UTC)."""

    holder: str
    phone_id: str
    cause: BlockCause
    since: datetime

    @property
    def block(self) -> bool:
        """Whether the holder is to be blocked."""
        return self.cause in BLOCKING


def blocks(session: Session, now: datetime, holder_key: str) -> Sequence[Block]:
    """Return one entry per holder, those to block first, the longest-standing first."""
    here = situation(session, now)
    facts = phone_states.check_facts(session)
    holders = phones.holders(session, holder_key)
    worst: dict[str, Block] = {}
    for phone in phones.find_phones(session):
        cause, since = cause_of(phone, facts.get(phone.phone_id), here)
        entry = Block(holders[phone.phone_id], phone.phone_id, cause, since)
        if entry.holder not in worst or _order(entry) < _order(worst[entry.holder]):
            worst[entry.holder] = entry
    return sorted(worst.values(), key=_order)


def cause_of(phone: Phone, facts: CheckFacts | None, here: Situation) -> tuple[BlockCause, datetime]:
    """Return why the holder of one phone is to be blocked, or is not, and since when. Pure."""
    known_since = facts.unchanged_since if facts else phone.registered_at
    if here.bundle is None:
        return BlockCause.NOT_YET_ENFORCED, known_since
    policy = here.bundle.policy
    stage = stage_of(policy, phone.phone_id, here.now)
    if stage is Stage.LIFTED:
        # A policy that lifts early does not say since when: it is now, until its end has come.
        return BlockCause.LIFTED, min(here.now, policy.ends_at)
    if here.exempts(phone.phone_id):
        return BlockCause.EXEMPT, known_since
    starts_at = enforcement_starts_at(policy, phone.phone_id)
    cause, since = _problem(phone, facts, here)
    # What was so before does not count: until enforcement starts, nobody had to do anything.
    effective_since = max(since, starts_at)
    if here.now < starts_at:
        return BlockCause.NOT_YET_ENFORCED, since
    if cause in BLOCKING and stage is Stage.PAUSED and effective_since >= policy.review_at:
        # A missed review starts nothing new, here as on the phones; what was blocked before stays blocked.
        return BlockCause.NOT_YET_ENFORCED, since
    return cause, effective_since if cause in BLOCKING else since


def _problem(phone: Phone, facts: CheckFacts | None, here: Situation) -> tuple[BlockCause, datetime]:
    # First: nothing is asked of such a phone, so whatever is known of it is from before.
    if phone.consent is Consent.DECLINED:
        return BlockCause.DECLINED, phone.consent_since
    # A phone that was never checked is silent since it was registered.
    last_seen = facts.effective_at if facts else phone.registered_at
    if here.overdue(last_seen):
        return BlockCause.SILENT, last_seen
    if facts is None:
        return BlockCause.WITHIN_LIMIT, last_seen
    if facts.verdict is Verdict.UNREADABLE:
        # Since the first of an unbroken run: a single cut cable blocks nobody.
        overdue = here.overdue(facts.unchanged_since)
        return BlockCause.UNREADABLE if overdue else BlockCause.WITHIN_LIMIT, facts.unchanged_since
    if facts.verdict is Verdict.VIOLATING:
        # Where the managed apps are off on the phone itself, the mail side has nothing to add.
        cause = BlockCause.ENFORCED_ON_PHONE if facts.enforceable else BlockCause.NOT_ENFORCEABLE
        return cause, facts.unchanged_since
    return BlockCause.COMPLIANT, facts.unchanged_since


def _order(entry: Block) -> tuple[bool, datetime, str]:
    # False sorts first: those to block. The holder makes the order the same for whoever compares two lists.
    return not entry.block, entry.since, entry.holder
