"""The commands about a lift: who waits, and its certificate, made and verified."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session

from certs.durable import write_durably
from certs.errors import EnvelopeRefused
from certs.lazy_commands import CommandAt, LazyGroup
from certs.terminal import tell
from policy.counted import counted
from policy.errors import PolicyError
from policy.plain_text import printable
from policy.schemas import load_report
from server.commands.settings import given_config, looked_at, now_of, opened, operator, takes_config
from server.evidence.audit import HeadSigner
from server.evidence.lift_certificates import ProvenLift, open_lift_certificate
from server.fleet.lift import CAUSES, lift_counts, lifted_since, waiting_phones
from server.fleet.lift_certifying import certificate_of, certificates, certify, collect
from server.people.people import Right, person_with
from server.policies.bundles import situation_and_history
from server.reports.stored_envelopes import payload_of

_LISTED = 100
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(
    cls=LazyGroup,
    commands_at={
        "status": CommandAt(
            "server.commands.lift:status",
            "Tell who waits to be restored.",
            ("curfew-server lift status", "curfew-server lift status --phones"),
        ),
        "certify": CommandAt(
            "server.commands.lift:certify_",
            "Sign that all is restored.",
            (
                "curfew-server lift certify --by approver-1",
                "curfew-server lift certify --by approver-1 --accept-rest '2 are lost'",
            ),
        ),
        "write": CommandAt(
            "server.commands.lift:write",
            "Write the certificates into a folder.",
            ("curfew-server lift write /var/backups/curfew",),
        ),
    },
)
def lift() -> None:
    """Follow a lift to its end: all restored, and certified."""


@click.command()
@takes_config
@click.option("--phones", "by_phone", is_flag=True, help="Name the phones, too.")
def status(by_phone: bool) -> None:
    """Tell how many phones wait to be restored, why, and what to do next."""
    config = given_config()
    with looked_at(config) as database:
        now = now_of(config, database)
        with database.reading() as session:
            _tell_status(session, now, by_phone)


def _tell_status(session: Session, now: datetime, by_phone: bool) -> None:
    here = situation_and_history(session, now)
    since = lifted_since(here)
    counts = lift_counts(session, here, since or now)
    if since is None:
        tell(
            f"The measure is not over; lifted now, {counted(counts.waiting, 'phone')} would have to be restored."
        )
        return
    tell(f"Over since {since:%Y-%m-%d %H:%M} UTC; {counted(counts.waiting, 'phone')} to be restored.")
    for cause, (label, next_step) in CAUSES.items():
        if counts.by_cause[cause]:
            tell(f"{counts.by_cause[cause]:>7}  {label}. {next_step}")
    rows, behind = waiting_phones(session, since, "", _LISTED) if by_phone else ((), None)
    for row in rows:
        name = printable(row.phone.label or row.phone.model)
        tell(f"{row.phone.phone_id}  {row.last_at:%Y-%m-%d %H:%M}Z  {name}: {CAUSES[row.cause][0]}")
    if behind:
        tell(f"and more: these {_LISTED} were not seen for longest; the API lists all of them", err=True)


@click.command("certify")
@takes_config
@click.option("--by", "name", required=True, metavar="NAME", help="The account that answers for it.")
@click.option("--accept-rest", default="", help="Why phones without a proof are let be.")
def certify_(name: str, accept_rest: str) -> None:
    """Sign which report read each phone back restored that was ever switched off."""
    config = given_config()
    with opened(config) as database:
        now = now_of(config, database)
        with database.reading() as session:
            collected = collect(session)
        with database.writing() as session:
            person = person_with(session, name, Right.CERTIFY_LIFT)
            here = situation_and_history(session, now)
            signer = HeadSigner(config.audit_key)
            certified = certify(session, signer, here, collected, accept_rest, person.name, operator())
    made = certified.settled()
    tell(
        f"Certificate {made.number} is signed: {counted(made.phones, 'phone')} proven,"
        f" {counted(made.unproven, 'phone')} let be. Write it: curfew-server lift write FOLDER"
    )


@click.command()
@takes_config
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def write(folder: Path) -> None:
    """Write every certificate of a lift that FOLDER does not have yet into it."""
    with looked_at(given_config()) as database, database.reading() as session:
        for one in certificates(session):
            file = folder / f"lift-{one.number}.json"
            if not file.exists():
                write_durably(file, certificate_of(session, one.number))
                tell(f"Wrote {file}.")


@click.command(name="verify-lift")
@takes_config
@click.argument("certificate", type=_FILE)
@click.option("--audit-key", type=_FILE, help="The public half of the audit key, where no server is at hand.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=_FILE,
    help="The envelope of a report that somebody has kept: is it a proof? May be given several times.",
)
def verify_lift(certificate: Path, audit_key: Path | None, reports: tuple[Path, ...]) -> int:
    """Verify the certificate of a lift, and whether reports that were kept are among its proofs; asks no database.

    The public half of the audit key is told by GET /api/v1/audit-rows/NUMBER, as `audit_key_pem`; keep it.
    """
    key = audit_key.read_bytes() if audit_key else HeadSigner(given_config().audit_key).public_key_pem
    try:
        proven = open_lift_certificate(certificate.read_bytes(), key)
    except EnvelopeRefused as error:
        tell(f"{certificate} proves nothing: {error}", err=True)
        return 1
    told = proven.certificate
    tell(
        f"{certificate} holds: {counted(told.phones, 'phone')} read back restored after the lift of"
        f" {told.lifted_since} (bundle {told.bundle_number}), signed at {told.made_at} for {told.made_by}, row"
        f" {told.audit_row} of the audit chain."
    )
    if told.unproven:
        tell(
            f"{counted(told.unproven, 'phone')} let be by {printable(told.accepted_by)}:"
            f" {printable(told.accepted_because)}"
        )
        for one in proven.unproven:
            tell(f"  {printable(one.phone_id)}: {printable(one.cause)}")
    # Each is told, also behind one that is no proof.
    held = [_is_proof(file, proven) for file in reports]
    return 0 if all(held) else 1


def _is_proof(file: Path, proven: ProvenLift) -> bool:
    try:
        payload = payload_of(file.read_bytes())
        report_id = load_report(payload).report_id
    except (ValueError, KeyError, TypeError, PolicyError):
        tell(f"{file}: expected the envelope of a report, found something else.", err=True)
        return False
    found = proven.proof_by(report_id, hashlib.sha256(payload).hexdigest())
    if found is None:
        tell(f"{file}: report {report_id} is none of the proofs.", err=True)
        return False
    tell(f"{file}: report {report_id} proves phone {found.phone_id}, read back at {found.checked_at}.")
    return True
