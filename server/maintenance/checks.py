"""Whether what a server stores is whole: a list of named checks, each of which only reads.

Another check is one more line of `CHECKS`: a name, and a function that looks and says what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from certs.errors import CertsError
from certs.online import Publication, load_online_signers, renew, verify_publication
from policy.counted import counted
from server.config import Config
from server.errors import ServiceError
from server.evidence.audit import verify_chain
from server.fleet import recounting
from server.people.people import admins
from server.policies import bundles
from server.policies.bundles import Newest
from server.reports.kept_bases import all_base_numbers
from server.reports.old_reports import named_bases
from server.storage.database import Database
from server.storage.migrating import schema_of, schemas

_RESTORE = "stop the server and restore a backup: curfew-server --config SERVER.env restore FROM --replace"
_FAULTS_SHOWN = 10


@dataclass(frozen=True)
class CheckResult:
    """What a check found; ``next_step`` is what to do about it, empty where all is well."""

    found: str
    next_step: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is to be done."""
        return not self.next_step


Look = Callable[[Config, Session], CheckResult]


@dataclass(frozen=True)
class Check:
    """One part of what is stored, and the function that looks at it."""

    part: str
    look: Look


def run_checks(
    config: Config, database: Database, checks: Sequence[Check] | None = None
) -> Iterator[tuple[str, CheckResult]]:
    """Yield each part with what was found; one that cannot be looked at has failed, and the others are looked at."""
    for check in CHECKS if checks is None else checks:
        try:
            # For each a transaction of its own: one that fails must not spoil the next.
            with database.reading() as session:
                finding = check.look(config, session)
        except (SQLAlchemyError, ServiceError, CertsError) as error:
            # What the database says of a statement may hold its values.
            said = f"a {type(error).__name__}" if isinstance(error, SQLAlchemyError) else str(error)
            finding = CheckResult(
                f"it could not be looked at: {said}",
                f"see that the database can be reached and has room; if it is damaged, {_RESTORE}",
            )
        yield check.part, finding


def _database(_config: Config, session: Session) -> CheckResult:
    if session.get_bind().dialect.name == "postgresql":
        version = session.scalar(text("SHOW server_version"))
        return CheckResult(f"PostgreSQL {version} answers")
    faults = list(session.scalars(text(f"PRAGMA integrity_check({_FAULTS_SHOWN})")))
    if faults == ["ok"]:
        return CheckResult("SQLite's own check of its file finds no fault")
    return CheckResult(f"SQLite's own check of its file finds: {'; '.join(faults)}", _RESTORE)


def _migrations(_config: Config, session: Session) -> CheckResult:
    found, newest = schema_of(session), schemas()[-1]
    if found == newest:
        return CheckResult(f"schema {found}, with which this version works")
    told = f"schema {found or 'of no version'}, and this version works with {newest}"
    if found is None or found in schemas():
        return CheckResult(told, "make a backup, then run: curfew-server --config SERVER.env migrate")
    return CheckResult(told, "a newer Curfew has migrated it: install that version here")


def _references(_config: Config, session: Session) -> CheckResult:
    if session.get_bind().dialect.name == "postgresql":
        faults = [
            f"{table}: {name} is not enforced"
            for table, name in session.execute(
                text(
                    "SELECT conrelid::regclass::text, conname FROM pg_constraint"
                    " WHERE contype = 'f' AND NOT convalidated ORDER BY 1, 2"
                )
            )
        ]
    else:
        faults = [
            f"row {row} of {table} names what is not in {parent}"
            for table, row, parent, _ in session.execute(text("PRAGMA foreign_key_check"))
        ]
    if not faults:
        return CheckResult("every row that another one names is there")
    more = len(faults) - _FAULTS_SHOWN
    told = "; ".join([*faults[:_FAULTS_SHOWN], *([f"and {more} more"] if more > 0 else [])])
    return CheckResult(told, _RESTORE)


def _bases(_config: Config, session: Session) -> CheckResult:
    missing = named_bases(session) - set(all_base_numbers(session))
    if not missing:
        return CheckResult("every base that a stored report names is there")
    told = ", ".join(map(str, sorted(missing)[:_FAULTS_SHOWN]))
    bases = counted(len(missing), "base is", "bases are")
    return CheckResult(f"{bases} gone, beside which reports are stored: {told}", _RESTORE)


def _counts(_config: Config, session: Session) -> CheckResult:
    faults = list(recounting.differences(session))
    if not faults:
        return CheckResult("lists and counts are what phones and reports say")
    return CheckResult("; ".join(faults), "make them anew: curfew-server --config SERVER.env check --recount")


def _audit(_config: Config, session: Session) -> CheckResult:
    chain = verify_chain(session)
    if chain.whole:
        return CheckResult(f"the chain is whole: {counted(chain.rows, 'row')}")
    return CheckResult(
        f"the chain is broken after row {chain.rows}: {chain.fault}",
        "keep the database as it is, raise the alarm, and compare with what stations saw:"
        " curfew-server --config SERVER.env audit verify --witness FILE",
    )


def _people(_config: Config, session: Session) -> CheckResult:
    found = len(admins(session))
    if found:
        return CheckResult(f"{counted(found, 'admin')} can sign in")
    # No fault: a server whose people are kept on the command line alone is as whole as any.
    return CheckResult(
        "nobody is an admin, so that people are managed on this command line alone; make one:"
        " curfew-server --config SERVER.env person NAME --role admin"
    )


def _trust(config: Config, session: Session) -> CheckResult:
    newest, files = bundles.newest(session), bundles.trust_files(session)
    if not newest.serial and not files:
        return CheckResult("nothing is published yet")
    publish = "hand it over again: curfew-server --config SERVER.env publish FOLDER"
    try:
        publication = verify_publication(files, {})
    except CertsError as error:
        return CheckResult(f"what stations are given is refused by them: {error}", publish)
    if not _is_the_same(session, publication, newest):
        told = f"stations are given bundle {publication.number}, and the newest that is stored is {newest.number}"
        return CheckResult(f"{told}, or another version of it", publish)
    if config.trust_keys is not None:
        try:
            # Signed and thrown away: it shows that both keys are there and count under the root. By then the snapshot,
            # too, is due.
            assert newest.expires is not None
            renew(files, load_online_signers(config.trust_keys), newest.expires)
        except CertsError as error:
            return CheckResult(
                f"the timestamp cannot be renewed: {error}", "put the online keys into CURFEW_TRUST_KEYS"
            )
    return CheckResult(f"bundle {publication.number}, verified as a station does")


def _is_the_same(session: Session, publication: Publication, newest: Newest) -> bool:
    # The number stands in the row and in the document that it holds: pages and stations are told the row's.
    bundle = bundles.bundle_of(session, newest)
    return (
        bundle is not None
        and newest.number == bundle.number
        and (
            (publication.number, publication.policy, publication.fleet, publication.demo)
            == (bundle.number, bundle.policy, bundle.fleet, newest.demo)
        )
    )


CHECKS = (
    Check("database", _database),
    Check("migrations", _migrations),
    Check("references", _references),
    Check("bases", _bases),
    Check("counts", _counts),
    Check("audit", _audit),
    Check("trust", _trust),
    Check("people", _people),
)
"""In the order in which they are told: what others rest on first."""
