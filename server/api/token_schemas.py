"""The JSON of API tokens: how one is made, and as what it is told."""

from __future__ import annotations

from enum import Enum

from marshmallow import Schema, fields, validate

from server.api.list_schemas import ListSchema, PieceSchema, moment, yes_or_no
from server.api.schemas import BodySchema, said
from server.people.scopes import Scope
from server.people.tokens import DAYS, NAME_MAX_LENGTH


class TokenSort(Enum):
    """What tokens are listed by."""

    ENDS_AT = "ends_at"
    NEWEST = "newest"


class TokenPieceSchema(PieceSchema):
    """Which tokens: one's own or everybody's, of one owner among all, and only those that are good."""

    everybody = yes_or_no()
    owner = fields.String(load_default=None, validate=validate.Length(1, 64))
    good = yes_or_no()
    sort = fields.Enum(TokenSort, by_value=True, load_default=TokenSort.ENDS_AT)


class MakeTokenSchema(BodySchema):
    """A new token: what it is for, what it may do, and for how many days."""

    name = said(NAME_MAX_LENGTH)
    scopes = fields.List(
        fields.Enum(Scope, by_value=True), required=True, validate=validate.Length(1, len(Scope))
    )
    days = fields.Integer(load_default=DAYS, strict=True, validate=validate.Range(1, 365))


class TokenSchema(Schema):
    """One token without its secret."""

    token_id = fields.String(required=True)
    owner = fields.String(required=True)
    name = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    made_at = moment()
    ends_at = moment()
    good = fields.Boolean(required=True)
    last_used_on = fields.String(required=True, allow_none=True, metadata={"format": "date"})


class ToldTokenSchema(TokenSchema):
    """One token, and when that was."""

    server_time = moment()


class NewTokenSchema(ToldTokenSchema):
    """A token that was just made; its secret is told this once."""

    secret = fields.String(required=True)


class ListedTokensSchema(ListSchema):
    """A piece of the tokens, by their ends unless asked otherwise."""

    tokens = fields.List(fields.Nested(TokenSchema), required=True)
