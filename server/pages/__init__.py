"""The pages people read and act on, under ``/``; they work without scripts."""

from __future__ import annotations

from flask import Flask, Response


def register_pages(app: Flask) -> None:
    """Let `app` serve the pages."""


def error_page(status: int, message: str, next_step: str) -> Response:
    """Return an error as a page; used for every address outside ``/api``, ``/trust`` and ``/metrics``."""
    return Response(f"{message}\n{next_step}\n", status, mimetype="text/plain")
