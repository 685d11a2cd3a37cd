"""``POST /reports``: the hot route, by two ways that answer alike; the envelopes themselves prove who sends them.

In service nearly every check-in comes by `ReportsDoor`, past Flask (docs/decisions/0022). What is not of the plain
right form is left to the view, which alone refuses and says why.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from flask import Flask, Response, current_app, jsonify, request
from structlog.contextvars import bound_contextvars

from policy.counted import counted
from policy.errors import InvalidDocument
from policy.report_results import BATCH_REPORTS, ReportResult, ReportStatus
from policy.schemas.strict_json import parse_object
from server.api.blueprint import hot
from server.api.status import status_of
from server.context import Context, context
from server.errors import Malformed, StorageUnavailable
from server.intake.intake import Accepted
from server.running.buffering import Answer
from server.running.error_handlers import RETRY_AFTER_S, unavailable, unforeseen
from server.running.logs import log_request
from server.running.metrics import Metrics, metrics
from server.running.request_id import HEADER

_NEXT_STEP = 'Send {"reports": [envelopes]}.'

_UNCACHED = ("cache-control", "no-store")


@hot.post("/reports")
def receive() -> tuple[Response, int]:
    """Store a batch of signed reports and say of each what became of it."""
    here = context()
    now = here.clock.now()
    # Not cached: nobody else reads this body, which may have a mebibyte.
    accepted = here.intake.accept(_envelopes(request.get_data(cache=False)), now)
    form, status = _answer(here, metrics(current_app), accepted, now)
    return jsonify(form), status


class ReportsDoor:
    """Answers check-ins of the plain right form without Flask, and logs and counts as the application does."""

    path = "/api/v1/reports"

    def __init__(self, app: Flask) -> None:
        with app.app_context():
            self._here = context()
        self._metrics = metrics(app)
        self._write = app.json.dumps

    async def answer(self, body: bytes, request_id: str) -> Answer | None:
        """Return the answer to this body; None where the view has to say what is wrong with it."""
        began_s, now = time.perf_counter(), self._here.clock.now()
        headers = [("content-type", "application/json"), (HEADER.lower(), request_id)]
        context = {"request_id": request_id}
        try:
            coming = self._here.intake.submit(lambda: _envelopes(body), now, context)
            accepted = await asyncio.wrap_future(coming)
            form, status = _answer(self._here, self._metrics, accepted, now)
        except Malformed:
            return None
        except StorageUnavailable as error:
            with bound_contextvars(**context):
                error_answer = unavailable(error, self.path)
            form, status = error_answer.form(now, request_id), error_answer.status
            headers += [_UNCACHED, ("retry-after", str(RETRY_AFTER_S))]
        # The outermost loop of this way, as that of the application is of all others.
        except Exception as error:
            with bound_contextvars(**context):
                error_answer = unforeseen(error, self.path, request_id)
            form, status = error_answer.form(now, request_id), error_answer.status
            headers.append(_UNCACHED)
        took_s = time.perf_counter() - began_s
        log_request("POST", self.path, status, took_s, request_id)
        self._metrics.count_request("POST", self.path, status, took_s)
        return status, headers, f"{self._write(form)}\n".encode()


def _answer(
    here: Context, counted_here: Metrics, accepted: Accepted, now: datetime
) -> tuple[dict[str, Any], int]:
    """Return what a station is told, and with which status."""
    results = accepted.results
    # Both labels are words of ours, of which there are a few.
    for (status, code), count in Counter((result.status, result.code) for result in results).items():
        counted_here.reports.labels(status.value, code).inc(count)
    form = status_of(accepted.newest, accepted.bundle, accepted.held_ring, now)
    form["audit_head"] = _parsed_head(here.head_signer.signed_head(accepted.audit_head))
    form["results"] = [_written(result) for result in results]
    # Only alone: a batch that is refused with 409 is sent again by the station, report by report.
    if _only_a_conflict(results):
        form["error"] = {
            "code": results[0].code,
            "message": results[0].message,
            "next": "Do not send it again; tell the server's operator the report id.",
        }
        return form, 409
    return form, 200


@lru_cache(maxsize=4)
def _parsed_head(envelope: bytes) -> Any:
    # The same for every answer until the chain grows.
    return json.loads(envelope)


def _envelopes(body: bytes) -> list[Any]:
    try:
        batch = parse_object(body, "a batch of reports")
    except InvalidDocument as error:
        raise Malformed("bad_json", str(error), _NEXT_STEP) from error
    envelopes = batch.get("reports")
    if set(batch) != {"reports"} or not isinstance(envelopes, list):
        raise Malformed("bad_batch", "expected exactly the field reports, a list", _NEXT_STEP)
    if len(envelopes) > BATCH_REPORTS:
        raise Malformed(
            "too_many_reports",
            f"found {counted(len(envelopes), 'report')}, at most {BATCH_REPORTS} are taken",
            "Send several batches.",
        )
    return envelopes


def _written(result: ReportResult) -> dict[str, Any]:
    return {
        "report_id": result.report_id,
        "status": result.status.value,
        "code": result.code,
        "message": result.message,
    }


def _only_a_conflict(results: Sequence[ReportResult]) -> bool:
    return len(results) == 1 and results[0].status is ReportStatus.CONFLICT
