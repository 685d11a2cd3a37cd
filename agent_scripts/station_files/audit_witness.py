"""What this station saw of the server's audit chain, so that nobody can rewrite it unnoticed (docs/design.md 9)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent_scripts.station_files.durable_file import write_durably

# Heads, the newest last: whether the chain was rewritten before the oldest of them this station cannot tell.
_KEPT = 1000
_FILE = "audit_heads.jsonl"
_SHOWN = "audit_heads.shown"
_SHOWN_EVERY = timedelta(days=1)
_SHOWN_AT_ONCE = 100
"""The server takes no more."""


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
    lines = _lines(path)
    seen = _heads(lines)
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


def unshown(folder: Path, now: datetime) -> list[str]:
    """Return the kept heads to show to the server now, oldest first: once a day the newest shown before, and all since.

    A station by itself notices a chain that was cut; one that was written anew beyond what the station saw fits no head
    from before, and only a look into the chain tells.
    """
    seen = _heads(_lines(folder / _FILE))
    shown = _shown(folder)
    if shown is None:
        # Of a single head that has just come the server would only hear its own words.
        if len(seen) == 1:
            mark_shown(folder, now)
        return [line for *_, line in seen[-_SHOWN_AT_ONCE:]] if len(seen) > 1 else []
    at, head = shown
    # Either way: a clock that was put back must not silence a station for years.
    if abs(now - at) < _SHOWN_EVERY:
        return []
    before = [place for place, (*found, _) in enumerate(seen) if tuple(found) == head]
    return [line for *_, line in seen[before[-1] if before else 0 :]][-_SHOWN_AT_ONCE:]


def not_in_chain(folder: Path) -> str:
    """Return what a technician hears when the server itself says that a head is not in its chain."""
    return (
        f"the server's audit chain lacks what this station saw of it; show {folder / _FILE} to the auditor,"
        " who moves it away"
    )


def mark_shown(folder: Path, now: datetime) -> None:
    """Remember that the server was shown all that is kept."""
    number, digest, _ = _heads(_lines(folder / _FILE))[-1]
    shown = {"at": now.astimezone(UTC).isoformat(), "number": number, "hash": digest}
    write_durably(folder / _SHOWN, json.dumps(shown).encode())


def _shown(folder: Path) -> tuple[datetime, tuple[int, str]] | None:
    try:
        told = json.loads((folder / _SHOWN).read_bytes())
        at = datetime.fromisoformat(told["at"])
        return (at.astimezone(UTC), (told["number"], told["hash"]))
    # Damaged or not there: then all that is kept is shown once more, which does no harm.
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _lines(path: Path) -> list[str]:
    # Damaged or not: reports that are settled already must not fail because of it at each sending.
    return path.read_text("utf-8", errors="replace").splitlines() if path.exists() else []


def _heads(lines: list[str]) -> list[tuple[int, str, str]]:
    # A line that is no head is passed over: one damaged line must not silence all the others.
    return [(*kept, line) for line in lines if (kept := _number_and_hash(line))]


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
