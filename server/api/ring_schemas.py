"""The form of what is told of rings."""

from __future__ import annotations

from marshmallow import Schema, fields

from server.api.list_schemas import moment


class RingFailureSchema(Schema):
    """How many phones of a ring failed in one way for one reason; null where none is known."""

    progress = fields.String(required=True)
    failure = fields.String(required=True, allow_none=True)
    phones = fields.Integer(required=True)


class RingSchema(Schema):
    """A ring: the phones whose share is ``above`` or more and below ``below``, and how far they have come."""

    ring = fields.Integer(required=True)
    above = fields.Float(required=True)
    below = fields.Float(required=True)
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


class RingsSchema(Schema):
    """The rings of the policy in force, in their order; bundle 0 where none is published."""

    bundle_number = fields.Integer(required=True)
    rings = fields.List(fields.Nested(RingSchema), required=True)
    server_time = moment()
