"""The blueprint that all modules of views add to."""

from __future__ import annotations

from flask import Blueprint

pages = Blueprint("pages", "server")
