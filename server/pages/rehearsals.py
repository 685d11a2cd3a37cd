"""Rehearsals: what a policy would mean for the fleet, and for whom; asked for again until it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from policy.rehearsal import Cause, Outcome
from server.context import context
from server.errors import NotThere
from server.fleet.phone_rows import phone_rows
from server.fleet.phones import find_phones
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people.people import Right
from server.policies.bundles import newest_policy_bytes, situation
from server.rehearsal.kept_rehearsals import (
    RehearsalState,
    find_rehearsal,
    newest_rehearsals,
)
from server.rehearsal.phones import rehearsed_phones
from server.rehearsal.result import told
from server.rehearsal.running import start_rehearsal
from server.rehearsal.words import AGES

_ROWS_PER_PAGE = 100
_UNITS_SHOWN = 200
_AGAIN_S = 2


@dataclass(frozen=True)
class Line:
    """One outcome: of how many phones, and of how many under the policy in force (None: none is)."""

    outcome: Outcome
    phones: int
    share: float
    in_force: int | None


@pages.get("/rehearsals")
@needs(Right.LOOK)
def rehearsals() -> str:
    """List the newest rehearsals."""
    with context().database.reading() as session:
        newest = newest_rehearsals(session, now())
        published = newest_policy_bytes(session) is not None
    return render_template(
        "rehearsals.html",
        tab="pages.bundles",
        rehearsals=newest,
        published=published,
        draft_right=Right.DRAFT,
    )


@pages.post("/rehearsals")
@needs(Right.DRAFT)
def rehearse_in_force() -> Response:
    """Rehearse the policy in force, and go to what comes of it."""
    here = context()
    with here.database.reading() as session:
        document = newest_policy_bytes(session)
    if document is None:
        raise NotThere("nothing_published", "no policy is published yet", "Publish one, or rehearse a draft.")
    made = start_rehearsal(here.database, here.clock.now, document, person().name)
    return redirect(url_for("pages.rehearsal", rehearsal_id=made))


@pages.get("/rehearsals/<rehearsal_id>")
@needs(Right.LOOK)
def rehearsal(rehearsal_id: str) -> str | tuple[str, int, Mapping[str, str]]:
    """Show how far a rehearsal is, or what came out."""
    here = context()
    with here.database.reading() as session:
        found = find_rehearsal(session, rehearsal_id, now())
    if found.state is RehearsalState.RUNNING:
        # Without a script: the browser asks again by itself.
        page = render_template("rehearsal.html", tab="pages.bundles", found=found, result=None)
        return page, 200, {"Refresh": str(_AGAIN_S)}
    result = told(found.result, here.config.smallest_cell) if found.result else None
    if result is None:
        return render_template("rehearsal.html", tab="pages.bundles", found=found, result=None)
    return render_template(
        "rehearsal.html",
        tab="pages.bundles",
        found=found,
        result=result,
        lines=_lines(result),
        changes=_changes(result),
        causes=[(Cause(cause), phones) for cause, phones in result["causes"].items()],
        ages=[(AGES[age], phones) for age, phones in result["ages"].items() if phones],
        apps=_table(result["banned"]),
        units=_table(result["units"])[:_UNITS_SHOWN],
        more_units=max(0, len(result["units"]) - _UNITS_SHOWN),
        columns=_columns(result),
    )


@pages.get("/rehearsals/<rehearsal_id>/phones")
@needs(Right.LOOK)
def rehearsal_phones(rehearsal_id: str) -> str:
    """Show the phones that a rehearsal came to one outcome for."""
    outcome, after = _outcome(), request.args.get("after", "")[:36]
    with context().database.reading() as session:
        found = find_rehearsal(session, rehearsal_id, now())
        listed = rehearsed_phones(session, found, outcome, after, _ROWS_PER_PAGE + 1)
        shown = listed[:_ROWS_PER_PAGE]
        known = find_phones(session, [one.phone_id for one in shown])
        rows = {row.phone_id: row for row in phone_rows(session, known, situation(session, now()))}
    return render_template(
        "rehearsed_phones.html",
        tab="pages.bundles",
        found=found,
        outcome=outcome,
        listed=[(one, rows[one.phone_id]) for one in shown],
        outcome_of=Outcome,
        cause_of=Cause,
        after=after,
        following=shown[-1].phone_id if len(listed) > _ROWS_PER_PAGE else "",
    )


def _outcome() -> Outcome:
    try:
        return Outcome(request.args.get("outcome", ""))
    except ValueError as error:
        raise NotThere(
            "outcome_unknown", "there is no such outcome", "Choose one on the rehearsal's page."
        ) from error


def _lines(result: Mapping[str, Any]) -> Sequence[Line]:
    before: dict[str, int] = {}
    for in_force, _, phones in result["changes"]:
        before[in_force] = before.get(in_force, 0) + phones
    return [
        Line(
            outcome,
            result["outcomes"][outcome.value],
            100 * result["outcomes"][outcome.value] / result["phones"] if result["phones"] else 0.0,
            None if result["in_force"] is None else before.get(outcome.value, 0),
        )
        for outcome in Outcome
    ]


def _changes(result: Mapping[str, Any]) -> Sequence[tuple[Outcome, Outcome, int]]:
    return [
        (Outcome(before), Outcome(outcome), phones)
        for before, outcome, phones in result["changes"]
        if before is not None and before != outcome
    ]


def _columns(result: Mapping[str, Any]) -> Sequence[Outcome]:
    return [outcome for outcome in Outcome if result["outcomes"][outcome.value]]


def _table(counted: Mapping[str, Mapping[str, int | None]]) -> Sequence[tuple[str, Mapping[str, int | None]]]:
    return list(counted.items())
