"""One word for each request: in the answer, in the log, and in that of a proxy that gave it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import uuid4

from server.config import Network
from server.running.client_address import is_among

HEADER = "X-Request-Id"
ENVIRON_KEY = "curfew.request_id"
"""Where the application finds it (PEP 3333 lets servers add names of their own)."""
# What proxies make by themselves. Whoever may write more could write a name, or an address, into the log.
_WELL_FORMED = re.compile(r"[0-9A-Fa-f-]{16,64}")


def request_id(peer: str, told: str | None, trusted: Sequence[Network]) -> str:
    """Return the id that a trusted proxy gave a request, else a new one."""
    if told and _WELL_FORMED.fullmatch(told) and is_among(peer, trusted):
        return told
    return new_request_id()


def new_request_id() -> str:
    """Return an id that no other request has."""
    return uuid4().hex
