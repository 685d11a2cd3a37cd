"""The commands of every day: probe, check, put back, and send what was found."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import click

from agent_scripts.commands.settings import Settings, named_phones
from agent_scripts.exit_codes import ExitCode
from agent_scripts.server_link.client import ServerClient
from agent_scripts.station_files.station import Station
from agent_scripts.visits.check import check_phone
from agent_scripts.visits.probe_visit import probe_phones
from agent_scripts.visits.restore import restore_phone
from agent_scripts.visits.run import stored_bundle, trust_client
from agent_scripts.visits.visiting import say, send_waiting, visit_phones
from policy.counted import counted


@click.command("probe")
@click.argument("addresses", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every phone this station knows an address of.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON per phone.")
@click.pass_obj
def probe_phones_command(
    settings: Settings, addresses: tuple[str, ...], every: bool, as_json: bool
) -> ExitCode:
    """Show what can be read, enforced and restored on phones, and what would change that; changes nothing."""
    station = settings.station()
    visitor = settings.visitor(station, as_json, "en")
    return probe_phones(visitor, named_phones(station, addresses, every))


def _options_of_a_visit(command: Callable[..., int]) -> Callable[..., int]:
    for option in (
        click.argument("addresses", nargs=-1),
        click.option("--all", "every", is_flag=True, help="Every phone this station knows an address of."),
        click.option("--json", "as_json", is_flag=True, help="One line of JSON per phone."),
        click.option("--language", default="en", show_default=True, help="Of the messages to owners."),
        click.pass_obj,
    ):
        command = option(command)
    return command


@click.command()
@_options_of_a_visit
def check(settings: Settings, addresses: tuple[str, ...], every: bool, as_json: bool, language: str) -> int:
    """Read, judge, act and read back, phone by phone, all in parallel."""
    station = settings.station()
    return visit_phones(
        settings.visitor(station, as_json, language), named_phones(station, addresses, every), check_phone
    )


@click.command()
@_options_of_a_visit
@click.option("--yes", is_flag=True, help="Do not ask before restoring.")
def restore(
    settings: Settings, addresses: tuple[str, ...], every: bool, as_json: bool, language: str, yes: bool
) -> int:
    """Put back everything Curfew changed, whatever the policy says; works without a server."""
    station = settings.station()
    phones = named_phones(station, addresses, every)
    for address in phones:
        # From the station's own memory: no phone is connected to before somebody has said yes.
        phone = station.phone_at(address)
        ledger = station.ledger(phone.phone_id) if phone else None
        apps = ", ".join(f"{e.package} in user {e.user}" for e in (ledger.open_entries if ledger else ()))
        say(f"{address}: will restore {apps or 'what the phone itself remembers'}.")
    if not yes and not click.confirm("Restore on these phones?", err=True):
        return ExitCode.WRONG_USE
    return visit_phones(settings.visitor(station, as_json, language), phones, restore_phone)


@click.command()
@_options_of_a_visit
@click.option("--rounds", default=0, help="Stop after that many rounds; 0 goes on until Ctrl-C.")
def watch(
    settings: Settings, addresses: tuple[str, ...], every: bool, as_json: bool, language: str, rounds: int
) -> int:
    """Check again and again at the policy's interval, with jitter, until Ctrl-C."""
    station = settings.station()
    done = 0
    while True:
        # Each round anew: with --all a phone that was provisioned meanwhile joins, and one that declined is left out.
        phones = named_phones(station, addresses, every)
        code = visit_phones(settings.visitor(station, as_json, language), phones, check_phone)
        done += 1
        if rounds and done >= rounds:
            # The last round's alone: what an earlier one found may be mended since.
            return code
        pause_s = _pause_s(station)
        say(f"Next round in {counted(round(pause_s / 60), 'minute')}; Ctrl-C ends.")
        time.sleep(pause_s)


def _pause_s(station: Station) -> float:
    accepted, _ = stored_bundle(trust_client(station, ServerClient(station)))
    if accepted is None:
        # Seconds. Without a bundle there is no policy that names an interval.
        return 900.0
    policy = accepted.bundle.policy
    # Jitter keeps stations from meeting at the server on the full hour; nothing secret hangs on it.
    return policy.check_interval.total_seconds() + random.uniform(0, policy.check_jitter.total_seconds())  # noqa: S311


@click.command()
@click.pass_obj
def send(settings: Settings) -> int:
    """Send the reports that wait on this station, oldest first."""
    return send_waiting(settings.station())
