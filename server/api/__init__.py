"""``/api/v1``: what stations and the mail side speak with; JSON in and out, described at ``openapi.json``."""

from __future__ import annotations

from flask import Flask

from server.api import (
    attempts,
    audit,
    authority_lists,
    blocks,
    drafts,
    exemption_requests,
    exemption_signing,
    fleet_lists,
    holders,
    lift,
    phones,
    proposals,
    refused_bundles,
    rehearsals,
    reports,
    stations,
    status,
    units,
)
from server.api.blueprint import serve_api
from server.api.parameters import refuse_unknown_parameters

_VIEWS = (
    attempts,
    audit,
    authority_lists,
    blocks,
    drafts,
    exemption_requests,
    exemption_signing,
    fleet_lists,
    holders,
    lift,
    phones,
    proposals,
    refused_bundles,
    rehearsals,
    reports,
    stations,
    status,
    units,
)
"""Importing a module of views adds them to the blueprints."""


def register_api(app: Flask) -> None:
    """Let `app` serve the API and its description."""
    refuse_unknown_parameters(app)
    serve_api(app)
