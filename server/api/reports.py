"""``POST /reports``: the hot route, a plain view; the envelopes themselves prove who sends them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flask import Response, current_app, jsonify, request

from policy.counted import counted
from policy.errors import InvalidDocument
from policy.report_results import BATCH_REPORTS, ReportResult, ReportStatus
from policy.schemas.strict_json import parse_object
from server.api.blueprint import hot
from server.api.status import status_of
from server.context import context
from server.errors import Malformed
from server.running.metrics import metrics


@hot.post("/reports")
def receive() -> tuple[Response, int]:
    """Store a batch of signed reports and say of each what became of it."""
    here = context()
    now = here.clock.now()
    # Not cached: nobody else reads this body, which may have a mebibyte.
    accepted = here.intake.accept(_envelopes(request.get_data(cache=False)), now)
    results = accepted.results
    # Both labels are words of ours, of which there are a few.
    counters = metrics(current_app).reports
    for result in results:
        counters.labels(result.status.value, result.code).inc()
    answer = status_of(accepted.newest, accepted.bundle, now)
    answer["audit_head"] = json.loads(here.head_signer.signed_head(accepted.audit_head))
    answer["results"] = [_written(result) for result in results]
    # Only alone: a batch that is refused with 409 is sent again by the station, report by report.
    if _only_a_conflict(results):
        answer["error"] = {
            "code": results[0].code,
            "message": results[0].message,
            "next": "Do not send it again; tell the server's operator the report id.",
        }
        return jsonify(answer), 409
    return jsonify(answer), 200


def _envelopes(body: bytes) -> list[bytes]:
    try:
        batch = parse_object(body, "a batch of reports")
    except InvalidDocument as error:
        raise Malformed("bad_json", str(error), 'Send {"reports": [envelopes]}.') from error
    envelopes = batch.get("reports")
    if set(batch) != {"reports"} or not isinstance(envelopes, list):
        raise Malformed(
            "bad_batch", "expected exactly the field reports, a list", 'Send {"reports": [envelopes]}.'
        )
    if len(envelopes) > BATCH_REPORTS:
        raise Malformed(
            "too_many_reports",
            f"found {counted(len(envelopes), 'report')}, at most {BATCH_REPORTS} are taken",
            "Send several batches.",
        )
    # In the form that stations write them in. What they signed is the payload inside, which stays as it is.
    return [json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode() for envelope in envelopes]


def _written(result: ReportResult) -> dict[str, Any]:
    return {
        "report_id": result.report_id,
        "status": result.status.value,
        "code": result.code,
        "message": result.message,
    }


def _only_a_conflict(results: Sequence[ReportResult]) -> bool:
    return len(results) == 1 and results[0].status is ReportStatus.CONFLICT
