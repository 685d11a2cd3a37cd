"""Telling the server which bundle this station refuses, and why (docs/design.md 5: the refusal is a report of its own).

Nothing is kept for later: while the refusal lasts every run refuses anew, and tells it again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version

from agent_scripts.errors import ServerError
from agent_scripts.server_link.client import ServerClient
from certs.errors import BundleRefused
from certs.trust_client import AcceptedBundle
from policy.document import JUDGEMENT_VERSION
from policy.schemas.values import write_utc_time

# As long as the server takes it: server and agent may not import each other (docs/design.md 2).
SENTENCE_MAX_LENGTH = 300
_AGENT_VERSION = version("curfew")


def tell_refusal(
    client: ServerClient,
    refused: BundleRefused,
    bundle_number: int,
    accepted: AcceptedBundle | None,
    at: datetime,
    warn: Callable[[str], None],
) -> None:
    """Tell the server that `bundle_number` is refused; a server that cannot be told only costs a warning.

    ``at`` is the time of the run, which its reports carry too: so the server knows which of them came later.
    """
    told = {
        "bundle_number": bundle_number,
        "code": refused.code.value,
        "sentence": in_one_line(str(refused)),
        "agent_version": _AGENT_VERSION,
        "judgement_version": JUDGEMENT_VERSION,
        "accepted_number": accepted.bundle.number if accepted else 0,
        "refused_at": write_utc_time(at),
    }
    try:
        client.tell_refusal(told)
    except ServerError as error:
        warn(f"The server could not be told of it, the next run tries again: {error}")


def in_one_line(sentence: str) -> str:
    """Return `sentence` as the server takes it: it may quote what somebody else wrote, of any length and kind."""
    # Never empty: the server would refuse it, and nobody would learn of the refused bundle.
    plain = "".join(c if c.isprintable() else "?" for c in sentence) or "no reason was given"
    if len(plain) <= SENTENCE_MAX_LENGTH:
        return plain
    return f"{plain[: SENTENCE_MAX_LENGTH - 1]}…"
