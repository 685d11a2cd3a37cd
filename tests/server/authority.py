"""What the tests of the server act with: a published trust, its settings, and stations that sign for themselves."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from certs.envelope import public_key_pem, sign_envelope
from certs.keys import create_key, load_signer
from certs.repository import create_repository, publish, sign_fleet, sign_policy
from policy.document import Exemption, Fleet, Policy
from policy.ledger import EntryState, Ledger, LedgerEntry, marker_sha256
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState
from policy.ready_made import ready_made_policy
from policy.report import REPORT_PAYLOAD_TYPE, Consent, Report
from policy.report_results import ReportResult
from policy.schemas import dump_fleet, dump_policy_document, dump_probe, dump_report
from policy.verdict import Finding, Reason, ReasonCode, Verdict
from server.config import Config
from server.exemptions.recording import record_exemptions
from server.fleet import phones
from server.fleet.phones import Registration
from server.intake.intake import Intake
from server.people import people, tokens
from server.policies.publishing import PublishResult
from server.policies.publishing import publish as publish_in_service
from server.stations import enrolment
from server.stations.stations import add_station
from server.storage.database import Database
from tests.reports import compliant_report

NOW = datetime.now(UTC).replace(microsecond=0)
"""The moment at which the tests' trust was made; everything else is told from here."""

MANAGED = PackageName("com.microsoft.office.outlook")
BANNED = PackageName("com.zhiliaoapp.musically")
PASSWORD = "correct horse battery staple"


def banning_policy(**changes: Any) -> Policy:
    """Return a policy whose deadline was yesterday."""
    times: dict[str, Any] = {
        "deadline": NOW - timedelta(days=1),
        "time_zone": "UTC",
        "review_at": NOW + timedelta(days=20),
        "ends_at": NOW + timedelta(days=60),
        "overdue_limit": timedelta(hours=48),
        "check_interval": timedelta(minutes=60),
        "rings": (),
    }
    return replace(ready_made_policy(), **(times | changes))


class TrustFolder:
    """An organisation's trust on disk, as `curfew-certs` makes it."""

    def __init__(self, path: Path, demo: bool = True) -> None:
        self.path = path
        create_repository(path, NOW, demo=demo)
        self.publish(1, banning_policy())

    def publish(self, number: int, policy: Policy) -> None:
        """Sign and publish a policy."""
        for approver in sorted((self.path / "keys").glob("approver-*.pem")):
            sign_policy(self.path, dump_policy_document(number, policy), load_signer(str(approver)), NOW)
        publish(self.path, NOW)

    def publish_fleet(self, number: int, *exemptions: Exemption) -> None:
        """Sign and publish exemptions."""
        signer = load_signer(str(self.path / "keys" / "fleet.pem"))
        sign_fleet(self.path, dump_fleet(Fleet(number, exemptions)), signer, NOW)
        publish(self.path, NOW)

    def copy(self, path: Path) -> TrustFolder:
        """Return a copy that can be published from without touching this one."""
        shutil.copytree(self.path, path)
        copied = TrustFolder.__new__(TrustFolder)
        copied.path = path
        return copied


def make_config(folder: Path, trust: TrustFolder, database_url: str, **changes: Any) -> Config:
    """Return settings for a server of this trust whose own files are in `folder`."""
    folder.mkdir(exist_ok=True)
    audit_key = folder / "audit.key"
    if not audit_key.exists():
        create_key(audit_key)
    settings: dict[str, Any] = {
        "database_url": database_url,
        "secret_key": "s" * 43,
        "holder_key": Fernet.generate_key().decode(),
        "audit_key": audit_key,
        "public_url": "https://127.0.0.1:8443",
        "tls_folder": trust.path / "tls",
        "trust_keys": trust.path / "keys",
    }
    return Config(**(settings | changes))


@dataclass
class Bench:
    """A station with its own key, which signs reports and requests."""

    station_id: str
    key: Path
    counter: int = 0
    signer: Any = field(init=False)

    def __post_init__(self) -> None:
        self.signer = load_signer(str(self.key))

    def report(self, phone_id: str, **changes: Any) -> Report:
        """Return the report of a compliant phone, checked now, with `changes`."""
        self.counter += 1
        ours = {"station_id": self.station_id, "counter": self.counter, "phone_id": PhoneId(phone_id)}
        return compliant_report(**({**ours, "checked_at": NOW} | changes))

    def sign(self, report: Report) -> bytes:
        """Return the report in its envelope."""
        return sign_envelope(dump_report(report), REPORT_PAYLOAD_TYPE, self.signer)

    def authorization(self, method: str, path: str, body: bytes = b"", **changes: Any) -> str:
        """Return the Authorization header of one request."""
        statement = {
            "station_id": self.station_id,
            "method": method,
            "path": path,
            "body_sha256": hashlib.sha256(body).hexdigest(),
            "time": datetime.now(UTC).isoformat(),
            "nonce": uuid4().hex,
        } | changes
        payload = json.dumps(statement).encode()
        envelope = sign_envelope(payload, "application/vnd.curfew.request+json", self.signer)
        return "Curfew " + base64.b64encode(envelope).decode()


VIOLATING: Mapping[str, Any] = {
    "verdict": Verdict.VIOLATING,
    "reasons": (Reason(ReasonCode.BANNED_APP_PRESENT, "TikTok in user 0"),),
    "findings": (Finding("TikTok", UserNumber(0), BANNED),),
}
NOT_ENFORCEABLE: Mapping[str, Any] = {**VIOLATING, "enforceable": False}
UNREADABLE: Mapping[str, Any] = {"verdict": Verdict.UNREADABLE, "ledger": Ledger()}


def disabled_ledger() -> Ledger:
    """Return a ledger with one app that we disabled."""
    entry = LedgerEntry(UserNumber(10), MANAGED, EnabledState.DEFAULT, EntryState.DONE, 1, NOW)
    return Ledger("marker", (entry,))


class Authority:
    """A server's storage with a publication in it, without HTTP; stations and phones are made here."""

    def __init__(self, folder: Path, trust: TrustFolder, config: Config) -> None:
        self.folder = folder
        self.trust = trust
        self.config = config
        self.database = Database(config.database_url)
        self.intake = Intake(self.database)

    def publish(self) -> PublishResult:
        """Take over what the trust folder publishes."""
        return publish_in_service(self.database, self.config, self.trust.path, "test", record_exemptions)

    def bench(self, name: str = "bench 1") -> Bench:
        """Enrol a station."""
        key = self.folder / f"station-{uuid4().hex}.key"
        create_key(key)
        with self.database.writing() as session:
            station = add_station(session, name, public_key_pem(load_signer(str(key))), NOW)
        return Bench(station.station_id, key)

    def write_settings(self) -> Path:
        """Write the settings into a ``server.env``, for commands, and return its path."""
        env = self.folder / "server.env"
        names = (
            "database_url",
            "secret_key",
            "holder_key",
            "audit_key",
            "public_url",
            "tls_folder",
            "trust_keys",
        )
        env.write_text("".join(f"CURFEW_{name.upper()}={getattr(self.config, name)}\n" for name in names))
        env.chmod(0o600)
        return env

    def phone(self, bench: Bench, **changes: Any) -> PhoneId:
        """Register a phone and return its id."""
        with self.database.writing() as session:
            registration = make_registration(**changes)
            phone_id, _ = phones.register_phone(
                session, registration, bench.station_id, self.config.holder_key, changes.get("now", NOW)
            )
        return phone_id

    def accept(self, *envelopes: bytes, now: datetime = NOW) -> list[ReportResult]:
        """Hand in one batch."""
        return list(self.intake.accept([as_json(envelope) for envelope in envelopes], now).results)

    def code(self, hours: int = 24) -> str:
        """Return the token of a new enrolment code."""
        with self.database.writing() as session:
            return enrolment.make_token(session, "", NOW + timedelta(hours=hours), NOW)

    def person_token(self, *roles: people.Role) -> str:
        """Return the API token of a new person with these roles."""
        name = f"p{uuid4().hex[:8]}"
        with self.database.writing() as session:
            people.put_person(session, name, PASSWORD, roles, "test", NOW)
            return tokens.issue_token(session, name, "test", NOW).secret


def make_registration(**changes: Any) -> Registration:
    """Return what a station tells of a new phone, with `changes`."""
    facts: dict[str, Any] = {
        "identity": uuid4().hex * 2,
        "phone_id": PhoneId.random(),
        "manufacturer": "Google",
        "model": "Pixel 7",
        "label": "",
        "holder": "mailbox-1",
        "consent": Consent.AGREED,
        "api_level": 34,
        "virtual": False,
        "marker_sha256": marker_sha256("marker"),
    }
    return Registration(**(facts | {name: value for name, value in changes.items() if name != "now"}))


def registration_body(**changes: Any) -> bytes:
    """Return the body that registers a new phone, with `changes`."""
    made = make_registration(**changes)
    fields = {name: getattr(made, name) for name in made.__dataclass_fields__ if name != "probe"}
    told = {} if made.probe is None else {"probe": json.loads(dump_probe(made.probe))}
    return json.dumps(fields | {"consent": made.consent.value} | told).encode()


def post_reports(client: FlaskClient, *envelopes: bytes) -> TestResponse:
    """Send one batch over HTTP."""
    body = b'{"reports":[' + b",".join(envelopes) + b"]}"
    return client.post("/api/v1/reports", data=body, content_type="application/json")


def as_json(envelope: bytes) -> Any:
    """Return an envelope as the intake gets it from a batch."""
    # What is no JSON cannot be a part of a batch: the whole is refused at the door.
    try:
        return json.loads(envelope)
    except RecursionError:
        return None
