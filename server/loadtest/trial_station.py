"""A station for a trial: a real key, signed reports, one connection that is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from uuid import uuid4

from sqlalchemy.orm import Session

from certs.envelope import public_key_pem, sign_envelope
from certs.keys import create_key, load_signer
from policy.ledger import Ledger, marker_sha256
from policy.names import PhoneId
from policy.report import REPORT_PAYLOAD_TYPE, Consent, Report
from policy.schemas import dump_report
from policy.verdict import Stage, Verdict
from server.fleet.phones import Registration, register_phone
from server.loadtest.trial_server import TrialFailed, TrialServer
from server.stations.stations import add_station

_TRIES = 20
_BUSY = frozenset({429, 503})
_MARKER = "trial"


KEPT_S = 5.0
"""A connection on which nothing was asked for longer is made anew; the server ends it after 15 s."""


@dataclass
class Answers:
    """What a station saw: the milliseconds of each answer, and how often it was asked to come later."""

    waits_ms: list[float] = field(default_factory=list)
    stored: int = 0
    put_off: int = 0


class TrialStation:
    """Signs reports on phones of its own and sends them over one connection."""

    def __init__(self, server: TrialServer, number: int, phones: int) -> None:
        key = server.folder / f"station-{number}.key"
        create_key(key)
        self._server = server
        self._signer = load_signer(str(key))
        self._counter = 0
        self._connection = server.connection()
        self._asked_at = time.monotonic()
        now = datetime.now(UTC)
        with server.database.writing() as session:
            station = add_station(session, f"trial {number}", public_key_pem(self._signer), now)
            self.station_id = station.station_id
            self._phones = [
                _register(session, server.holder_key, self.station_id, now) for _ in range(phones)
            ]

    def bodies(self, requests: int, size: int) -> list[bytes]:
        """Return so many requests of so many new reports each, signed."""
        return [b'{"reports":[' + b",".join(self.reports(size)) + b"]}" for _ in range(requests)]

    def reports(self, count: int) -> list[bytes]:
        """Return so many new reports, signed."""
        return [self._signed() for _ in range(count)]

    def _signed(self) -> bytes:
        self._counter += 1
        report = Report(
            report_id=str(uuid4()),
            station_id=self.station_id,
            counter=self._counter,
            phone_id=self._phones[self._counter % len(self._phones)],
            checked_at=datetime.now(UTC),
            operator="loadtest",
            agent_version="0.1.0",
            judgement_version=1,
            transport="usb",
            virtual=True,
            consent=Consent.AGREED,
            model="Pixel 8",
            manufacturer="Google",
            release="14",
            api_level=34,
            patch_level="2026-11-05",
            boot_state="green",
            bundle_number=1,
            stage=Stage.REMIND,
            time_trusted=True,
            phone_skew_s=0,
            verdict=Verdict.COMPLIANT,
            enforceable=True,
            ledger=Ledger(_MARKER),
        )
        return sign_envelope(dump_report(report), REPORT_PAYLOAD_TYPE, self._signer)

    def send(self, bodies: Sequence[bytes]) -> Answers:
        """Send requests one after the other and return what came back; each is sent until it is stored."""
        answers = Answers()
        for body in bodies:
            self._post(body, answers)
        return answers

    def _post(self, body: bytes, answers: Answers) -> None:
        for _ in range(_TRIES):
            began = time.perf_counter()
            status, headers, told = self._ask("POST", "/api/v1/reports", body)
            answers.waits_ms.append((time.perf_counter() - began) * 1000)
            if status == 200:
                answers.stored += sum(result["status"] == "stored" for result in json.loads(told)["results"])
                return
            if status not in _BUSY:
                raise TrialFailed(f"a report was answered {status}: {told[:300].decode(errors='replace')}")
            answers.put_off += 1
            time.sleep(float(headers.get("retry-after", 1)))
        raise TrialFailed(f"the server put a station off {_TRIES} times; it does not hold this load")

    def fetch(self, paths: Sequence[str]) -> Answers:
        """Fetch these on a new connection, as a station that takes over what was published."""
        self._connection.close()
        answers = Answers()
        for path in paths:
            began = time.perf_counter()
            status, _, told = self._ask("GET", path, None)
            answers.waits_ms.append((time.perf_counter() - began) * 1000)
            if status != 200:
                raise TrialFailed(f"{path} was answered {status}: {told[:300].decode(errors='replace')}")
        return answers

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        headers = {} if body is None else {"Content-Type": "application/json"}
        # While hundreds of stations sign their reports, the server ends connections on which nothing is asked.
        if time.monotonic() - self._asked_at > KEPT_S:
            self._connection.close()
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            told = answer.read()
            self._asked_at = time.monotonic()
        except (OSError, HTTPException) as error:
            said = self._server.last_words()
            raise TrialFailed(f"no answer ({error!r}); the server's log ends with: {said}") from error
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, told

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def _register(session: Session, holder_key: str, station_id: str, now: datetime) -> PhoneId:
    registration = Registration(
        identity=uuid4().hex * 2,
        phone_id=PhoneId.random(),
        manufacturer="Google",
        model="Pixel 8",
        label="",
        holder="trial",
        consent=Consent.AGREED,
        api_level=34,
        virtual=True,
        marker_sha256=marker_sha256(_MARKER),
    )
    return register_phone(session, registration, station_id, holder_key, now)[0]
