"""The form of what owners ask for, and of what they are told."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from server.api.list_schemas import ByTimeSchema, ListSchema, moment, yes_or_no
from server.api.schemas import BodySchema, said
from server.owners.requests import TEXT_MAX_LENGTH, RequestKind


class OwnerRequestPieceSchema(ByTimeSchema):
    """Which requests: those that wait for an answer, or those that have one."""

    open = yes_or_no()


class OwnerRequestSchema(Schema):
    """One request about one phone; ``text`` is its owner's words, ``answer`` what stands on the owner's page."""

    number = fields.Integer(required=True)
    phone_id = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf([kind.value for kind in RequestKind]))
    text = fields.String(required=True)
    asked_at = moment()
    open = fields.Boolean(required=True)
    answered_at = moment(allow_none=True)
    answered_by = fields.String(required=True, allow_none=True)
    answer = fields.String(required=True, allow_none=True)


class OwnerRequestsSchema(ListSchema):
    """A piece of what owners ask for, by the requests' numbers."""

    owner_requests = fields.List(fields.Nested(OwnerRequestSchema), required=True)


class OwnerAnswerSchema(BodySchema):
    """What the owner is told."""

    answer = said(TEXT_MAX_LENGTH, lines=True)
