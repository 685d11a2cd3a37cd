"""After an outage all stations come back in one moment: a busy server says so, and in the end has every report once."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent_scripts.server_link.https import ServerLink
from certs.envelope import public_key_pem
from certs.keys import create_key, load_signer
from server.fleet.phones import register_phone
from server.stations.stations import add_station
from tests.server.authority import NOW, Authority, Bench, make_registration
from tests.server.running import StartedProgram

STATIONS = 64
# The pauses of a station are kept, in a clock that goes so much faster.
FASTER = 25
PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from server.api.reports import ReportsDoor
from server.app import create_app
from server.config import read_config
from server.running.buffering import BufferedRequests, BufferLimits
from server.serving import THREADS, serve_buffered

config = read_config(Path(ENV), environ={})

def load():
    app = create_app(config)
    few = BufferLimits(LIMIT)
    return BufferedRequests(app, THREADS, lambda: datetime.now(UTC), few, door=ReportsDoor(app))

serve_buffered(load, "127.0.0.1", int(sys.argv[1]), 1, config.tls_folder)
"""


def batches_of_stations(office: Authority) -> list[bytes]:
    """Enrol stations that each have met one phone, and return what each of them wants to send."""
    batches = []
    with office.database.writing() as session:
        for number in range(STATIONS):
            key = office.folder / f"{number}.key"
            create_key(key)
            pem = public_key_pem(load_signer(str(key)))
            station = add_station(session, f"bench {number}", pem, NOW)
            registration = make_registration()
            register_phone(session, registration, station.station_id, office.config.holder_key, NOW)
            bench = Bench(station.station_id, key)
            batches.append(b'{"reports":[' + bench.sign(bench.report(registration.phone_id)) + b"]}")
    return batches


# A report has 2 to 3 KB: by their bytes, three of them may wait.
@pytest.mark.parametrize("limit", ["waiting=4", "waiting_bytes_at_door=9000"])
def test_every_station_gets_through_and_no_report_is_lost_or_stored_twice(
    limit: str, office: Authority
) -> None:
    batches = batches_of_stations(office)
    settings = office.config.audit_key.parent / "server.env"
    program = PROGRAM.replace("ENV", repr(str(settings))).replace("LIMIT", limit)
    authority_pem = office.config.tls_folder / "authority.pem"
    together = threading.Barrier(STATIONS)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(seconds / FASTER)

    def come_back(body: bytes) -> str:
        link = ServerLink(f"https://127.0.0.1:{server.port}", authority_pem.read_bytes(), pause)
        together.wait()
        while True:
            # Told to come later four times, a station keeps its report for the next sending.
            answer = link.ask("POST", "/api/v1/reports", body, lambda: {"Content-Type": "application/json"})
            if answer.status not in (429, 503):
                return str(json.loads(answer.body)["results"][0]["status"])

    with (
        StartedProgram(office.folder, authority_pem, program) as server,
        ThreadPoolExecutor(STATIONS) as stations,
    ):
        statuses = list(stations.map(come_back, batches))

    assert statuses == ["stored"] * STATIONS
    told_to_come_later = [seconds for seconds in pauses if seconds >= 5]
    assert told_to_come_later, "the server was never busy"
    assert max(told_to_come_later) <= 7.5
