"""Measures what a report takes on disk, with its indexes: one in full, one that says again what the last one said, and
what a phone comes to in a month of hourly checks, thinned out and not; on SQLite and on PostgreSQL.

The reports are those of a real check of a virtual phone, signed by stations and taken in by the server's own intake,
hour by hour. Each has its own id, counter, time, skew and hash over its answers. Counted are the pages of the tables of
reports and of their indexes; thinned out ones after the database has given back what was free.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy import text

from policy.ledger import marker_sha256
from policy.names import PhoneId
from policy.report import Report
from policy.report_results import ReportStatus
from server.retention import thinning
from server.storage.database import Database
from server.storage.migrating import migrate
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.benchmarks.reports_per_core import recorded_report
from tests.server.authority import Authority, Bench, TrustFolder, make_config
from tests.server.postgresql import Postgresql

_STATIONS, _PHONES, _HOURS = 4, 200, 12
_MONTH_HOURS = 30 * 24
_BATCH = 100
_TABLES = ("report", "report_base")


def main() -> None:
    """Print the sizes; the ratio column compares with a full report, or with a month that is not thinned out."""
    with folder_for_a_while() as folder, ExitStack() as stack:
        report = recorded_report(folder)
        trust = TrustFolder(folder / "trust")
        postgresql = stack.enter_context(Postgresql())
        urls = {
            "SQLite": f"sqlite:///{folder / 'curfew.sqlite'}",
            "PostgreSQL": postgresql.create_database("bench"),
        }
        structlog.configure(
            logger_factory=structlog.ReturnLoggerFactory()
        )  # the table is all there is to read
        for name, url in urls.items():
            authority = Authority(folder, trust, make_config(folder / f"server-{name}", trust, url))
            show(_figures(name, _measured(authority, report)))
            authority.database.close()


@dataclass(frozen=True)
class _Sizes:
    """Bytes on disk for one report: in full, unchanged, and unchanged once it was thinned out."""

    full: float
    unchanged: float
    thinned: float


def _figures(name: str, sizes: _Sizes) -> list[Figure]:
    month = sizes.full + _MONTH_HOURS * sizes.unchanged
    thinned = sizes.full + _MONTH_HOURS * sizes.thinned
    return [
        Figure(f"full report on disk, {name}", f"{sizes.full:.0f} bytes", "1"),
        Figure(
            f"unchanged report on disk, {name}",
            f"{sizes.unchanged:.0f} bytes, thinned out {sizes.thinned:.0f}",
            f"1/{sizes.full / sizes.unchanged:.1f} and 1/{sizes.full / sizes.thinned:.1f} of a full one",
        ),
        Figure(f"a phone's month of hourly checks, {name}", f"{month / 1000:.0f} KB", "1"),
        Figure(f"the same thinned out, {name}", f"{thinned / 1000:.0f} KB", f"{thinned / month:.2f}"),
    ]


def _measured(authority: Authority, report: Report) -> _Sizes:
    migrate(authority.database)
    authority.publish()
    benches = [authority.bench(f"bench {number}") for number in range(_STATIONS)]
    shown = marker_sha256(report.ledger.marker)
    phones = [authority.phone(benches[0], virtual=True, marker_sha256=shown) for _ in range(_PHONES)]
    # As real checks have them, and the same in every run.
    drawn = random.Random(1)
    empty = _size(authority.database)
    hours = [report.checked_at + timedelta(hours=hour) for hour in range(_HOURS + 1)]
    _check_all(authority, benches, phones, _drawn(report, hours[0], drawn), hours[0])
    first = _size(authority.database)
    for hour in hours[1:]:
        _check_all(authority, benches, phones, _drawn(report, hour, drawn), hour)
    unchanged = _size(authority.database)
    planned = thinning.plan(authority.database, hours[-1])
    dropped = thinning.drop(authority.database, planned, 1, "benchmark", hours[-1])
    _give_back(authority.database)
    thinned = _size(authority.database)
    # What is not thinned out, the first and the latest of each phone, stays what it was.
    stay = _PHONES * (_HOURS + 1) - dropped - _PHONES
    each = (unchanged - first) / (_PHONES * _HOURS)
    return _Sizes((first - empty) / _PHONES, each, (thinned - first - stay * each) / dropped)


def _drawn(report: Report, hour: datetime, drawn: random.Random) -> Callable[[], Report]:
    def make() -> Report:
        return replace(
            report,
            report_id=str(uuid4()),
            checked_at=hour + timedelta(seconds=drawn.randrange(600)),
            phone_skew_s=drawn.randrange(-3, 4),
            answers_sha256=hashlib.sha256(drawn.randbytes(16)).hexdigest(),
        )

    return make


def _check_all(
    authority: Authority,
    benches: list[Bench],
    phones: list[PhoneId],
    make: Callable[[], Report],
    hour: datetime,
) -> None:
    for start in range(0, len(phones), _BATCH):
        bench = benches[start // _BATCH % len(benches)]
        envelopes = [_signed(bench, make(), phone_id) for phone_id in phones[start : start + _BATCH]]
        results = authority.accept(*envelopes, now=hour + timedelta(minutes=15))
        if {result.status for result in results} != {ReportStatus.STORED}:
            raise SystemExit("a report was not stored")


def _signed(bench: Bench, report: Report, phone_id: PhoneId) -> bytes:
    bench.counter += 1
    return bench.sign(replace(report, station_id=bench.station_id, counter=bench.counter, phone_id=phone_id))


def _size(database: Database) -> int:
    with database.reading() as session:
        if session.get_bind().dialect.name == "postgresql":
            names = "unnest(CAST(:names AS text[])) name WHERE to_regclass(name) IS NOT NULL"
            sizes = f"SELECT sum(pg_total_relation_size(name::regclass)) FROM {names}"
            return int(session.scalar(text(sizes), {"names": list(_TABLES)}) or 0)
        names = ", ".join(f"'{name}'" for name in _TABLES)
        of_tables = f"SELECT name FROM sqlite_schema WHERE tbl_name IN ({names})"
        return int(session.scalar(text(f"SELECT sum(pgsize) FROM dbstat WHERE name IN ({of_tables})")) or 0)


def _give_back(database: Database) -> None:
    # Neither of the two works within a transaction.
    if database.engine.dialect.name == "postgresql":
        with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM FULL report")
        return
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("VACUUM")


if __name__ == "__main__":
    main()
