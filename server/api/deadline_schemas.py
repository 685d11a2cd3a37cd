"""The JSON of the deadline: who is not ready and why, what follows, and how it came about day by day."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from server.api.list_schemas import moment as time_field
from server.fleet.blocks import BlockCause
from server.fleet.readiness import NOT_READY, Moment
from server.fleet.standing import Standing


def _number() -> fields.Integer:
    return fields.Integer(required=True, validate=validate.Range(min=0))


class CauseLeftSchema(Schema):
    """The phones that are left for one cause, and who does what about it."""

    standing = fields.String(required=True, validate=validate.OneOf([one.value for one in NOT_READY]))
    phones = _number()
    next_step = fields.String(required=True)


class ToBlockSchema(Schema):
    """For how many phones the mail side is told to block the holder for one cause, and when, in words."""

    cause = fields.String(required=True, validate=validate.OneOf([one.value for one in BlockCause]))
    phones = _number()
    when = fields.String(required=True)


class UnitLeftSchema(Schema):
    """How many phones of a unit are left; null where so few are that the number could be somebody."""

    unit = fields.String(required=True)
    phones = fields.Integer(required=True, allow_none=True)


class DaySchema(Schema):
    """How many phones stood how on one day (UTC), counted as it began."""

    day = fields.String(required=True, metadata={"format": "date"})
    standings = fields.Dict(
        required=True,
        keys=fields.String(validate=validate.OneOf([one.value for one in Standing])),
        values=_number(),
    )


class ReminderSchema(Schema):
    """How many checks of one day (UTC) reminded an owner, and at how many the phone took no notice."""

    day = fields.String(required=True, metadata={"format": "date"})
    taken = _number()
    refused = _number()


class DateSchema(Schema):
    """One date of the policy in force; ``name`` tells it from the others, like ``deadline`` or ``ring-2``."""

    name = fields.String(required=True)
    at = time_field()
    summary = fields.String(required=True)


class DeadlineSchema(Schema):
    """How ready the fleet is; ``begins_at`` is when the first phones are enforced, null without a policy."""

    begins_at = time_field(allow_none=True)
    moment = fields.String(required=True, validate=validate.OneOf([one.value for one in Moment]))
    what_happens = fields.String(required=True)
    not_ready = _number()
    of = _number()
    by_cause = fields.List(fields.Nested(CauseLeftSchema), required=True)
    to_block = fields.List(fields.Nested(ToBlockSchema), required=True)
    by_last_contact = fields.Dict(
        required=True,
        keys=fields.String(),
        values=_number(),
        metadata={
            "description": "those not ready by when they were seen last: day, week, month, longer, never"
        },
    )
    by_unit = fields.List(fields.Nested(UnitLeftSchema), required=True)
    days = fields.List(fields.Nested(DaySchema), required=True)
    reminders = fields.List(fields.Nested(ReminderSchema), required=True)
    dates = fields.List(fields.Nested(DateSchema), required=True)
    server_time = time_field()
