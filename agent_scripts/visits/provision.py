"""Provisioning: consent first, then who the phone is, then the marker it is known by."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import ProvisioningFailed
from agent_scripts.exchange import DeviceFacts, Provisioned, Reading
from agent_scripts.server_link.client import Registered, ServerClient
from agent_scripts.station_files.station import KnownPhone, Station
from agent_scripts.visits.asking import ask
from agent_scripts.visits.probe import probe
from agent_scripts.visits.run import Run
from agent_scripts.visits.twins import Twins
from policy.names import PhoneId
from policy.probe import Probe
from policy.report import Consent


@dataclass(frozen=True)
class Registration:
    """What the technician writes down about a phone; ``holder`` is the organisation's opaque reference.

    ``unit`` is the organisation's label for a group of phones; empty: the server keeps what it has.
    """

    label: str
    holder: str
    unit: str = ""


async def provision_phone(
    run: Run,
    client: ServerClient,
    connection: PhoneConnection,
    address: str,
    registration: Registration,
    show: Callable[[Probe], None],
    twins: Twins,
) -> tuple[KnownPhone, Registered]:
    """Make a phone known to server, station and itself; return it, and what the server knew otherwise before.

    The phone is asked for its make, serial, users, owners and our own folder, for no app at all. From that it is
    probed under the policy in force: the probe is shown first and goes to the server with the phone. Provisioning
    again is harmless: the phone keeps its id and, unless it was reset, its marker. Raises `ProvisioningFailed` with
    the next step, `PhoneError` and `ServerError`; nothing is remembered then. A label that is not given again stays.
    """
    reading, facts = await who_is_there(run, connection, address)
    # Before anything is registered: who sees that nothing can be promised may still decline.
    probed = probe(reading, run.policy)
    show(probed)
    memory = reading.memory
    identity = run.station.phone_identity(facts.manufacturer, facts.device, facts.serial, registration.label)
    await twins.refuse(address, identity, reading)
    registration = _with_known_label(run, registration, identity)
    # What the phone carries first: another station's phone keeps its id, though this one never met it.
    proposed = memory.phone_id or run.station.id_of_identity(identity) or PhoneId.random()
    # A marker that the phone has already stays there, whatever it is told (on_phone/provision.sh).
    marker = memory.marker or secrets.token_hex(16)

    async def register(marker: str) -> Registered:
        return await asyncio.to_thread(
            _register, client, identity, proposed, registration, facts, probed, marker
        )

    registered = await register(marker)
    phone_id = registered.phone_id
    provisioned = await run.patience.until(
        lambda kept: not kept.cut, lambda: _leave_marker(run, connection, phone_id, marker)
    )
    if provisioned.problem:
        raise ProvisioningFailed(f"{address} did not keep our folder: {provisioned.problem}")
    if provisioned.marker != marker:
        # Another station was there in between, and its marker stayed: other stations prove by that one.
        await register(provisioned.marker)
    # Last: a phone that did not keep our folder must not be listed as provisioned.
    mark = run.station.registration_mark(registration.holder, registration.unit)
    found = _debugging_found(run.station, phone_id, provisioned)
    phone = KnownPhone(
        *(phone_id, address, identity, Consent.AGREED, registration.label, facts.model, mark), *found
    )
    run.station.remember(phone)
    # It stays, so nothing that was to be done when it goes is to be done now.
    run.station.leavings.forget(phone_id)
    return phone, registered


def _debugging_found(station: Station, phone_id: PhoneId, provisioned: Provisioned) -> tuple[str, str]:
    """Return how USB and wireless debugging were found the first time; what was switched on since was for us."""
    before, leaving = station.phone(phone_id), station.leavings.of(phone_id)
    if before is not None and before.usb_debugging:
        return before.usb_debugging, before.wireless_debugging
    # Left, and back before its debugging was as it is to be: what it has now is no owner's doing.
    found = leaving.found if leaving is not None else provisioned.debugging
    return found.usb.value, found.wireless.value


def _with_known_label(run: Run, registration: Registration, identity: str) -> Registration:
    known = run.station.id_of_identity(identity)
    phone = run.station.phone(known) if known else None
    return replace(registration, label=registration.label or (phone.label if phone else ""))


async def who_is_there(run: Run, connection: PhoneConnection, address: str) -> tuple[Reading, DeviceFacts]:
    """Return what a phone says it is, its users, owners and our own folder; no app is asked about.

    Raises `ProvisioningFailed` where it does not say.
    """
    # Without a policy nobody is known to be an owner; the probe then says less, and provisioning goes on.
    owners = run.policy.owners if run.policy else frozenset()

    async def once() -> Reading:
        # No app is asked about before the owner has agreed and the phone is known.
        question = exchange.ReadingQuestion((), owners)
        return await ask(connection, question, run.limits.reading_s, run.limits)

    reading = await run.patience.until(lambda found: found.is_final, once)
    # Nothing of the phone is known then, and an id for "some phone" would be found by none again.
    if reading.facts is None:
        reasons = "; ".join(reading.observation.unreadable) or "no reason given"
        raise ProvisioningFailed(
            f"{address} could not say what it is ({reasons}). Reconnect it and try again."
        )
    return reading, reading.facts


def _register(
    client: ServerClient,
    identity: str,
    proposed: PhoneId,
    registration: Registration,
    facts: DeviceFacts,
    probed: Probe,
    marker: str,
) -> Registered:
    return client.register_phone(
        identity=identity,
        phone_id=proposed,
        manufacturer=facts.manufacturer,
        model=facts.model,
        label=registration.label,
        holder=registration.holder,
        unit=registration.unit,
        consent=Consent.AGREED,
        api_level=facts.api_level,
        virtual=facts.virtual,
        probe=probed,
        marker=marker,
    )


async def _leave_marker(run: Run, connection: PhoneConnection, phone_id: PhoneId, marker: str) -> Provisioned:
    """Return what the phone keeps; doing it a second time changes nothing, so a cut answer is asked for again."""
    question = exchange.ProvisioningQuestion(phone_id, marker)
    return await ask(connection, question, run.limits.acting_s, run.limits)
