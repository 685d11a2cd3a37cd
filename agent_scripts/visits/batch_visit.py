"""Provisioning by a batch list: what an earlier run has done is left, each other phone is made known or declined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent_scripts.errors import ServerError
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.server_link.client import ServerClient
from agent_scripts.station_files.station import KnownPhone, Station
from agent_scripts.visits.batch import BatchRow, refused, require_each_once
from agent_scripts.visits.declined import record_declined
from agent_scripts.visits.json_lines import print_line, provisioning_line
from agent_scripts.visits.provision_visit import provision_phones
from agent_scripts.visits.visiting import Visitor, say
from policy.counted import counted
from policy.report import Consent


def provision_batch(visitor: Visitor, client: ServerClient, rows: Sequence[BatchRow]) -> ExitCode:
    """Make the phones of `rows` known, or record that their owners declined; raises `WrongUse` before anything is done.

    Given again, it goes on: a row that the station has carried out as it stands is told and left alone.
    """
    rows = [_at_its_place(visitor.station, row) for row in rows]
    _require_whole(visitor.station, rows)
    done = [(row, phone) for row in rows if (phone := _done(visitor.station, row))]
    for _, phone in done:
        if visitor.as_json:
            told = {"phone_id": str(phone.phone_id), "label": phone.label, "model": phone.model}
            print_line(
                provisioning_line(phone.address, phone.consent, ExitCode.COMPLIANT, probed=None, **told)
            )
    if done:
        say(f"{counted(len(done), 'phone')} of the list: done before, left as it is.")
    left = [row for row in rows if row.line not in {row.line for row, _ in done}]
    codes = [_decline(visitor, client, row) for row in left if row.consent is Consent.DECLINED]
    agreed = {row.address: row.registration for row in left if row.consent is Consent.AGREED}
    if agreed:
        codes.append(provision_phones(visitor, client, agreed))
    return most_urgent(codes)


def _at_its_place(station: Station, row: BatchRow) -> BatchRow:
    if row.address:
        return row
    # A phone that is known by its label is where it was met last.
    places = [phone.address for phone in station.phones() if phone.label == row.registration.label]
    return replace(row, address=places[0]) if len(places) == 1 else row


def _require_whole(station: Station, rows: Sequence[BatchRow]) -> None:
    wrong = [f"line {row.line}: {problem}" for row in rows if (problem := _lack(station, row))]
    require_each_once([(row.line, row.name) for row in rows], also=wrong)
    if wrong:
        raise refused(wrong)


def _lack(station: Station, row: BatchRow) -> str:
    """Return what this row does not tell; nothing if it can be carried out."""
    if row.consent is None:
        return "expected agreed or declined for the consent, found nothing: ask the owner first"
    if row.consent is Consent.AGREED and not row.address:
        return "expected a serial or an address, found a label that leads to no phone known here"
    if (
        row.consent is Consent.DECLINED
        and not row.registration.label
        and station.phone_at(row.address) is None
    ):
        return "expected a label, found none: a declined phone is known by its label alone"
    return ""


def _done(station: Station, row: BatchRow) -> KnownPhone | None:
    """Return the phone of a row that this station carried out as it stands."""
    wanted = row.registration
    mark = station.registration_mark(wanted.holder, wanted.unit)
    for phone in station.phones():
        is_it = phone.address == row.address if row.address else phone.label == wanted.label
        if is_it and (phone.registered_as, phone.consent) == (mark, row.consent):
            return phone if wanted.label in ("", phone.label) else None
    return None


def _decline(visitor: Visitor, client: ServerClient, row: BatchRow) -> ExitCode:
    addresses = (row.address,) if row.address else ()
    try:
        return record_declined(visitor, client, addresses, row.registration)
    except ServerError as error:
        # Recorded on this station all the same; the next run tells the server.
        say(f"line {row.line}: {error}")
        return ExitCode.WRONG_USE
