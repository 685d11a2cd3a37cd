"""``/api/v1``: what stations and the mail side speak with; JSON in and out, described at ``openapi.json``."""

from __future__ import annotations

from flask import Flask


def register_api(app: Flask) -> None:
    """Let `app` serve the API."""
