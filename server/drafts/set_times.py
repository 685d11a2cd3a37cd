"""What is due by the clock, publishing and the day's count: of all servers on one database one does it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import structlog

from certs.publication import TIMESTAMP_FILE
from server.config import Config
from server.drafts.approvals import publish_due
from server.drafts.drafts import find_draft
from server.drafts.proposals import due_proposals
from server.errors import ServiceError
from server.fleet.daily_counts import keep_daily_count
from server.policies.bundles import lock_trust_files
from server.storage.database import Database

_EVERY_S = 20.0
"""A set time is met within this: stations hear of a new bundle with their next report, and not by asking for it."""

_log = structlog.get_logger()


def publish_due_proposals(database: Database, config: Config, now: datetime) -> None:
    """Publish what is complete and whose set time has come; what cannot be published says why on its draft's page."""
    try:
        # Looked at without a lock: nearly always there is nothing.
        with database.reading() as session:
            due = due_proposals(session, now)
        for draft_id, proposal_id in due:
            with database.writing() as session:
                # Of two servers the second finds that nothing is due any more.
                lock_trust_files(session, TIMESTAMP_FILE)
                publish_due(session, config, find_draft(session, draft_id), proposal_id, now)
    except ServiceError as error:
        _log.error("set_time_not_met", reason=str(error))


def watch_set_times(
    database: Database, config: Config, clock: Callable[[], datetime], every_s: float = _EVERY_S
) -> threading.Event:
    """Look for what is due in a thread of its own until the event that is returned is set."""
    stopped = threading.Event()

    def run() -> None:
        while not stopped.wait(every_s):
            # The outermost loop of its thread: what nobody foresaw must not end all looking, nor the other's.
            try:
                publish_due_proposals(database, config, clock())
            except Exception:
                _log.exception("set_times_failed")
            try:
                keep_daily_count(database, clock())
            except Exception:
                _log.exception("daily_count_failed")

    threading.Thread(target=run, name="set-times", daemon=True).start()
    return stopped
