"""Which phones one holder has: found by the whole reference only, and written down who asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from server.errors import Malformed
from server.evidence import audit
from server.fleet import holders, phones
from server.fleet.phone_rows import PhoneRow, phone_rows
from server.policies.bundles import situation
from server.texts import storable


def phones_of_holder(
    session: Session, holder: str, holder_key: str, actor: str, now: datetime
) -> Sequence[PhoneRow]:
    """Return the phones of one holder, none where nobody has this reference; writes the audit row.

    References are sealed, so a piece of one finds nothing. The audit chain is told which phones were found and not the
    reference: it is kept for ever, and goes where holders are not shown.

    Raises `Malformed` for what can be no reference.
    """
    wanted = holder.strip()
    if not wanted or not storable(wanted, phones.HOLDER_MAX_LENGTH):
        raise Malformed(
            "holder_malformed",
            f"expected a holder's reference of 1 to {phones.HOLDER_MAX_LENGTH} characters on one line",
            "Write it whole, as it was given when the phone was provisioned.",
        )
    if holders.has_untagged_holders(session):
        holders.tag_holders(session, holder_key)
    tag = holders.holder_tag(holder_key, wanted)
    found = phones.phones_of_holders(session, [tag]).get(tag, ())
    detail = {"phones": [phone.phone_id for phone in found]}
    audit.record(session, actor, "phones of a holder looked up", "holder", detail, now)
    return phone_rows(session, found, situation(session, now))
