"""The latest check of each phone, as facts; what they mean now is computed in `server.fleet.standing`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import BigInteger, ForeignKey, Index, Select, String, Table, Text, false, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.names import PhoneId
from policy.picture import picture_of
from policy.report import Report
from policy.schemas.strict_json import quick_json
from policy.verdict import Reason, ReasonCode, Stage, Verdict
from server.fleet.failures import Failure, failure_of
from server.fleet.pictures import digest_of, keep_pictures
from server.fleet.standing import CheckFacts, LatestCheck, ListedCheck
from server.fleet.turns import Turned, turns_between
from server.reports.kept_reports import KeptReport, last_looked, not_enforceable_since, run_start
from server.storage.database import Base, UtcTime
from server.storage.prepared import Prepared, among, upsert


class _StateTable(Base):
    __tablename__ = "phone_state"
    __table_args__ = (
        # Of the few that cannot be read: who falls overdue (`server.fleet.blocks`).
        Index(
            "ix_phone_state_unread",
            "unchanged_since",
            sqlite_where=text("verdict = 'unreadable'"),
            postgresql_where=text("verdict = 'unreadable'"),
        ),
    )

    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"), primary_key=True)
    report_id: Mapped[str] = mapped_column(ForeignKey("report.report_id"))
    station_id: Mapped[str] = mapped_column(ForeignKey("station.station_id"))
    counter: Mapped[int] = mapped_column(BigInteger)
    effective_at: Mapped[datetime] = mapped_column(UtcTime)
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    time_trusted: Mapped[bool]
    verdict: Mapped[str] = mapped_column(String(12))
    enforceable: Mapped[bool]
    unchanged_since: Mapped[datetime] = mapped_column(UtcTime)
    not_enforceable_since: Mapped[datetime | None] = mapped_column(UtcTime)
    stage: Mapped[str] = mapped_column(String(10))
    bundle_number: Mapped[int] = mapped_column(BigInteger)
    release: Mapped[str] = mapped_column(String(300))
    api_level: Mapped[int]
    patch_level: Mapped[str] = mapped_column(String(300))
    boot_state: Mapped[str] = mapped_column(String(300))
    open_entries: Mapped[int]
    families: Mapped[str] = mapped_column(Text)
    reasons: Mapped[str] = mapped_column(Text)
    # NULL: of a report that came before there were pictures.
    picture_sha256: Mapped[str | None] = mapped_column(ForeignKey("picture.picture_sha256"))
    # NULL: none.
    failure: Mapped[str | None] = mapped_column(String(24))
    handed_back: Mapped[bool] = mapped_column(server_default=false())


# Made once, and of the table's columns: by the mapper, a row costs as much as all else about a report.
_STATES = cast(Table, _StateTable.__table__)
_OF_PHONES = Prepared(select(_STATES).where(among(_STATES.c.phone_id, "phone_ids")))
_NAMES = tuple(_STATES.c.keys())
_STORE = upsert(_STATES)
# Looked up instead of made: a list has thousands of rows, and calling an enumeration takes ten times as long.
_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_STAGES = {stage.value: stage for stage in Stage}

Row = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """What held for phones before their checks were recorded, where there was a check, and what holds since."""

    before: Mapping[str, CheckFacts]
    after: Mapping[str, CheckFacts]
    turned: Sequence[Turned] = ()
    """How phones turned, one check after another."""


def record_checks(session: Session, checks: Sequence[KeptReport]) -> Recorded:
    """Let each report that was just stored become its phone's state if it is the newest by its trusted time.

    An older one that arrives late changes nothing but, possibly, since when the state has been as it is.
    """
    if not checks:
        return Recorded({}, {})
    phone_ids = {kept.report.phone_id for kept in checks}
    rows = {row["phone_id"]: row for row in _rows_of(session, phone_ids)}
    before = {phone_id: _as_facts(row) for phone_id, row in rows.items()}
    after = dict(before)
    stored: set[str | None] = {row["picture_sha256"] for row in rows.values()}
    written: dict[str, bytes] = {}
    turned: list[Turned] = []
    # One after another in memory: a group may bring several checks of one phone, and only the last state is written.
    for kept in checks:
        phone_id = kept.report.phone_id
        row = rows[phone_id] = _after(session, rows.get(phone_id), kept)
        known, after[phone_id] = after.get(phone_id), _as_facts(row)
        if row["report_id"] == kept.report.report_id:
            turned += _turned(session, phone_id, known, after[phone_id])
            body = picture_of(kept.report)
            row["picture_sha256"] = digest_of(body)
            written[row["picture_sha256"]] = body
    # Most phones are as they were: what a row referred to is stored.
    new = {row["picture_sha256"] for row in rows.values()} - stored
    keep_pictures(session, {digest: written[digest] for digest in new})
    _STORE.run(session, rows.values())
    return Recorded(before, after, turned)


def _turned(
    session: Session, phone_id: PhoneId, before: CheckFacts | None, after: CheckFacts
) -> Iterator[Turned]:
    """Yield how a phone turned by the check that has just become its newest."""
    looked = before.verdict if before else None
    if looked is Verdict.UNREADABLE and after.verdict is not Verdict.UNREADABLE:
        looked = last_looked(session, phone_id, after.effective_at)
    for turn in turns_between(before, looked, after):
        yield Turned(phone_id, turn, after.effective_at)


def _after(session: Session, row: Row | None, kept: KeptReport) -> Row:
    """Return the state that stood in `row` as it is after this check."""
    report = kept.report
    if row is None:
        since = kept.effective_at if _is_not_enforceable(report) else None
        return _columns(kept) | {"unchanged_since": kept.effective_at, "not_enforceable_since": since}
    if not _is_newer(kept, row):
        # Of another kind it may have broken a run, of the same kind have begun it earlier: only all the reports tell.
        since = run_start(session, report.phone_id, Verdict(row["verdict"]), row["enforceable"])
        return row | {
            "unchanged_since": since or row["effective_at"],
            "not_enforceable_since": not_enforceable_since(session, report.phone_id),
        }
    columns = _columns(kept) | {
        "unchanged_since": row["unchanged_since"] if _is_unchanged(row, report) else kept.effective_at,
        "not_enforceable_since": _not_enforceable_since(row, kept),
    }
    if not report.ledger.marker:
        # This check did not know the phone's ledger: what was open stays open.
        columns["open_entries"] = row["open_entries"]
    return columns


def _is_unchanged(row: Row, report: Report) -> bool:
    # Of a phone that could not be read, nothing is known that enforcing could have reached or not.
    return row["verdict"] == report.verdict.value and (
        report.verdict is Verdict.UNREADABLE or row["enforceable"] == report.enforceable
    )


def _not_enforceable_since(row: Row, kept: KeptReport) -> datetime | None:
    before: datetime | None = row["not_enforceable_since"]
    # A check that could not look neither begins this nor ends it (docs/design.md, rule 1).
    if kept.report.verdict is Verdict.UNREADABLE:
        return before
    return (before or kept.effective_at) if _is_not_enforceable(kept.report) else None


def _is_not_enforceable(report: Report) -> bool:
    return report.verdict is Verdict.VIOLATING and not report.enforceable


def latest_checks(session: Session, phone_ids: Collection[str]) -> Mapping[str, LatestCheck]:
    """Return the latest check of each of these phones that was ever checked."""
    return {row["phone_id"]: _as_latest(row) for row in _rows_of(session, phone_ids)}


def _rows_of(session: Session, phone_ids: Collection[str]) -> Iterator[Row]:
    for row in _OF_PHONES.rows(session, {"phone_ids": phone_ids}):
        yield dict(zip(_NAMES, row, strict=True))


_FACTS = (
    _STATES.c.phone_id,
    _STATES.c.effective_at,
    _STATES.c.verdict,
    _STATES.c.enforceable,
    _STATES.c.open_entries,
    _STATES.c.unchanged_since,
    _STATES.c.not_enforceable_since,
    _STATES.c.failure,
    _STATES.c.handed_back,
)
_OF_THESE = among(_STATES.c.phone_id, "phone_ids")
_FACTS_OF_ALL, _FACTS_OF = Prepared(select(*_FACTS)), Prepared(select(*_FACTS).where(_OF_THESE))
_LISTED = Prepared(
    select(*_FACTS, _STATES.c.station_id, _STATES.c.families, _STATES.c.reasons).where(_OF_THESE)
)


def check_facts(session: Session, phone_ids: Collection[str] | None = None) -> Mapping[str, CheckFacts]:
    """Return for every phone that was ever checked, or of these, the little that its standing follows from."""
    known = {} if phone_ids is None else {"phone_ids": phone_ids}
    found = (_FACTS_OF_ALL if phone_ids is None else _FACTS_OF).rows(session, known)
    return {row[0]: CheckFacts(**_facts(row)) for row in found}


def listed_checks(session: Session, phone_ids: Collection[str]) -> Mapping[str, ListedCheck]:
    """Return what a list shows of the latest check of each of these phones that was ever checked."""
    return {
        row[0]: ListedCheck(
            **_facts(row), station_id=row[9], families=_families(row[10]), reasons=_reasons(row[11])
        )
        for row in _LISTED.rows(session, {"phone_ids": phone_ids})
    }


def _facts(row: Sequence[Any]) -> dict[str, Any]:
    """Return the facts that a row begins with, of the columns of `_FACTS`."""
    return {
        "effective_at": row[1],
        "verdict": _VERDICTS[row[2]],
        "enforceable": row[3],
        "open_entries": row[4],
        "unchanged_since": row[5],
        "not_enforceable_since": row[6],
        "failure": _as_failure(row[7]),
        "handed_back": row[8],
    }


def without_picture(session: Session, after: str, limit: int) -> Sequence[tuple[str, str]]:
    """Return the next phones behind one whose newest report came before there were pictures, with the report's id."""
    query = select(_STATES.c.phone_id, _STATES.c.report_id).where(_STATES.c.picture_sha256.is_(None))
    found = session.execute(query.where(_STATES.c.phone_id > after).order_by(_STATES.c.phone_id).limit(limit))
    return [(row[0], row[1]) for row in found]


def give_picture(session: Session, report: Report) -> None:
    """Keep the picture of a report that is its phone's newest; where another came meanwhile, that one has its own."""
    body = picture_of(report)
    digest = digest_of(body)
    keep_pictures(session, {digest: body})
    newest = (_STATES.c.phone_id == report.phone_id, _STATES.c.report_id == report.report_id)
    session.execute(update(_STATES).where(*newest).values(picture_sha256=digest))


def with_picture(phones: Table) -> Select[Any]:
    """Return the query for the picture of each phone's newest check and its time, joined to `phones`."""
    joined = phones.outerjoin(_STATES, _STATES.c.phone_id == phones.c.phone_id)
    return select(_STATES.c.picture_sha256, _STATES.c.effective_at).select_from(joined)


def unread_between(session: Session, since: datetime, until: datetime) -> Sequence[PhoneId]:
    """Return the phones that no check could read from some moment on, of ``since`` or later and before ``until``."""
    within = (_STATES.c.unchanged_since >= since, _STATES.c.unchanged_since < until)
    query = select(_STATES.c.phone_id).where(_STATES.c.verdict == Verdict.UNREADABLE.value, *within)
    return cast("Sequence[PhoneId]", session.scalars(query).all())


def _as_facts(row: Row) -> CheckFacts:
    return CheckFacts(
        row["effective_at"],
        Verdict(row["verdict"]),
        row["enforceable"],
        row["open_entries"],
        row["unchanged_since"],
        not_enforceable_since=row["not_enforceable_since"],
        failure=_as_failure(row["failure"]),
        handed_back=row["handed_back"],
    )


def _as_failure(stored: str | None) -> Failure | None:
    return Failure(stored) if stored else None


def _is_newer(kept: KeptReport, row: Row) -> bool:
    effective_at: datetime = row["effective_at"]
    if kept.effective_at != effective_at:
        return kept.effective_at > effective_at
    # Of one moment, a station's own checks follow its counter; between two stations the later arrival counts.
    return kept.report.station_id != row["station_id"] or bool(kept.report.counter > row["counter"])


def _columns(kept: KeptReport) -> Row:
    report: Report = kept.report
    failure = failure_of(report)
    return {
        "phone_id": report.phone_id,
        "report_id": report.report_id,
        "station_id": report.station_id,
        "counter": report.counter,
        "effective_at": kept.effective_at,
        "received_at": kept.received_at,
        "time_trusted": report.time_trusted,
        "verdict": report.verdict.value,
        "enforceable": report.enforceable,
        "stage": report.stage.value,
        "bundle_number": report.bundle_number,
        "release": report.release,
        "api_level": report.api_level,
        "patch_level": report.patch_level,
        "boot_state": report.boot_state,
        # What memories contradict each other on is in no ledger, and may be off.
        "open_entries": len(report.ledger.open_entries) + len(report.contradictions),
        "families": quick_json(list(dict.fromkeys(finding.family for finding in report.findings))).decode(),
        "reasons": quick_json([[reason.code.value, reason.detail] for reason in report.reasons]).decode(),
        "failure": failure.value if failure else None,
        "handed_back": report.handed_back,
    }


def _as_latest(row: Row) -> LatestCheck:
    return LatestCheck(
        report_id=row["report_id"],
        station_id=row["station_id"],
        effective_at=row["effective_at"],
        received_at=row["received_at"],
        time_trusted=row["time_trusted"],
        verdict=_VERDICTS[row["verdict"]],
        enforceable=row["enforceable"],
        unchanged_since=row["unchanged_since"],
        not_enforceable_since=row["not_enforceable_since"],
        failure=_as_failure(row["failure"]),
        handed_back=row["handed_back"],
        stage=_STAGES[row["stage"]],
        bundle_number=row["bundle_number"],
        release=row["release"],
        api_level=row["api_level"],
        patch_level=row["patch_level"],
        boot_state=row["boot_state"],
        families=_families(row["families"]),
        open_entries=row["open_entries"],
        reasons=_reasons(row["reasons"]),
    )


# A fleet has few of either: most phones tell the same.
@lru_cache(maxsize=1024)
def _families(stored: str) -> tuple[str, ...]:
    return tuple(json.loads(stored))


@lru_cache(maxsize=1024)
def _reasons(stored: str) -> tuple[Reason, ...]:
    return tuple(Reason(ReasonCode(code), detail) for code, detail in json.loads(stored))
