"""Measures what rehearsing a policy costs: seconds and memory by size of the fleet, beside reading its rows alone.

python -m tests.benchmarks.rehearsing [PHONES ...]      (default: 32000)

Beyond 32,000 the phones are copies of these under other ids: as alike as those of a larger organisation are.
The draft bans one app less and reaches one place more than the policy in force, so that both are judged and many
outcomes are another. Reading alone is the same walk along the same rows, of which nothing is made.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from demo.seeded_fleet import seed_fleet
from policy.document import Family
from policy.names import PackageName
from policy.schemas import dump_policy_document
from server.app import create_app
from server.fleet.phones import pictured
from server.rehearsal import kept_rehearsals
from server.rehearsal.running import run_rehearsal
from server.running.logs import configure_logs
from server.storage.database import Base, Database
from server.storage.migrating import migrate
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.pages.office import Office, make_config, now, policy_in_force
from tests.server.postgresql import Postgresql

_TIMES = 5
_SEEDED = 32_000
_ROWS_AT_ONCE = 10_000


def main() -> None:
    """Print what each fleet costs, on SQLite and on PostgreSQL."""
    configure_logs()
    sizes = [int(word) for word in sys.argv[1:]] or [32_000]
    with folder_for_a_while() as folder, Postgresql(durable=True) as postgresql:
        for size in sizes:
            for engine in ("SQLite", "PostgreSQL"):
                place = folder / f"{engine}-{size}"
                place.mkdir()
                url = f"sqlite:///{place / 'curfew.sqlite'}"
                if engine == "PostgreSQL":
                    url = postgresql.create_database(f"rehearsed_{size}")
                show(list(_figures(f"{engine}, {size:,} phones", place, url, size)))


def _figures(what: str, folder: Path, url: str, size: int) -> Iterator[Figure]:
    config = make_config(folder, url)
    new = Database(url)
    migrate(new)
    new.close()
    office = Office(create_app(config), config)
    seed_fleet(office.database, config.holder_key, min(size, _SEEDED), now())
    for copy in range(1, size // _SEEDED):
        _copy(office.database, f"z{copy:03x}")
    office.publish(1, policy=policy_in_force())
    reading, reading_cpu = _fastest(lambda: _read(office.database))
    before = _peak_mb()
    results: list[dict[str, object]] = []
    rehearsing, cpu = _fastest(lambda: results.append(_rehearse(office)))
    grown = _peak_mb() - before
    office.database.close()
    assert results[0]["phones"] == size // _SEEDED * _SEEDED or size < _SEEDED
    told = f"{rehearsing:.2f} s, of which {cpu:.2f} s CPU; {grown:.0f} MB more"
    beside = f"{rehearsing / reading:.1f} x reading alone, {reading:.2f} s ({cpu / reading_cpu:.1f} x CPU)"
    yield Figure(f"{what}: rehearsal", told, beside)


def _copy(database: Database, suffix: str) -> None:
    """Write the seeded phones once more, under ids that end so, as no seeded one does."""
    seeded = "FROM {} WHERE phone_id IN (SELECT phone_id FROM fleet_entry)"
    with database.writing() as session:
        for table, own in (("phone", ("phone_id", "identity")), ("phone_state", ("phone_id",))):
            others = [column.name for column in Base.metadata.tables[table].columns if column.name not in own]
            # A seeded identity is a number, whose beginning is the same for each.
            ids = ["substr(phone_id, 1, 32) || :suffix", ":suffix || substr(identity, 5)"][: len(own)]
            written = f"SELECT {', '.join((*ids, *others))} {seeded.format(table)}"
            session.execute(
                text(f"INSERT INTO {table} ({', '.join((*own, *others))}) {written}"), {"suffix": suffix}
            )


def _rehearse(office: Office) -> dict[str, object]:
    policy = policy_in_force()
    draft = replace(
        policy,
        families=(*policy.families[1:], Family("tried", (PackageName("com.zhiliaoapp.musically"),))),
        overdue_limit=policy.overdue_limit + timedelta(days=1),
    )
    with office.database.writing() as session:
        made = kept_rehearsals.new_rehearsal(session, dump_policy_document(2, draft), "bench", now())
    run_rehearsal(office.database, made, now)
    with office.database.reading() as session:
        found = kept_rehearsals.find_rehearsal(session, made, now())
    assert found.result is not None, found.failure
    return dict(found.result)


def _read(database: Database) -> None:
    after = ""
    with database.reading() as session:
        while rows := pictured(session, after, _ROWS_AT_ONCE):
            after = rows[-1].phone_id


def _fastest(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds by the clock and of this process's CPU, each of the run that others disturbed least."""
    clock, cpu = [], []
    for _ in range(_TIMES):
        before = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - before[0])
        cpu.append(time.process_time() - before[1])
    return min(clock), min(cpu)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
