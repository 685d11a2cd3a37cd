"""The commands that keep the database small: thinning, purging, and looking at what a purge has left behind."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import click

from certs.audit_chain import AuditHead
from certs.durable import write_durably
from certs.errors import EnvelopeRefused
from certs.terminal import tell
from policy.counted import counted
from policy.errors import PolicyError
from policy.schemas import load_report
from server.commands.settings import given_config, looked_at, now_of, opened, operator, takes_config
from server.config import Config
from server.errors import ConfigurationRefused
from server.evidence import audit
from server.evidence.audit import HeadSigner
from server.evidence.purge_certificates import ProvenPurge, certificate_file, open_certificate
from server.reports.purges import certificates
from server.reports.stored_envelopes import payload_of
from server.retention import purging, thinning
from server.retention.purging import PurgePolicy
from server.storage.database import Database


@click.command()
@takes_config
@click.option("--older-than", "days", required=True, type=click.IntRange(1), help="Days since the check.")
@click.option("--yes", is_flag=True, help="Do it; without this, only tell what would be done.")
def thin(days: int, yes: bool) -> None:
    """Drop the signed envelopes of old reports in which nothing changed.

    Kept whole: the latest of each phone, the newest with its ledger, every report that differs from the one before or
    in which something was done, and what an alarm or the audit chain names. Of the others id, hash, counter, times and
    verdict stay, so that sending one again changes nothing. It cannot be taken back: make a copy of the database first.
    """
    config = given_config()
    # Only to tell what would be done, the database is left at the schema it has.
    with (opened if yes else looked_at)(config) as database:
        now = now_of(config, database)
        plan = thinning.plan(database, now - timedelta(days=days))
        told = (
            f"{len(plan.report_ids)} of {counted(plan.older, 'report')} older than {counted(days, 'day')} tell nothing"
            f" new; their envelopes take {plan.envelope_bytes / 1_000_000:.1f} MB."
        )
        if not yes:
            tell(f"{told} Nothing was changed; --yes drops them.")
            return
        dropped = thinning.drop(database, plan, days, operator(), now)
    tell(f"{told} {dropped} were dropped. The space is used for new reports; a VACUUM gives it back.")


@click.command()
@takes_config
@click.option("--yes", is_flag=True, help="Do it; without this, only tell what would be done.")
@click.option(
    "--certificates",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder; the certificates of all purges that it lacks are written into it.",
)
def purge(yes: bool, folder: Path | None) -> None:
    """Delete the reports that are older than CURFEW_KEEP_REPORTS_DAYS, and leave a signed certificate of it.

    Kept whatever their age: of each phone the latest, the newest with its ledger, and those from which it is known
    since when things are as they are; all of a phone on which something is still switched off, or about which an alarm
    is open; and the last that each station sent. It cannot be taken back.
    """
    config = given_config()
    if config.keep_reports_days is None:
        raise ConfigurationRefused(
            "expected a time for which reports are kept, found none; set CURFEW_KEEP_REPORTS_DAYS in the server.env"
        )
    # Only to tell what would be done, the database is left at the schema it has.
    with (opened if yes else looked_at)(config) as database:
        now = now_of(config, database)
        policy = PurgePolicy.keeping(config.keep_reports_days, now)
        planned = purging.plan(database, policy)
        tell(
            f"{planned.total} of {counted(planned.older, 'report')} older than"
            f" {counted(config.keep_reports_days, 'day')} may go; they are of {counted(len(planned.reports), 'phone')}."
        )
        if yes:
            _purge(database, planned, policy, config)
        else:
            tell("Nothing was changed; --yes deletes them.")
        if folder is not None:
            _write_certificates(database, folder)


def _purge(database: Database, planned: purging.PurgePlan, policy: PurgePolicy, config: Config) -> None:
    now = now_of(config, database)
    signer = HeadSigner(config.audit_key)
    for made in purging.purge(database, planned, policy, signer, operator(), now):
        tell(
            f"Deleted {counted(made.reports, 'report')} of {counted(made.phones, 'phone')}, checked from"
            f" {made.first_check_at} to {made.last_check_at}: row {made.audit_row} of the audit chain."
        )


def _write_certificates(database: Database, folder: Path) -> None:
    with database.reading() as session:
        for number, envelope, leaves in certificates(session):
            file = folder / f"purge-{number}.json"
            if not file.exists():
                write_durably(file, certificate_file(envelope, leaves))
                tell(f"Wrote {file}.")


@click.command(name="verify-purge")
@takes_config
@click.argument("certificate", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The envelope of a report that somebody has kept: was it among them? May be given several times.",
)
def verify_purge(certificate: Path, reports: tuple[Path, ...]) -> int:
    """Verify the certificate of a purge, that its row stands in the audit chain, and which reports were among them."""
    config = given_config()
    try:
        proven = open_certificate(certificate.read_bytes(), HeadSigner(config.audit_key).public_key_pem)
    except EnvelopeRefused as error:
        tell(f"{certificate} proves nothing: {error}", err=True)
        return 1
    told = proven.certificate
    tell(
        f"{certificate} holds: {counted(told.reports, 'report')} of {counted(told.phones, 'phone')}, checked from"
        f" {told.first_check_at} to {told.last_check_at}, purged at {told.purged_at} by {told.purged_by} under"
        f" {told.setting}."
    )
    with looked_at(config) as database, database.reading() as session:
        stands = audit.stands(session, AuditHead(told.audit_row, told.audit_hash))
    chain = f"row {told.audit_row} of the audit chain"
    tell(f"It is {chain}." if stands else f"It is not {chain}: look with audit verify.", err=not stands)
    return 0 if all([stands, *(_was_among(file, proven) for file in reports)]) else 1


def _was_among(file: Path, proven: ProvenPurge) -> bool:
    try:
        payload = payload_of(file.read_bytes())
        report_id = load_report(payload).report_id
    except (ValueError, KeyError, TypeError, PolicyError):
        tell(f"{file}: expected the envelope of a report, found something else.", err=True)
        return False
    found = proven.holds(report_id, hashlib.sha256(payload).hexdigest())
    tell(f"{file}: report {report_id} {'was' if found else 'was not'} among them.", err=not found)
    return found
