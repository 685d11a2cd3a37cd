"""``/api/v1``: what stations and the mail side speak with; JSON in and out, described at ``openapi.json``."""

from __future__ import annotations

from flask import Flask

from server.api import (
    attempts,
    audit,
    authority_lists,
    blocks,
    changes,
    checks,
    deadline,
    drafts,
    exemption_requests,
    exemption_signing,
    fleet_lists,
    holders,
    lift,
    owner_requests,
    people,
    phones,
    proposals,
    refused_bundles,
    rehearsals,
    reports,
    retirements,
    rings,
    stations,
    status,
    tokens,
    units,
)
from server.api.blueprint import serve_api
from server.api.parameters import refuse_unknown_parameters
from server.api.person_access import keep_uses

_VIEWS = (
    attempts,
    audit,
    authority_lists,
    blocks,
    changes,
    checks,
    deadline,
    drafts,
    exemption_requests,
    exemption_signing,
    fleet_lists,
    holders,
    lift,
    owner_requests,
    people,
    phones,
    proposals,
    refused_bundles,
    rehearsals,
    reports,
    retirements,
    rings,
    stations,
    status,
    tokens,
    units,
)
"""Importing a module of views adds them to the blueprints."""


def register_api(app: Flask) -> None:
    """Let `app` serve the API and its description."""
    refuse_unknown_parameters(app)
    keep_uses(app)
    serve_api(app)
