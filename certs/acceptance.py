"""What must hold before a downloaded bundle is accepted, as one ordered list, on top of python-tuf's checks.

Before this list, `certs.verified_download` has refused: too few or wrong signatures (`WrongSignature`), lower or
mixed versions (`VersionWentBack`), metadata expired by trusted time (`Expired`), other bytes than signed
(`ContentMismatch`), endless ones (`TooLong`), and what is no metadata (`Damaged`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from certs import errors
from policy.document import JUDGEMENT_VERSION, Bundle, Fleet, Policy
from policy.errors import PolicyError, UnknownRule
from policy.schemas import load_fleet, load_policy_document


@dataclass(frozen=True)
class AcceptedBundle:
    """A bundle that was accepted, with the very bytes it was read from. Times are aware UTC, by trusted time.

    ``accepted_at`` is when this content was first accepted, ``confirmed_at`` when the server last confirmed that
    it is the newest, ``timestamp_expires`` when that confirmation's signature ends.
    """

    bundle: Bundle
    policy_bytes: bytes
    fleet_bytes: bytes
    accepted_at: datetime
    confirmed_at: datetime
    demo: bool
    timestamp_expires: datetime


@dataclass(frozen=True)
class Candidate:
    """A verified download before it is accepted; ``previous`` is the bundle in force, ``now`` is trusted time."""

    policy_bytes: bytes | None
    fleet_bytes: bytes | None
    demo: bool
    timestamp_expires: datetime
    now: datetime
    previous: AcceptedBundle | None = None

    @cached_property
    def documents(self) -> tuple[int, Policy, Fleet]:
        """The documents in these bytes; raises `RuleUnknown` or `DocumentInvalid`."""
        policy_present(self)
        fleet_present(self)
        return read_documents(self.policy_bytes or b"", self.fleet_bytes or b"")


def timestamp_in_time(candidate: Candidate) -> None:
    """Refuse a timestamp that has ended by trusted time, whatever the wall clock says."""
    if candidate.timestamp_expires <= candidate.now:
        raise errors.Expired(
            f"the server's timestamp ended at {candidate.timestamp_expires:%Y-%m-%d %H:%M} UTC;"
            " ask the server's operator to renew it"
        )


def demo_mark_kept(candidate: Candidate) -> None:
    """Refuse to slide from real trust into demo trust, or back."""
    if candidate.previous and candidate.previous.demo != candidate.demo:
        raise errors.DemoMarkChanged(
            "demo trust and real trust never turn into each other; enrol this station anew for the other one"
        )


def policy_present(candidate: Candidate) -> None:
    """Refuse a publication without a policy: silence lifts nothing."""
    if candidate.policy_bytes is None:
        raise errors.PolicyMissing(
            "the publication names no policy; a ban is lifted by a policy that says so, tell the admins"
        )


def fleet_present(candidate: Candidate) -> None:
    """Refuse a publication without the fleet document: exempt phones would be disabled."""
    if candidate.fleet_bytes is None:
        raise errors.FleetMissing("the publication names no fleet document; tell the admins")


def judgement_new_enough(candidate: Candidate) -> None:
    """Refuse a policy for a newer judgement, before its new rules are called unknown."""
    try:
        wanted = json.loads(candidate.policy_bytes or b"")["rules"]["minimum_judgement"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return  # the form is the next rule's business
    # Not an error of form: that is refused by the next rule, with its own words.
    if isinstance(wanted, int) and wanted > JUDGEMENT_VERSION:
        raise errors.NewerJudgementNeeded(
            f"the policy needs judgement version {wanted}, this is {JUDGEMENT_VERSION}; update Curfew here"
        )


def rules_known(candidate: Candidate) -> None:
    """Refuse unknown rules and documents without the agreed form."""
    _ = candidate.documents


def number_not_lower(candidate: Candidate) -> None:
    """Refuse a lower bundle number, under whatever metadata it comes."""
    number, _, _ = candidate.documents
    if candidate.previous and number < candidate.previous.bundle.number:
        raise errors.NumberWentBack(
            f"bundle {candidate.previous.bundle.number} is in force, the server offers {number};"
            " an older policy comes back only as a new bundle, tell the admins"
        )


def number_not_reused(candidate: Candidate) -> None:
    """Refuse another content under the number in force: a published bundle is immutable."""
    number, _, _ = candidate.documents
    previous = candidate.previous
    # The policy's bytes alone: the fleet document has a number of its own and may change under the same bundle.
    if previous and number == previous.bundle.number and candidate.policy_bytes != previous.policy_bytes:
        raise errors.NumberReused(
            f"bundle {number} was published with another content before; tell the admins"
        )


def fleet_not_lower(candidate: Candidate) -> None:
    """Refuse a lower fleet number: withdrawn exemptions stay withdrawn."""
    _, _, fleet = candidate.documents
    if candidate.previous and fleet.number < candidate.previous.bundle.fleet.number:
        raise errors.FleetWentBack(
            f"fleet document {candidate.previous.bundle.fleet.number} is in force, the server offers"
            f" {fleet.number}; tell the admins"
        )


ACCEPTANCE: tuple[Callable[[Candidate], None], ...] = (
    timestamp_in_time,
    demo_mark_kept,
    policy_present,
    fleet_present,
    judgement_new_enough,
    rules_known,
    number_not_lower,
    number_not_reused,
    fleet_not_lower,
)
"""Every rule in the order in which it is asked; the first that does not hold refuses the bundle."""


def accept(candidate: Candidate) -> AcceptedBundle:
    """Return the bundle to put in force; raises the `BundleRefused` of the first rule that does not hold."""
    for rule in ACCEPTANCE:
        rule(candidate)
    number, policy, fleet = candidate.documents
    previous = candidate.previous
    # By the very bytes: the same rules in another spelling are another document that nobody signed here before.
    unchanged = previous is not None and previous.policy_bytes == candidate.policy_bytes
    return AcceptedBundle(
        bundle=Bundle(number, policy, fleet),
        policy_bytes=candidate.policy_bytes or b"",
        fleet_bytes=candidate.fleet_bytes or b"",
        accepted_at=previous.accepted_at if previous and unchanged else candidate.now,
        # Also where nothing is new: it is the confirmation that ages, not the content.
        confirmed_at=candidate.now,
        demo=candidate.demo,
        timestamp_expires=candidate.timestamp_expires,
    )


def read_documents(policy_bytes: bytes, fleet_bytes: bytes) -> tuple[int, Policy, Fleet]:
    """Return the documents in these bytes; raises `RuleUnknown` or `DocumentInvalid`."""
    try:
        number, policy = load_policy_document(policy_bytes)
        return number, policy, load_fleet(fleet_bytes)
    except UnknownRule as error:
        raise errors.RuleUnknown(f"{error}; update Curfew here before this bundle can be accepted") from error
    except PolicyError as error:
        raise errors.DocumentInvalid(f"{error}; tell the admins") from error
