"""The form of what is told of rings."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from server.api.list_schemas import moment
from server.api.schemas import BodySchema, said
from server.fleet.ring_holds import REASON_MAX_LENGTH


class RingFailureSchema(Schema):
    """How many phones of a ring failed in one way for one reason; null where none is known."""

    progress = fields.String(required=True)
    failure = fields.String(required=True, allow_none=True)
    phones = fields.Integer(required=True)


class RingSchema(Schema):
    """A ring and how far it has come: the phones that it lists, or of those that no ring lists the ones of a share.

    The share is ``above`` or more and below ``below``; of a ring that lists its phones both are null.
    """

    ring = fields.Integer(required=True)
    above = fields.Float(required=True, allow_none=True)
    below = fields.Float(required=True, allow_none=True)
    name = fields.String(
        required=True, allow_none=True, metadata={"description": "what the phones that it lists are called"}
    )
    unit = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "whose phones it lists, as they were when the policy was written"},
    )
    listed = fields.Integer(
        required=True,
        allow_none=True,
        metadata={
            "description": "phones that it lists, also those that are not with us any more; null: a share"
        },
    )
    starts_at = moment()
    started = fields.Boolean(required=True)
    phones = fields.Integer(required=True)
    progress = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "phones by what has become of them since the start; every word is there"},
    )
    failures = fields.List(fields.Nested(RingFailureSchema), required=True)


class HoldSchema(Schema):
    """From which ring on nothing new is disabled, since when, by whom and why."""

    ring = fields.Integer(required=True)
    held_at = moment()
    held_by = fields.String(required=True)
    reason = fields.String(required=True)


class HoldRingSchema(BodySchema):
    """Which ring to hold, with all behind it, and why."""

    ring = fields.Integer(required=True, strict=True, validate=validate.Range(1, 1000))
    reason = said(REASON_MAX_LENGTH)


class ReleaseRingsSchema(BodySchema):
    """Why the rings can go on."""

    reason = said(REASON_MAX_LENGTH)


class HeldSchema(Schema):
    """The hold that was made or ended."""

    bundle_number = fields.Integer(required=True)
    ring = fields.Integer(required=True)
    held = fields.Boolean(required=True)
    server_time = moment()


class RingsSchema(Schema):
    """The rings of the policy in force, in their order; bundle 0 where none is published."""

    bundle_number = fields.Integer(required=True)
    rings = fields.List(fields.Nested(RingSchema), required=True)
    hold = fields.Nested(HoldSchema, required=True, allow_none=True)
    server_time = moment()
