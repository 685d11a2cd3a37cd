"""Measures in bytes: a policy document, a bundle as a station fetches it, and the envelope of one report.

The policy is the ready-made one. The bundle is everything a station downloads, counted file by file while the real
TUF client accepts it: once for a new station, root included, and once more with nothing new. Reports are those of
real checks of virtual phones, as they lie in the spool.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import structlog

from agent_scripts.station_files.spool import Spool
from agent_scripts.visits.report_keeping import keep_report
from agent_scripts.visits.run import Run
from certs.errors import FileMissing
from certs.trust_client import TrustClient
from server.app import create_app
from server.storage.migrating import migrate
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import NOW, folder_for_a_while, make_run, make_station
from tests.benchmarks.recording import record
from tests.server.authority import Authority, TrustFolder, make_config

_CHECKS = {"compliant": "pixel-14", "violating, two apps disabled": "tiktok-personal"}


def main() -> None:
    """Print the sizes; the ratio column says what each is made of."""
    with folder_for_a_while() as folder:
        run = make_run(make_station(folder / "station"))
        assert run.accepted is not None
        policy = len(run.accepted.policy_bytes)
        show([Figure("policy document (the ready-made one)", _bytes(policy), "1")])
        for what, files in _fetched(folder).items():
            total = sum(files.values())
            parts = ", ".join(f"{name} {size}" for name, size in files.items())
            show([Figure(f"bundle, {what}", _bytes(total), f"{total / policy:.1f} policies ({parts})")])
        for what, personality in _CHECKS.items():
            size = _envelope(run, personality, folder / f"phone-{personality}")
            show([Figure(f"report envelope, {what}", _bytes(size), f"{size / policy:.2f} policies")])


def _bytes(count: int) -> str:
    return f"{count} bytes"


def _fetched(folder: Path) -> dict[str, dict[str, int]]:
    trust = TrustFolder(folder / "trust")
    authority = Authority(
        folder, trust, make_config(folder / "server", trust, f"sqlite:///{folder / 'curfew.sqlite'}")
    )
    migrate(authority.database)
    authority.publish()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # the table is all there is to read
    browser = create_app(authority.config).test_client()
    files: dict[str, int] = {}

    def fetch(url: str, max_length: int) -> bytes:
        answer = browser.get(url)
        if answer.status_code == 404:
            raise FileMissing(url)
        assert len(answer.data) <= max_length
        # A file is known by its role: version and hash in the name say nothing about its size.
        files[".".join(url.rpartition("/")[2].split(".")[-2:])] = len(answer.data)
        return bytes(answer.data)

    client = TrustClient(folder / "accepted", fetch, "/trust")
    root = fetch("/trust/1.root.json", 1 << 20)
    client.bootstrap(root, hashlib.sha256(root).hexdigest())
    client.refresh(NOW)
    whole = dict(files)
    files.clear()
    client.refresh(NOW)
    authority.database.close()
    return {"whole": whole, "looked for anew, nothing changed": files}


def _envelope(run: Run, personality: str, folder: Path) -> int:
    _, done = asyncio.run(record(run, personality, folder))
    keep_report(run, done, run.counters.take())
    return Spool(run.station.spool_folder).waiting()[-1].stat().st_size


if __name__ == "__main__":
    main()
