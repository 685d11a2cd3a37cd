"""The JSON form of a report: the fields of `policy.report.Report` under their own names.

All of them are required but three, and reports without these are what they were: `watched` stands only in reports of
phones that have a script of their own, `marker` only where the phone showed one and the ledger beside it has none,
`handed_back` only in the report of a phone that was left for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from policy.names import PhoneId
from policy.observation import EnabledState, UserKind
from policy.report import (
    ActionResult,
    CommandExit,
    Consent,
    Report,
    ReportedAction,
    ReportedApp,
    ReportedUser,
)
from policy.schemas.fields import Many, Record, Value, load_strictly, optional_part, part
from policy.schemas.fleet_document import document_kind
from policy.schemas.ledger_document import NUMBER_MAX, LedgerSchema, package_name, user_number
from policy.schemas.quick_reading import FastPathDeclined, quick_reader
from policy.schemas.quick_writing import quick_writer
from policy.schemas.strict_json import parse_object, quick_json
from policy.schemas.values import (
    as_is,
    boolean,
    integer,
    number_of,
    printable_text,
    sha256_hex_or_empty,
    token,
    token_or_empty,
    utc_time,
    word,
    write_utc_time,
)
from policy.schemas.watched_document import WatchedSchema
from policy.verdict import ActionKind, Finding, Reason, ReasonCode, Stage, Verdict

REPORT_KIND = "curfew-report"
_COUNTER_MAX = (1 << 63) - 1
# Over 34,000 years: a phone's clock may stand anywhere and is reported, never refused.
_SKEW_MAX_S = 1 << 40
_ELEMENTS_MAX = 5000
_ADVICE = "Update the station and check the phone again"


def _word(kind: type[Enum]) -> Value:
    return Value(word(kind), lambda member: member.value)


def _line(longest: int = 300) -> Value:
    return Value(printable_text(longest), as_is)


def _state_or_none() -> Value:
    return Value(number_of(EnabledState), int, allow_none=True)


class _ReasonSchema(Record):
    makes = Reason

    code = _word(ReasonCode)
    detail = _line(500)


class _UserSchema(Record):
    makes = ReportedUser

    user = user_number()
    kind = _word(UserKind)
    open_to_shell = Value(boolean, as_is)


class _FindingSchema(Record):
    makes = Finding

    family = _line(100)
    user = user_number()
    package = package_name()


class _AppSchema(Record):
    makes = ReportedApp

    user = user_number()
    package = package_name()
    before = _state_or_none()
    after = _state_or_none()


class _ActionSchema(Record):
    makes = ReportedAction

    kind = _word(ActionKind)
    user = user_number()
    package = package_name()
    result = _word(ActionResult)
    refusal = _line(500)


class _CommandSchema(Record):
    makes = CommandExit

    command = _line(100)
    exit_code = Value(integer(-NUMBER_MAX, NUMBER_MAX), as_is, allow_none=True)


def _report(kind: str, **parts: Any) -> Report:  # noqa: ARG001 - the kind has said its part
    return Report(**parts)


class ReportSchema(Record):
    """A report."""

    makes = _report

    kind = document_kind(REPORT_KIND)
    report_id = Value(token, as_is)
    station_id = Value(token, as_is)
    counter = Value(integer(0, _COUNTER_MAX), as_is)
    operator = _line()
    agent_version = _line(100)
    judgement_version = Value(integer(0, NUMBER_MAX), as_is)
    transport = _line()
    virtual = Value(boolean, as_is)
    phone_id = Value(PhoneId, str)
    consent = _word(Consent)
    model = _line()
    manufacturer = _line()
    release = _line()
    api_level = Value(integer(0, 10_000), as_is)
    patch_level = _line()
    boot_state = _line()
    bundle_number = Value(integer(0, NUMBER_MAX), as_is)
    stage = _word(Stage)
    checked_at = Value(utc_time, write_utc_time)
    time_trusted = Value(boolean, as_is)
    phone_skew_s = Value(integer(-_SKEW_MAX_S, _SKEW_MAX_S), as_is, allow_none=True)
    verdict = _word(Verdict)
    enforceable = Value(boolean, as_is)
    reasons = Many(part(_ReasonSchema), _ELEMENTS_MAX)
    users = Many(part(_UserSchema), _ELEMENTS_MAX)
    findings = Many(part(_FindingSchema), _ELEMENTS_MAX)
    managed = Many(part(_AppSchema), _ELEMENTS_MAX)
    actions = Many(part(_ActionSchema), _ELEMENTS_MAX)
    commands = Many(part(_CommandSchema), _ELEMENTS_MAX)
    answers_sha256 = Value(sha256_hex_or_empty, as_is)
    ledger = part(LedgerSchema)
    contradictions = Many(_line(2000), _ELEMENTS_MAX)
    watched = optional_part(WatchedSchema)
    marker = Value(token_or_empty, as_is, load_default="")
    handed_back = Value(boolean, as_is, load_default=False)


_SCHEMA = ReportSchema()
# With the module: a field that has no quick reading or writing then fails every start, and not the first report.
_read_quickly = quick_reader(_SCHEMA)
_write = quick_writer(_SCHEMA)


def load_report(data: bytes) -> Report:
    """Return the report in `data`; its signature must have been verified before."""
    return read_report(parse_report(data))


def parse_report(data: bytes) -> Mapping[str, Any]:
    """Return the JSON object in `data`, which is to be a report's; raises `InvalidDocument`."""
    return parse_object(data, "a report")


def read_report(document: Mapping[str, Any]) -> Report:
    """Return the report that a parsed document is; raises `InvalidDocument`."""
    report: Report
    try:
        report = _read_quickly(document)
    except FastPathDeclined:
        report = load_strictly(_SCHEMA, document, "report", _ADVICE)
    return report


def dump_report(report: Report) -> bytes:
    """Return `report` as canonical JSON."""
    document = {**_write(report), "kind": REPORT_KIND}
    # Left out and not null: null is refused at the door, and reports without a script stay the bytes they were.
    for name in ("watched", "marker", "handed_back"):
        if not document[name]:
            del document[name]
    return quick_json(document)
