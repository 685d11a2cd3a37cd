"""A station with an accepted bundle and no server, for measuring what happens between station and phone."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.station_files.station import KnownPhone, Station, lay_out
from agent_scripts.station_files.trusted_time import TrustedMoment
from agent_scripts.virtual_phone import VirtualPhone
from agent_scripts.visits.run import Run
from agent_scripts.visits.visiting import connected
from certs.acceptance import AcceptedBundle
from certs.keys import create_key
from policy.document import Bundle, Fleet, Policy
from policy.ledger import Ledger
from policy.names import PhoneId
from policy.ready_made import ready_made_policy
from policy.schemas import dump_fleet, dump_policy_document

NOW = datetime.now(UTC).replace(microsecond=0)
_MARKER = "5f0c2a9d"


def enforced_policy() -> Policy:
    """Return the ready-made policy with its deadline yesterday."""
    return replace(
        ready_made_policy(),
        deadline=NOW - timedelta(days=1),
        time_zone="UTC",
        review_at=NOW + timedelta(days=20),
        ends_at=NOW + timedelta(days=60),
    )


@contextmanager
def folder_for_a_while() -> Iterator[Path]:
    """Hold an empty folder for the length of the block."""
    folder = Path(mkdtemp(prefix="curfew-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def make_station(folder: Path) -> Station:
    """Lay out a station as enrolment leaves it."""
    folder.mkdir()
    create_key(folder / "station.key")
    lay_out(
        folder,
        station_id="6f2d3f5c-3f0e-4a39-9d56-0a4f6f0f2b11",
        name="bench 1",
        server_url="https://127.0.0.1:1",
        demo=True,
        organisation=bytes(range(32)),
        authority=b"",
    )
    return Station.open(folder)


def make_run(station: Station, policy: Policy | None = None) -> Run:
    """Return a run under `policy`, the enforced one unless told otherwise, with a trusted clock."""
    policy, fleet = policy or enforced_policy(), Fleet()
    accepted = AcceptedBundle(
        bundle=Bundle(1, policy, fleet),
        policy_bytes=dump_policy_document(1, policy),
        fleet_bytes=dump_fleet(fleet),
        accepted_at=NOW,
        confirmed_at=NOW,
        demo=True,
        timestamp_expires=NOW + timedelta(days=1),
    )
    return Run(station, "desk-1", TrustedMoment(NOW, True), accepted, "en", _no_server)


async def _no_server(_: PhoneId, __: str) -> Ledger | None:
    return None


@asynccontextmanager
async def provisioned(
    station: Station, personality: str, folder: Path
) -> AsyncIterator[tuple[VirtualPhone, PhoneConnection]]:
    """Start a virtual phone, provision it, and hold a connection to it."""
    phone = VirtualPhone(personality, folder)
    phone.authorise(station.adb_keys.public_line)
    with phone:
        address = f"tcp:127.0.0.1:{phone.port}"
        async with connected(station, address, plain_tcp=False) as connection:
            phone_id = PhoneId.random()
            question = exchange.ProvisioningQuestion(phone_id, _MARKER)
            problem = question.parse(await connection.run(question.command, 30, 1 << 20)).problem
            if problem:
                raise SystemExit(f"the virtual phone was not provisioned: {problem}")
            station.remember(KnownPhone(phone_id, address=address, model=personality))
            yield phone, connection
