"""What this station saw of the server's audit chain, so that nobody can rewrite it unnoticed (docs/design.md 9)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from agent_scripts.station_files.durable_file import write_durably

_KEPT = 1000
_FILE = "audit_heads.jsonl"


def witness(folder: Path, audit_head: str) -> str:
    """Keep a signed head (JSON text of a DSSE envelope) in `folder`; return a sentence if it contradicts earlier ones.

    The envelope is kept as it came; whoever audits the server verifies it with the audit key.
    """
    found = _number_and_hash(audit_head)
    if found is None:
        return ""
    path = folder / _FILE
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    earlier = [kept for kept in map(_number_and_hash, lines) if kept]
    if earlier and earlier[-1] == found:
        return ""  # the same head, perhaps signed once more
    write_durably(path, "".join(f"{line}\n" for line in [*lines, audit_head][-_KEPT:]).encode())
    return _contradiction(found, earlier, path)


def _contradiction(found: tuple[int, str], earlier: list[tuple[int, str]], path: Path) -> str:
    number, digest = found
    if any(number == other and digest != seen for other, seen in earlier) or any(
        n > number for n, _ in earlier
    ):
        return f"the server's audit chain was rewritten before entry {number}; show {path} to the auditor"
    return ""


def _number_and_hash(audit_head: str) -> tuple[int, str] | None:
    try:
        envelope: Any = json.loads(audit_head)
        payload = json.loads(base64.b64decode(envelope["payload"]))
        number, digest = payload["number"], payload["hash"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (number, digest) if isinstance(number, int) and isinstance(digest, str) else None
