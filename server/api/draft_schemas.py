"""The JSON of drafts: how one is opened, revised and talked about, and as what it is told."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from server.api.list_schemas import ByTimeSchema, ListSchema, moment, yes_or_no
from server.api.schemas import BodySchema, one_line, said
from server.drafts.beginnings import Beginning
from server.drafts.drafts import (
    COMMENT_MAX_LENGTH,
    DOCUMENT_MAX_BYTES,
    NOTE_MAX_LENGTH,
    TITLE_MAX_LENGTH,
    DraftEnd,
)

_ENDS = validate.OneOf([end.value for end in DraftEnd])
_DOCUMENT = {
    "description": "the policy as JSON text: the very bytes, in UTF-8, that approvers would sign. Where a ring names a"
    " unit in place of its phones, or phones by their labels, the ids are written into it"
}


class OpenDraftSchema(BodySchema):
    """A new draft: a title, and a document, or what it begins with, or the earlier bundle that it returns to.

    Of the last three exactly one is given (`server.api.described`).
    """

    title = one_line(TITLE_MAX_LENGTH, 1)
    document = fields.String(
        load_default=None, validate=validate.Length(1, DOCUMENT_MAX_BYTES), metadata=_DOCUMENT
    )
    beginning = fields.Enum(Beginning, by_value=True, load_default=None)
    return_to = fields.Integer(
        load_default=None,
        strict=True,
        validate=validate.Range(1, (1 << 63) - 1),
        metadata={"description": "the number of an earlier bundle"},
    )

    @validates_schema
    def one_of_them(self, values: dict[str, Any], **_options: Any) -> None:
        """Refuse none and several."""
        given = [name for name in ("document", "beginning", "return_to") if values.get(name) is not None]
        if len(given) != 1:
            raise ValidationError("expected one of document, beginning and return_to")


class ReviseDraftSchema(BodySchema):
    """The next revision, and on which one it was written."""

    revision = fields.Integer(required=True, strict=True, validate=validate.Range(1, (1 << 31) - 1))
    document = fields.String(
        required=True, validate=validate.Length(1, DOCUMENT_MAX_BYTES), metadata=_DOCUMENT
    )
    note = one_line(NOTE_MAX_LENGTH, load_default="")


class CommentSchema(BodySchema):
    """What somebody says about a revision; it may have several lines."""

    revision = fields.Integer(required=True, strict=True, validate=validate.Range(1, (1 << 31) - 1))
    text = said(COMMENT_MAX_LENGTH, lines=True)


class DraftPieceSchema(ByTimeSchema):
    """Which drafts: those that are open, or those that have ended."""

    open = yes_or_no()


class ListedDraftSchema(Schema):
    """One draft as the list shows it; ``closed`` is null while it is open."""

    draft_id = fields.Integer(required=True)
    title = fields.String(required=True)
    opened_at = moment()
    revision = fields.Integer(required=True)
    closed = fields.String(required=True, allow_none=True, validate=_ENDS)
    closed_at = moment(allow_none=True)


class ListedDraftsSchema(ListSchema):
    """A piece of the drafts, newest first unless asked otherwise."""

    drafts = fields.List(fields.Nested(ListedDraftSchema), required=True)


class DifferenceSchema(Schema):
    """One subject of which the draft says something else than the policy in force; empty: nothing."""

    subject = fields.String(required=True)
    before = fields.String(required=True)
    after = fields.String(required=True)


class RevisionSchema(Schema):
    """One revision in the history of a draft."""

    revision = fields.Integer(required=True)
    base_number = fields.Integer(required=True)
    written_by = fields.String(required=True)
    written_at = moment()
    note = fields.String(required=True)


class SaidSchema(Schema):
    """One comment."""

    revision = fields.Integer(required=True)
    written_by = fields.String(required=True)
    written_at = moment()
    text = fields.String(required=True)


class DraftSchema(ListedDraftSchema):
    """A draft at its newest revision."""

    base_number = fields.Integer(required=True, metadata={"description": "of the bundle that it follows on"})
    overtaken = fields.Boolean(required=True, metadata={"description": "another bundle was published since"})
    document = fields.String(required=True, metadata=_DOCUMENT)
    sha256 = fields.String(required=True, metadata={"description": "of the document's bytes"})
    differences = fields.List(fields.Nested(DifferenceSchema), required=True)
    history = fields.List(fields.Nested(RevisionSchema), required=True)
    comments = fields.List(fields.Nested(SaidSchema), required=True)
    server_time = moment()
