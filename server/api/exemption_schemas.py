"""The JSON of requests for exemptions: how one is made and refused, and as what it is told."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from certs.fleet_proposal_document import FLEET_APPROVAL_KIND, FLEET_PROPOSAL_KIND, REQUESTS_MAX
from certs.proposal_document import SIGNATURE_MAX_LENGTH
from policy.exemption_reasons import ExemptionReason
from policy.schemas import forms
from policy.schemas.fields import Value
from policy.schemas.values import utc_time, write_utc_time
from server.api.list_schemas import ByTimeSchema, ListSchema, moment, yes_or_no
from server.api.schemas import BodySchema, one_line, said
from server.exemptions.requests import PHONE_MAX_LENGTH, WHY_MAX_LENGTH, RequestState

_SHA256 = r"[0-9a-f]{64}\Z"
_NUMBER_MAX = (1 << 31) - 1


class AskForExemptionSchema(BodySchema):
    """One phone, by its id or label, is to be left alone until a time."""

    phone = one_line(PHONE_MAX_LENGTH, 1)
    until = Value(utc_time, write_utc_time, metadata=forms.UTC_TIME)
    reason = fields.Enum(ExemptionReason, by_value=True, required=True)


class RefuseExemptionSchema(BodySchema):
    """Why a request is refused, for whoever asked."""

    why = said(WHY_MAX_LENGTH)


class RequestPieceSchema(ByTimeSchema):
    """Which requests: those that wait, or those that have ended."""

    open = yes_or_no()


class ListedRequestSchema(Schema):
    """One request; ``ended_at`` and ``ended_by`` are null and empty while nobody has ended it."""

    request_id = fields.Integer(required=True)
    phone_id = fields.String(required=True)
    until = moment()
    reason = fields.String(required=True)
    asked_by = fields.String(required=True)
    asked_at = moment()
    state = fields.String(required=True, validate=validate.OneOf([one.value for one in RequestState]))
    ended_at = moment(allow_none=True)
    ended_by = fields.String(required=True)
    why = fields.String(required=True, metadata={"description": "of a refusal, for whoever asked"})


class ExemptionRequestSchema(ListedRequestSchema):
    """One request as it stands now."""

    server_time = moment()


class ListedRequestsSchema(ListSchema):
    """A piece of the requests, newest first unless asked otherwise."""

    exemption_requests = fields.List(fields.Nested(ListedRequestSchema), required=True)


class AskedExemptionSchema(Schema):
    """One request that a proposal fulfils."""

    request_id = fields.Integer(required=True)
    phone_id = fields.String(required=True)
    label = fields.String(required=True)
    asked_by = fields.String(required=True)
    asked_at = moment()


class FleetProposalSchema(Schema):
    """What the fleet key is to sign; a file of it serves a machine without network.

    ``fleet``, ``targets`` and the files of ``published`` are base64; what is signed are the bytes of ``targets``.
    """

    kind = fields.String(required=True, validate=validate.Equal(FLEET_PROPOSAL_KIND))
    fleet = fields.String(required=True, metadata={"description": "the next fleet document"})
    targets = fields.String(
        required=True, metadata={"description": "TUF targets that name it, in their canonical form"}
    )
    signed_sha256 = fields.String(required=True, metadata={"description": "of the bytes of `targets`"})
    requests = fields.List(fields.Nested(AskedExemptionSchema), required=True)
    published = fields.Dict(
        required=True,
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "the trust files that it follows on, by served name"},
    )


class FleetApprovalSchema(BodySchema):
    """A signature of the fleet key, as `curfew-certs approve` writes it."""

    kind = fields.String(required=True, validate=validate.Equal(FLEET_APPROVAL_KIND))
    requests = fields.List(
        fields.Integer(strict=True, validate=validate.Range(1, _NUMBER_MAX)),
        required=True,
        validate=validate.Length(max=REQUESTS_MAX),
    )
    made_at = Value(utc_time, write_utc_time, metadata=forms.UTC_TIME)
    fleet_number = fields.Integer(required=True, strict=True, validate=validate.Range(0, _NUMBER_MAX))
    # Not $, which lets a line's end through (docs/performance.md 2).
    key_id = fields.String(required=True, validate=validate.Regexp(_SHA256))
    signature = fields.String(
        required=True, validate=validate.Regexp(rf"[0-9a-f]{{2,{SIGNATURE_MAX_LENGTH}}}\Z")
    )
    signed_sha256 = fields.String(required=True, validate=validate.Regexp(_SHA256))


class SignedExemptionsSchema(Schema):
    """What became of a signature."""

    outcome = fields.String(required=True, validate=validate.Equal("published"))
    fleet_number = fields.Integer(required=True)
    requests = fields.Integer(required=True, metadata={"description": "how many requests it has signed"})
    server_time = moment()
