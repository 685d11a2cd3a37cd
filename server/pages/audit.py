"""The audit chain for auditors: who changed what, and whether the chain is whole."""

from __future__ import annotations

from flask import render_template, request

from server.context import context
from server.evidence import audit as chain
from server.evidence.chain_trouble import raise_trouble
from server.pages.access import needs
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people.people import Right

ROWS_PER_PAGE = 100


def _row_number(text: str) -> int:
    number = int(text)
    # What no column holds: SQLite and PostgreSQL fail on it.
    if not 0 < number < 1 << 63:
        raise ValueError
    return number


@pages.get("/audit")
@needs(Right.READ_AUDIT)
def audit() -> str:
    """Show the newest rows; with ``?verify=yes`` walk the whole chain first, which takes a while on a long one.

    What is found is raised as an alarm, as the command does.
    """
    before = request.args.get("before", default=None, type=_row_number)
    with context().database.reading() as session:
        rows = chain.newest_rows(session, ROWS_PER_PAGE + 1, before)
        check = chain.verify_chain(session) if request.args.get("verify") == "yes" else None
        head = chain.head(session)
    if check and not check.whole:
        with context().database.writing() as session:
            raise_trouble(session, check, now())
    return render_template(
        "audit.html",
        tab="pages.audit",
        rows=rows[:ROWS_PER_PAGE],
        more=len(rows) > ROWS_PER_PAGE,
        before=before,
        check=check,
        head=head,
    )
