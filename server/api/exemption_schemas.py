"""The JSON of requests for exemptions: how one is made and refused, and as what it is told."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from policy.exemption_reasons import ExemptionReason
from policy.schemas.fields import Value
from policy.schemas.values import utc_time, write_utc_time
from server.api.list_schemas import ByTimeSchema, ListSchema, moment, yes_or_no
from server.api.schemas import BodySchema, one_line
from server.exemptions.requests import PHONE_MAX_LENGTH, WHY_MAX_LENGTH, RequestState


class AskForExemptionSchema(BodySchema):
    """One phone, by its id or label, is to be left alone until a time."""

    phone = one_line(PHONE_MAX_LENGTH, 1)
    until = Value(utc_time, write_utc_time, metadata={"type": "string", "format": "date-time"})
    reason = fields.Enum(ExemptionReason, by_value=True, required=True)


class RefuseExemptionSchema(BodySchema):
    """Why a request is refused, for whoever asked."""

    why = one_line(WHY_MAX_LENGTH, 1)


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
