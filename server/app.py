"""The application, as a table of contents."""

from __future__ import annotations

from flask import Flask

from certs.errors import KeyUnusable
from server.api import register_api
from server.api.trust_files import register_trust
from server.clock import Clock
from server.config import BODY_LIMIT_BYTES, Config
from server.context import Context, install_context
from server.errors import ConfigurationRefused
from server.evidence.audit import HeadSigner
from server.intake.intake import Intake
from server.pages import register_pages
from server.policies.bundles import require_demo_root
from server.refused_people import keep_refused_people
from server.running.error_handlers import answer_errors
from server.running.health import tell_health
from server.running.limits import refuse_before_reading
from server.running.logs import log_requests
from server.running.metrics import count_requests
from server.storage.database import Database
from server.storage.migrating import schemas, serve_at
from server.storage.replica import Lists


def create_app(config: Config) -> Flask:
    """Return the server as a WSGI application on a database that is already migrated.

    Raises `ConfigurationRefused` when the settings contradict what is stored.
    """
    app = Flask("server")
    app.config["SECRET_KEY"] = config.secret_key
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT_BYTES
    database = Database(config.database_url, require=serve_at(schemas()[-1]))
    # Asked of what is published and not of the settings: only a signed root can say that it is for a demo.
    if config.story_clock is not None:
        require_demo_root(database)
    clock = Clock(config.story_clock)
    here = Context(
        config, database, clock, _head_signer(config), Intake(database), Lists(database, config.replica_url)
    )
    install_context(app, here)

    # Flask runs hooks in the order of their registration. A request that is refused by its headers is logged and
    # counted all the same, and it is refused before the pages' check of forms would read its body.
    log_requests(app)
    count_requests(app)
    refuse_before_reading(app)
    answer_errors(app)
    keep_refused_people(app)

    register_api(app)
    register_trust(app)
    register_pages(app)
    tell_health(app, here)
    return app


def _head_signer(config: Config) -> HeadSigner:
    try:
        return HeadSigner(config.audit_key)
    except KeyUnusable as error:
        raise ConfigurationRefused(f"CURFEW_AUDIT_KEY: {error}") from error
