"""A report's way from a finished visit to the server: signed, on disk, sent; lost nowhere in between."""

from __future__ import annotations

import asyncio

from agent_scripts.server_link.client import ServerClient
from agent_scripts.server_link.sender import SendResult, send_spool
from agent_scripts.station_files.station import Station
from agent_scripts.station_files.trusted_time import TrustedClock
from agent_scripts.visits.report_writing import CheckRecord, report_of
from agent_scripts.visits.run import Run
from certs.envelope import sign_envelope
from certs.logs import Log
from policy.report import REPORT_PAYLOAD_TYPE
from policy.schemas import dump_report

_log = Log(__name__)


def keep_report(run: Run, record: CheckRecord, counter: int) -> str:
    """Sign the report of `record`, put it on disk and return its id; from here on it cannot be lost.

    `counter` was taken of `run.counters` before the visit, and for it alone.
    """
    report = report_of(
        record,
        station_id=run.station.station_id,
        counter=counter,
        operator=run.operator,
        time=run.time,
        bundle_number=run.bundle.number if run.bundle else 0,
    )
    payload = dump_report(report)
    run.spool.keep(report.counter, sign_envelope(payload, REPORT_PAYLOAD_TYPE, run.station.signer))
    run.latest_reports.keep(report.phone_id, payload)
    _log.info("report kept", counter=report.counter, phone_id=report.phone_id, verdict=report.verdict.value)
    # Only now: if the report were lost, the same lines must be collected again.
    if record.watched is not None:
        run.station.keep_spool_position(record.phone.phone_id, record.spool_position)
    return report.report_id


async def send_reports(station: Station) -> SendResult:
    """Send what waits in the spool and return what became of it. Raises `ServerError` when nothing went."""
    clock = TrustedClock(station.folder, station.story_clock)
    return await asyncio.to_thread(send_spool, station, ServerClient(station), clock)
