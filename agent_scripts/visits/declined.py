"""An owner's refusal: recorded for the mail side; a phone that was provisioned before is put back and left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from shlex import quote
from typing import Any

from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.errors import ServerError, WrongUse
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.server_link.client import ServerClient
from agent_scripts.station_files.station import KnownPhone, Station
from agent_scripts.station_files.trusted_time import TrustedClock
from agent_scripts.visits.json_lines import print_line, provisioning_line
from agent_scripts.visits.leaving import leave_phones
from agent_scripts.visits.provision import Registration
from agent_scripts.visits.unprovision import noted
from agent_scripts.visits.visiting import Visitor, say
from policy.names import PhoneId
from policy.report import Consent


def record_declined(
    visitor: Visitor, client: ServerClient, addresses: Sequence[str], registration: Registration
) -> ExitCode:
    """Record that an owner declined, and undo what was done to the phone while its owner agreed.

    A phone that this station never provisioned is not asked anything, not even its serial. One whose owner agreed
    before is put back and left without a trace if it is in reach, and only the apps that a ledger names are read
    for that. The refusal is recorded here first, so it stands however the rest ends. Raises `WrongUse` where the
    phone or its holder is not named, and `ServerError` when the server could not be told.
    """
    station = visitor.station
    address = _the_one(addresses)
    before = station.phone_at(address) or _labelled(station, registration.label)
    if before is None and not registration.label:
        raise WrongUse("A declined phone is known by its label alone: add --label with the asset tag.")
    if not registration.holder:
        raise WrongUse("The mail side must know whom it is about: add --holder.")
    withdrawn = before is not None and before.consent is Consent.AGREED
    if before and withdrawn:
        # Killed from here on: the phone stays one that is being left, though its owner's word is recorded.
        now = TrustedClock(station.folder, station.story_clock).read().now
        station.leavings.keep(noted(station, before, before.address, now))
    registration, before = note_declined(station, registration, before)
    untold: ServerError | None = None
    phone_id: PhoneId | None = None
    try:
        phone_id = tell_declined(station, client, registration, before)
        say(
            f"Recorded: the owner of {registration.label or address} declined. The mail side sees it as {phone_id}."
        )
    except ServerError as error:
        untold = error
    code = ExitCode.COMPLIANT
    if before and (withdrawn or station.leavings.of(before.phone_id)):
        code = _leave(visitor, before, address)
    if visitor.as_json:
        print_line(_line(address, registration, before, phone_id, code, untold))
    if untold:
        raise untold
    return code


def _line(
    address: str,
    registration: Registration,
    before: KnownPhone | None,
    phone_id: PhoneId | None,
    code: ExitCode,
    untold: ServerError | None,
) -> dict[str, Any]:
    return provisioning_line(
        address or (before.address if before else ""),
        Consent.DECLINED,
        ExitCode.WRONG_USE if untold else code,
        phone_id=phone_id and str(phone_id),
        label=registration.label,
        model=before.model if before else "",
        next_step=str(untold or ""),
    )


def _the_one(addresses: Sequence[str]) -> str:
    if len(addresses) > 1:
        raise WrongUse("Owners decline one by one: name one phone, and its --label.")
    return str(PhoneAddress.parse(addresses[0])) if addresses else ""


def _labelled(station: Station, label: str) -> KnownPhone | None:
    return next((phone for phone in station.phones() if label and phone.label == label), None)


def note_declined(
    station: Station, registration: Registration, before: KnownPhone | None
) -> tuple[Registration, KnownPhone | None]:
    """Record on this station that the owner of a phone it knows declined; return both under the label it has."""
    if before is None:
        return registration, None
    # Said under its old label if no new one is given: the mail side must find the same phone.
    registration = replace(registration, label=registration.label or before.label)
    # Not carried out as a list may say before the server was told.
    before = replace(before, label=registration.label, consent=Consent.DECLINED, registered_as="")
    station.remember(before)
    return registration, before


def tell_declined(
    station: Station, client: ServerClient, registration: Registration, before: KnownPhone | None
) -> PhoneId:
    """Tell the server that an owner declined, and return the phone's id; raises `ServerError`."""
    identity = before.identity if before else station.phone_identity("", "", "", registration.label)
    phone_id = client.register_phone(
        identity=identity,
        phone_id=before.phone_id if before else station.id_of_identity(identity) or PhoneId.random(),
        manufacturer="",
        model=before.model if before else "",
        label=registration.label,
        holder=registration.holder,
        unit=registration.unit,
        consent=Consent.DECLINED,
        api_level=0,
        virtual=False,
    ).phone_id
    known = before or KnownPhone(phone_id, identity=identity, label=registration.label)
    mark = station.registration_mark(registration.holder, registration.unit)
    station.remember(replace(known, phone_id=phone_id, consent=Consent.DECLINED, registered_as=mark))
    return phone_id


def _leave(visitor: Visitor, phone: KnownPhone, address: str) -> ExitCode:
    """Put the phone back and leave it; where that cannot be finished now, say what is left and what finishes it.

    At an address where this station never met it nothing is asked: another phone may be there.
    """
    code = visited = ExitCode.NOT_REACHED
    if phone.address and address in ("", phone.address):
        visited, debugging = leave_phones(visitor, [phone.address])
        code = most_urgent([visited, debugging])
    if visited not in (ExitCode.COMPLIANT, ExitCode.NOT_SENT):
        ledger = visitor.station.ledger(phone.phone_id)
        apps = ", ".join(f"{e.package} in user {e.user}" for e in (ledger.open_entries if ledger else ()))
        say(
            f"Not finished: Curfew's folder may still be on the phone, and {apps or 'no app we know of'} is to be put"
            " back. With the phone at the bench,"
            f" `curfew-agent unprovision {quote(address or phone.address or 'ADDRESS')}` finishes it."
        )
    return code
