"""The pages under ``/``: rendered on the server, readable without scripts, every one behind a right.

`register_pages` is all that the application needs; `error_page` turns a refusal into a page.
"""

from __future__ import annotations

from flask import Flask

from server.pages import (
    account,
    alarms,
    approval,
    audit,
    blocks,
    bundles,
    changes,
    deadline,
    drafts,
    exemptions,
    exports,
    fleet,
    holders,
    lift,
    my_phone,
    owner_requests,
    people,
    phone,
    rehearsals,
    rings,
    saved_filters,
    sign_in,
    stations,
    timeline,
    tokens,
)
from server.pages.access import guard_pages
from server.pages.blueprint import pages
from server.pages.browser import protect_browsers
from server.pages.errors import error_page
from server.pages.renewing import mark_renewals
from server.pages.template_context import give_templates_their_words

__all__ = ["error_page", "register_pages"]

_VIEWS = (
    account,
    alarms,
    approval,
    audit,
    blocks,
    bundles,
    changes,
    deadline,
    drafts,
    exemptions,
    exports,
    fleet,
    holders,
    lift,
    my_phone,
    owner_requests,
    people,
    phone,
    rehearsals,
    rings,
    saved_filters,
    sign_in,
    stations,
    timeline,
    tokens,
)
"""Importing a module of views adds them to the blueprint."""


def register_pages(app: Flask) -> None:
    """Add all pages to `app`."""
    protect_browsers(app)
    guard_pages(app)
    mark_renewals(app)
    give_templates_their_words(app)
    app.register_blueprint(pages)
