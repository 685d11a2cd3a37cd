"""A server with people, a station and phones, for tests of the pages; reports enter it signed, as in service."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from certs.envelope import public_key_pem, sign_envelope
from certs.keys import create_key, load_signer
from certs.tls import create_authority, issue_server_certificate
from policy.document import Fleet, Policy
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState, UserKind
from policy.ready_made import ready_made_policy
from policy.report import (
    REPORT_PAYLOAD_TYPE,
    ActionResult,
    CommandExit,
    Consent,
    Report,
    ReportedAction,
    ReportedApp,
    ReportedUser,
)
from policy.schemas import dump_fleet, dump_policy_document, dump_report
from policy.verdict import ActionKind, Finding, Reason, ReasonCode, Verdict
from server.app import create_app
from server.config import Config
from server.context import Context
from server.drafts.beginnings import Beginning, beginning
from server.drafts.drafts import open_draft
from server.fleet.phones import Registration, register_phone
from server.intake.intake import Intake
from server.people.people import Role, put_person
from server.policies.bundles import VerifiedBundle, store_publication
from server.stations.stations import add_station
from server.storage.database import Database
from server.storage.migrating import migrate
from tests.reports import compliant_report
from tests.server.authority import as_json

PASSWORD = "four unrelated words here"
TIKTOK = PackageName("com.zhiliaoapp.musically")
OUTLOOK = PackageName("com.microsoft.office.outlook")
LYNC = PackageName("com.microsoft.office.lync15")
SHOWN = re.compile(r'name="csrf_token" value="([^"]+)"')


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def make_config(folder: Path, database_url: str) -> Config:
    create_authority(folder / "tls")
    issue_server_certificate(folder / "tls", ["127.0.0.1", "localhost"])
    create_key(folder / "audit.pem")
    return Config(
        database_url=database_url,
        secret_key="not a secret at all, this is a test",
        holder_key=Fernet.generate_key().decode(),
        audit_key=folder / "audit.pem",
        public_url="https://curfew.example.org",
        tls_folder=folder / "tls",
    )


@dataclass
class Office:
    app: Flask
    config: Config
    station_id: str = ""
    counter: int = 0

    @property
    def database(self) -> Any:
        context: Context = self.app.extensions["curfew"]
        return context.database

    def person(self, name: str, *roles: Role) -> None:
        with self.database.writing() as session:
            put_person(session, name, PASSWORD, roles, "test", now())

    def client(self, *roles: Role) -> FlaskClient:
        """Return a browser in which somebody with these roles is signed in."""
        name = "-".join(role.value for role in roles) or "nobody"
        self.person(name, *roles)
        client = self.app.test_client()
        assert self.sign_in(client, name).status_code == 302
        return client

    def sign_in(
        self, client: FlaskClient, name: str, password: str = PASSWORD, address: str = "/sign-in"
    ) -> Any:
        return self.send(client, address, {"name": name, "password": password}, form_on="/sign-in")

    def send(self, client: FlaskClient, address: str, fields: dict[str, str], form_on: str) -> Any:
        """Fill in the form on one page and send it, as a browser does."""
        page = client.get(form_on, base_url="https://localhost")
        token = SHOWN.search(page.text)
        assert token, page.text
        return client.post(
            address,
            data={"csrf_token": token[1], **fields},
            base_url="https://localhost",
            headers={"Referer": f"https://localhost{form_on}"},
        )

    def publish(
        self,
        number: int = 1,
        demo: bool = False,
        policy: Policy | None = None,
        fleet: Fleet | None = None,
        expires: datetime | None = None,
    ) -> None:
        bundle = VerifiedBundle(
            number=number,
            demo=demo,
            signers=("a1" * 32, "b2" * 32),
            expires=expires or now() + timedelta(days=20),
            policy_bytes=dump_policy_document(number, policy or policy_in_force()),
            fleet_bytes=dump_fleet(fleet or Fleet()),
        )
        with self.database.writing() as session:
            store_publication(session, bundle, {"1.root.json": b"a root"}, now())

    def draft(self) -> int:
        """Open a draft of the policy in force and return its number."""
        with self.database.writing() as session:
            author = put_person(session, "author-9", PASSWORD, [Role.AUTHOR], "test", now())
            document = beginning(session, Beginning.IN_FORCE)
            return open_draft(session, "Next", document, author, author.name, now()).draft_id

    def station(self, name: str, key: Path) -> str:
        if not key.exists():
            create_key(key)
        with self.database.writing() as session:
            self.station_id = add_station(
                session, name, public_key_pem(load_signer(str(key))), now()
            ).station_id
        self.signer = load_signer(str(key))
        return self.station_id

    def phone(
        self,
        model: str = "Pixel 8",
        label: str = "",
        consent: Consent = Consent.AGREED,
        holder: str = "mailbox-4711",
        unit: str = "",
    ) -> PhoneId:
        registration = Registration(
            identity=uuid4().hex * 2,
            phone_id=PhoneId.random(),
            manufacturer="Google",
            model=model,
            label=label,
            holder=holder,
            consent=consent,
            api_level=35,
            virtual=False,
            unit=unit,
        )
        with self.database.writing() as session:
            return register_phone(session, registration, self.station_id, self.config.holder_key, now())[0]

    def report(self, phone_id: PhoneId, **changes: Any) -> Report:
        self.counter += 1
        made = replace(violating_report(phone_id, self.station_id, self.counter), **changes)
        [result] = self.send_reports([made])
        assert result.status.value in ("stored", "late"), result
        return made

    def send_reports(self, reports: Sequence[Report]) -> Sequence[Any]:
        envelopes = [sign_envelope(dump_report(r), REPORT_PAYLOAD_TYPE, self.signer) for r in reports]
        intake: Intake = self.app.extensions["curfew"].intake
        return intake.accept([as_json(envelope) for envelope in envelopes], now()).results


def make_office(folder: Path, database_url: str) -> Office:
    config = make_config(folder, database_url)
    return Office(create_app(config), config)


def migrate_once(database_url: str) -> None:
    """Bring an empty database to the newest schema and leave nobody connected to it."""
    database = Database(database_url)
    migrate(database)
    database.close()


def policy_in_force() -> Policy:
    """The ready-made policy, past its deadline and a long way from its review."""
    return replace(
        ready_made_policy(),
        deadline=now() - timedelta(days=3),
        review_at=now() + timedelta(days=40),
        ends_at=now() + timedelta(days=80),
    )


def violating_report(phone_id: PhoneId, station_id: str, counter: int) -> Report:
    """A phone with TikTok in the personal user, whose Outlook has just been disabled in the work profile."""
    entry = LedgerEntry(UserNumber(10), OUTLOOK, EnabledState.DEFAULT, EntryState.DONE, 1, now())
    return compliant_report(
        station_id=station_id,
        phone_id=phone_id,
        counter=counter,
        checked_at=now() - timedelta(minutes=5),
        operator="bench 2",
        model="Pixel 8",
        release="15",
        api_level=35,
        patch_level="2025-01-05",
        phone_skew_s=-3,
        verdict=Verdict.VIOLATING,
        reasons=(Reason(ReasonCode.BANNED_APP_PRESENT, f"{TIKTOK} in user 0"),),
        users=(
            ReportedUser(UserNumber(0), UserKind.PERSONAL, True),
            ReportedUser(UserNumber(10), UserKind.WORK, True),
        ),
        findings=(Finding("TikTok", UserNumber(0), TIKTOK),),
        managed=(ReportedApp(UserNumber(10), OUTLOOK, EnabledState.DEFAULT, EnabledState.DISABLED_BY_USER),),
        actions=(ReportedAction(ActionKind.DISABLE, UserNumber(10), OUTLOOK, ActionResult.DONE),),
        commands=(CommandExit("users", 0), CommandExit("packages", 0)),
        answers_sha256="ab" * 32,
        ledger=Ledger("0" * 32, (entry,)),
    )


COMPLIANT: dict[str, Any] = {
    "verdict": Verdict.COMPLIANT,
    "reasons": (Reason(ReasonCode.BANNED_APP_GONE),),
    "findings": (),
    "actions": (),
    "managed": (ReportedApp(UserNumber(10), OUTLOOK, EnabledState.DEFAULT, EnabledState.DEFAULT),),
    "ledger": Ledger(),
}

UNREADABLE: dict[str, Any] = {
    "verdict": Verdict.UNREADABLE,
    "enforceable": False,
    "reasons": (
        Reason(ReasonCode.PACKAGE_UNREADABLE, f"{TIKTOK}: the answer was cut"),
        Reason(ReasonCode.PLACE_CLOSED, "user 10 is closed to the shell"),
    ),
    "findings": (),
    "actions": (),
    "managed": (ReportedApp(UserNumber(10), OUTLOOK, None, None),),
    "commands": (CommandExit("users", 0), CommandExit("packages", None)),
    "ledger": Ledger(),
}


@contextmanager
def served(office: Office) -> Iterator[str]:
    """Serve the office over TLS on a free port of the loopback and yield its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(office.config.tls_folder / "server.pem", office.config.tls_folder / "server.key")
    server = make_server("127.0.0.1", 0, office.app, threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
