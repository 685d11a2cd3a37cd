"""Emptying the spool: oldest first, in batches; a report leaves only when the server has answered for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent_scripts.errors import ServerError, ServerProtocolError, ServerRefused
from agent_scripts.server_link.client import ReportAnswer, ServerClient
from agent_scripts.server_link.refused_request import rejected_sentence
from agent_scripts.station_files.audit_witness import mark_shown, not_in_chain, unshown, witness
from agent_scripts.station_files.durable_file import held_alone
from agent_scripts.station_files.hold import note_hold
from agent_scripts.station_files.spool import Spool, SpooledReport
from agent_scripts.station_files.station import Station
from agent_scripts.station_files.trusted_time import TrustedClock
from certs.logs import Log
from policy.report_results import BATCH_BYTES, BATCH_REPORTS, ReportResult

_log = Log(__name__)

# More than the JSON around the envelopes takes; each of them is counted with its comma.
_BODY_FRAME_BYTES = 64
# About what was sent, so a part of it may be at fault; any other refusal would meet each report alone as well.
_BODY_REFUSED = (400, 409, 413, 422)
_TOO_SLOW = 408


@dataclass(frozen=True)
class SendResult:
    """What became of the spool.

    ``set_aside`` has a line for a person per report that was moved to ``aside/``; ``alarms`` what else a person must
    hear. ``left`` of the reports that it began with still wait, because of ``problem``. ``answer`` is the server's
    last one.
    """

    stored: int = 0
    set_aside: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    left: int = 0
    problem: str = ""
    answer: ReportAnswer | None = None


def send_spool(station: Station, client: ServerClient, clock: TrustedClock) -> SendResult:
    """Send all that waits and return what became of it; the server's time is confirmed to `clock`.

    Raises `ServerError` when the server answered for nothing at all; nothing has left the spool then. What was set
    aside before that is told, and so is a result.
    """
    # Two runs at once would send the same reports, and each would remove files that the other still reads.
    with held_alone(station.folder / "send.lock"):
        sending = _Sending(station, client, clock)
        try:
            for batch in sending.batches():
                sending.send(batch)
        except ServerError as error:
            if sending.answer is None and not sending.set_aside:
                raise
            sending.problem = str(error)
        return sending.result()


class _Sending:
    """One run over the spool."""

    def __init__(self, station: Station, client: ServerClient, clock: TrustedClock) -> None:
        self._station = station
        self._client = client
        self._clock = clock
        self._spool = Spool(station.spool_folder)
        self._begun_with = self._spool.waiting()
        self._stored = 0
        self.set_aside: list[str] = []
        self._alarms: list[str] = []
        self.answer: ReportAnswer | None = None
        self.problem = ""

    def result(self) -> SendResult:
        # Not what came meanwhile: at a bench phones go on while this runs, and nothing keeps their reports here.
        left = set(self._begun_with).intersection(self._spool.waiting())
        return SendResult(
            stored=self._stored,
            set_aside=tuple(self.set_aside),
            alarms=tuple(self._alarms),
            left=len(left),
            problem=self.problem,
            answer=self.answer,
        )

    def batches(self) -> Iterator[list[SpooledReport]]:
        """Yield what waited when this began, oldest first; damaged and oversized files are set aside."""
        batch: list[SpooledReport] = []
        size = _BODY_FRAME_BYTES
        for path in self._begun_with:
            report = self._spool.read(path)
            if report is None:
                self._say_aside(path.stem, "the file is damaged")
                continue
            length = len(report.envelope) + 1
            if length + _BODY_FRAME_BYTES > BATCH_BYTES:
                self._put_aside(report, "it is longer than one request may be")
                continue
            if len(batch) == BATCH_REPORTS or size + length > BATCH_BYTES:
                yield batch
                batch, size = [], _BODY_FRAME_BYTES
            batch.append(report)
            size += length
        if batch:
            yield batch

    def send(self, batch: list[SpooledReport]) -> None:
        """Send a batch; one that is refused as a whole, or too much for the line, is sent report by report."""
        try:
            answer = self._client.send_reports([report.envelope for report in batch])
        except ServerRefused as error:
            too_slow = error.status == _TOO_SLOW
            # A single report that the line is too slow for is not at fault: it waits for a better one.
            if error.status not in _BODY_REFUSED and not (too_slow and len(batch) > 1):
                raise
            if len(batch) == 1:
                self._put_aside(batch[0], str(error))
                return
            for report in batch:
                self.send([report])
            return
        # Before anything of it counts: neither its results nor its time are about us otherwise.
        _require_ours(batch, answer)
        _log.info("reports sent", count=len(batch))
        self.answer = answer
        # Bound to our report ids, the server's time is a fresh answer and no recording (docs/design.md rule 8).
        # An answer that names none of them could be one.
        if any(result.report_id for result in answer.results):
            self._clock.confirm(answer.server_time)
            now = self._clock.read().now
            note_hold(self._station.folder, answer.bundle_number, answer.hold, now)
        for report, result in zip(batch, answer.results, strict=True):
            self._settle(report, result)
        self._compare_heads(answer.audit_head)

    def _compare_heads(self, audit_head: str) -> None:
        folder = self._station.folder
        contradiction = witness(folder, audit_head)
        if contradiction:
            self._alarms.append(contradiction.sentence)
            self._fits([contradiction.head])
            return
        now = self._clock.read().now
        if heads := unshown(folder, now):
            fits = self._fits(heads)
            if fits is False:
                # Not marked as shown: it is told at each sending, until the auditor has moved the file away.
                self._alarms.append(not_in_chain(folder))
            elif fits:
                mark_shown(folder, now)

    def _fits(self, heads: list[str]) -> bool | None:
        """Let the server look for these heads in its chain: an honest one raises an alarm if one is not there."""
        try:
            return self._client.compare_audit_heads(heads)
        except ServerError as error:
            # Whatever it says to this changes nothing about the reports, which are settled.
            _log.info("audit heads not compared", because=str(error))
            return None

    def _settle(self, report: SpooledReport, result: ReportResult) -> None:
        if result.status.is_kept:
            self._spool.remove(report)
            self._stored += 1
        else:
            self._put_aside(
                report, f"{result.status.value}: {rejected_sentence(result.message, result.code)}"
            )

    def _put_aside(self, report: SpooledReport, reason: str) -> None:
        self._spool.set_aside(report.path, reason)
        self._say_aside(report.path.stem, reason)

    def _say_aside(self, name: str, reason: str) -> None:
        self.set_aside.append(f"report {int(name)} was set aside in {self._spool.aside}: {reason}")


def _require_ours(batch: list[SpooledReport], answer: ReportAnswer) -> None:
    """Refuse an answer about other reports than those sent: removing by it would lose ours."""
    for report, result in zip(batch, answer.results, strict=True):
        kept = result.status.is_kept
        # Empty where the server could read no id. That accuses nobody, and a report is not removed for it.
        if (result.report_id or kept) and result.report_id != report.report_id:
            raise ServerProtocolError("the server answered for other reports than were sent; tell its admin")
