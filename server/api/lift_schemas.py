"""The JSON of a lift: how far it has come, who waits, and its certificates."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from server.api.list_schemas import ListSchema, moment
from server.api.schemas import BodySchema, one_line
from server.fleet.lift import WaitCause
from server.fleet.lift_certifying import REASON_MAX_LENGTH

_CAUSE = validate.OneOf([one.value for one in WaitCause])


class CertificateRowSchema(Schema):
    """One certificate as it is listed; ``unproven`` are the phones that were let be by name and reason."""

    number = fields.Integer(required=True)
    made_at = moment()
    made_by = fields.String(required=True)
    phones = fields.Integer(required=True)
    unproven = fields.Integer(required=True)


class LiftCertificateSchema(CertificateRowSchema):
    """A certificate that was just signed."""

    server_time = moment()


class LiftSchema(Schema):
    """How far a lift has come; ``lifted_since`` is null before one, and the counts are of who would have to wait."""

    lifted_since = moment(allow_none=True)
    waiting = fields.Integer(required=True)
    by_cause = fields.Dict(required=True, keys=fields.String(validate=_CAUSE), values=fields.Integer())
    by_age = fields.Dict(
        required=True,
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "by the age of the latest check: day, week, month, longer"},
    )
    certificates = fields.List(fields.Nested(CertificateRowSchema), required=True)
    server_time = moment()


class WaitingPhoneSchema(Schema):
    """One phone that waits; the newest visit in vain since its latest check is null and empty where there was none."""

    phone_id = fields.String(required=True)
    label = fields.String(required=True)
    unit = fields.String(required=True)
    cause = fields.String(required=True, validate=_CAUSE)
    next_step = fields.String(required=True)
    last_at = moment()
    attempted_at = moment(allow_none=True)
    attempt_cause = fields.String(required=True)


class WaitingPhonesSchema(ListSchema):
    """A piece of the phones that wait, those not seen for longest first."""

    phones = fields.List(fields.Nested(WaitingPhoneSchema), required=True)


class CertifySchema(BodySchema):
    """Have a lift certified; ``accept_rest`` says why phones without a proof are let be."""

    accept_rest = one_line(REASON_MAX_LENGTH, load_default="")


class ProofSchema(Schema):
    """Which report read a phone back restored."""

    phone_id = fields.String(required=True)
    report_id = fields.String(required=True)
    checked_at = moment()
    payload_sha256 = fields.String(required=True)


class UnprovenSchema(Schema):
    """A phone that was let be, and why it has no proof."""

    phone_id = fields.String(required=True)
    cause = fields.String(required=True)


class LiftCertificateFileSchema(Schema):
    """A certificate: a DSSE envelope under the audit key, and what its digest is over."""

    certificate = fields.Dict(required=True)
    proofs = fields.List(fields.Nested(ProofSchema), required=True)
    unproven = fields.List(fields.Nested(UnprovenSchema), required=True)
