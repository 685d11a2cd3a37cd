"""What API tokens can be for: a closed set of scopes, each covering some of the rights of roles (decision 0028)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from server.people.people import Person, Right


class Scope(Enum):
    """What a token is for; the value is what people type."""

    READ = "read"
    BLOCKS = "blocks"
    HOLDERS = "holders"
    FLEET = "fleet"
    DRAFT = "draft"
    APPROVE = "approve"
    AUDIT = "audit"
    PEOPLE = "people"


MEANINGS: Mapping[Scope, str] = {
    Scope.READ: "read phones, stations, bundles, drafts and alarms",
    Scope.BLOCKS: "read which holders to block, and nothing else of holders",
    Scope.HOLDERS: "find the phones of a holder",
    Scope.FLEET: "change what belongs to phones and stations: units, requests for exemptions, answers, retiring",
    Scope.DRAFT: "write, comment, rehearse and propose drafts",
    Scope.APPROVE: "hand in signatures, refuse exemptions, hold rings, certify a lift",
    Scope.AUDIT: "read the audit chain",
    Scope.PEOPLE: "manage people and everybody's tokens",
}

SCOPE_OF: Mapping[Right, Scope] = {
    Right.LOOK: Scope.READ,
    Right.DRAFT: Scope.DRAFT,
    Right.SEE_HOLDERS: Scope.HOLDERS,
    Right.ENROL_STATIONS: Scope.FLEET,
    Right.REVOKE_STATIONS: Scope.FLEET,
    Right.SETTLE_ALARMS: Scope.FLEET,
    Right.SET_UNITS: Scope.FLEET,
    Right.ANSWER_OWNERS: Scope.FLEET,
    Right.REQUEST_EXEMPTION: Scope.FLEET,
    Right.RETIRE_PHONES: Scope.FLEET,
    Right.DECIDE_EXEMPTION: Scope.APPROVE,
    Right.HOLD_RINGS: Scope.APPROVE,
    Right.CERTIFY_LIFT: Scope.APPROVE,
    Right.READ_AUDIT: Scope.AUDIT,
    Right.PROPOSE: Scope.DRAFT,
    Right.APPROVE: Scope.APPROVE,
    Right.MANAGE_PEOPLE: Scope.PEOPLE,
}
"""Which scope a use of a right needs; a route that needs another names it (`server.api.person_access`)."""


def scopes_for(person: Person) -> tuple[Scope, ...]:
    """Return the scopes that a token of this person can have, in their order."""
    may = {scope for right, scope in SCOPE_OF.items() if person.may(right)}
    if person.may(Right.SEE_HOLDERS):
        may.add(Scope.BLOCKS)
    return tuple(scope for scope in Scope if scope in may)
