"""The form of proposals and approvals at the door, and what is answered."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from certs.proposal_document import APPROVAL_KIND, PROPOSAL_KIND, SIGNATURE_MAX_LENGTH
from policy.schemas import forms
from policy.schemas.fields import Value
from policy.schemas.values import utc_time, write_utc_time
from server.drafts.approvals import Outcome

_SHA256 = r"[0-9a-f]{64}\Z"
_NUMBER_MAX = (1 << 31) - 1
_TIME: dict[str, Any] = {"format": "date-time"}


class ProposeSchema(Schema):
    """A draft's newest revision is put before the approvers."""

    class Meta:
        """Refuse what we do not know."""

        unknown = RAISE

    publish_at = Value(
        utc_time,
        write_utc_time,
        load_default=None,
        allow_none=True,
        metadata={
            # That it may be null is added.
            **forms.UTC_TIME,
            "description": "not before this time; else with the last signature",
        },
    )


class SignedSchema(Schema):
    """One signature that counts."""

    key = fields.String(required=True, metadata={"description": "the name that root gives to the key"})
    person = fields.String(required=True, metadata={"description": "whose account handed it in"})
    at = fields.String(required=True, metadata=_TIME)


class RehearsalWordSchema(Schema):
    """What the newest rehearsal of these very bytes found."""

    rehearsed_at = fields.String(required=True, metadata=_TIME)
    phones = fields.Integer(required=True)
    blocked_share = fields.Float(
        required=True, allow_none=True, metadata={"description": "of the phones whose outcome is known"}
    )


class ProposalSchema(Schema):
    """A proposal as approvers fetch it; a file of it serves a machine without network.

    ``policy``, ``targets`` and the files of ``published`` are base64; what is signed are the bytes of ``targets``.
    """

    kind = fields.String(required=True, validate=validate.Equal(PROPOSAL_KIND))
    draft_id = fields.Integer(required=True)
    revision = fields.Integer(required=True)
    title = fields.String(required=True)
    policy = fields.String(required=True)
    targets = fields.String(required=True, metadata={"description": "TUF targets in their canonical form"})
    signed_sha256 = fields.String(required=True, metadata={"description": "of the bytes of `targets`"})
    proposed_by = fields.String(required=True)
    proposed_at = fields.String(required=True, metadata=_TIME)
    until = fields.String(required=True, metadata={**_TIME, "description": "until when signatures are taken"})
    publish_at = fields.String(required=True, allow_none=True, metadata=_TIME)
    state = fields.String(
        required=True, metadata={"description": "`open`, or in words why it takes no signatures"}
    )
    signed = fields.List(fields.Nested(SignedSchema), required=True)
    missing = fields.List(
        fields.String(), required=True, metadata={"description": "keys that have not signed, by name"}
    )
    needed = fields.Integer(required=True, metadata={"description": "how many approvers have to sign"})
    needed_because = fields.String(
        required=True, metadata={"description": "why more than root demands; empty where not"}
    )
    rehearsal = fields.Nested(RehearsalWordSchema, required=True, allow_none=True)
    warnings = fields.List(fields.String(), required=True)
    published = fields.Dict(
        required=True,
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "the trust files that it follows on, by served name"},
    )


class ApprovalSchema(Schema):
    """A signature over a proposal's targets, as `curfew-certs approve` writes it."""

    class Meta:
        """Refuse what we do not know."""

        unknown = RAISE

    kind = fields.String(required=True, validate=validate.Equal(APPROVAL_KIND))
    draft_id = fields.Integer(required=True, strict=True, validate=validate.Range(1, _NUMBER_MAX))
    # Not $, which lets a line's end through (docs/performance.md 2).
    key_id = fields.String(required=True, validate=validate.Regexp(_SHA256))
    signature = fields.String(
        required=True, validate=validate.Regexp(rf"[0-9a-f]{{2,{SIGNATURE_MAX_LENGTH}}}\Z")
    )
    signed_sha256 = fields.String(required=True, validate=validate.Regexp(_SHA256))


class ReceivedSchema(Schema):
    """What became of a signature."""

    outcome = fields.String(required=True, validate=validate.OneOf([one.value for one in Outcome]))
    signed = fields.Integer(required=True, metadata={"description": "how many approvers have signed"})
    needed = fields.Integer(required=True)
    trouble = fields.String(
        required=True, metadata={"description": "why a complete proposal was not published; empty where not"}
    )
    server_time = fields.String(required=True, metadata=_TIME)


class WithdrawnSchema(Schema):
    """The proposal takes no signatures any more; the draft stays."""

    draft_id = fields.Integer(required=True)
    revision = fields.Integer(required=True)
    server_time = fields.String(required=True, metadata=_TIME)
