"""The command that measures what this machine carries, before it is trusted with a fleet."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from certs.terminal import tell
from server.loadtest.trial import Measured, run_trial, trial_size
from server.loadtest.trial_server import trial_server


@click.command()
@click.option("--stations", default=16, show_default=True, type=click.IntRange(2, 500))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="As of serve.")
@click.option(
    "--folder",
    default=Path(),
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the trial's own files go while it lasts: on the disk that is to be measured. Else here.",
)
@click.option("--database-url", help="An empty PostgreSQL database, in the place of SQLite in the folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one object a line, for programs.")
def loadtest(stations: int, workers: int, folder: Path, database_url: str | None, as_json: bool) -> int:
    """Measure this machine: a server of its own, stations with real keys over TLS, for a minute or so.

    Three kinds of day: every station reports one by one; every station is back after an outage with hundreds of
    reports; all take over a policy. Stations run on this machine, too, and take their part of it. The exit code is 1 if
    a report was lost.
    """
    lost = 0
    with trial_server(folder, database_url, workers) as server:
        for measured in run_trial(server, trial_size(stations)):
            lost += measured.lost
            tell(json.dumps({"kind": "day", **asdict(measured)}) if as_json else line_of(measured))
    return 1 if lost else 0


def line_of(day: Measured) -> str:
    """Return what a kind of day came to, on one line for people."""
    unit = "reports" if day.reports else "requests"
    later = f", asked {day.put_off} times to come later" if day.put_off else ""
    return (
        f"{day.day:<36} {day.units:>6} {unit:<8} {day.units / day.seconds:>6.0f}/s"
        f"   p50 {day.p50_ms:>6.1f} ms   p99 {day.p99_ms:>7.1f} ms"
        f"   {day.cpu_s * 1000 / day.units:>5.2f} ms CPU each   lost {day.lost}{later}"
    )
