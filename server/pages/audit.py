"""The audit chain for auditors: who changed what, and whether the chain is whole."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from flask import render_template, request
from sqlalchemy.orm import Session

from certs.audit_chain import ChainRow
from server.context import context
from server.evidence import audit as chain
from server.evidence.chain_trouble import raise_trouble
from server.pages.access import needs
from server.pages.blueprint import pages
from server.pages.lists import Asked, ListPage, from_its_place
from server.pages.moment import now
from server.people.people import Right
from server.storage.keyset import RowPiece

ROWS_PER_PAGE = 100
_ORDERS = {"newest": chain.ROWS_NEWEST, "oldest": chain.ROWS_OLDEST}
AUDIT = ListPage(
    "audit",
    "pages.audit",
    Right.READ_AUDIT,
    {"actor": 200, "action": 100, "subject": 300},
    tuple(_ORDERS),
)


def read_rows(session: Session, asked: Asked, after: str, limit: int) -> RowPiece[ChainRow]:
    """Return a piece of the rows that were asked for, in the very texts that were hashed."""
    wanted = chain.WantedRows(*(asked.get(name) or None for name in ("actor", "action", "subject")))
    return chain.list_rows(session, wanted, _ORDERS[asked.sort], after, limit)


@pages.get("/audit")
@needs(Right.READ_AUDIT)
def audit() -> str:
    """Show a piece of the rows; with ``?verify=yes`` walk the whole chain first, which takes a while on a long one.

    What is found is raised as an alarm, as the command does.
    """
    with context().database.reading() as session:
        asked, piece = from_its_place(
            wanted := AUDIT.asked(), lambda after: read_rows(session, wanted, after, ROWS_PER_PAGE)
        )
        check = chain.verify_chain(session) if request.args.get("verify") == "yes" else None
        head = chain.head(session)
    if check and not check.whole:
        with context().database.writing() as session:
            raise_trouble(session, check, now())
    return render_template(
        "audit.html",
        tab="pages.audit",
        asked=asked,
        rows=[(row, datetime.fromisoformat(row.at), _detail(row)) for row in piece.rows],
        next=piece.next,
        check=check,
        head=head,
    )


def _detail(row: ChainRow) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(row.detail)
    return told
