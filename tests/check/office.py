"""Demo trust, a running server, stations and phones: made by the product's own commands."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from sqlalchemy import text

import agent_scripts.cli
import certs.cli
import server.cli
from agent_scripts.station_files.adb_key import station_adb_key
from agent_scripts.station_files.station import Station
from agent_scripts.virtual_phone.personalities import TIKTOK_LITE, Personality
from agent_scripts.virtual_phone.phone import VirtualPhone
from agent_scripts.visits.check import check_phone
from agent_scripts.visits.limits import Limits
from agent_scripts.visits.visiting import Visit, Visitor, visit_phones
from certs.tls import create_authority
from policy.ready_made import ready_made_document
from policy.report import Report
from policy.schemas import dump_report
from server.config import read_config
from server.reports import kept_reports
from server.storage.database import Database
from tests.forked import Forked
from tests.server.databases import Databases, point_to
from tests.server.running import free_port

OUTLOOK = "com.microsoft.office.outlook"
LYNC = "com.microsoft.office.lync15"
TIKTOK = "com.zhiliaoapp.musically"
BANNED = (TIKTOK, TIKTOK_LITE)
NAMED = (*BANNED, OUTLOOK, LYNC)
"""All that the office's policy names."""
PROGRAMS = Path(sys.executable).parent

_serials = itertools.count(1)


@dataclass
class Bench:
    """One enrolled station and the phones at it."""

    office: Office
    folder: Path
    phones: dict[str, VirtualPhone] = field(default_factory=dict)
    said: str = ""
    """What the last command told the technician beside its results (stderr)."""
    clock: Path | None = None
    """This station's own story clock, where it goes another way than the office's."""

    def agent(self, *arguments: str) -> tuple[int, str]:
        """Run curfew-agent here; returns its exit code and what it printed on stdout."""
        output, said = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(said),
            pytest.MonkeyPatch.context() as patch,
        ):
            # By the environment, as somebody with one station has it: next steps are told without it.
            patch.setenv("CURFEW_STATION", str(self.folder))
            clock = str(self.clock or self.office.story_clock)
            code = agent_scripts.cli.main(["--story-clock", clock, *arguments])
        self.said = said.getvalue()
        print(self.said, end="", file=sys.stderr)
        return code, output.getvalue()

    def visit_within(
        self, limits: Limits, *addresses: str, visit: Visit = check_phone
    ) -> tuple[int, list[dict[str, Any]]]:
        """Visit phones as the command does, with other limits; returns exit code and the rows of `--json`."""
        output = io.StringIO()
        visitor = Visitor(
            self.station(), "tests", plain_tcp=False, as_json=True, language="en", limits=limits
        )
        with contextlib.redirect_stdout(output):
            code = visit_phones(visitor, list(addresses or self.phones), visit)
        return code, [json.loads(line) for line in output.getvalue().splitlines()]

    def command_line(self, *arguments: str) -> list[str]:
        """Return the arguments with this station's own options in front."""
        clock = self.clock or self.office.story_clock
        return ["--station", str(self.folder), "--story-clock", str(clock), *arguments]

    def row(self, address: str) -> tuple[int, dict[str, Any]]:
        """Check one phone; returns exit code and its row."""
        code, rows = self.check(address)
        assert len(rows) == 1, rows
        return code, rows[0]

    def station(self) -> Station:
        """Open this station's folder."""
        return Station.open(self.folder, story_clock=self.office.story_clock)

    def last_report(self) -> dict[str, Any]:
        """Return the newest report this station sent, as the server stored it."""
        return self.last_reports(1)[0]

    def last_reports(self, count: int) -> list[dict[str, Any]]:
        """Return the newest reports this station sent, as the server stored them."""
        found = self.office.rows(
            "SELECT report_id FROM report WHERE station_id = :station ORDER BY counter DESC LIMIT :count",
            station=self.station().station_id,
            count=count,
        )
        return [json.loads(dump_report(self.office.stored_report(report_id))) for (report_id,) in found]

    def off_by(self, *, hours: float = 0, minutes: float = 0) -> None:
        """Put this station's clock beside the office's."""
        self.clock = self.folder.with_name(f"{self.folder.name}-clock")
        now = int(self.office.story_clock.read_text())
        self.clock.write_text(f"{int(now + hours * 3600 + minutes * 60)}\n")

    @contextmanager
    def without_server(self) -> Iterator[None]:
        """Let the station find nobody it believes at the server's address, at once and without tries."""
        pinned = self.folder / "authority.pem"
        kept = pinned.read_bytes()
        other = self.office.folder / "other-authority"
        if not other.exists():
            other.mkdir()
            create_authority(other)
        pinned.write_bytes((other / "authority.pem").read_bytes())
        try:
            yield
        finally:
            pinned.write_bytes(kept)

    def check(self, *addresses: str) -> tuple[int, list[dict[str, Any]]]:
        """Check phones (all of them if none is named); returns exit code and the rows of `--json`."""
        code, output = self.agent("check", "--json", *(addresses or ("--all",)))
        return code, [json.loads(line) for line in output.splitlines()]

    def provision(self, phone: VirtualPhone, label: str = "") -> str:
        """Make `phone` known here and return its address."""
        (address,) = self.provision_all(phone, label=label)
        return address

    def provision_all(self, *phones: VirtualPhone, label: str = "") -> list[str]:
        """Make all these phones known in one command and return their addresses."""
        addresses = [f"tcp:127.0.0.1:{phone.port}" for phone in phones]
        each = [word for _ in phones for word in ("--holder", "h-1", "--label", label)]
        code, _ = self.agent("provision", *addresses, "--consent", "agreed", *each)
        assert code == 0
        self.phones |= dict(zip(addresses, phones, strict=True))
        return addresses


class Office:
    """The organisation's side: trust folder, running server, story clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trust = folder / "trust"
        self.story_clock = folder / "story-clock"
        self.begun = datetime.now(UTC).replace(microsecond=0)
        self.number = 0
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.config = folder / "server" / "server.env"
        self._stations = itertools.count(1)
        self._adb_keys = station_adb_key(folder / "adb-keys")
        self._process: Forked | None = None

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, databases: Databases) -> Iterator[Office]:
        """Set everything up, serve, and stop the server at the end."""
        office = cls(folder)
        office.at(hours=0)
        assert certs.cli.main(["init", str(office.trust), "--demo"]) == 0
        office.publish_files()
        office.server("init", str(office.config.parent), "--url", office.url, "--trust", str(office.trust))
        url = databases.empty(office.config.parent)
        point_to(office.config, url)
        office.server("migrate", configured=True)
        office.server("publish", str(office.trust), configured=True)
        office.start()
        try:
            yield office
        finally:
            office.stop()
            databases.drop(url)

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Ask the server's database and return the rows that were found."""
        with self._stored() as database, database.reading() as session:
            return [tuple(row) for row in session.execute(text(statement), values)]

    def stored_report(self, report_id: str) -> Report:
        """Return one report as the server stored it, whole."""
        with self._stored() as database, database.reading() as session:
            report = kept_reports.stored_report(session, report_id)
        assert report is not None
        return report

    def change(self, *statements: str, **values: Any) -> None:
        """Change the server's database by hand, as nobody should."""
        with self._stored() as database, database.writing() as session:
            for statement in statements:
                session.execute(text(statement), values)

    @contextmanager
    def _stored(self) -> Iterator[Database]:
        database = Database(read_config(self.config, environ={}).database_url)
        yield database
        database.close()

    def server(self, *arguments: str, configured: bool = False, typed: str = "") -> str:
        """Run curfew-server's command line, with `typed` on its stdin, and return what it printed."""
        output = io.StringIO()
        options = ["--config", str(self.config)] if configured else []
        with contextlib.redirect_stdout(output), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO(typed))
            assert server.cli.main([*options, *arguments]) == 0
        return output.getvalue()

    def publish_files(self, **rules: Any) -> None:
        """Sign and publish the ready-made policy, its deadline two hours into the story, with `rules` changed.

        Of the banned family two apps are asked about, not nine: each costs a phone here two programs and a filter,
        in a thousand checks. The demo and the README's commands ask about all of them.
        """
        self.number += 1
        document = json.loads(ready_made_document())
        document["number"] = self.number
        document["rules"] |= {
            "deadline": (self.begun + timedelta(hours=2)).replace(tzinfo=None).isoformat(),
            "time_zone": "UTC",
            "review_at": self.utc(days=30),
            "ends_at": self.utc(days=34),
            "families": [{"name": "tiktok", "active": True, "packages": BANNED}],
            **rules,
        }
        path = self.folder / "policy.json"
        path.write_text(json.dumps(document))
        key = str(self.trust / "keys" / "approver-1.pem")
        assert certs.cli.main(["sign", str(self.trust), str(path), "--key", key, "--yes"]) == 0
        assert certs.cli.main(["publish", str(self.trust)]) == 0

    def publish(self, **rules: Any) -> None:
        """Publish a new bundle to the running server."""
        self.publish_files(**rules)
        self.server("publish", str(self.trust), configured=True)

    def utc(self, days: float) -> str:
        """Return the moment that many days after the beginning, as a policy document writes it."""
        return _utc(self.begun + timedelta(days=days))

    def at(self, hours: float) -> None:
        """Move the story clock of server and stations to `hours` after the beginning."""
        self.story_clock.write_text(f"{int(hours * 3600)}\n")

    def start(self) -> None:
        """Serve as a process of its own, on this office's port."""
        words = ["--config", str(self.config), "serve", "--port", str(self.port)]
        environment = {"PATH": "/usr/bin:/bin", "CURFEW_STORY_CLOCK": str(self.story_clock)}
        self._process = Forked(server.cli.main, words, environment, self.folder / "server.log")
        pool = urllib3.PoolManager(ca_certs=str(self.trust / "tls" / "authority.pem"), retries=False)
        for _ in range(600):
            assert self._process.poll() is None, (self.folder / "server.log").read_text()
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                pool.request("GET", f"{self.url}/api/v1/status", timeout=2.0)
                return
            time.sleep(0.05)
        raise AssertionError("the server did not answer")

    def stop(self) -> None:
        """Stop the server; stations then find nobody."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None

    def new_bench(self) -> Bench:
        """Enrol a new station and return it."""
        number = next(self._stations)
        bench = Bench(self, self.folder / f"station-{number}")
        code = self.server("enrolment-code", configured=True).strip().splitlines()[-1]
        key = str(self.trust / "keys" / "organisation.key")
        assert bench.agent("enrol", code, "--name", f"bench {number}", "--organisation-key", key)[0] == 0
        # One key for all stations here, as if brought along: to make one takes longer than a check.
        for file in (self._adb_keys.private_path, self._adb_keys.public_path):
            shutil.copy(file, bench.folder)
        return bench

    @contextmanager
    def phone(self, personality: str | Personality) -> Iterator[VirtualPhone]:
        """Start a phone with a serial of its own."""
        number = next(_serials)
        phone = VirtualPhone(personality, self.folder / f"phone-{number}", serial=f"TEST{number:08d}")
        phone.authorise_all = True
        phone.start()
        try:
            yield phone
        finally:
            phone.stop()


def told_done(row: dict[str, Any]) -> str:
    """Return what was done as a person reads it, from a row of `--json`."""
    return "\n".join(deed["text"] for deed in row["done"])


def _utc(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
