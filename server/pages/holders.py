"""Whose phones: one holder's, found by the whole reference, for those who may see holders."""

from __future__ import annotations

from flask import render_template, request

from server.context import context
from server.fleet.holder_search import phones_of_holder
from server.fleet.phones import HOLDER_MAX_LENGTH
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people.people import Right


@pages.get("/holders/search")
@needs(Right.SEE_HOLDERS)
def ask_for_holder() -> str:
    """Ask for a reference."""
    return _page()


@pages.post("/holders/search")
@needs(Right.SEE_HOLDERS)
def search_holder() -> str:
    """Show the phones of one holder; posted, because addresses are kept in histories and logs."""
    here = context()
    holder = request.form.get("holder", "").strip()
    with here.database.writing() as session:
        found = phones_of_holder(session, holder, here.config.holder_key, person().name, now())
    return _page(holder=holder, phones=found)


def _page(**found: object) -> str:
    return render_template(
        "holders.html", tab="pages.fleet", holder_max_length=HOLDER_MAX_LENGTH, **{"phones": None, **found}
    )
