"""The time of one request."""

from __future__ import annotations

from datetime import datetime

from flask import g

from server.context import context


def now() -> datetime:
    """Return the time of this request: the clock is read once, so that everything on a page agrees."""
    if "now" not in g:
        g.now = context().clock.now()
    moment: datetime = g.now
    return moment
