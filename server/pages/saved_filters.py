"""Filters saved under a name, above each list: kept for whoever saved them, and for nobody else."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from server.context import context
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.exports import list_named
from server.pages.lists import Asked
from server.pages.moment import now
from server.people import saved_filters as kept
from server.people.people import Right


class Shown(NamedTuple):
    """A saved filter as a list shows it: where it leads, and whether it is what is asked now."""

    filter_id: int
    name: str
    address: str
    is_asked: bool


@pages.post("/filters")
@needs(Right.LOOK)
def save_filter() -> Response:
    """Keep what is asked of a list, and show that."""
    page = list_named(request.form.get("list", ""))
    asked = page.read(dict(parse_qsl(request.form.get("query", ""))))
    with context().database.writing() as session:
        name = request.form.get("name", "")
        saved = kept.save_filter(session, person(), page.name, name, asked.query, now())
    flash(f"“{saved.name}” is saved. You alone see it, above this list.", "good")
    return redirect(asked.address())


# The column's bound: a larger number would be an error of PostgreSQL instead of a 404.
@pages.post("/filters/<int(max=2147483647):number>/remove")
@needs(Right.LOOK)
def remove_filter(number: int) -> Response:
    """Remove one of one's own."""
    with context().database.writing() as session:
        removed = kept.remove_filter(session, person(), number, now())
    flash(f"“{removed.name}” is removed.", "")
    return redirect(url_for(list_named(removed.list).endpoint))


def shown_filters(asked: Asked) -> list[Shown]:
    """Return the filters of a list that the person signed in has saved."""
    with context().database.reading() as session:
        found = kept.saved_filters(session, person(), asked.page.name)
    # Read as any other address: what a list has no more is left out.
    again = [(one, asked.page.read(dict(parse_qsl(one.query)))) for one in found]
    return [Shown(one.filter_id, one.name, told.address(), told.query == asked.query) for one, told in again]
