"""What this station saw of the server's audit chain, so that nobody can rewrite it unnoticed (docs/design.md 9)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent_scripts.station_files.durable_file import write_durably

# Heads, the newest last: whether the chain was rewritten before the oldest of them this station cannot tell.
_KEPT = 1000
_FILE = "audit_heads.jsonl"


@dataclass(frozen=True)
class Contradiction:
    """A sentence for the technician, and the kept head (JSON text) that what came after it contradicts."""

    sentence: str
    head: str


def witness(folder: Path, audit_head: str) -> Contradiction | None:
    """Keep a signed head (JSON text of a DSSE envelope) in `folder`; return what it contradicts, None if all fits.

    It is told each time until the auditor has moved the file away. The envelope is kept as it came; whoever audits the
    server verifies it with the audit key (``curfew-server audit verify --witness FILE``).
    """
    path = folder / _FILE
    # Damaged or not: reports that are settled already must not fail because of it at each sending.
    lines = path.read_text("utf-8", errors="replace").splitlines() if path.exists() else []
    # A line that is no head is passed over: one damaged line must not silence all the others.
    seen = [(*kept, line) for line in lines if (kept := _number_and_hash(line))]
    found = _number_and_hash(audit_head)
    if found is None:
        # A server that never had one is an old one; one that has lost it hides something.
        sentence = f"the server's audit chain has no head any more; show {path} to the auditor"
        return Contradiction(sentence, seen[-1][2]) if seen else None
    # The same head, perhaps signed once more, is no news.
    if not seen or seen[-1][:2] != found:
        # One that contradicts is kept like any other: both signed heads together are the auditor's proof.
        write_durably(path, "".join(f"{line}\n" for line in [*lines, audit_head][-_KEPT:]).encode())
        seen.append((*found, audit_head))
    return _contradiction(seen, path)


def _contradiction(seen: list[tuple[int, str, str]], path: Path) -> Contradiction | None:
    for (before, digest, head), (number, other, _) in pairwise(seen):
        if number < before or (number == before and digest != other):
            sentence = (
                f"the server's audit chain was rewritten before entry {number}; show {path} to the auditor,"
                " who moves it away"
            )
            return Contradiction(sentence, head)
    return None


def _number_and_hash(audit_head: str) -> tuple[int, str] | None:
    try:
        envelope: Any = json.loads(audit_head)
        payload = json.loads(base64.b64decode(envelope["payload"]))
        number, digest = payload["number"], payload["hash"]
    # Text that nests too deeply raises RecursionError in `json`, and that is no ValueError.
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (number, digest) if isinstance(number, int) and isinstance(digest, str) else None
