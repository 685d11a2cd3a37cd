"""Why stations refuse a bundle, in words: what happened there, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from certs.errors import BundleFault
from server.pages.words import Word
from server.stations.refused_bundles import OpenRefusal

REFUSALS: Mapping[BundleFault, Word] = {
    BundleFault.NOT_BOOTSTRAPPED: Word("no root", "bad", "It trusts no root yet: enrol it with a new code."),
    BundleFault.WRONG_ROOT: Word(
        "other root", "bad", "It was enrolled under another root: enrol it anew, or find out why."
    ),
    BundleFault.WRONG_SIGNATURE: Word(
        "wrong signature",
        "bad",
        "Too few signatures that it trusts: check who signed, and whose server this is.",
    ),
    BundleFault.VERSION_WENT_BACK: Word(
        "older than seen", "bad", "It has seen newer signed files: has this server been put back from a copy?"
    ),
    BundleFault.EXPIRED: Word(
        "expired",
        "bad",
        "Signatures have run out: the approvers sign again, or the server's own keys renew nothing.",
    ),
    BundleFault.CONTENT_MISMATCH: Word(
        "other content", "bad", "A file is not what was signed: something between us changes downloads."
    ),
    BundleFault.TOO_LONG: Word(
        "too long", "bad", "A file does not end where it should: something between us changes it."
    ),
    BundleFault.DAMAGED: Word(
        "damaged", "bad", "A file is no signed metadata: publish again from the trust folder."
    ),
    BundleFault.DEMO_MARK_CHANGED: Word(
        "demo mark changed", "bad", "Demo trust and real trust never turn into each other: enrol it anew."
    ),
    BundleFault.POLICY_MISSING: Word(
        "policy missing", "bad", "The publication names no policy, which lifts nothing: publish a whole one."
    ),
    BundleFault.FLEET_MISSING: Word(
        "exemptions missing", "bad", "The publication has no fleet document: publish a whole one."
    ),
    BundleFault.JUDGEMENT_TOO_OLD: Word(
        "agent too old", "bad", "The policy asks for a newer judgement: update Curfew there."
    ),
    BundleFault.RULE_UNKNOWN: Word(
        "unknown rule", "bad", "The policy has a rule that the agent does not know: update Curfew there."
    ),
    BundleFault.DOCUMENT_INVALID: Word(
        "document invalid",
        "bad",
        "A signed document lacks the agreed form: sign and publish a corrected one.",
    ),
    BundleFault.NUMBER_WENT_BACK: Word(
        "older bundle",
        "bad",
        "It has accepted a newer one: an older policy comes back only under a new number.",
    ),
    BundleFault.NUMBER_REUSED: Word(
        "number reused", "bad", "It knows another content under this number: publish under a new number."
    ),
    BundleFault.FLEET_WENT_BACK: Word(
        "older exemptions",
        "bad",
        "It has accepted a newer fleet document: sign the exemptions under a new number.",
    ),
    BundleFault.STORED_DAMAGED: Word(
        "own files damaged", "bad", "Its own copy of trust cannot be read: restore it, or enrol it anew."
    ),
}


@dataclass(frozen=True)
class RefusalCount:
    """How many stations refuse one bundle for one reason, and what the latest of them said."""

    bundle_number: int
    code: str
    stations: int
    sentence: str
    first_seen_at: datetime
    last_seen_at: datetime


def refusal_word(code: str) -> Word:
    """Return the words for a station's reason; one of a newer Curfew than this server is shown as it came."""
    known = next((word for reason, word in REFUSALS.items() if reason.value == code), None)
    return known or Word(
        code.replace("_", " "), "bad", "This server is older than that station: update it too."
    )


def by_bundle_and_reason(refusals: Sequence[OpenRefusal]) -> tuple[RefusalCount, ...]:
    """Return the refusals (in the order of `open_refusals`) counted by bundle and reason."""
    groups = groupby(refusals, key=lambda one: (one.refusal.bundle_number, one.refusal.code))
    return tuple(_counted(number, code, list(group)) for (number, code), group in groups)


def _counted(number: int, code: str, group: Sequence[OpenRefusal]) -> RefusalCount:
    latest = max(group, key=lambda one: one.last_seen_at)
    first_seen_at = min(one.first_seen_at for one in group)
    return RefusalCount(number, code, len(group), latest.refusal.sentence, first_seen_at, latest.last_seen_at)
