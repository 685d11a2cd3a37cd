"""What changed since yesterday, or since another time: which phones, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from flask import render_template, request

from server.context import context
from server.fleet.changes import COUNTED, Change, list_changes, read_place, tell_changes, written_place
from server.fleet.entries import Place
from server.pages.access import needs
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people.people import Right

_SHOWN = 10
_ROWS_PER_PAGE = 100
_SPANS: Mapping[int, str] = {24: "since yesterday", 72: "in the last three days", 168: "in the last week"}
_USUAL = 24

WORDS: Mapping[Change, tuple[str, str]] = {
    Change.VIOLATING: ("Newly violating", "A check found a banned app, and the one before had not."),
    Change.BLOCKED: ("Newly to block", "The mail side is told to block the holder because of the phone."),
    Change.SWITCHED_OFF: ("Newly switched off", "A check found or left managed apps switched off by us."),
    Change.RESTORED: ("Put back", "What we had switched off was put back, or had gone with its user."),
    Change.COMPLYING: ("Complying again", "A check found no banned app any more."),
    Change.SILENT: ("Newly silent", "The latest check became older than the policy allows."),
    Change.HANDED_BACK: ("Handed back", "Everything was put back, and nothing of ours is left on the phone."),
    Change.NEW: ("New", "The phone was provisioned."),
}


@pages.get("/changes")
@needs(Right.LOOK)
def changes() -> str:
    """Show of every change how many phones it happened to and the first, or of one change all, piece by piece."""
    hours = request.args.get("hours", default=_USUAL, type=int)
    hours = hours if hours in _SPANS else _USUAL
    change, after = _change(), _after()
    since = now() - timedelta(hours=hours)
    with context().database.reading() as session:
        told = tell_changes(session, now(), since, _SHOWN) if change is None else {}
        piece = None if change is None else list_changes(session, now(), since, change, after, _ROWS_PER_PAGE)
    return render_template(
        "changes.html",
        tab="pages.fleet",
        hours=hours,
        spans=_SPANS,
        since=since,
        told=told,
        change=change,
        piece=piece,
        after=after,
        next=written_place(piece.next) if piece and piece.next else None,
        words=WORDS,
        counted_up_to=COUNTED,
    )


def _change() -> Change | None:
    try:
        return Change(request.args.get("change", ""))
    except ValueError:
        return None


def _after() -> Place | None:
    try:
        return read_place(request.args.get("after", ""))
    except ValueError:
        # Whatever the address says: the top of the list is a place, too.
        return None
