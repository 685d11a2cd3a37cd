"""Alarms: those that wait for a person first, each with a form to say what it was; settled ones folded away."""

from __future__ import annotations

from collections.abc import Sequence

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from policy.counted import counted
from server.context import context
from server.errors import Malformed, NotThere
from server.evidence import audit
from server.evidence.alarms import (
    ALARMS_NEWEST,
    ALARMS_OLDEST,
    Alarm,
    AlarmKind,
    Settlement,
    WantedAlarms,
    list_alarms,
    open_causes,
    settle_alarm,
    settle_cause,
    settled_alarms,
)
from server.owners.requests import open_requests
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.lists import Asked, ListPage, from_its_place
from server.pages.moment import now
from server.pages.words import word
from server.people.people import Right
from server.stations.stations import station_names
from server.storage.keyset import RowPiece
from server.texts import storable

REASON_MAX_LENGTH = 300
_CAUSES_SHOWN = 50
_OF_EACH_SHOWN = 100
_SETTLED_SHOWN = 100
_ALARMS_PER_PAGE = 100
_ORDERS = {"newest": ALARMS_NEWEST, "oldest": ALARMS_OLDEST}
_OPEN = {"open": True, "settled": False, "all": None}
ALARMS = ListPage(
    "alarms",
    "pages.alarms",
    Right.LOOK,
    {"state": _OPEN.keys(), "kind": {kind.value for kind in AlarmKind}, "station": 36, "phone": 36},
    tuple(_ORDERS),
)


def read_alarms(session: Session, asked: Asked, after: str, limit: int) -> RowPiece[Alarm]:
    """Return a piece of the alarms that were asked for, one by one."""
    kind = asked.get("kind")
    wanted = WantedAlarms(
        _OPEN.get(asked.get("state")),
        AlarmKind(kind) if kind else None,
        asked.get("station") or None,
        asked.get("phone") or None,
    )
    return list_alarms(session, wanted, _ORDERS[asked.sort], after, limit)


@pages.get("/alarms")
@needs(Right.LOOK)
def alarms() -> str:
    """Show open alarms by cause, and the settled ones below them; filtered or sorted, one by one as a list."""
    wanted = ALARMS.asked()
    if wanted.query or wanted.after:
        return _listed(wanted)
    with context().database.reading() as session:
        # One more than is shown tells whether there are more.
        causes = open_causes(session, limit=_CAUSES_SHOWN + 1, each=_OF_EACH_SHOWN)
        settled = settled_alarms(session, limit=_SETTLED_SHOWN)
        waiting = open_requests(session) if person().may(Right.ANSWER_OWNERS) else 0
        names = station_names(
            session, {alarm.station_id for alarm in settled} | {cause.station_id for cause in causes}
        )
    return render_template(
        "alarms.html",
        tab="pages.alarms",
        asked=wanted,
        kinds=list(AlarmKind),
        causes=causes[:_CAUSES_SHOWN],
        more=len(causes) > _CAUSES_SHOWN,
        settled=settled,
        names=names,
        owner_requests=waiting,
        may_settle=person().may(Right.SETTLE_ALARMS),
        may_revoke=person().may(Right.REVOKE_STATIONS),
        reason_max_length=REASON_MAX_LENGTH,
    )


def _listed(wanted: Asked) -> str:
    with context().database.reading() as session:
        asked, piece = from_its_place(
            wanted, lambda after: read_alarms(session, wanted, after, _ALARMS_PER_PAGE)
        )
        names = station_names(session, {alarm.station_id for alarm in piece.rows})
    return render_template(
        "alarm_list.html",
        tab="pages.alarms",
        asked=asked,
        alarms=piece.rows,
        next=piece.next,
        names=names,
        kinds=list(AlarmKind),
    )


# The column's bound: a larger number would be an error of PostgreSQL instead of a 404.
@pages.post("/alarms/<int(max=2147483647):number>/settle")
@needs(Right.SETTLE_ALARMS)
def settle(number: int) -> Response:
    """Write down that somebody looked into an alarm, and what they found."""
    settlement = Settlement(person().name, now(), _reason())
    with context().database.writing() as session:
        alarm = settle_alarm(session, number, settlement)
        _record(session, [alarm] if alarm else [], settlement)
    if alarm is None:
        flash("Somebody settled this alarm before. Nothing was changed.", "")
    else:
        flash("The alarm is settled. Should it happen again, a new one is raised.", "good")
    return redirect(url_for("pages.alarms"))


@pages.post("/alarms/<kind>/<station_id>/<int(max=2147483647):newest>/settle")
@needs(Right.SETTLE_ALARMS)
def settle_all(kind: str, station_id: str, newest: int) -> Response:
    """Write down what was found about the open alarms of one kind that one station raised, up to the newest shown."""
    if kind not in set(AlarmKind):
        raise NotThere(
            "alarm_unknown", "There is no such kind of alarm.", "Choose one from the list of alarms."
        )
    settlement = Settlement(person().name, now(), _reason())
    with context().database.writing() as session:
        settled = settle_cause(session, AlarmKind(kind), station_id, newest, settlement)
        _record(session, settled, settlement)
    if settled:
        flash(
            f"{counted(len(settled), 'alarm is', 'alarms are')} settled. Should it happen again, a new one is raised.",
            "good",
        )
    else:
        flash("Somebody settled these alarms before. Nothing was changed.", "")
    return redirect(url_for("pages.alarms"))


def _record(session: Session, settled: Sequence[Alarm], settlement: Settlement) -> None:
    names = station_names(session, {alarm.station_id for alarm in settled})
    for alarm in settled:
        about = {
            "station": names.get(alarm.station_id, ""),
            "phone": alarm.phone_id,
            "report": alarm.report_id,
        }
        # Trouble of the audit chain has no phone and no report.
        named = {key: value for key, value in about.items() if value}
        detail = {"kind": word(alarm.kind).label, **named, "reason": settlement.reason}
        subject = f"alarm {alarm.number}"
        audit.record(session, settlement.by, "alarm settled", subject, detail, settlement.at)


def _reason() -> str:
    reason = request.form.get("reason", "").strip()
    if not reason or not storable(reason, REASON_MAX_LENGTH):
        raise Malformed(
            "reason_malformed",
            f"Say what was found, in 1 to {REASON_MAX_LENGTH} characters on one line. Nothing was changed.",
            "Go back and fill in the field.",
        )
    return reason
