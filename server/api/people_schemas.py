"""The JSON of accounts: how one is made and changed, and as what it is told."""

from __future__ import annotations

from enum import Enum

from marshmallow import Schema, fields, validate

from server.api.list_schemas import ListSchema, PieceSchema, moment, yes_or_no
from server.api.schemas import BodySchema, TrueOrFalse, one_line
from server.people.people import Role

_NAME_MAX_LENGTH = 64
# `accepted_name` folds capitals and takes off blanks before it looks.
_NAME = "^ *[A-Za-z0-9][A-Za-z0-9._@-]{0,63} *$"


class PersonSort(Enum):
    """What accounts are listed by."""

    NAME = "name"
    NEWEST = "newest"


class PeoplePieceSchema(PieceSchema):
    """Which accounts: with a piece of text in the name, of one role, on or off."""

    search = fields.String(load_default="", validate=validate.Length(max=_NAME_MAX_LENGTH))
    role = fields.Enum(Role, by_value=True, load_default=None)
    on = yes_or_no()
    sort = fields.Enum(PersonSort, by_value=True, load_default=PersonSort.NAME)


def _roles() -> fields.List[Role]:
    return fields.List(
        fields.Enum(Role, by_value=True), required=True, validate=validate.Length(1, len(Role))
    )


class RolesSchema(BodySchema):
    """All roles that an account is to have."""

    roles = _roles()


class MakePersonSchema(RolesSchema):
    """A new account."""

    name = one_line(_NAME_MAX_LENGTH, 1, metadata={"format": None, "pattern": _NAME})


class SwitchSchema(BodySchema):
    """Whether an account is to be on."""

    on = TrueOrFalse(required=True)


class PersonSchema(Schema):
    """One account; ``first_password_until`` is null where the person has set a password of their own."""

    name = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    on = fields.Boolean(required=True)
    off_since = moment(allow_none=True)
    made_at = moment()
    password_changed_at = moment()
    first_password_until = moment(allow_none=True)
    last_sign_in_at = moment(allow_none=True)


class ToldPersonSchema(PersonSchema):
    """One account, and when that was."""

    server_time = moment()


class HandedOverSchema(ToldPersonSchema):
    """One account with its first password, which is told this once."""

    first_password = fields.String(required=True)


class ListedPeopleSchema(ListSchema):
    """A piece of the accounts, by name unless asked otherwise."""

    people = fields.List(fields.Nested(PersonSchema), required=True)


class SignedOutSchema(Schema):
    """How many sign-ins of an account were ended."""

    ended = fields.Integer(required=True)
    server_time = moment()
