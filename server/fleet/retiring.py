"""Retiring phones that do not come back: lost, stolen, broken, wiped, with no station that could hand them back.

It is an admin's word and no fact about the phone. It frees the holder of a block and nobody waits for the phone any
more, so it is hard to abuse: the word stands in the audit chain with what was known of the phone then, and the first
check that is newer, or provisioning it again, takes it back by itself (decision 0032).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from policy.names import PhoneId
from server.errors import InConflict, Malformed, NotThere
from server.evidence import audit
from server.fleet import holders, phone_states, phones
from server.fleet.block_changes import note_changes
from server.fleet.entries import entry_of, note_entries
from server.fleet.phones import RETIRED_WHY_MAX_LENGTH, Phone, Retirement
from server.fleet.standing import GONE, CheckFacts, fresh_standing, is_retired
from server.texts import storable


@dataclass(frozen=True)
class Retiring:
    """What became of it: the phone, and the retirement in force, None after it was taken back."""

    phone_id: PhoneId
    retirement: Retirement | None


def retire(session: Session, named: str, why: str, by: str, actor: str, now: datetime) -> Retiring:
    """Let a phone, named by its id or label, count as one that does not come back; writes the audit row.

    `by` is the account that answers for it, `actor` whoever the audit row names.

    Raises `Malformed` without a reason, `NotThere` for no phone, `InConflict` for a label of several and for a phone
    that was handed back or retired before.
    """
    because = why.strip()
    if not because or not storable(because, RETIRED_WHY_MAX_LENGTH):
        raise Malformed(
            "reason_malformed",
            f"expected why the phone does not come back, in 1 to {RETIRED_WHY_MAX_LENGTH} printable characters, found"
            f" {len(because)}",
            "Say what became of it, without anybody's name.",
        )
    phone, facts = _locked(session, named)
    standing = fresh_standing(phone.told, facts)
    if standing in GONE:
        told = standing.value.replace("_", " ")
        raise InConflict(
            "phone_gone",
            f"the phone {phone.phone_id} is {told} already, and nobody waits for it",
            "Nothing is to be done.",
        )
    retirement = Retirement(by, now, because)
    phones.put_retirement(session, phone.phone_id, retirement)
    # What an auditor asks of it later: was it a way out of a block?
    detail = {
        "reason": because,
        "stood as": standing.value,
        "to put back": facts.open_entries if facts else 0,
    }
    audit.record(session, actor, "phone retired", phone.phone_id, detail, now)
    _settle(session, phone.phone_id, facts, now)
    return Retiring(phone.phone_id, retirement)


def take_back(session: Session, named: str, actor: str, now: datetime) -> Retiring:
    """Let a retired phone count as before; writes the audit row.

    Raises as `retire` for what names no phone, and `InConflict` for one that is not retired.
    """
    phone, facts = _locked(session, named)
    if not is_retired(phone.told, facts):
        raise InConflict(
            "phone_not_retired",
            f"the phone {phone.phone_id} is not retired, or was met since",
            "Look at its page.",
        )
    phones.put_retirement(session, phone.phone_id, None)
    audit.record(session, actor, "phone not retired any more", phone.phone_id, {}, now)
    _settle(session, phone.phone_id, facts, now)
    return Retiring(phone.phone_id, None)


def _locked(session: Session, named: str) -> tuple[Phone, CheckFacts | None]:
    found = phones.phones_named(session, [named]).get(named, {}) if named else {}
    if not found:
        raise NotThere(
            "phone_unknown",
            "no phone has this id or label",
            "Search the fleet for its model or label, and name it by its id.",
        )
    if len(found) > 1:
        raise InConflict(
            "phone_ambiguous", "this is the label of several phones", "Name the phone by its id."
        )
    [phone_id] = found
    # Held until the transaction ends: reports on it wait, and come behind this word or before it.
    phones.agreed_with(session, [phone_id], lock=True)
    [phone] = phones.find_phones(session, [phone_id])
    return phone, phone_states.check_facts(session, [phone_id]).get(phone_id)


def _settle(session: Session, phone_id: PhoneId, facts: CheckFacts | None, now: datetime) -> None:
    [phone] = phones.find_phones(session, [phone_id])
    agreed = phones.agreed_with(session, [phone_id])[phone_id]
    note_entries(session, {phone_id: entry_of(*agreed, phone.registered_at, facts)})
    note_changes(session, holders.tags_of(session, [phone_id]), now)
