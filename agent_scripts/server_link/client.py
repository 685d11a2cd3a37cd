"""What a station says to its server and what it makes of the answers (docs/design.md 6; ``/api/v1``)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from agent_scripts.errors import ServerError, ServerProtocolError, ServerRefused
from agent_scripts.server_link.https import ANSWER_MAX_BYTES, HttpAnswer, ServerLink
from agent_scripts.server_link.refused_request import refused_sentence, rejected_sentence
from agent_scripts.station_files.hold import ToldHold, read_hold
from agent_scripts.station_files.station import Station
from agent_scripts.station_files.trusted_time import TrustedClock
from certs.envelope import sign_envelope
from certs.errors import FetchFailed, FileMissing
from policy.attempt import Attempt
from policy.counted import counted
from policy.errors import PolicyError
from policy.ledger import Ledger, marker_sha256
from policy.names import PhoneId
from policy.probe import Probe
from policy.report import Consent
from policy.report_results import ReportResult, ReportStatus
from policy.schemas import dump_attempt, dump_probe, load_ledger
from policy.schemas.values import YEARS

REQUEST_PAYLOAD_TYPE = "application/vnd.curfew.request+json"
"""The DSSE payload type: a signed request can never pass for a report."""
_API = "/api/v1"
_JSON = {"Content-Type": "application/json"}

T = TypeVar("T")


@dataclass(frozen=True)
class ReportAnswer:
    """The answer to a batch: one result per report in the order sent, and the server's word on what comes next.

    ``audit_head`` is the signed head of the server's audit chain, as JSON text.
    """

    results: tuple[ReportResult, ...]
    server_time: datetime
    bundle_number: int
    next_contact_s: int
    audit_head: str
    hold: ToldHold | None = None
    """From where on rings of that bundle are held; None: none is."""


@dataclass(frozen=True)
class ServerStatus:
    """What the server tells anybody."""

    server_time: datetime
    bundle_number: int
    fleet_number: int
    next_contact_s: int
    demo: bool
    hold: ToldHold | None = None
    """As in `ReportAnswer`."""


@dataclass(frozen=True)
class Registered:
    """A phone as the server knows it now, and what of that another registration had told otherwise before."""

    phone_id: PhoneId
    holder_changed: bool
    marker_changed: bool = False


class ServerClient:
    """The server as one station sees it. Blocking: call it from a thread. Every method raises `ServerError`."""

    def __init__(self, station: Station, pause: Callable[[float], None] = time.sleep) -> None:
        """Use the station's server, authority and key; nothing is sent yet."""
        self._station = station
        self._clock = TrustedClock(station.folder, station.story_clock)
        self._link = ServerLink(station.server_url, station.authority_pem, pause)

    def status(self) -> ServerStatus:
        """Return the server's time and the numbers of its newest bundle and exemptions."""
        told = _understood(self._link.ask("GET", f"{_API}/status"))
        return ServerStatus(
            server_time=_time(told),
            bundle_number=_field(told, "bundle_number", int),
            fleet_number=_field(told, "fleet_number", int),
            next_contact_s=_field(told, "next_contact_s", int),
            demo=_field(told, "demo", bool),
            hold=_hold(told),
        )

    def register_phone(
        self,
        *,
        identity: str,
        phone_id: PhoneId,
        manufacturer: str,
        model: str,
        label: str,
        holder: str,
        consent: Consent,
        api_level: int,
        virtual: bool,
        probe: Probe | None = None,
        marker: str = "",
        unit: str = "",
    ) -> Registered:
        """Make a phone known; its id is the proposed one, or that of an earlier registration.

        Of its `marker` the server is told the hash alone: who shows it that marker has met the phone.
        """
        described: dict[str, Any] = {
            "identity": identity,
            "phone_id": phone_id,
            "manufacturer": manufacturer,
            "model": model,
            "label": label,
            "holder": holder,
            "consent": consent.value,
            "api_level": api_level,
            "virtual": virtual,
        }
        if probe is not None:
            described["probe"] = json.loads(dump_probe(probe))
        # Not told where there is none: servers of before this word take all the others.
        if unit:
            described["unit"] = unit
        if marker:
            described["marker_sha256"] = marker_sha256(marker)
        told = _understood(self._ask_signed("POST", f"{_API}/phones", described))
        try:
            phone_id = PhoneId(_field(told, "phone_id", str))
        except PolicyError as error:
            raise _protocol_error("a phone id") from error
        # Servers of before this word say nothing of it.
        changed = told.get("changed", [])
        if not isinstance(changed, list):
            changed = []
        return Registered(phone_id, "holder" in changed, "marker" in changed)

    def ledger(self, phone_id: PhoneId, marker: str) -> Ledger | None:
        """Return the ledger of a phone's latest report, or None if no report of it was ever stored.

        `marker` is what the phone shows; it goes to the server only where that wants proof that we met the phone.
        """
        try:
            told = self._ledger(phone_id, marker)
        except ServerRefused as error:
            if error.code == "phone_unknown":
                return None
            raise
        ledger = told.get("ledger")
        if ledger is None:
            return None
        try:
            return load_ledger(json.dumps(ledger).encode())
        except PolicyError as error:
            raise _protocol_error("a ledger") from error

    def _ledger(self, phone_id: PhoneId, marker: str) -> dict[str, Any]:
        phone = f"{_API}/phones/{PhoneId(phone_id)}"
        try:
            return _understood(self._ask_signed("GET", f"{phone}/ledger", None))
        except ServerRefused as error:
            if error.code != "phone_not_met":
                raise
        _understood(self._ask_signed("POST", f"{phone}/meetings", {"marker": marker}))
        return _understood(self._ask_signed("GET", f"{phone}/ledger", None))

    def send_reports(self, envelopes: Sequence[bytes]) -> ReportAnswer:
        """Send signed reports and return what became of each; sending one again does no harm."""
        body = b'{"reports":[' + b",".join(envelopes) + b"]}"
        # Not signed as a request: each report carries this station's signature already, and no nonce is used up.
        answer = self._link.ask("POST", f"{_API}/reports", body, lambda: _JSON)
        # A single report that contradicts a stored one is answered by 409, and as one of a batch by its result.
        told = _understood(answer, also=(409,))
        results = _field(told, "results", list)
        if len(results) != len(envelopes):
            raise _protocol_error(counted(len(envelopes), "result"))
        return ReportAnswer(
            results=tuple(_result(result) for result in results),
            server_time=_time(told),
            bundle_number=_field(told, "bundle_number", int),
            next_contact_s=_field(told, "next_contact_s", int),
            audit_head=json.dumps(told.get("audit_head"), sort_keys=True),
            hold=_hold(told),
        )

    def tell_refusal(self, told: Mapping[str, Any]) -> None:
        """Tell which bundle this station refuses, and why; telling it again does no harm."""
        _understood(self._ask_signed("POST", f"{_API}/refusals", told))

    def tell_attempts(self, attempts: Sequence[Attempt]) -> Mapping[str, str]:
        """Tell which phones were visited in vain; return of which the server takes no word, and why, by phone id.

        Telling it again does no harm.
        """
        described = {"attempts": [json.loads(dump_attempt(attempt)) for attempt in attempts]}
        told = _understood(self._ask_signed("POST", f"{_API}/attempts", described))
        refused = [one for one in _field(told, "refused", list) if isinstance(one, dict)]
        return {
            _field(one, "phone_id", str): rejected_sentence(
                _field(one, "message", str), _field(one, "code", str)
            )
            for one in refused
        }

    def compare_audit_heads(self, heads: Sequence[str]) -> bool:
        """Show signed heads (JSON texts) that this station kept; return whether all stand in the server's chain."""
        shown = {"heads": [json.loads(head) for head in heads]}
        return _field(_understood(self._ask_signed("POST", f"{_API}/audit-heads", shown)), "fits", bool)

    def fetch(self, url: str, max_length: int) -> bytes:
        """Return a trust file of this server (the `Fetch` of `certs.trust_client`).

        Raises `FileMissing` or `FetchFailed`, the errors that the trust client knows.
        """
        path = url.removeprefix(self._link.url)
        # The slash counts: behind this server's name another one's might go on, as in our.server.evil.example.
        if path == url or not path.startswith("/trust/"):
            raise FetchFailed(f"{url} is not a trust file of {self._link.url}; enrol this station anew")
        try:
            return fetch_trust_file(self._link, path, max_length)
        except ServerError as error:
            raise FetchFailed(str(error)) from error

    def _ask_signed(self, method: str, path: str, described: Mapping[str, Any] | None) -> HttpAnswer:
        """Ask with a signed statement about this very request; once more by the server's time if ours is off."""
        body = b"" if described is None else json.dumps(described).encode()
        # However doubtful our time is: if it is off, that costs one refusal, which tells the server's.
        answer = self._ask_signed_at(self._clock.read().now, method, path, body)
        # For this signature only: bound to no report of ours, it does not set the clock (docs/design.md rule 8).
        server_time = _time_of_refusal(answer) if answer.status == 401 else None
        return answer if server_time is None else self._ask_signed_at(server_time, method, path, body)

    def _ask_signed_at(self, now: datetime, method: str, path: str, body: bytes) -> HttpAnswer:
        def signed() -> dict[str, str]:
            statement = {
                "station_id": self._station.station_id,
                "method": method,
                "path": path,
                "body_sha256": hashlib.sha256(body).hexdigest(),
                "time": now.astimezone(UTC).isoformat(),
                "nonce": secrets.token_urlsafe(24),
            }
            payload = json.dumps(statement).encode()
            envelope = sign_envelope(payload, REQUEST_PAYLOAD_TYPE, self._station.signer)
            return {**_JSON, "Authorization": "Curfew " + base64.b64encode(envelope).decode("ascii")}

        return self._link.ask(method, path, body or None, signed)


def fetch_trust_file(link: ServerLink, path: str, max_length: int) -> bytes:
    """Return the file at `path`; raises `FileMissing` or `FetchFailed` for a refusal, else `ServerError`."""
    answer = link.ask("GET", path, max_bytes=min(max_length, ANSWER_MAX_BYTES))
    if answer.status == 404:
        raise FileMissing(
            f"{link.url} has no {path}; its admin publishes it with"
            " `curfew-server --config SERVER.env publish FOLDER`"
        )
    if answer.status != 200:
        raise FetchFailed(f"{link.url}{path} answered {answer.status}; try again later")
    return answer.body


def join(link: ServerLink, token: str, name: str, public_key_pem: bytes) -> tuple[str, datetime]:
    """Use up an enrolment token and return the new station's id and the server's time."""
    # Not repeatable: if the answer is lost the token may be used up, and asking again would only hear "code_used".
    described = {"token": token, "name": name, "public_key_pem": public_key_pem.decode("ascii")}
    body = json.dumps(described).encode()
    told = _understood(link.ask("POST", f"{_API}/stations", body, lambda: _JSON, repeatable=False))
    return _field(told, "station_id", str), _time(told)


def _understood(answer: HttpAnswer, also: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return the answer's JSON object; raises `ServerRefused` for a refusal, `ServerProtocolError` for neither."""
    told = _object(answer)
    # A 409 for another reason has no results, and is a refusal like any other.
    if answer.status in (200, 201) or (answer.status in also and "results" in told):
        return told
    error = told.get("error")
    if not isinstance(error, dict) or not all(
        isinstance(error.get(part), str) for part in ("code", "message")
    ):
        raise ServerRefused(answer.status, "", f"the server answered {answer.status}; try again later")
    code = error["code"]
    raise ServerRefused(answer.status, code, refused_sentence(answer.status, code, error["message"]))


def _object(answer: HttpAnswer) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
    # RecursionError: some thousand brackets are enough. An error page of a proxy is no JSON either; its status tells.
    except (ValueError, RecursionError) as error:
        if answer.status >= 400:
            return {}
        raise _protocol_error("JSON") from error
    if not isinstance(told, dict):
        raise _protocol_error("a JSON object")
    return told


def _time_of_refusal(answer: HttpAnswer) -> datetime | None:
    told = _object(answer)
    return _time(told) if "server_time" in told else None


def _result(told: Any) -> ReportResult:
    if not isinstance(told, dict):
        raise _protocol_error("a result")
    try:
        # No word of a newer server is guessed: a report that is taken for stored is removed here.
        status = ReportStatus(_field(told, "status", str))
    except ValueError as error:
        raise _protocol_error("a known status") from error
    return ReportResult(
        report_id=_field(told, "report_id", str),
        status=status,
        code=_field(told, "code", str),
        message=_field(told, "message", str),
    )


def _field(told: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = told.get(name)
    # JSON's `true` is an int in Python, and would pass for bundle number 1.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _protocol_error(f"{name} as {kind.__name__}")
    return value


def _hold(told: Mapping[str, Any]) -> ToldHold | None:
    try:
        return read_hold(told)
    except ValueError as error:
        raise _protocol_error("held_ring as the number of a ring or null, or held_from as a share") from error


def _time(told: Mapping[str, Any]) -> datetime:
    try:
        moment = datetime.fromisoformat(_field(told, "server_time", str))
    except ValueError as error:
        raise _protocol_error("server_time in UTC") from error
    # Beyond these years no policy speaks either; at the calendar's end adding a second would fail for ever after.
    if moment.utcoffset() != timedelta(0) or moment.year not in YEARS:
        raise _protocol_error("server_time in UTC")
    return moment.astimezone(UTC)


def _protocol_error(expected: str) -> ServerProtocolError:
    return ServerProtocolError(
        f"the server's answer lacks {expected}; check that server and station have one version"
    )
