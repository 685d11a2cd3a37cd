"""The commands that come before and after the daily work: a station joins, phones are made known, and left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import click

from agent_scripts.commands.settings import Settings, address_of, batch_at, named_phones
from agent_scripts.errors import WrongUse
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.server_link.client import ServerClient
from agent_scripts.server_link.enrolment import enrol as enrol_station
from agent_scripts.station_files.station import Station
from agent_scripts.visits.batch_visit import provision_batch
from agent_scripts.visits.declined import record_declined
from agent_scripts.visits.leaving import leave_phones
from agent_scripts.visits.provision import Registration
from agent_scripts.visits.provision_visit import provision_phones
from agent_scripts.visits.run import stored_bundle, trust_client
from agent_scripts.visits.unprovision import wanted_of
from agent_scripts.visits.visiting import say
from policy.counted import counted
from policy.document import DebuggingAtHandBack


@click.command()
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


_CONSENT = click.Choice(["agreed", "declined"])


def _asked_for_consent(context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return what was said; the question is no result, so it stands beside them, on stderr."""
    if context.params.get("batch"):
        # Each line of the list says it of its own phone.
        return value
    question = "Did the owner agree that Curfew asks this phone about the named apps only"
    return value or str(click.prompt(question, type=_CONSENT, err=True))


@click.command()
@click.argument("addresses", nargs=-1)
@click.option(
    "--holder",
    "holders",
    multiple=True,
    help="Required: the organisation's opaque reference for the person. Of several phones, one each, in their order.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    help="Asset tag; needed for phones without a serial of their own. Of several phones, one each.",
)
@click.option(
    "--consent",
    type=_CONSENT,
    callback=_asked_for_consent,
    help="What the owner said; declined: nothing more is asked, what was done is undone, the mail side is told.",
)
@click.option(
    "--batch",
    is_eager=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with a line per phone: serial, address or label; holder; unit; consent. Given again, it goes on.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON per phone.")
@click.pass_obj
def provision(
    settings: Settings,
    addresses: tuple[str, ...],
    holders: tuple[str, ...],
    labels: tuple[str, ...],
    consent: str | None,
    batch: Path | None,
    as_json: bool,
) -> int:
    """Make phones known: ADDRESSES are tcp:HOST:PORT, adb:SERIAL, usb:SERIAL or a known phone's label.

    One holder for several phones is never meant: name them one by one, or all in a list with --batch.
    """
    station = settings.station()
    visitor, client = settings.visitor(station, as_json, "en"), ServerClient(station)
    if batch is not None:
        if addresses or holders or labels or consent:
            raise WrongUse(
                "With --batch the list tells phones, holders, labels and consents: leave them out."
            )
        return provision_batch(visitor, client, batch_at(batch))
    # A phone that is known may be provisioned anew, or declined, by its label.
    addresses = tuple(address_of(station, name) for name in addresses)
    if consent == "declined":
        return record_declined(visitor, client, addresses, _of_one(holders, labels))
    if not addresses:
        raise WrongUse("No phone named. Run `curfew-agent devices` and name one, such as adb:SERIAL.")
    return provision_phones(visitor, client, registrations(addresses, holders, labels))


def registrations(
    addresses: Sequence[str], holders: Sequence[str], labels: Sequence[str]
) -> dict[str, Registration]:
    """Return whose phone is at which address; raises `WrongUse` with a command per phone where that is not told.

    One holder for several phones is never meant: the mail side would block the wrong mailbox.
    """
    if len(holders) != len(addresses) or not all(holders):
        commands = "\n".join(
            f"  curfew-agent provision {quote(address)} --holder REFERENCE --label TAG"
            for address in addresses
        )
        raise WrongUse(
            f"Expected one --holder for each of {counted(len(addresses), 'phone')}, found {len(holders)}: the mail side"
            f" must know whose phone each is. Name each phone's:\n{commands}\nor all in a list:\n"
            "  curfew-agent provision --batch FILE.csv"
        )
    if labels and len(labels) != len(addresses):
        raise WrongUse(
            f"Expected no --label or one for each of {counted(len(addresses), 'phone')}, found {len(labels)}."
        )
    twice = next((address for address in addresses if addresses.count(address) > 1), None)
    if twice is not None:
        raise WrongUse(
            f"Expected each phone once, found {quote(twice)} twice (a label counts as its address)."
        )
    tags = labels or [""] * len(addresses)
    return {
        address: Registration(label, holder)
        for address, holder, label in zip(addresses, holders, tags, strict=True)
    }


def _of_one(holders: Sequence[str], labels: Sequence[str]) -> Registration:
    if len(holders) > 1 or len(labels) > 1:
        raise WrongUse("Owners decline one by one: name one phone, its --holder and its --label.")
    return Registration(labels[0] if labels else "", holders[0] if holders else "")


@click.command()
@click.argument("addresses", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON per phone.")
@click.option("--yes", is_flag=True, help="Do not ask before removing.")
@click.option(
    "--debugging",
    type=click.Choice(["off"]),
    help="Leave USB and wireless debugging off, whatever the policy says; else they are left as it says.",
)
@click.pass_obj
def unprovision(
    settings: Settings, addresses: tuple[str, ...], as_json: bool, yes: bool, debugging: str | None
) -> int:
    """Put everything back, end the phone's own script, and remove every trace of Curfew from phones.

    Debugging that is switched off is read back as off where the phone still answers; most go away at once. Given
    again for a phone that was not finished with, it goes on from there.
    """
    station, debugging_off = settings.station(), debugging == "off"
    phones = named_phones(station, addresses, every=None)
    last = " Then it switches debugging off." if _ends_debugging(station, debugging_off) else ""
    for address in phones:
        say(
            f"{address}: will restore every app, end the phone's own script and remove Curfew's folder.{last}"
        )
    if not yes and not click.confirm("Remove Curfew from these phones?", err=True):
        return ExitCode.WRONG_USE
    visitor = settings.visitor(station, as_json, "en")
    return most_urgent(leave_phones(visitor, phones, debugging_off=debugging_off))


def _ends_debugging(station: Station, ordered: bool) -> bool:
    """Whether it goes off as far as is known before the server was asked."""
    accepted, _ = stored_bundle(trust_client(station, ServerClient(station)))
    wanted = wanted_of(accepted.bundle if accepted else None, debugging_off=ordered)
    return wanted.debugging is DebuggingAtHandBack.OFF


@click.command("virtual-phone")
@click.option(
    "--model", default="pixel-14", show_default=True, help="Which phone to be; `list` names them all."
)
@click.option(
    "--port", default=5600, show_default=True, help="TCP port on this computer; 0 picks a free one."
)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep the phone's state here."
)
@click.option(
    "--serial", help="The serial of a new phone; one of its own unless given. Two phones with one are twins."
)
@click.option(
    "--system-root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Run commands in the shell of the unpacked Android system in this folder; needs root.",
)
@click.option(
    "--program-cost",
    type=click.FloatRange(min=0, max=10),
    default=0,
    metavar="SECONDS",
    help="Let every program in the phone's shell start that much later, as on a slow phone (0.2).",
)
def virtual_phone(
    model: str,
    port: int,
    folder: Path | None,
    serial: str | None,
    system_root: Path | None,
    program_cost: float,
) -> int:
    """Start a phone made of software to train on; it listens on this computer only."""
    # Loaded here: `enrol` and `provision` share this module and need no virtual phone.
    from agent_scripts.virtual_phone.command import serve_by_hand

    if system_root and program_cost:
        raise WrongUse(
            "A genuine system's programs take their own time; leave out --program-cost or --system-root."
        )
    return serve_by_hand(model, port, folder, system_root, program_cost, serial)
