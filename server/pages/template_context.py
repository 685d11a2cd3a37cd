"""What every template can use: the time of the request, the tabs, and the filters for times and words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask

from policy.counted import noun
from server.context import context
from server.pages.access import is_signed_in, person
from server.pages.audit_words import detail_words
from server.pages.moment import now
from server.pages.refused_bundle_words import refusal_word
from server.pages.renewing import RENEWED_EVERY_S, RENEWING_CONFIG, is_renewal
from server.pages.saved_filters import shown_filters
from server.pages.words import word
from server.people.people import Right
from server.people.saved_filters import NAME_MAX_LENGTH
from server.policies.bundles import newest
from server.times import in_zone, length, machine, relative, skew, utc

_TABS = (
    ("pages.fleet", "Fleet", Right.LOOK),
    ("pages.drafts", "Drafts", Right.LOOK),
    ("pages.deadline", "Deadline", Right.LOOK),
    ("pages.list_blocks", "Blocks", Right.SEE_HOLDERS),
    ("pages.exemptions", "Exemptions", Right.LOOK),
    ("pages.bundles", "Bundles", Right.LOOK),
    ("pages.stations", "Stations", Right.LOOK),
    ("pages.alarms", "Alarms", Right.LOOK),
    ("pages.audit", "Audit", Right.READ_AUDIT),
    ("pages.people", "People", Right.MANAGE_PEOPLE),
)


def give_templates_their_words(app: Flask) -> None:
    """Add filters and the frame's values to all templates of `app`."""
    app.jinja_env.filters.update(
        utc=utc, machine=machine, relative=_relative, in_zone=in_zone, length_of=length, skew=skew, word=word
    )
    app.jinja_env.filters.update(
        thousands=_thousands, percent=_percent, refusal=refusal_word, detail_words=detail_words
    )
    app.jinja_env.filters.update(counted=_counted, noun=noun)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(_frame)


def _relative(time: datetime) -> str:
    return relative(time, now())


def _thousands(number: int) -> str:
    # A thin space reads the same in every language; a comma would be a decimal sign in half of Europe.
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{_thousands(number)} {noun(number, one, many)}"


def _percent(number: float) -> str:
    return f"{number:g} %"


def _frame() -> dict[str, Any]:
    # Functions, not what they return: the page of a failing database must not ask it (`bare` in base.html).
    lists = {"shown_filters": shown_filters, "filter_name_max_length": NAME_MAX_LENGTH}
    asked = {"tabs": _tabs, "is_demo": _is_demo, "is_signed_in": is_signed_in, "person": person}
    renewing = {"is_renewal": is_renewal, "renewing_s": RENEWED_EVERY_S, "renewing_config": RENEWING_CONFIG}
    return {"now": now()} | asked | lists | renewing


def _tabs() -> list[tuple[str, str]]:
    return [(endpoint, label) for endpoint, label, right in _TABS if person().may(right)]


def _is_demo() -> bool:
    with context().database.reading() as session:
        return newest(session).demo
