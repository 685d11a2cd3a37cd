"""Keep where each phone stands among all, by which it is in a ring, and why its latest check failed."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000
_UNREADABLE = ("phone_unreadable", "package_unreadable", "user_missing", "judgement_failed")
_UNDONE = ("owner_enables_again", "enabled_again", "reset_by_update")
_OUT_OF_REACH = ("place_closed", "disabling_refused", "package_unreadable", "user_missing")
_HELD_BACK = ("clock_untrusted", "bundle_too_old", "ledger_missing", "exempt", "no_memory")


def upgrade() -> None:
    op.add_column("phone_state", sa.Column("failure", sa.String(24), nullable=True))
    op.add_column("fleet_entry", sa.Column("failure", sa.String(24), nullable=False, server_default=""))
    op.add_column("fleet_entry", sa.Column("share", sa.Double(), nullable=False, server_default="0"))
    names = ("phone_id", "verdict", "enforceable", "reasons", "open_entries", "stage", "failure")
    state = sa.table("phone_state", *map(sa.column, names))
    entry = sa.table("fleet_entry", *map(sa.column, ("phone_id", "failure", "share")))
    after = ""
    while found := op.get_bind().execute(_next(entry, state, after)).mappings().all():
        rows = [
            {"of_phone": row["phone_id"], "failed": _failure(row), "at_share": _share(row["phone_id"])}
            for row in found
        ]
        op.get_bind().execute(
            sa.update(entry)
            .where(entry.c.phone_id == sa.bindparam("of_phone"))
            .values(failure=sa.bindparam("failed"), share=sa.bindparam("at_share")),
            rows,
        )
        if failed := [
            {"of_phone": row["of_phone"], "failed": row["failed"]} for row in rows if row["failed"]
        ]:
            op.get_bind().execute(
                sa.update(state)
                .where(state.c.phone_id == sa.bindparam("of_phone"))
                .values(failure=sa.bindparam("failed")),
                failed,
            )
        after = found[-1]["phone_id"]
    op.create_index("ix_fleet_entry_share", "fleet_entry", ["share"])


def _next(entry: sa.TableClause, state: sa.TableClause, after: str) -> sa.Select[Any]:
    joined = entry.outerjoin(state, state.c.phone_id == entry.c.phone_id)
    told = (state.c.verdict, state.c.enforceable, state.c.reasons, state.c.open_entries, state.c.stage)
    query = sa.select(entry.c.phone_id, *told).select_from(joined).where(entry.c.phone_id > after)
    return query.order_by(entry.c.phone_id).limit(_AT_ONCE)


def _share(phone_id: str) -> float:
    # As `policy.stage.share_of`.
    return int.from_bytes(sha256(phone_id.encode()).digest()[:6], "big") / (1 << 48)


def _failure(row: Any) -> str:
    # As `server.fleet.failures.failure_of`, but for the states of managed apps, which only the report has.
    if row["verdict"] in (None, "compliant"):
        return ""
    told = _codes(row["reasons"])
    if row["verdict"] == "unreadable":
        return _first(_UNREADABLE, told) or "untold"
    if undone := _first(_UNDONE, told):
        return undone
    if not row["enforceable"]:
        return _first(_OUT_OF_REACH, told) or "untold"
    if row["open_entries"]:
        return ""
    return _first(_HELD_BACK, told) or ("still_runs" if row["stage"] == "enforce" else "not_its_turn")


def _codes(reasons: str) -> set[str]:
    try:
        return {code for code, _ in json.loads(reasons)}
    except ValueError:
        return set()


def _first(order: tuple[str, ...], told: set[str]) -> str:
    return next((one for one in order if one in told), "")


def downgrade() -> None:
    op.drop_index("ix_fleet_entry_share", "fleet_entry")
    op.drop_column("fleet_entry", "share")
    op.drop_column("fleet_entry", "failure")
    op.drop_column("phone_state", "failure")
