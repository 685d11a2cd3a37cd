"""What people tried for which they lack a right, in the audit chain: one row an hour for each person and address.

More would let anybody with an account make the chain grow by asking; fewer would hide who tries doors.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from flask import Flask, Response, g, request

from server.context import context
from server.errors import StorageUnavailable
from server.evidence import audit

ACTION = "refused for want of a right"
_TOLD_ONCE_IN = timedelta(hours=1)
_log = structlog.get_logger()


def note_refused(person: str, lacks: str) -> None:
    """Let it be kept that the current request is refused to `person`, who, or whose token, lacks this."""
    g.refused_person = (person, lacks)


def keep_refused_people(app: Flask) -> None:
    """Let `app` write the rows, behind the requests that they tell of: of a refused one nothing else is stored."""
    app.after_request(_keep)


def _keep(answer: Response) -> Response:
    refused = g.pop("refused_person", None)
    if refused is None or answer.status_code != 403:
        return answer
    person, lacks = refused
    # The route and not the address: whose phone it was is nothing for a chain that is never deleted.
    route = request.url_rule.rule if request.url_rule else request.path
    detail = {"asked": f"{request.method} {route}", "lacks": lacks}
    here = context()
    now = here.clock.now()
    try:
        with here.database.reading() as session:
            if audit.was_recorded(session, person, ACTION, person, detail, now - _TOLD_ONCE_IN):
                return answer
        with here.database.writing() as session:
            audit.record(session, person, ACTION, person, detail, now)
    except StorageUnavailable as error:
        # Refused all the same, and the log has the request.
        _log.warning("refusal_not_kept", person=person, reason=str(error))
    return answer
