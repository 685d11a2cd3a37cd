"""Samples of what the routes for people's programs take, as the description shows them; a test sends each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from certs.fleet_proposal_document import FLEET_APPROVAL_KIND
from certs.proposal_document import APPROVAL_KIND
from policy.ready_made import ready_made_document

EXAMPLES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("post", "/holders/search"): {"holder": "mailbox-4711"},
    ("post", "/units"): {
        "units": [
            {"phone": "7e2b0d5e-2a5b-4a0e-9d0c-5f6b1c3a8e11", "unit": "DG A"},
            {"phone": "CW-12", "unit": ""},
        ],
        "dry_run": True,
    },
    ("post", "/phones/{phone_id}/retirement"): {"reason": "stolen on a journey; the loss is reported"},
    ("post", "/rehearsals"): json.loads(ready_made_document()),
    ("post", "/drafts"): {"title": "Move the deadline to April", "beginning": "in_force"},
    ("put", "/drafts/{draft_id}"): {
        "revision": 1,
        "document": ready_made_document().decode(),
        "note": "one more name of TikTok",
    },
    ("post", "/drafts/{draft_id}/comments"): {"revision": 1, "text": "Is the review due before Easter?"},
    ("post", "/drafts/{draft_id}/proposal"): {"publish_at": None},
    ("post", "/drafts/{draft_id}/approvals"): {
        "kind": APPROVAL_KIND,
        "draft_id": 1,
        "key_id": "a1" * 32,
        "signature": "3045022100b2",
        "signed_sha256": "c3" * 32,
    },
    ("post", "/exemption-requests"): {
        "phone": "CW-12",
        "until": "2027-01-01T00:00:00Z",
        "reason": "travel",
    },
    ("post", "/exemption-requests/{request_id}/refusal"): {"why": "the phone is at the desk again"},
    ("post", "/exemptions/approvals"): {
        "kind": FLEET_APPROVAL_KIND,
        "requests": [1],
        "made_at": "2026-01-01T00:00:00Z",
        "fleet_number": 1,
        "key_id": "a1" * 32,
        "signature": "3045022100b2",
        "signed_sha256": "c3" * 32,
    },
    ("post", "/rings/hold"): {"ring": 1, "reason": "many phones of one model are unreadable"},
    ("post", "/rings/release"): {"reason": "the model is read again"},
    ("post", "/lift/certificates"): {"accept_rest": "two phones are lost"},
    ("post", "/owner-requests/{number}/answer"): {"answer": "Come to the bench on Monday."},
    ("post", "/people"): {"name": "desk-2", "roles": ["technician"]},
    ("put", "/people/{name}/roles"): {"roles": ["technician", "auditor"]},
    ("put", "/people/{name}/switch"): {"on": False},
    ("post", "/tokens"): {"name": "nightly lists", "scopes": ["read"], "days": 30},
}
"""By method and path."""

ERROR: Mapping[str, Any] = {
    "error": {
        "code": "scope_missing",
        "message": "this token has the scopes read; the scope blocks is missing",
        "next": "Make one with the scope blocks on the page Tokens.",
    },
    "request_id": "0b8f6a1e4e0f4f0f9d3a5c7e1a2b3c4d",
    "server_time": "2023-03-15T11:00:00.000Z",
}
