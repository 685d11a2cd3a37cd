"""The form of lists: which piece is asked for, a row of each, and a piece of them."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from server.fleet.standing import Standing


class PieceSchema(Schema):
    """Which piece of a list: behind a cursor that an earlier one gave as ``next``, and how many rows at most."""

    after = fields.String(load_default="", validate=validate.Length(max=200))
    limit = fields.Integer(load_default=1000, validate=validate.Range(1, 5000))


class PhonePieceSchema(PieceSchema):
    """Which phones: of one standing, and with a piece of text in label, model, maker or id."""

    standing = fields.Enum(Standing, by_value=True, load_default=None)
    search = fields.String(load_default="", validate=validate.Length(max=100))


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


class BlocksSchema(Schema):
    """Every holder of a provisioned phone once, in pieces; ``next`` is null behind the last."""

    blocks = fields.List(fields.Nested(BlockSchema), required=True)
    next = fields.String(required=True, allow_none=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})


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
    registered_at = fields.String(required=True, metadata={"format": "date-time"})
    last_check_at = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    families = fields.List(fields.String(), required=True)
    open_entries = fields.Integer(required=True)
    station = fields.String(required=True)


class ListedPhonesSchema(Schema):
    """A piece of the fleet, by urgency, and of one standing those not seen for longest first."""

    phones = fields.List(fields.Nested(ListedPhoneSchema), required=True)
    next = fields.String(required=True, allow_none=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})


class ListedStationSchema(Schema):
    """One station."""

    station_id = fields.String(required=True)
    name = fields.String(required=True)
    enrolled_at = fields.String(required=True, metadata={"format": "date-time"})
    revoked_at = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    last_report_at = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    reports = fields.Integer(required=True)
    bundle_number = fields.Integer(required=True)
    alarms = fields.Integer(required=True)


class ListedStationsSchema(Schema):
    """A piece of the stations, by their ids."""

    stations = fields.List(fields.Nested(ListedStationSchema), required=True)
    next = fields.String(required=True, allow_none=True)
    server_time = fields.String(required=True, metadata={"format": "date-time"})
