"""``/trust``: the signed files, byte for byte as they were published."""

from __future__ import annotations

from flask import Blueprint, Flask

_trust = Blueprint("trust", __name__, url_prefix="/trust")


def register_trust(app: Flask) -> None:
    """Let `app` serve the trust files."""
    app.register_blueprint(_trust)
