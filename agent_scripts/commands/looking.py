"""The commands that only look: at what is plugged in and known, and at this station itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from shlex import quote

import click
from rich.table import Table

from agent_scripts.commands.settings import Settings
from agent_scripts.exit_codes import ExitCode
from agent_scripts.server_link.client import ServerClient
from agent_scripts.station_files.attempts import Attempts
from agent_scripts.station_files.room import little_room
from agent_scripts.station_files.spool import Spool
from agent_scripts.station_files.station import Station
from agent_scripts.station_files.trusted_time import TrustedClock
from agent_scripts.visits.json_lines import print_line
from agent_scripts.visits.run import stored_bundle, trust_client
from certs.terminal import cell, show_table, tell
from policy.schemas.values import write_utc_time

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print lines of JSON instead of a table.")
_NOTHING_LISTED = (
    "No phone: adb sees none, and none is provisioned here. Plug one in with USB debugging on and run"
    " `curfew-agent devices` again, or train on one of software: `curfew-agent virtual-phone --port 0`."
)


@dataclass(frozen=True)
class _Device:
    """A phone that adb sees or this station knows.

    ``state`` is adb's word, None where adb does not see it; ``consent`` is what its owner said, None where nobody
    provisioned it here.
    """

    address: str
    state: str | None
    label: str
    consent: str | None
    next_step: str


@click.command()
@_AS_JSON
@click.pass_obj
def devices(settings: Settings, as_json: bool) -> None:
    """List the phones on cables and those this station knows, with what to do about each."""
    found = _devices(settings.station())
    if as_json:
        for device in found:
            print_line({"kind": "device", **asdict(device), "exit_code": int(ExitCode.COMPLIANT)})
        return
    if not found:
        tell(_NOTHING_LISTED)
        return
    table = Table()
    for heading in ("Phone", "State", "Label", "Next step"):
        table.add_column(heading, overflow="fold")
    for device in found:
        # As it must be typed: a serial may hold blanks and parentheses.
        address = quote(device.address) if device.address else "no address"
        state = ", ".join(filter(None, (device.state, device.consent)))
        table.add_row(*map(cell, (address, state, device.label, device.next_step)))
    show_table(table)


def _devices(station: Station) -> list[_Device]:
    """Return what adb sees, then what is known besides: each phone once."""
    # Loaded by the one command that needs it: every other starts a third of a second sooner.
    from agent_scripts.adb.adb_server_phone import list_devices

    seen = []
    for device in list_devices():
        known = station.phone_at(device.address)
        label, consent = (known.label, known.consent.value) if known else ("", None)
        seen.append(_Device(device.address, device.state, label, consent, device.next_step))
    addresses = {device.address for device in seen}
    others = [phone for phone in station.phones() if phone.address not in addresses]
    return [*seen, *(_Device(p.address, None, p.label, p.consent.value, "") for p in others)]


@dataclass(frozen=True)
class _Status:
    """What this station is and has; `bundle` and its fields are None before one was accepted."""

    station_id: str
    server: str
    time: datetime
    time_problem: str
    """Why the time is not trusted; empty where it is."""
    bundle: int | None
    bundle_confirmed_at: datetime | None
    demo: bool | None
    bundle_problem: str
    """Why the bundle on disk is refused; empty where it is not."""
    phones: int
    reports_waiting: int
    attempts_waiting: int
    """Visits in vain of which the server does not know yet."""
    being_left: int
    """Phones that were handed back, and not finished with."""
    disk_problem: str
    """That its disk is nearly full, and what to do; empty where it has room."""


@click.command()
@_AS_JSON
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Show what this station is, whom it believes, and what still waits to be sent."""
    found = _status_of(settings.station())
    if as_json:
        times = {
            "time": write_utc_time(found.time),
            "bundle_confirmed_at": found.bundle_confirmed_at and write_utc_time(found.bundle_confirmed_at),
        }
        print_line({"kind": "status", **asdict(found), **times, "exit_code": int(ExitCode.COMPLIANT)})
        return
    table = Table(show_header=False)
    rows = {
        "Station": found.station_id,
        "Server": found.server,
        "Time (UTC)": f"{found.time:%Y-%m-%d %H:%M:%S} {found.time_problem or 'trusted'}",
        "Bundle": _bundle(found),
        "Phones": str(found.phones),
        "Reports waiting": str(found.reports_waiting),
        "Visits in vain to tell": str(found.attempts_waiting),
        "Phones being left": str(found.being_left),
        "Disk": found.disk_problem or "room for reports",
    }
    for name, value in rows.items():
        table.add_row(name, cell(value))
    show_table(table)


def _status_of(station: Station) -> _Status:
    # What is on disk, and no run: this works where the server is away, and asks it nothing.
    accepted, refused = stored_bundle(trust_client(station, ServerClient(station)))
    clock = TrustedClock(station.folder, station.story_clock).read()
    return _Status(
        station.station_id,
        station.server_url,
        clock.now.replace(microsecond=0),
        "" if clock.trusted else clock.why,
        accepted.bundle.number if accepted else None,
        accepted.confirmed_at if accepted else None,
        accepted.demo if accepted else None,
        "" if refused is None else str(refused),
        len(station.phones()),
        len(Spool(station.spool_folder).waiting()),
        len(Attempts(station.folder).waiting()),
        len(station.leavings.all()),
        little_room(station.folder, len(station.phones())),
    )


def _bundle(found: _Status) -> str:
    if found.bundle_problem:
        return f"refused: {found.bundle_problem}"
    if found.bundle is None or found.bundle_confirmed_at is None:
        return "none accepted yet; the next phone that is checked or provisioned brings it: run `curfew-agent devices`"
    confirmed = f"confirmed {found.bundle_confirmed_at:%Y-%m-%d %H:%M} UTC"
    return f"{found.bundle}, {confirmed}{', demo trust' if found.demo else ''}"
