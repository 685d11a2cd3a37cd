"""Measures what showing the fleet costs, by its size: CPU of a page or an answer, the database's included.

python -m tests.benchmarks.reading [PHONES ...]      (default: 1000 and 32000; 1000000 takes half an hour to seed)

The application answers in this process, without TLS; each view is asked for in turn, on SQLite and on PostgreSQL. The
exponent is that of the growth between the smallest and the largest fleet: 0 costs the same, 1 grows with the fleet.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import log
from pathlib import Path
from statistics import median

from flask.testing import FlaskClient

from demo.seeded_fleet import seed_fleet
from policy.document import Exemption, Fleet
from policy.names import PhoneId
from server.app import create_app
from server.fleet.listing import Wanted, list_phones
from server.fleet.standing import Standing
from server.loadtest.process_cpu import cpu_of_tree
from server.people.people import Role
from server.policies.bundles import situation
from server.running.logs import configure_logs
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.pages.office import Office, make_config, migrate_once, now
from tests.server.postgresql import Postgresql

_TIMES = 9
_BASE = "https://localhost"
_EXEMPT = 50

Costs = Mapping[str, float]
"""Milliseconds of CPU by view."""


def main() -> None:
    """Print each view's CPU at each size, and how it grows."""
    configure_logs()
    sizes = sorted({int(word) for word in sys.argv[1:]} or {1_000, 32_000})
    with folder_for_a_while() as folder, Postgresql(durable=True) as postgresql:
        for engine in ("SQLite", "PostgreSQL"):
            costs: dict[int, Costs] = {}
            for size in sizes:
                place = folder / f"{engine}-{size}"
                place.mkdir()
                url = f"sqlite:///{place / 'curfew.sqlite'}"
                if engine == "PostgreSQL":
                    url = postgresql.create_database(f"fleet_{size}")
                with _seeded(place, url, size) as office:
                    costs[size] = _measured(office, postgresql.process_id if engine == "PostgreSQL" else None)
            show(list(_figures(engine, costs)))


@contextmanager
def _seeded(folder: Path, url: str, size: int) -> Iterator[Office]:
    config = make_config(folder, url)
    migrate_once(url)
    office = Office(create_app(config), config)
    seed_fleet(office.database, config.holder_key, size, now())
    office.publish()
    with office.database.reading() as session:
        rows = list_phones(session, situation(session, now()), Wanted(Standing.VIOLATING), limit=_EXEMPT).rows
    until = now().replace(year=now().year + 1)
    office.publish(
        2, fleet=Fleet(1, tuple(Exemption(PhoneId(row.phone_id), until, "travel") for row in rows))
    )
    yield office
    office.database.close()


def _measured(office: Office, database_pid: int | None) -> Costs:
    client = office.client(Role.TECHNICIAN)
    with office.database.reading() as session:
        [row] = list_phones(session, situation(session, now()), Wanted(Standing.SILENT), limit=1).rows
    paths = {
        "fleet, first page": "/",
        "fleet, silent phones": "/?standing=silent",
        "search: one phone": "/?search=CW-0000777",
        "search: a quarter of all": "/?search=pixel",
        "search: none": "/?search=nothing",
        "stations": "/stations",
        "one phone": f"/phones/{row.phone_id}",
    }
    costs = {name: _cost(_asked(client, path), database_pid) for name, path in paths.items()}
    # Each time by a new application: what stands is kept for a minute.
    fresh = [create_app(office.config).test_client() for _ in range(_TIMES + 1)]
    return costs | {"/metrics": _cost(lambda: fresh.pop().get("/metrics"), database_pid)}


def _asked(client: FlaskClient, path: str) -> Callable[[], object]:
    def ask() -> None:
        assert client.get(path, base_url=_BASE).status_code == 200

    return ask


def _cost(ask: Callable[[], object], database_pid: int | None) -> float:
    """Return the median milliseconds of CPU; the database's, which is told in hundredths of a second, as the mean."""
    ask()
    database_before = cpu_of_tree(database_pid) if database_pid else 0.0
    ours = []
    for _ in range(_TIMES):
        before = time.process_time()
        ask()
        ours.append(time.process_time() - before)
    database = (cpu_of_tree(database_pid) - database_before) / _TIMES if database_pid else 0.0
    return (median(ours) + database) * 1000


def _figures(engine: str, costs: Mapping[int, Costs]) -> Iterator[Figure]:
    smallest, largest = min(costs), max(costs)
    for view in costs[smallest]:
        told = ", ".join(f"{size:,}: {costs[size][view]:.0f} ms".replace(",", " ", 1) for size in costs)
        growth = costs[largest][view] / costs[smallest][view]
        exponent = log(growth) / log(largest / smallest) if largest > smallest else 0.0
        yield Figure(f"{engine}: {view}, CPU by phones", told, f"{growth:.1f} x, exponent {exponent:.2f}")


if __name__ == "__main__":
    main()
