"""Tables of the command line: what an approver reads, and the state of trust at a glance."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.table import Table

from certs.overview import Overview, RoleRow
from certs.terminal import cell, show_table, tell
from policy.plain_text import printable
from policy.schemas.values import write_utc_time


def print_overview(found: Overview, now: datetime) -> None:
    """Print roles, versions, signers, expiries, the bundle in force and what waits."""
    table = _table("role", "version", "signed by", "may sign", "needed", "holds until (UTC)")
    for row in found.roles:
        table.add_row(*map(cell, _cells(row, now)))
    show_table(table)
    bundle = found.bundle_number if found.bundle_number is not None else "none yet"
    tell(f"newest bundle: {bundle}{'  (demo trust)' if found.demo else ''}")
    if found.draft:
        signed = ", ".join(found.draft.signed_by) or "nobody"
        needed = f"{len(found.draft.signed_by)} of {found.draft.threshold}"
        tell(f"draft: policy number {found.draft.number}, signed by {signed} ({needed})")
    elif found.waiting:
        tell(f"waits to be published: {', '.join(found.waiting)}")


def print_document(rows: list[tuple[str, str, str]]) -> None:
    """Print a document for its approver, with what changed against the one in force."""
    table = _table("what", "says", "against the one in force")
    for row in rows:
        table.add_row(*map(cell, row))
    show_table(table)


def _cells(row: RoleRow, now: datetime) -> list[str]:
    expires = f"{row.expires:%Y-%m-%d %H:%M}" if row.expires else "-"
    if row.expires and row.expires <= now:
        expires += " EXPIRED"
    version = str(row.version) if row.version else "-"
    names = [", ".join(map(printable, names)) or "-" for names in (row.signed_by, row.holders)]
    return [row.role, version, *names, str(row.threshold), expires]


def plain(found: Overview) -> dict[str, Any]:
    """Return `found` as plain JSON values (docs/json.md)."""
    rows = [{**asdict(row), "expires": row.expires and write_utc_time(row.expires)} for row in found.roles]
    draft = found.draft and {
        "number": found.draft.number,
        "signed_by": found.draft.signed_by,
        "threshold": found.draft.threshold,
    }
    told = {"bundle": found.bundle_number, "demo": found.demo, "roles": rows, "draft": draft}
    return {"kind": "trust", **told, "waiting": found.waiting, "exit_code": 0}


def _table(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")  # the default cuts long words off
    return table
