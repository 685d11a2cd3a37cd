"""Rows of lists as they leave the house, by the API or as a file from a page; times are UTC, as the API writes them.

listed_station(row) == {"station_id": "8f0c…", "name": "bench 2", "enrolled_at": "2023-03-15T11:00:00.000Z", …}
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from certs.audit_chain import ChainRow
from server.clock import written
from server.evidence.alarms import Alarm
from server.exemptions.known import ExemptionState, KnownExemption
from server.fleet.blocks import Block
from server.fleet.deadline import DeadlineView
from server.fleet.deadline_words import NEXT_STEPS
from server.fleet.phone_rows import PhoneRow
from server.people.people import Person
from server.people.tokens import Token
from server.stations.stations import StationRow

PHONE_COLUMNS = (
    "phone_id",
    "label",
    "manufacturer",
    "model",
    "standing",
    "exempt",
    "consent",
    "virtual",
    "registered_at",
    "last_check_at",
    "families",
    "open_entries",
    "station",
    "unit",
)


def listed_phone(row: PhoneRow) -> dict[str, Any]:
    """Return a phone as it stands in the list of phones."""
    latest = row.latest
    return {
        "phone_id": row.phone_id,
        "label": row.label,
        "manufacturer": row.manufacturer,
        "model": row.model,
        "standing": row.standing.value,
        "exempt": row.exempt,
        "consent": row.consent.value,
        "virtual": row.virtual,
        "registered_at": written(row.registered_at),
        "last_check_at": written(latest.effective_at) if latest else None,
        "families": list(latest.families) if latest else [],
        "open_entries": latest.open_entries if latest else 0,
        "station": row.station_name,
        "unit": row.unit,
    }


STATION_COLUMNS = (
    "station_id",
    "name",
    "enrolled_at",
    "revoked_at",
    "last_report_at",
    "reports",
    "bundle_number",
    "alarms",
)


def listed_station(row: StationRow) -> dict[str, Any]:
    """Return a station as it stands in the list of stations."""
    return {
        "station_id": row.station_id,
        "name": row.name,
        "enrolled_at": written(row.enrolled_at),
        "revoked_at": row.revoked_at and written(row.revoked_at),
        "last_report_at": row.last_report_at and written(row.last_report_at),
        "reports": row.reports,
        "bundle_number": row.bundle_number,
        "alarms": row.alarms,
    }


ALARM_COLUMNS = (
    "number",
    "kind",
    "station_id",
    "phone_id",
    "report_id",
    "raised_at",
    "detail",
    "open",
    "settled_at",
    "settled_by",
    "settled_reason",
)


def listed_alarm(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as it stands in the list of alarms."""
    settled = alarm.settled
    return {
        "number": alarm.number,
        "kind": alarm.kind.value,
        "station_id": alarm.station_id,
        "phone_id": alarm.phone_id,
        "report_id": alarm.report_id,
        "raised_at": written(alarm.raised_at),
        "detail": alarm.detail,
        "open": settled is None,
        "settled_at": written(settled.at) if settled else None,
        "settled_by": settled.by if settled else None,
        "settled_reason": settled.reason if settled else None,
    }


EXEMPTION_COLUMNS = ("phone_id", "until", "reason", "in_force", "since", "state", "ended_at")


def listed_exemption(known: KnownExemption) -> dict[str, Any]:
    """Return an exemption as it stands in the list of exemptions."""
    return {
        "phone_id": known.exemption.phone_id,
        "until": written(known.exemption.until),
        "reason": known.exemption.reason,
        "in_force": known.state is ExemptionState.IN_FORCE,
        "since": written(known.since),
        "state": known.state.value,
        "ended_at": known.ended_at and written(known.ended_at),
    }


BLOCK_COLUMNS = ("holder", "block", "cause", "since", "phone_id")


def listed_block(entry: Block) -> dict[str, Any]:
    """Return a holder as it stands in the list for the mail side."""
    return {
        "holder": entry.holder,
        "block": entry.block,
        "cause": entry.cause.value,
        "since": written(entry.since),
        "phone_id": entry.phone_id,
    }


def listed_deadline(view: DeadlineView) -> dict[str, Any]:
    """Return how ready the fleet is for the deadline."""
    return {
        "begins_at": view.begins_at and written(view.begins_at),
        "moment": view.moment.value,
        "what_happens": view.paragraph,
        "not_ready": view.ready.total,
        "of": view.ready.of,
        "by_cause": [
            {
                "standing": one.standing.value,
                "phones": one.phones,
                "next_step": NEXT_STEPS[one.standing],
            }
            for one in view.ready.left
        ],
        "to_block": [
            {"cause": one.cause.value, "phones": one.phones, "when": view.when_told(later=one.later)}
            for one in view.follows.told
        ],
        "by_last_contact": {**view.ages, "never": view.never_checked},
        "by_unit": [asdict(one) for one in view.units.units],
        "days": [
            {"day": day.isoformat(), "standings": {one.value: phones for one, phones in counts.items()}}
            for day, counts in view.days.items()
        ],
        "reminders": [
            {"day": day.isoformat(), "taken": one.taken, "refused": one.refused}
            for day, one in view.reminders.items()
        ],
        "dates": [
            {"name": event.name, "at": written(event.at), "summary": event.summary} for event in view.dates
        ],
    }


PERSON_COLUMNS = (
    "name",
    "roles",
    "on",
    "off_since",
    "made_at",
    "password_changed_at",
    "first_password_until",
    "last_sign_in_at",
)


def listed_person(one: Person) -> dict[str, Any]:
    """Return an account as it stands in the list of people, without anything of its password."""
    return {
        "name": one.name,
        "roles": sorted(role.value for role in one.roles),
        "on": one.off_since is None,
        "off_since": one.off_since and written(one.off_since),
        "made_at": written(one.made_at),
        "password_changed_at": written(one.password_changed_at),
        "first_password_until": one.first_password_until and written(one.first_password_until),
        "last_sign_in_at": one.last_sign_in_at and written(one.last_sign_in_at),
    }


TOKEN_COLUMNS = ("token_id", "owner", "name", "scopes", "made_at", "ends_at", "good", "last_used_on")


def listed_token(one: Token, now: datetime) -> dict[str, Any]:
    """Return a token as it stands in the list of tokens, without its secret."""
    return {
        "token_id": one.token_id,
        "owner": one.owner,
        "name": one.name,
        "scopes": sorted(scope.value for scope in one.scopes),
        "made_at": written(one.made_at),
        "ends_at": written(one.ends_at),
        "good": one.is_good(now),
        "last_used_on": one.last_used_on and one.last_used_on.isoformat(),
    }


AUDIT_COLUMNS = ("number", "at", "actor", "action", "subject", "detail", "previous", "hash")


def listed_audit_row(row: ChainRow) -> dict[str, Any]:
    """Return an audit row in the very texts that were hashed."""
    return asdict(row)
