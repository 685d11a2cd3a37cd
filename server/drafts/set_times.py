"""Publishing at a set time: of all servers on one database one does it."""

from __future__ import annotations

from datetime import datetime

import structlog

from certs.publication import TIMESTAMP_FILE
from server.config import Config
from server.drafts.approvals import publish_due
from server.drafts.drafts import find_draft
from server.drafts.proposals import due_proposals
from server.errors import ServiceError
from server.policies.bundles import lock_trust_files
from server.storage.database import Database

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
