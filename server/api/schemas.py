"""The JSON of the API; strict at the door: unknown fields, wrong types and unstorable texts are refused."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, post_load, validate

from certs.errors import BundleFault
from policy.attempt import ATTEMPTS_AT_ONCE
from policy.errors import InvalidName
from policy.names import PhoneId
from policy.report import Consent
from policy.report_results import BATCH_REPORTS, ReportStatus
from policy.schemas import forms
from policy.schemas.attempt_document import AttemptSchema
from policy.schemas.fields import Value
from policy.schemas.probe_document import ProbeSchema
from policy.schemas.values import utc_time, write_utc_time
from server.fleet.phones import HOLDER_MAX_LENGTH, UNIT_MAX_LENGTH, Registration
from server.rehearsal.kept_rehearsals import RehearsalState
from server.stations.refused_bundles import SENTENCE_MAX_LENGTH, RefusedBundle
from server.texts import storable

# marshmallow sets integers no bound, and databases have one (docs/performance.md 2).
_API_LEVEL_MAX = 10_000
# Each costs a verified signature.
AUDIT_HEADS_AT_ONCE = 100
_NUMBER_MAX = (1 << 31) - 1
_UNITS_MAX = 5000
_BASE64 = {"contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}


def one_line(longest: int, shortest: int = 0, **options: Any) -> fields.String:
    """Return a field of one line of printable text; it must be there unless it has a default."""

    def check(value: str) -> None:
        if not shortest <= len(value) or not storable(value, longest):
            raise ValidationError(f"expected one line of {shortest} to {longest} printable characters")

    told = {**forms.line(longest, shortest), **options.pop("metadata", {})}
    told = {key: value for key, value in told.items() if value is not None}
    return fields.String(required="load_default" not in options, validate=check, metadata=told, **options)


def said(longest: int, *, lines: bool = False, **options: Any) -> fields.String:
    """Return a field of what somebody says, which is more than spaces, on one line or on several."""

    def check(value: str) -> None:
        line = value.replace("\r\n", " ").replace("\n", " ") if lines else value
        if not line.strip() or len(value) > longest or not storable(line, longest):
            kind = "printable characters" if lines else "printable characters on one line"
            raise ValidationError(f"expected 1 to {longest} {kind}, not only spaces")

    told = {**forms.said(longest, lines=lines), **options.pop("metadata", {})}
    return fields.String(required=True, validate=check, metadata=told, **options)


def _number(**options: Any) -> fields.Integer:
    # Strict, or "9" would be taken, too.
    return fields.Integer(required=True, strict=True, validate=validate.Range(0, _NUMBER_MAX), **options)


class TrueOrFalse(fields.Boolean):
    """``true`` or ``false``; "yes" and 1 are booleans to marshmallow, not to us."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("expected true or false")
        return super()._deserialize(value, attr, data, **options)


class BodySchema(Schema):
    """The mother of all bodies that are taken."""

    class Meta:
        """Refuse what we do not know."""

        unknown = RAISE


class ErrorDetailSchema(Schema):
    """What went wrong: a code for programs, a message and the next step for people."""

    code = fields.String(required=True)
    message = fields.String(required=True)
    next = fields.String(required=True)


class ErrorSchema(Schema):
    """The one shape of every error."""

    error = fields.Nested(ErrorDetailSchema, required=True)
    request_id = fields.String(
        required=True, metadata={"description": "what the server's log calls this request; X-Request-Id, too"}
    )
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class StatusSchema(Schema):
    """What any station may ask at any time."""

    server_time = fields.String(required=True, metadata={"format": "date-time"})
    bundle_number = fields.Integer(required=True, metadata={"description": "0 before the first publication"})
    fleet_number = fields.Integer(required=True, metadata={"description": "of the newest exemptions"})
    next_contact_s = fields.Integer(required=True)
    demo = fields.Boolean(required=True)
    held_ring = fields.Integer(
        required=True,
        allow_none=True,
        metadata={
            "description": "phones of this ring of that bundle and of those behind it are not newly disabled; null: no"
            " ring is held"
        },
    )
    held_from = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "the same for older stations: phones whose share is this or more; null as well where rings"
            " list phones"
        },
    )


class EnrolmentSchema(BodySchema):
    """A station asks to be known."""

    token = one_line(64, 1)
    name = one_line(100, 1)
    # It has several lines, so it is no `_text`; whether it is a key shows when it is loaded.
    public_key_pem = fields.String(
        required=True, validate=validate.Length(max=2000), metadata={"pattern": r"^[^\x00]*$"}
    )


class EnrolledSchema(Schema):
    """The station's id from now on."""

    station_id = fields.String(required=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class RegistrationSchema(BodySchema):
    """A station has provisioned a phone."""

    # Not $, which lets a line's end through (docs/performance.md 2).
    identity = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{64}\Z"))
    phone_id = fields.String(required=True, metadata=forms.PHONE_ID)
    manufacturer = one_line(100)
    model = one_line(100)
    label = one_line(100)
    holder = one_line(HOLDER_MAX_LENGTH, 1)
    unit = one_line(
        UNIT_MAX_LENGTH,
        load_default="",
        metadata={
            "description": "the organisation's label of a group; empty: the phone stays in the one it is in"
        },
    )
    consent = fields.Enum(Consent, by_value=True, required=True)
    api_level = fields.Integer(required=True, strict=True, validate=validate.Range(0, _API_LEVEL_MAX))
    virtual = TrueOrFalse(required=True)
    probe = fields.Nested(ProbeSchema, load_default=None)
    marker_sha256 = fields.String(
        load_default=None,
        validate=validate.Regexp(r"[0-9a-f]{64}\Z"),
        metadata={
            "description": "SHA-256 of the marker that the phone is to carry; by it other stations meet it"
        },
    )

    @post_load
    def registration(self, values: dict[str, Any], **_options: Any) -> Registration:
        """Return the domain's value."""
        try:
            values["phone_id"] = PhoneId(values["phone_id"])
        except InvalidName as error:
            # Under its name, so that the answer says which field is wrong.
            raise ValidationError(str(error), "phone_id") from error
        return Registration(**values)


class RegisteredSchema(Schema):
    """The id under which the phone is known; it differs from the proposed one when the phone was known before."""

    phone_id = fields.String(required=True)
    changed = fields.List(
        fields.String(validate=validate.OneOf(["holder", "label", "unit", "consent", "marker"])),
        required=True,
        metadata={"description": "what was stored of a known phone and is replaced now"},
    )
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class MeetingSchema(BodySchema):
    """What a phone shows to those who read it."""

    marker = one_line(100, 1)


class MetSchema(Schema):
    """The station may report on the phone, and ask for its ledger."""

    phone_id = fields.String(required=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class RefusalSchema(BodySchema):
    """A station refuses the newest bundle and goes on with the one it accepted before."""

    bundle_number = _number(metadata={"description": "of the newest bundle, as the server named it"})
    code = fields.String(
        required=True,
        validate=validate.Regexp(r"[a-z_]{1,40}\Z"),
        metadata={
            "description": f"one of {', '.join(code.value for code in BundleFault)}; a newer agent may know more"
        },
    )
    sentence = one_line(SENTENCE_MAX_LENGTH, 1)
    agent_version = one_line(100, 1)
    judgement_version = _number()
    accepted_number = _number(
        metadata={"description": "of the bundle in force at the station, 0 without one"}
    )
    refused_at = Value(
        utc_time,
        write_utc_time,
        metadata={
            **forms.UTC_TIME,
            "description": "the station's time; reports of the same run carry it too",
        },
    )

    @post_load
    def refusal(self, values: dict[str, Any], **_options: Any) -> RefusedBundle:
        """Return the domain's value."""
        return RefusedBundle(**values)


class RefusalKeptSchema(Schema):
    """The refusal is stored and shown to the admins."""

    server_time = fields.String(required=True, metadata={"format": "date-time"})


class AttemptsSchema(BodySchema):
    """A station visited phones in vain, where it had met them last."""

    attempts = fields.List(
        fields.Nested(AttemptSchema), required=True, validate=validate.Length(min=1, max=ATTEMPTS_AT_ONCE)
    )


class RefusedAttemptSchema(Schema):
    """An attempt that is not taken."""

    phone_id = fields.String(required=True)
    code = fields.String(required=True, validate=validate.OneOf(["phone_unknown", "phone_not_met"]))
    message = fields.String(required=True)


class AttemptsKeptSchema(Schema):
    """The attempts are stored but for those named here; telling one again changes nothing."""

    refused = fields.List(fields.Nested(RefusedAttemptSchema), required=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class LedgerAnswerSchema(Schema):
    """The newest ledger the server knows of one phone; null if none was ever reported."""

    phone_id = fields.String(required=True)
    ledger = fields.Dict(required=True, allow_none=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class AuditRowSchema(Schema):
    """One audit row in the very texts that were hashed.

    ``hash`` is the SHA-256 over the JSON list of the other fields in this order, written without escapes.
    """

    number = fields.Integer(required=True)
    at = fields.String(required=True, metadata={"description": "UTC, ISO 8601"})
    actor = fields.String(required=True)
    action = fields.String(required=True)
    subject = fields.String(required=True)
    detail = fields.String(required=True, metadata={"description": "an object, as JSON text"})
    previous = fields.String(required=True, metadata={"description": "the hash of the row before"})
    hash = fields.String(required=True)


class AuditRowsSchema(Schema):
    """Rows above the number that was asked for, and the signed head: null if it was taken away."""

    rows = fields.List(fields.Nested(AuditRowSchema), required=True)
    head = fields.Dict(required=True, allow_none=True, metadata={"description": "a DSSE envelope"})
    audit_key_pem = fields.String(required=True, metadata={"description": "the key that signs heads"})
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class AuditHeadsSchema(BodySchema):
    """Signed heads of the audit chain as a station kept them: DSSE envelopes."""

    heads = fields.List(
        fields.Dict(), required=True, validate=validate.Length(min=1, max=AUDIT_HEADS_AT_ONCE)
    )


class HeadsComparedSchema(Schema):
    """Whether those heads stand in the chain, and the chain has a head itself."""

    fits = fields.Boolean(required=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class _SignatureSchema(Schema):
    """The one signature of an envelope."""

    keyid = fields.String(required=True, metadata=forms.line(100))
    sig = fields.String(required=True, metadata=_BASE64)


class EnvelopeSchema(Schema):
    """A DSSE envelope with one signature; it is described here, and read by `certs.envelope`."""

    payload = fields.String(required=True, metadata=_BASE64)
    payload_type = fields.String(required=True, data_key="payloadType", metadata=forms.line(100))
    signatures = fields.List(
        fields.Nested(_SignatureSchema), required=True, validate=validate.Length(equal=1)
    )


class BatchSchema(Schema):
    """Signed reports, oldest first: DSSE envelopes of type application/vnd.curfew.report+json.

    One that is none is refused in its own result, so that those beside it are kept.
    """

    reports = fields.List(
        fields.Nested(EnvelopeSchema), required=True, validate=validate.Length(max=BATCH_REPORTS)
    )


class ReportResultSchema(Schema):
    """What became of one report; ``stored``, ``late`` and ``duplicate`` need no second sending."""

    report_id = fields.String(required=True, metadata={"description": "empty where none could be read"})
    status = fields.String(required=True, validate=validate.OneOf([status.value for status in ReportStatus]))
    code = fields.String(required=True)
    message = fields.String(required=True)


class ReportAnswerSchema(StatusSchema):
    """One result per report, in order, and the signed head of the audit chain for the station to keep."""

    results = fields.List(fields.Nested(ReportResultSchema), required=True)
    audit_head = fields.Dict(required=True, metadata={"description": "a DSSE envelope"})


class RehearsedPolicySchema(Schema):
    """A policy document; what is wrong with it is told by the rehearsal's own reader."""

    class Meta:
        """Every field goes through: which there are is the policy's to say."""

        unknown = INCLUDE


class RehearsalTimeSchema(Schema):
    """When the policy is imagined to be in force; unless told, once it bears on every phone."""

    at = fields.AwareDateTime(load_default=None, default_timezone=UTC)


class RehearsalStartedSchema(Schema):
    """Under which id a rehearsal is to be asked for."""

    rehearsal_id = fields.String(required=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class RehearsalSchema(Schema):
    """How far a rehearsal is; ``result`` is null until its state is ``done``."""

    rehearsal_id = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf([state.value for state in RehearsalState]))
    phones_done = fields.Integer(required=True)
    phones_total = fields.Integer(required=True)
    started_at = fields.String(required=True, metadata={"format": "date-time"})
    started_by = fields.String(required=True)
    moment = fields.String(required=True, metadata={"format": "date-time"})
    policy_sha256 = fields.String(required=True)
    draft_id = fields.Integer(required=True, allow_none=True)
    revision = fields.Integer(required=True, allow_none=True)
    failure = fields.String(required=True)
    result = fields.Dict(required=True, allow_none=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class UnitSchema(BodySchema):
    """Which unit a phone belongs to; the phone by its id or its label, the unit empty for none."""

    phone = one_line(100, 1)
    unit = one_line(UNIT_MAX_LENGTH)


class UnitsSchema(BodySchema):
    """Units of phones: all of them are set, or none."""

    units = fields.List(fields.Nested(UnitSchema), required=True, validate=validate.Length(1, _UNITS_MAX))
    dry_run = TrueOrFalse(load_default=False)


class UnitsSetSchema(Schema):
    """How many phones are, or would be, in another unit than before."""

    changed = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    dry_run = fields.Boolean(required=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})
