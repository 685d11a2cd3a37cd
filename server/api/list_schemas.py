"""The form of lists: which piece is asked for, a row of each, and a piece of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from enum import Enum
from typing import Any

from marshmallow import Schema, fields, validate

from policy.attempt import AttemptCause
from policy.rehearsal import Outcome
from server.api.schemas import AuditRowSchema, BodySchema, one_line
from server.evidence.alarms import AlarmKind
from server.exemptions.known import ExemptionState
from server.fleet.blocks import BLOCKING
from server.fleet.changes import Change
from server.fleet.failures import Failure
from server.fleet.phones import HOLDER_MAX_LENGTH
from server.fleet.rings import Progress
from server.fleet.standing import Standing


class Sort(Enum):
    """In which order things are listed that happened at some time."""

    NEWEST = "newest"
    OLDEST = "oldest"


class StationSort(Enum):
    """What stations are listed by."""

    STATION_ID = "station_id"
    NAME = "name"
    ENROLLED_AT = "enrolled_at"


def columns_of(row: type[Schema]) -> Sequence[str]:
    """Return the columns of a list with such rows, in their order."""
    return list(row().fields)


def yes_or_no() -> fields.Boolean:
    """Return a field of an address that is ``true``, ``false`` or not there."""
    # marshmallow's own would take "on" and "t", too.
    return fields.Boolean(truthy={"true"}, falsy={"false"}, load_default=None)


def _word(length: int = 100) -> fields.String:
    return fields.String(load_default=None, validate=validate.Length(1, length))


def _number() -> fields.Integer:
    # The columns' bound: a larger one stands in no row, and fails in a database.
    return fields.Integer(load_default=None, validate=validate.Range(0, (1 << 63) - 1))


def moment(**options: Any) -> fields.String:
    """Return a field for a time, UTC."""
    return fields.String(required=True, metadata={"format": "date-time"}, **options)


class PieceSchema(Schema):
    """Which piece of a list: behind a cursor that an earlier one gave as ``next``, and how many rows at most."""

    after = fields.String(load_default="", validate=validate.Length(max=200))
    limit = fields.Integer(load_default=1000, validate=validate.Range(1, 5000))
    whole = fields.Boolean(
        truthy={"true"},
        falsy={"false"},
        load_default=False,
        metadata={"description": "all rows at once, whatever `limit` says; as CSV or lines of JSON"},
    )


class PhonePieceSchema(PieceSchema):
    """Which phones: of one standing, of one ring, and with a piece of text in label, model, maker or id."""

    standing = fields.Enum(Standing, by_value=True, load_default=None)
    ring = fields.Integer(
        load_default=None,
        validate=validate.Range(1, 1000),
        metadata={"description": "of the policy in force; 1 is the first"},
    )
    progress = fields.Enum(
        Progress,
        by_value=True,
        load_default=None,
        metadata={"description": "with `ring`: what has become of the phone since the ring started"},
    )
    failure = fields.Enum(
        Failure,
        by_value=True,
        load_default=None,
        metadata={"description": "with `ring`: why its latest check did not reach what the policy asks for"},
    )
    search = fields.String(load_default="", validate=validate.Length(max=100))


class BlockPieceSchema(PieceSchema):
    """Whose places: everybody's, theirs who may stand otherwise since an earlier ``cursor``, or who is to block why."""

    since = fields.String(load_default="", validate=validate.Length(max=200))
    cause = fields.String(
        load_default=None, validate=validate.OneOf(sorted(cause.value for cause in BLOCKING))
    )


class StationPieceSchema(PieceSchema):
    """Which stations: those in service or those revoked."""

    in_service = yes_or_no()
    sort = fields.Enum(StationSort, by_value=True, load_default=StationSort.STATION_ID)


class ByTimeSchema(PieceSchema):
    """A piece of what happened at some time, and in which order."""

    sort = fields.Enum(Sort, by_value=True, load_default=Sort.NEWEST)


class AlarmPieceSchema(ByTimeSchema):
    """Which alarms: open or settled, of one kind, that one station raised, about one phone."""

    open = yes_or_no()
    kind = fields.Enum(AlarmKind, by_value=True, load_default=None)
    station = _word()
    phone = _word()


class AuditPieceSchema(ByTimeSchema):
    """Which audit rows: of one actor, one action, one subject, each whole as it stands in the row."""

    actor = _word(200)
    action = _word()
    subject = _word(300)


class RefusalPieceSchema(ByTimeSchema):
    """Which refusals: that still stand or do not, of one station, of one bundle, for one reason."""

    open = yes_or_no()
    station = _word()
    bundle_number = _number()
    code = _word()


class AttemptPieceSchema(ByTimeSchema):
    """Which visits in vain: since which the phone was not checked, or was; by station, phone and cause."""

    open = yes_or_no()
    station = _word()
    phone = _word()
    cause = fields.Enum(AttemptCause, by_value=True, load_default=None)


class PublicationPieceSchema(ByTimeSchema):
    """Which publications: of one bundle."""

    bundle_number = _number()


class ExemptionPieceSchema(PieceSchema):
    """Which exemptions: in force, or over."""

    in_force = yes_or_no()


class ListSchema(Schema):
    """A piece of a list: its rows are added under the list's name."""

    next = fields.String(required=True, allow_none=True)
    server_time = moment()


class BlockSchema(Schema):
    """What is to be done about one holder, why, and since when."""

    holder = fields.String(required=True)
    block = fields.Boolean(required=True)
    cause = fields.String(required=True)
    since = fields.String(
        required=True,
        metadata={
            "format": "date-time",
            "description": "of a block: when its cause began to block under the measure, without a break since",
        },
    )
    phone_id = fields.String(required=True)


class BlocksSchema(ListSchema):
    """Every holder of a provisioned phone once, in pieces; ``next`` is null behind the last.

    ``cursor``, which each piece of a list tells as the first did, is to be sent as ``since`` the next time; it is
    empty where only one cause was asked for.
    """

    cursor = fields.String(required=True)

    blocks = fields.List(fields.Nested(BlockSchema), required=True)


class ListedPhoneSchema(Schema):
    """One phone as the list shows it; never its holder."""

    phone_id = fields.String(required=True)
    label = fields.String(required=True)
    manufacturer = fields.String(required=True)
    model = fields.String(required=True)
    standing = fields.String(required=True)
    exempt = fields.Boolean(required=True)
    consent = fields.String(required=True)
    virtual = fields.Boolean(required=True)
    registered_at = moment()
    last_check_at = moment(allow_none=True)
    families = fields.List(fields.String(), required=True)
    open_entries = fields.Integer(required=True)
    station = fields.String(required=True)
    unit = fields.String(required=True)


class ListedPhonesSchema(ListSchema):
    """A piece of the fleet, by urgency, and of one standing those not seen for longest first."""

    phones = fields.List(fields.Nested(ListedPhoneSchema), required=True)


class HolderSchema(BodySchema):
    """Whose phones are asked for."""

    holder = one_line(HOLDER_MAX_LENGTH, 1)


class PhonesOfHolderSchema(Schema):
    """All phones of one holder; none where nobody has this reference."""

    phones = fields.List(fields.Nested(ListedPhoneSchema), required=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class RehearsedPieceSchema(PieceSchema):
    """Which phones: those of one outcome."""

    outcome = fields.Enum(Outcome, by_value=True, required=True)


class RehearsedPhoneSchema(Schema):
    """One phone as it was rehearsed; never its holder. ``before`` is its outcome under the policy in force then."""

    phone_id = fields.String(required=True)
    label = fields.String(required=True)
    unit = fields.String(required=True)
    outcome = fields.String(required=True)
    before = fields.String(required=True, allow_none=True)
    cause = fields.String(required=True, allow_none=True)
    found = fields.List(fields.String(), required=True)
    disabled = fields.List(fields.String(), required=True)
    restored = fields.List(fields.String(), required=True)
    last_check_at = moment(allow_none=True)


class RehearsedPhonesSchema(ListSchema):
    """A piece of the phones of one outcome, by their ids."""

    phones = fields.List(fields.Nested(RehearsedPhoneSchema), required=True)


class CheckSchema(Schema):
    """One check of a phone. ``report`` is what its station signed, null where it was thinned out."""

    report_id = fields.String(required=True)
    checked_at = moment()
    effective_at = fields.String(
        required=True,
        metadata={
            "format": "date-time",
            "description": "what counts: the station's time, or its arrival if earlier",
        },
    )
    received_at = moment()
    late = fields.Boolean(required=True)
    station_id = fields.String(required=True)
    station = fields.String(required=True)
    verdict = fields.String(required=True)
    enforceable = fields.Boolean(required=True)
    bundle_number = fields.Integer(required=True)
    actions = fields.Integer(required=True)
    thinned = fields.Boolean(
        required=True,
        metadata={
            "description": "nothing had changed since the check before it, and its report is kept no more"
        },
    )
    report = fields.Dict(required=True, allow_none=True)


class ChecksSchema(ListSchema):
    """A piece of a phone's checks, newest first."""

    checks = fields.List(fields.Nested(CheckSchema), required=True)


class ChangePieceSchema(PieceSchema):
    """Which change, and since when (24 hours ago, unless told)."""

    change = fields.Enum(Change, by_value=True, required=True)
    since = fields.AwareDateTime(load_default=None, default_timezone=UTC)


class ChangedPhoneSchema(ListedPhoneSchema):
    """A phone as it stands now, and ``at`` which time it changed."""

    at = moment()


class ChangedPhonesSchema(ListSchema):
    """A piece of the phones that changed in one way, in the order in which they did."""

    phones = fields.List(fields.Nested(ChangedPhoneSchema), required=True)


class ListedStationSchema(Schema):
    """One station."""

    station_id = fields.String(required=True)
    name = fields.String(required=True)
    enrolled_at = moment()
    revoked_at = moment(allow_none=True)
    last_report_at = moment(allow_none=True)
    reports = fields.Integer(required=True)
    bundle_number = fields.Integer(required=True)
    alarms = fields.Integer(required=True)


class ListedStationsSchema(ListSchema):
    """A piece of the stations, by their ids."""

    stations = fields.List(fields.Nested(ListedStationSchema), required=True)


class ListedAlarmSchema(Schema):
    """One alarm; of the audit chain's troubles phone and report are empty."""

    number = fields.Integer(required=True)
    kind = fields.String(required=True, validate=validate.OneOf([kind.value for kind in AlarmKind]))
    station_id = fields.String(required=True)
    phone_id = fields.String(required=True)
    report_id = fields.String(required=True)
    raised_at = moment()
    detail = fields.String(required=True)
    open = fields.Boolean(required=True)
    settled_at = moment(allow_none=True)
    settled_by = fields.String(required=True, allow_none=True)
    settled_reason = fields.String(required=True, allow_none=True)


class ListedAlarmsSchema(ListSchema):
    """A piece of the alarms, by their numbers."""

    alarms = fields.List(fields.Nested(ListedAlarmSchema), required=True)


class ListedAuditRowsSchema(ListSchema):
    """A piece of the audit chain, by the rows' numbers."""

    audit_rows = fields.List(fields.Nested(AuditRowSchema), required=True)


class ListedRefusalSchema(Schema):
    """A bundle that a station refused; ``open``: it is what that station told last, and no report has settled it."""

    station_id = fields.String(required=True)
    station = fields.String(required=True)
    bundle_number = fields.Integer(required=True)
    code = fields.String(required=True)
    sentence = fields.String(required=True)
    agent_version = fields.String(required=True)
    judgement_version = fields.Integer(required=True)
    accepted_number = fields.Integer(required=True)
    first_seen_at = moment()
    last_seen_at = moment()
    open = fields.Boolean(required=True)


class ListedRefusalsSchema(ListSchema):
    """A piece of the refusals, by when each was told last."""

    refusals = fields.List(fields.Nested(ListedRefusalSchema), required=True)


class ListedAttemptSchema(Schema):
    """The newest visit of one station to one phone that was in vain; ``open``: the phone was not checked since."""

    station_id = fields.String(required=True)
    station = fields.String(required=True)
    phone_id = fields.String(required=True)
    at = moment()
    since = moment()
    time_trusted = fields.Boolean(required=True)
    transport = fields.String(required=True)
    cause = fields.String(required=True)
    open = fields.Boolean(required=True)


class ListedAttemptsSchema(ListSchema):
    """A piece of the visits in vain, by when each was."""

    attempts = fields.List(fields.Nested(ListedAttemptSchema), required=True)


class ListedPublicationSchema(Schema):
    """One publication; new exemptions or signatures of a bundle are a publication of their own."""

    serial = fields.Integer(required=True)
    bundle_number = fields.Integer(required=True)
    fleet_number = fields.Integer(required=True)
    name = fields.String(required=True)
    published_at = moment()
    deadline = moment()
    review_at = moment()
    ends_at = moment()
    lifted = fields.Boolean(required=True)
    exemptions = fields.Integer(required=True)
    signers = fields.List(fields.String(), required=True)
    expires = moment()
    demo = fields.Boolean(required=True)


class ListedPublicationsSchema(ListSchema):
    """A piece of the publications, in their order."""

    publications = fields.List(fields.Nested(ListedPublicationSchema), required=True)


class ListedExemptionSchema(Schema):
    """One exemption that was published, from when it was; ``ended_at`` is null while it is in force."""

    phone_id = fields.String(required=True)
    until = moment()
    reason = fields.String(required=True)
    in_force = fields.Boolean(required=True)
    since = moment()
    state = fields.String(required=True, validate=validate.OneOf([one.value for one in ExemptionState]))
    ended_at = moment(allow_none=True)


class ListedExemptionsSchema(ListSchema):
    """A piece of the exemptions, by the ids of their phones."""

    exemptions = fields.List(fields.Nested(ListedExemptionSchema), required=True)
