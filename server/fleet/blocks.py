"""What the mail side has to do: for every holder, block or not, why, and since when.

The list is complete: every holder of a provisioned phone stands on it once, so that whoever applies it can compare and
repeat without harm. A holder with several phones is blocked while one of them asks for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from itertools import islice, product

from sqlalchemy.orm import Session

from policy.names import PhoneId
from policy.report import Consent
from policy.stage import enforcement_starts_at
from policy.verdict import Verdict
from server.errors import ChangesUnknown
from server.fleet import entries, holders, phone_states, phones
from server.fleet.block_changes import (
    CLOCKS_DIFFER,
    Cursor,
    cursor_at,
    exemptions_moved,
    left_holders,
    not_told,
    noted_since,
    overdue_between,
)
from server.fleet.phones import Phone
from server.fleet.spans import FRESH_STANDINGS, Span
from server.fleet.standing import GONE, CheckFacts, Standing, is_handed_back, is_retired
from server.policies.bundles import situation_and_history
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
    HANDED_BACK = "handed_back"
    RETIRED = "retired"
    NO_PHONE = "no_phone"


MANY = 20_000
"""So many holders' changes are told at most; of more, the list may as well be read whole."""

BLOCKING = frozenset(
    {BlockCause.NOT_ENFORCEABLE, BlockCause.DECLINED, BlockCause.UNREADABLE, BlockCause.SILENT}
)
"""The causes that ask for a block."""


@dataclass(frozen=True)
class Block:
    """What is to be done about one holder. ``since`` is when the cause began to block (UTC); see `cause_of`."""

    holder: str
    phone_id: str
    cause: BlockCause
    since: datetime

    @property
    def block(self) -> bool:
        """Whether the holder is to be blocked."""
        return self.cause in BLOCKING


@dataclass(frozen=True)
class BlockPage:
    """A piece of the list, and behind which holder's tag the next begins; None behind the last.

    ``cursor`` is up to where it was read.
    """

    blocks: Sequence[Block]
    next: str | None
    cursor: Cursor


def blocks(session: Session, now: datetime, holder_key: str, after: str = "", limit: int = 1000) -> BlockPage:
    """Return one entry for each of the next holders, in an order that stays; holders are opened for this piece only."""
    here = situation_and_history(session, now)
    tags = holders.holder_tags(session, after, limit + 1)
    found = _of_holders(session, here, holder_key, tags[:limit])
    return BlockPage(found, tags[limit - 1] if len(tags) > limit else None, cursor_at(session, here))


def changed_blocks(
    session: Session, now: datetime, holder_key: str, since: Cursor, after: str = "", limit: int = 1000
) -> BlockPage:
    """Return one entry for each of the next holders whose place may be other than when a list was read up to `since`.

    Who has no phone any more is told with `BlockCause.NO_PHONE`. Raises `ChangesUnknown` where the whole list has to be
    read instead.
    """
    # Two nodes' clocks: a place that was told is not taken back because this one is a moment behind.
    here = situation_and_history(session, max(now, min(since.at, now + CLOCKS_DIFFER)))
    cursor = cursor_at(session, here)
    if reason := not_told(since, cursor, here):
        raise ChangesUnknown(reason)
    tags = sorted(tag for tag in _moved(session, since, here) if tag > after)
    found = _of_holders(session, here, holder_key, tags[:limit])
    return BlockPage(found, tags[limit - 1] if len(tags) > limit else None, cursor)


def _moved(session: Session, since: Cursor, here: Situation) -> set[str]:
    """Return the tags of the holders whose places may have moved."""
    tags = noted_since(session, since, MANY + 1)
    moved: set[PhoneId] = exemptions_moved(since, here)
    if overdue := overdue_between(since, here):
        moved |= set(islice(_overdue(session, *overdue), MANY + 1))
    if len(moved) + len(tags) > MANY:
        raise ChangesUnknown(f"more than {MANY} holders may stand otherwise since then")
    return tags | holders.tags_of(session, moved)


def _overdue(session: Session, since: datetime, until: datetime) -> Iterator[PhoneId]:
    """Yield the phones that were last well within that stretch of time."""
    for fresh, has_open in product(FRESH_STANDINGS, (False, True)):
        if fresh in GONE or fresh is Standing.DECLINED:
            continue
        for place in entries.walk(session, Span(fresh, has_open, since, until), None, 1000):
            yield place.phone_id
    # Of those whose owners agreed anew, who was seen since counts from then, and is found above.
    agreed = phones.agreed_between(session, since, until)
    known = entries.entries_of(session, agreed)
    yield from (phone_id for phone_id in agreed if known[phone_id].last_at < until)
    yield from phone_states.unread_between(session, since, until)


def worst_of_holders(session: Session, here: Situation, tags: Collection[str]) -> Mapping[str, Block]:
    """Return for each of these holders, by tag, what is to be done because of their worst phone; no holder is named."""
    by_holder = phones.phones_of_holders(session, tags)
    phone_ids = [phone.phone_id for of_one in by_holder.values() for phone in of_one]
    facts = phone_states.check_facts(session, phone_ids)
    return {
        tag: min((_caused(phone, facts.get(phone.phone_id), here) for phone in of_one), key=_order)
        for tag, of_one in by_holder.items()
    }


def _of_holders(session: Session, here: Situation, holder_key: str, tags: Sequence[str]) -> Sequence[Block]:
    worst = worst_of_holders(session, here, tags)
    names = holders.holders_of(session, holder_key, [one.phone_id for one in worst.values()])
    entry_of = {
        tag: Block(names[one.phone_id], one.phone_id, one.cause, one.since) for tag, one in worst.items()
    }
    without = [tag for tag in tags if tag not in entry_of]
    for tag, at, sealed in left_holders(session, without):
        entry_of[tag] = Block(holders.opened(holder_key, sealed), "", BlockCause.NO_PHONE, at)
    return [entry_of[tag] for tag in tags if tag in entry_of]


def _caused(phone: Phone, facts: CheckFacts | None, here: Situation) -> Block:
    cause, since = cause_of(phone, facts, here)
    return Block("", phone.phone_id, cause, since)


def cause_of(phone: Phone, facts: CheckFacts | None, here: Situation) -> tuple[BlockCause, datetime]:
    """Return why the holder of one phone is to be blocked, or is not, and since when. Pure.

    A block counts from the moment when all that it takes was there: its cause, and a measure that bears on the phone
    (docs/design.md 5). Otherwise it is since when the measure is over or the phone exempt, or is as it was seen last.
    """
    # First: of a phone that is not with us any more nothing follows, whatever was found on it.
    if phone.retirement and is_retired(phone.told, facts):
        return BlockCause.RETIRED, phone.retirement.at
    if facts and phone.consent is Consent.AGREED and is_handed_back(phone.told, facts):
        return BlockCause.HANDED_BACK, facts.effective_at
    known_since = facts.unchanged_since if facts else phone.registered_at
    if here.bundle is None:
        return BlockCause.NOT_YET_ENFORCED, known_since
    if here.lifted:
        return BlockCause.LIFTED, here.lifted_since()
    if here.exempts(phone.phone_id):
        return BlockCause.EXEMPT, here.exempt_since(phone.phone_id)
    if here.now < enforcement_starts_at(here.bundle.policy, phone.phone_id):
        return BlockCause.NOT_YET_ENFORCED, known_since
    problems = _problems(phone, facts, here)
    for cause, began in problems:
        since = here.enforced_since(phone.phone_id, began)
        if since is not None:
            return cause, since
    # A missed review starts nothing new, here as on the phones; what was blocked before stays blocked.
    return (BlockCause.NOT_YET_ENFORCED if problems else _no_problem(facts)), known_since


def _problems(
    phone: Phone, facts: CheckFacts | None, here: Situation
) -> Sequence[tuple[BlockCause, datetime]]:
    """Return the causes that ask for a block now, with when each began; the first is told."""
    # Alone: nothing is asked of such a phone, so whatever is known of it is from before.
    if phone.consent is Consent.DECLINED:
        return [(BlockCause.DECLINED, phone.consent_since)]
    limit = here.overdue_limit or timedelta()
    found = []
    # A phone that was never checked is silent since it was registered, or since its owner agreed after all.
    last_seen = max(facts.effective_at if facts else phone.registered_at, phone.consent_since)
    if here.overdue(last_seen):
        found.append((BlockCause.SILENT, last_seen + limit))
    if facts is not None and facts.verdict is Verdict.UNREADABLE and here.overdue(facts.unchanged_since):
        # Since the first of an unbroken run: a single cut cable blocks nobody.
        found.append((BlockCause.UNREADABLE, facts.unchanged_since + limit))
    # Nor does a cut cable end a block: only a check that could look does (docs/design.md, rule 1).
    if facts is not None and facts.not_enforceable_since is not None:
        found.append((BlockCause.NOT_ENFORCEABLE, facts.not_enforceable_since))
    return found


def _no_problem(facts: CheckFacts | None) -> BlockCause:
    if facts is None or facts.verdict is Verdict.UNREADABLE:
        return BlockCause.WITHIN_LIMIT
    # Where the managed apps are off on the phone itself, the mail side has nothing to add.
    return BlockCause.ENFORCED_ON_PHONE if facts.verdict is Verdict.VIOLATING else BlockCause.COMPLIANT


def _order(entry: Block) -> tuple[bool, bool, datetime, str]:
    # False sorts first: of a holder's phones the one that asks for a block, and for longest; one that is gone is told
    # only where there is no other.
    is_gone = entry.cause in (BlockCause.HANDED_BACK, BlockCause.RETIRED)
    return not entry.block, is_gone, entry.since, entry.phone_id
