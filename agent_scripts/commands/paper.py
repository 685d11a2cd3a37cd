"""The commands that print labels, owners' receipts and the sheet of a batch, all from what this station has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote

import click

from agent_scripts.commands.settings import Settings
from agent_scripts.errors import WrongUse
from agent_scripts.paper.label import Label, label_svg, labels_pdf, labels_zpl
from agent_scripts.paper.receipt import PrintedReceipt, receipts_pdf
from agent_scripts.paper.sheet import SheetRow, sheet_csv, sheet_pdf
from agent_scripts.station_files.durable_file import write_durably
from agent_scripts.station_files.latest_reports import LatestReports
from agent_scripts.station_files.station import KnownPhone, Station
from agent_scripts.station_files.trusted_time import TrustedClock
from agent_scripts.visits.owners_paper import believed_policy, of_its_bundle, owners_page
from agent_scripts.visits.visiting import say
from policy.counted import counted
from policy.owner_receipt import languages, owner_receipt
from policy.plain_text import said_by_others
from policy.report import Report


def _options_of_paper(standard: str, help_text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.argument("phones", nargs=-1),
            click.option("--all", "every", is_flag=True, help="Every phone that was checked here."),
            click.option(
                "--out",
                type=click.Path(path_type=Path, dir_okay=False),
                default=Path(standard),
                show_default=True,
                help=help_text,
            ),
            click.pass_obj,
        ):
            command = option(command)
        return command

    return decorate


@click.command()
@_options_of_paper("receipt.pdf", "The PDF to write, a page per phone.")
@click.option(
    "--language",
    type=click.Choice(languages()),
    default="en",
    show_default=True,
    help="That of the owner.",
)
def receipt(settings: Settings, phones: tuple[str, ...], every: bool, out: Path, language: str) -> None:
    """Print what the owner keeps: what was asked, found and changed, how to get it back, how to object.

    PHONES are labels, addresses or phone ids.
    """
    station = settings.station()
    believed = believed_policy(station)
    written = receipts_pdf(
        [
            PrintedReceipt(
                owner_receipt(report, of_its_bundle(believed, report), language),
                report,
                phone.name,
                owners_page(station, report),
            )
            for phone, report in _checked(station, phones, every)
        ]
    )
    _write(out, written)


@click.command()
@_options_of_paper("labels.pdf", "The file to write: .pdf, .svg (of one phone) or .zpl (for Zebra printers).")
def label(settings: Settings, phones: tuple[str, ...], every: bool, out: Path) -> None:
    """Print a sticker of 62 by 29 mm per phone: its name, and a code that leads its owner to their page.

    PHONES are labels, addresses or phone ids.
    """
    station = settings.station()
    labels = [
        Label(phone.name, report.model, phone.phone_id, report.checked_at, owners_page(station, report))
        for phone, report in _checked(station, phones, every)
    ]
    match out.suffix.lower():
        case ".pdf":
            _write(out, labels_pdf(labels))
        case ".zpl":
            _write(out, labels_zpl(labels).encode())
        case ".svg" if len(labels) == 1:
            _write(out, label_svg(labels[0]).encode())
        case ".svg":
            raise WrongUse(
                f"Expected one phone for an SVG, found {len(labels)}: print several as --out labels.pdf."
            )
        case other:
            raise WrongUse(
                f"Expected a file that ends in .pdf, .svg or .zpl for --out, found {said_by_others(other)}."
            )


@click.command()
@_options_of_paper("sheet.pdf", "The file to write: .pdf or .csv.")
def sheet(settings: Settings, phones: tuple[str, ...], every: bool, out: Path) -> None:
    """Print the list of the phones that were checked here, with their verdicts.

    PHONES are labels, addresses or phone ids.
    """
    station = settings.station()
    rows = [_sheet_row(phone, report) for phone, report in _checked(station, phones, every)]
    match out.suffix.lower():
        case ".pdf":
            _write(
                out,
                sheet_pdf(rows, station.name, TrustedClock(station.folder, station.story_clock).read().now),
            )
        case ".csv":
            _write(out, sheet_csv(rows).encode())
        case other:
            raise WrongUse(
                f"Expected a file that ends in .pdf or .csv for --out, found {said_by_others(other)}."
            )


def _checked(station: Station, names: Sequence[str], every: bool) -> list[tuple[KnownPhone, Report]]:
    """Return the phones named, each once, with their newest reports; raises `WrongUse` where there is none."""
    latest = LatestReports(station.folder)
    if every:
        found = [(phone, report) for phone in station.phones() if (report := latest.of(phone.phone_id))]
        if not found:
            raise WrongUse("No phone was checked here yet; run `curfew-agent check --all` first.")
        return found
    if not names:
        raise WrongUse("No phone named: name one by its label, its address or its phone id, or use --all.")
    known = {phone.phone_id: phone for phone in (_named(station, name) for name in names)}
    return [(phone, _report(latest, phone)) for phone in known.values()]


def _named(station: Station, name: str) -> KnownPhone:
    found = [
        phone for phone in station.phones() if name and name in (phone.label, phone.address, phone.phone_id)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        ids = " or ".join(phone.phone_id for phone in found)
        raise WrongUse(
            f"{counted(len(found), 'phone')} here go by {said_by_others(name)}: name the one that is meant by its phone"
            f" id, {ids}."
        )
    raise WrongUse(
        f"Expected the label, address or phone id of a phone known here, found {said_by_others(name)};"
        " `curfew-agent devices` lists them."
    )


def _report(latest: LatestReports, phone: KnownPhone) -> Report:
    report = latest.of(phone.phone_id)
    if report is None:
        address = quote(phone.address or "ADDRESS")
        raise WrongUse(
            f"{phone.name} was not checked here yet; plug it in and run `curfew-agent check {address}` first."
        )
    return report


def _sheet_row(phone: KnownPhone, report: Report) -> SheetRow:
    declined = phone.consent.value if phone.consent.value == "declined" else report.verdict.value
    return SheetRow(
        phone.label,
        phone.phone_id,
        report.model,
        declined,
        f"{report.checked_at:%Y-%m-%d %H:%M}",
        len(report.ledger.open_entries),
    )


def _write(out: Path, data: bytes) -> None:
    write_durably(out, data)
    say(f"Written: {out}")
