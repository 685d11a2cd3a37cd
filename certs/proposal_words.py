"""What is told about a proposal before it is signed: what its bytes say is ours to tell, the rest the server's word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from certs.proposal_document import ProposalDocument, RehearsalWord
from policy.counted import counted
from policy.document import Policy
from policy.plain_text import printable, said_by_others


def policy_warnings(policy: Policy, in_force: Policy, now: datetime) -> Iterator[str]:
    """Yield what of a policy is in order and yet seldom meant, from its bytes and the clock."""
    if policy.deadline != in_force.deadline and policy.deadline <= now and not policy.lifted:
        yield (
            f"DEADLINE IN THE PAST: {_time(policy.deadline)} UTC is over, so phones are enforced as soon as this is"
            " published"
        )
    if policy.review_at <= now and not policy.lifted:
        yield f"REVIEW IS OVER: at {_time(policy.review_at)} UTC, so nothing new is disabled under this policy"
    if policy.ends_at - now < timedelta(days=1):
        yield f"ENDS SOON: at {_time(policy.ends_at)} UTC; from then on all is restored"


def rehearsal_warnings(rehearsal: RehearsalWord | None) -> Iterator[str]:
    """Yield a warning of a policy that would block everybody."""
    if rehearsal and rehearsal.blocked_share == 1:
        yield "BLOCKS EVERYBODY: every phone whose outcome the rehearsal knows would lose its managed apps"


def rehearsal_line(rehearsal: RehearsalWord | None) -> str:
    """Return what the rehearsal of these bytes found, in one line."""
    if rehearsal is None:
        return "no rehearsal of these bytes is known"
    share = rehearsal.blocked_share
    found = "of none the outcome is known" if share is None else f"{share:.1%} of the known would be blocked"
    return (
        f"rehearsed at {_time(rehearsal.rehearsed_at)} UTC on {counted(rehearsal.phones, 'phone')}: {found}"
    )


def server_lines(document: ProposalDocument) -> Iterator[str]:
    """Yield what the server says of a proposal, marked as its word; nothing of it is in the bytes to be signed."""
    at = f", to be published at {_time(document.publish_at)} UTC" if document.publish_at else ""
    yield (
        f"draft {document.draft_id} {said_by_others(document.title)}, revision {document.revision}, proposed by"
        f" {printable(document.proposed_by)} at {_time(document.proposed_at)} UTC{at}"
    )
    yield rehearsal_line(document.rehearsal)
    signed = ", ".join(f"{printable(one.key)} ({printable(one.person)})" for one in document.signed)
    because = f" ({printable(document.needed_because)})" if document.needed_because else ""
    yield (
        f"signed by {signed or 'nobody'}: {len(document.signed)} of {document.needed}{because}; signatures are taken"
        f" until {_time(document.until)} UTC"
    )


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
