"""``GET /alarms``, ``/audit-rows``, ``/refusals``, ``/publications``, ``/exemptions``: what else pages list."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from server.api.blueprint import PERSON, described
from server.api.fleet_lists import REFUSALS
from server.api.list_schemas import (
    AlarmPieceSchema,
    AuditPieceSchema,
    ExemptionPieceSchema,
    ListedAlarmSchema,
    ListedAlarmsSchema,
    ListedAuditRowsSchema,
    ListedExemptionSchema,
    ListedExemptionsSchema,
    ListedPublicationSchema,
    ListedPublicationsSchema,
    ListedRefusalSchema,
    ListedRefusalsSchema,
    PublicationPieceSchema,
    RefusalPieceSchema,
    Sort,
    columns_of,
)
from server.api.lists import Listing, Rows, answer_list
from server.api.schemas import AuditRowSchema
from server.clock import written
from server.evidence.alarms import ALARMS_NEWEST, ALARMS_OLDEST, WantedAlarms, list_alarms
from server.evidence.audit import ROWS_NEWEST, ROWS_OLDEST, WantedRows, list_rows
from server.exemptions.known import known_exemptions
from server.listed import listed_alarm, listed_audit_row, listed_exemption
from server.people.people import Right
from server.policies.bundles import (
    PUBLICATIONS_NEWEST,
    PUBLICATIONS_OLDEST,
    PublicationRow,
    list_publications,
)
from server.stations.refused_bundles import (
    REFUSALS_NEWEST,
    REFUSALS_OLDEST,
    ListedRefusal,
    WantedRefusals,
    list_refusals,
)

_ALARM_ORDERS = {Sort.NEWEST: ALARMS_NEWEST, Sort.OLDEST: ALARMS_OLDEST}
_AUDIT_ORDERS = {Sort.NEWEST: ROWS_NEWEST, Sort.OLDEST: ROWS_OLDEST}
_REFUSAL_ORDERS = {Sort.NEWEST: REFUSALS_NEWEST, Sort.OLDEST: REFUSALS_OLDEST}
_PUBLICATION_ORDERS = {Sort.NEWEST: PUBLICATIONS_NEWEST, Sort.OLDEST: PUBLICATIONS_OLDEST}


@described("/alarms", ListedAlarmsSchema, query=AlarmPieceSchema, proof=PERSON, refusals=REFUSALS)
def list_all_alarms(wanted: dict[str, Any]) -> Response:
    """List the alarms, open and settled"""
    asked = WantedAlarms(wanted["open"], wanted["kind"], wanted["station"], wanted["phone"])
    read = partial(_read_alarms, asked, wanted["sort"])
    listing = Listing("alarms", columns_of(ListedAlarmSchema), Right.LOOK, read)
    return answer_list(listing, wanted)


def _read_alarms(
    asked: WantedAlarms, sort: Sort, session: Session, _now: datetime, after: str, limit: int
) -> Rows:
    found = list_alarms(session, asked, _ALARM_ORDERS[sort], after, limit)
    return [listed_alarm(alarm) for alarm in found.rows], found.next


@described("/audit-rows", ListedAuditRowsSchema, query=AuditPieceSchema, proof=PERSON, refusals=REFUSALS)
def list_audit_rows(wanted: dict[str, Any]) -> Response:
    """List who changed what"""
    asked = WantedRows(wanted["actor"], wanted["action"], wanted["subject"])
    read = partial(_read_audit_rows, asked, wanted["sort"])
    listing = Listing("audit_rows", columns_of(AuditRowSchema), Right.READ_AUDIT, read)
    return answer_list(listing, wanted)


def _read_audit_rows(
    asked: WantedRows, sort: Sort, session: Session, _now: datetime, after: str, limit: int
) -> Rows:
    found = list_rows(session, asked, _AUDIT_ORDERS[sort], after, limit)
    return [listed_audit_row(row) for row in found.rows], found.next


@described("/refusals", ListedRefusalsSchema, query=RefusalPieceSchema, proof=PERSON, refusals=REFUSALS)
def list_all_refusals(wanted: dict[str, Any]) -> Response:
    """List which bundles stations refuse, and have refused, and why"""
    asked = WantedRefusals(wanted["open"], wanted["station"], wanted["bundle_number"], wanted["code"])
    read = partial(_read_refusals, asked, wanted["sort"])
    listing = Listing("refusals", columns_of(ListedRefusalSchema), Right.LOOK, read)
    return answer_list(listing, wanted)


def _read_refusals(
    asked: WantedRefusals, sort: Sort, session: Session, _now: datetime, after: str, limit: int
) -> Rows:
    found = list_refusals(session, asked, _REFUSAL_ORDERS[sort], after, limit)
    return [_refusal(row) for row in found.rows], found.next


@described(
    "/publications", ListedPublicationsSchema, query=PublicationPieceSchema, proof=PERSON, refusals=REFUSALS
)
def list_all_publications(wanted: dict[str, Any]) -> Response:
    """List what was published: bundles, and under the same number new exemptions and signatures"""
    read = partial(_read_publications, wanted["bundle_number"], wanted["sort"])
    listing = Listing("publications", columns_of(ListedPublicationSchema), Right.LOOK, read)
    return answer_list(listing, wanted)


def _read_publications(
    bundle_number: int | None, sort: Sort, session: Session, _now: datetime, after: str, limit: int
) -> Rows:
    found = list_publications(session, bundle_number, _PUBLICATION_ORDERS[sort], after, limit)
    return [_publication(row) for row in found.rows], found.next


@described("/exemptions", ListedExemptionsSchema, query=ExemptionPieceSchema, proof=PERSON, refusals=REFUSALS)
def list_all_exemptions(wanted: dict[str, Any]) -> Response:
    """List every exemption that was ever published, in force and ended, by the ids of their phones"""
    read = partial(_read_exemptions, wanted["in_force"])
    listing = Listing("exemptions", columns_of(ListedExemptionSchema), Right.LOOK, read)
    return answer_list(listing, wanted)


def _read_exemptions(in_force: bool | None, session: Session, now: datetime, after: str, limit: int) -> Rows:
    rows = {
        f"{row['phone_id']}~{row['until']}~{row['reason']}~{row['since']}": row
        for row in map(listed_exemption, known_exemptions(session, now))
        if in_force in (None, row["in_force"])
    }
    places = [place for place in sorted(rows) if place > after]
    behind = places[limit - 1] if len(places) > limit else None
    return [rows[place] for place in places[:limit]], behind


def _refusal(row: ListedRefusal) -> dict[str, Any]:
    told = row.told
    return {
        "station_id": told.station_id,
        "station": told.station_name,
        "bundle_number": told.refusal.bundle_number,
        "code": told.refusal.code,
        "sentence": told.refusal.sentence,
        "agent_version": told.refusal.agent_version,
        "judgement_version": told.refusal.judgement_version,
        "accepted_number": told.refusal.accepted_number,
        "first_seen_at": written(told.first_seen_at),
        "last_seen_at": written(told.last_seen_at),
        "open": row.is_open,
    }


def _publication(row: PublicationRow) -> dict[str, Any]:
    policy = row.bundle.policy
    return {
        "serial": row.serial,
        "bundle_number": row.bundle.number,
        "fleet_number": row.bundle.fleet.number,
        "name": policy.name,
        "published_at": written(row.published_at),
        "deadline": written(policy.deadline),
        "review_at": written(policy.review_at),
        "ends_at": written(policy.ends_at),
        "lifted": policy.lifted,
        "exemptions": len(row.bundle.fleet.exemptions),
        "signers": list(row.signers),
        "expires": written(row.expires),
        "demo": row.demo,
    }
