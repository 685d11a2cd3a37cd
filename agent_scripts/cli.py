"""The technician's command line: thin commands, one place where errors become a sentence and a code."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.errors import AgentError, WrongUse
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.server_link.client import ServerClient
from agent_scripts.server_link.enrolment import enrol as enrol_station
from agent_scripts.station_files.spool import Spool
from agent_scripts.station_files.station import Station
from agent_scripts.station_files.trusted_time import TrustedClock
from agent_scripts.visits.check import check_phone
from agent_scripts.visits.probe_visit import in_a_line, probe_phones, show_probe
from agent_scripts.visits.provision import Owner, provision_phone
from agent_scripts.visits.refusal import take_refusal
from agent_scripts.visits.restore import restore_phone
from agent_scripts.visits.run import begin_run, trust_client
from agent_scripts.visits.unprovision import unprovision_phone
from agent_scripts.visits.visiting import Visitor, connected, say, send_waiting, visit_all, visit_phones
from certs.errors import CertsError
from policy.errors import PolicyError
from policy.probe import Probe
from policy.report import Consent


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--station",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path.home() / ".curfew-station",
    envvar="CURFEW_STATION",
    show_default="~/.curfew-station",
    help="Folder that holds this station's key, ledgers and reports.",
)
@click.option(
    "--operator",
    default="unnamed",
    envvar="CURFEW_OPERATOR",
    show_default=True,
    help="Who works at the bench, as reports name it.",
)
@click.option(
    "--plain-tcp", is_flag=True, help="Allow tcp: phones beyond this computer; anybody on the way can read."
)
@click.option(
    "--story-clock",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="CURFEW_STORY_CLOCK",
    hidden=True,
    help="File with seconds to add to the clock; works under a demo root only.",
)
@click.version_option(package_name="curfew")
@click.pass_context
def curfew_agent(
    context: click.Context, folder: Path, operator: str, plain_tcp: bool, story_clock: Path | None
) -> None:
    """Check phones for the banned app, act as the policy says, and put everything back."""
    context.obj = Settings(folder, operator, plain_tcp, story_clock)


class Settings:
    """The options before the command."""

    def __init__(self, folder: Path, operator: str, plain_tcp: bool, story_clock: Path | None) -> None:
        self.folder = folder
        self.operator = operator
        self.plain_tcp = plain_tcp
        self.story_clock = story_clock

    def station(self) -> Station:
        """Return the enrolled station. Raises `NotEnrolled` with the command that enrols it."""
        return Station.open(self.folder, story_clock=self.story_clock)

    def visitor(self, station: Station, as_json: bool, language: str) -> Visitor:
        """Return how phones are visited under these options."""
        return Visitor(station, self.operator, self.plain_tcp, as_json, language)


@curfew_agent.command()
@click.argument("code")
@click.option("--name", required=True, help="What this station is called on the server's pages.")
@click.option(
    "--organisation-key",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the organisation's key; the server never has it.",
)
@click.pass_obj
def enrol(settings: Settings, code: str, name: str, organisation_key: Path) -> None:
    """Join the server that gave CODE; any mismatch stores nothing."""
    station = enrol_station(
        settings.folder, code, name=name, organisation_key=organisation_key, story_clock=settings.story_clock
    )
    say(f"Enrolled as station {station.station_id} at {station.server_url}. Next: curfew-agent devices")


@curfew_agent.command()
@click.pass_obj
def devices(settings: Settings) -> None:
    """List the phones on cables and those this station knows, with what to do about each."""
    # Loaded by the one command that needs it: every other starts a third of a second sooner.
    from agent_scripts.adb.adb_server_phone import list_devices

    table = Table("Phone", "State", "Label", "Next step")
    for device in list_devices():
        table.add_row(Text(device.address), Text(device.state), "", Text(device.next_step))
    for phone in settings.station().phones():
        table.add_row(Text(phone.address or "no address"), phone.consent.value, Text(phone.label), "")
    Console().print(table)


@curfew_agent.command()
@click.argument("addresses", nargs=-1)
@click.option("--label", default="", help="Asset tag; needed for phones without a serial of their own.")
@click.option("--holder", default="", help="The organisation's opaque reference for the person.")
@click.option(
    "--consent",
    type=click.Choice(["agreed", "declined"]),
    prompt="Did the owner agree that Curfew asks this phone about the named apps only",
    help="What the owner said; declined: nothing more is asked, what was done is undone, the mail side is told.",
)
@click.pass_obj
def provision(settings: Settings, addresses: tuple[str, ...], label: str, holder: str, consent: str) -> int:
    """Make phones known: ADDRESSES are tcp:HOST:PORT, adb:SERIAL or usb:SERIAL."""
    station = settings.station()
    client, owner = ServerClient(station), Owner(label, holder)
    if consent == "declined":
        return take_refusal(settings.visitor(station, False, "en"), client, addresses, owner)
    if not addresses:
        raise WrongUse("No phone named. Run `curfew-agent devices` and name one, such as adb:SERIAL.")

    run = asyncio.run(begin_run(station, settings.operator, "en", say))
    policy = run.bundle.policy if run.bundle else None

    async def visit(address: str) -> ExitCode:
        found = ""

        def show(probed: Probe) -> None:
            nonlocal found
            if len(addresses) == 1:
                show_probe(address, probed, as_json=False, err=True)
            else:
                found = f" {in_a_line(probed)}"

        try:
            async with connected(station, address, settings.plain_tcp) as connection:
                phone = await provision_phone(station, client, connection, address, owner, policy, show)
        except AgentError as error:
            say(f"{address}: {error}")
            return ExitCode.NOT_REACHED
        say(f"{address}: provisioned as {phone.phone_id} ({phone.model}).{found}")
        return ExitCode.COMPLIANT

    return most_urgent(asyncio.run(visit_all(addresses, visit)))


@curfew_agent.command("probe")
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
    return probe_phones(visitor, _addresses(station, addresses, every))


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


@curfew_agent.command()
@_options_of_a_visit
def check(settings: Settings, addresses: tuple[str, ...], every: bool, as_json: bool, language: str) -> int:
    """Read, judge, act and read back, phone by phone, all in parallel."""
    station = settings.station()
    return visit_phones(
        settings.visitor(station, as_json, language), _addresses(station, addresses, every), check_phone
    )


@curfew_agent.command()
@_options_of_a_visit
@click.option("--yes", is_flag=True, help="Do not ask before restoring.")
def restore(
    settings: Settings, addresses: tuple[str, ...], every: bool, as_json: bool, language: str, yes: bool
) -> int:
    """Put back everything Curfew changed, whatever the policy says; works without a server."""
    station = settings.station()
    phones = _addresses(station, addresses, every)
    for address in phones:
        phone = station.phone_at(address)
        ledger = station.ledger(phone.phone_id) if phone else None
        apps = ", ".join(f"{e.package} in user {e.user}" for e in (ledger.open_entries if ledger else ()))
        say(f"{address}: will restore {apps or 'what the phone itself remembers'}.")
    if not yes and not click.confirm("Restore on these phones?", err=True):
        return ExitCode.WRONG_USE
    return visit_phones(settings.visitor(station, as_json, language), phones, restore_phone)


@curfew_agent.command()
@click.argument("addresses", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON per phone.")
@click.option("--yes", is_flag=True, help="Do not ask before removing.")
@click.pass_obj
def unprovision(settings: Settings, addresses: tuple[str, ...], as_json: bool, yes: bool) -> int:
    """Put everything back, end the phone's own script, and remove every trace of Curfew from phones."""
    station = settings.station()
    phones = _addresses(station, addresses, every=False)
    for address in phones:
        say(f"{address}: will restore every app, end the phone's own script and remove Curfew's folder.")
    if not yes and not click.confirm("Remove Curfew from these phones?", err=True):
        return ExitCode.WRONG_USE
    return visit_phones(settings.visitor(station, as_json, "en"), phones, unprovision_phone)


@curfew_agent.command()
@_options_of_a_visit
@click.option("--rounds", default=0, help="Stop after that many rounds; 0 goes on until Ctrl-C.")
def watch(
    settings: Settings, addresses: tuple[str, ...], every: bool, as_json: bool, language: str, rounds: int
) -> int:
    """Check again and again at the policy's interval, with jitter, until Ctrl-C."""
    station = settings.station()
    done = 0
    while True:
        phones = _addresses(station, addresses, every)
        code = visit_phones(settings.visitor(station, as_json, language), phones, check_phone)
        done += 1
        if rounds and done >= rounds:
            return code
        pause_s = _pause_s(station)
        say(f"Next round in {pause_s / 60:.0f} minutes; Ctrl-C ends.")
        time.sleep(pause_s)


def _pause_s(station: Station) -> float:
    accepted = trust_client(station, ServerClient(station)).stored()
    if accepted is None:
        return 900.0
    policy = accepted.bundle.policy
    # Jitter keeps stations from meeting at the server on the full hour; nothing secret hangs on it.
    return policy.check_interval.total_seconds() + random.uniform(0, policy.check_jitter.total_seconds())  # noqa: S311


@curfew_agent.command()
@click.pass_obj
def status(settings: Settings) -> None:
    """Show what this station is, whom it believes, and what still waits to be sent."""
    station = settings.station()
    accepted, clock = (
        trust_client(station, ServerClient(station)).stored(),
        TrustedClock(station.folder, station.story_clock).read(),
    )
    table = Table(show_header=False)
    table.add_row("Station", station.station_id)
    table.add_row("Server", Text(station.server_url))
    table.add_row("Time (UTC)", f"{clock.now:%Y-%m-%d %H:%M:%S} {'trusted' if clock.trusted else clock.why}")
    if accepted is None:
        table.add_row("Bundle", "none accepted yet; run `curfew-agent check`")
    else:
        confirmed = f"confirmed {accepted.confirmed_at:%Y-%m-%d %H:%M} UTC"
        table.add_row(
            "Bundle", f"{accepted.bundle.number}, {confirmed}{', demo trust' if accepted.demo else ''}"
        )
    table.add_row("Phones", str(len(station.phones())))
    table.add_row("Reports waiting", str(len(Spool(station.spool_folder).waiting())))
    Console().print(table)


@curfew_agent.command()
@click.pass_obj
def send(settings: Settings) -> int:
    """Send the reports that wait on this station, oldest first."""
    return send_waiting(settings.station())


@curfew_agent.command("virtual-phone")
@click.option(
    "--model", default="pixel-14", show_default=True, help="Which phone to be; `list` names them all."
)
@click.option(
    "--port", default=5600, show_default=True, help="TCP port on this computer; 0 picks a free one."
)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep the phone's state here."
)
def virtual_phone(model: str, port: int, folder: Path | None) -> int:
    """Start a phone made of software to train on; it listens on this computer only."""
    from agent_scripts.virtual_phone.command import serve_by_hand

    return serve_by_hand(model, port, folder)


def _addresses(station: Station, addresses: Sequence[str], every: bool) -> list[str]:
    agreed = (phone for phone in station.phones() if phone.consent is Consent.AGREED)
    known = [phone.address for phone in agreed if phone.address]
    chosen = [*addresses, *(known if every else ())]
    if not chosen:
        raise WrongUse("No phone named: name one such as adb:SERIAL, or use --all for every known phone.")
    return list(dict.fromkeys(str(PhoneAddress.parse(address)) for address in chosen))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (`agent_scripts.exit_codes`)."""
    try:
        result = curfew_agent.main(args=arguments, prog_name="curfew-agent", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.WRONG_USE
    except click.Abort:
        say("Stopped.")
        return ExitCode.WRONG_USE
    except KeyboardInterrupt:
        say("Stopped; what was done is on disk, the next check goes on from there.")
        return ExitCode.WRONG_USE
    except (AgentError, CertsError, PolicyError) as error:
        if os.environ.get("CURFEW_VERBOSE"):
            raise
        say(f"{error}")
        return ExitCode.WRONG_USE
    return int(result or ExitCode.COMPLIANT)


if __name__ == "__main__":
    sys.exit(main())
