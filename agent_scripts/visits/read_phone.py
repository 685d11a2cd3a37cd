"""Reading one phone: what is asked, which phone it is, and what stands for an answer that was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import OwnerDeclined, PhoneError, PhoneNotProvisioned
from agent_scripts.station_files.station import KnownPhone, Station
from agent_scripts.visits.run import Run
from policy.names import PackageName, PhoneId
from policy.report import Consent


async def read_if_agreed(run: Run, connection: PhoneConnection, address: str) -> exchange.Reading:
    """Return a reading of a phone whose owner agreed; raises `OwnerDeclined` where that shows only now."""
    reading = await read_phone(run, connection, address)
    if which_phone(run.station, reading, address).consent is Consent.DECLINED:
        raise OwnerDeclined(address)
    return reading


async def read_phone(
    run: Run, connection: PhoneConnection, address: str, packages: Sequence[PackageName] | None = None
) -> exchange.Reading:
    """Return what the phone shows, in one exchange, of `packages` or of all that the policy names.

    Where a part of Android is missing for the moment, as after a start, or the answer was cut, it is asked again a
    little later. Raises `PhoneError` only for a phone this station does not know.
    """
    return await run.patience.until(
        lambda reading: reading.is_final, lambda: _read_once(run, connection, address, packages)
    )


async def _read_once(
    run: Run, connection: PhoneConnection, address: str, packages: Sequence[PackageName] | None
) -> exchange.Reading:
    if packages is None:
        packages = run.bundle.policy.named_packages if run.bundle else ()
    owners = run.bundle.policy.owners if run.bundle else frozenset()
    known = run.station.phone_at(address)
    managed = (
        [app.package for app in run.bundle.policy.managed if app.package in packages] if run.bundle else []
    )
    # The script's record rides along in the same exchange; a phone without a script answers one word more.
    collecting = None
    if run.bundle and run.bundle.policy.on_phone:
        collecting = exchange.Collecting(run.station.spool_position(known.phone_id) if known else None)
    known_as = known.phone_id if known else None
    question = exchange.ReadingQuestion(packages, owners, known_as, managed, collecting, if_marked=True)
    try:
        answer, lost = (
            await connection.run(question.command, run.limits.reading_s, run.limits.answer_bytes),
            "",
        )
    except PhoneError as error:
        # Of a phone nobody here knows no report can be written; of a known one the loss itself is worth one.
        if known is None:
            raise
        answer, lost = b"", str(error)
    reading = question.parse(answer)
    if not lost:
        return reading
    # What was lost on the way is a fact about this check, and the one reason: that nothing came follows from it.
    spoilt = replace(reading.observation, unreadable=(lost,))
    return replace(reading, observation=spoilt)


def which_phone(station: Station, reading: exchange.Reading, address: str) -> KnownPhone:
    """Return the phone that was read; raises `PhoneNotProvisioned` where neither it nor the station tells."""
    if reading.memory.phone_id is not None:
        phone = station.phone(reading.memory.phone_id)
        return phone or KnownPhone(reading.memory.phone_id, address=address, consent=Consent.AGREED)
    # A damaged folder leaves only the address to go by; an empty one is proof of another phone.
    phone = station.phone_at(address)
    if phone is None or not reading.memory.problem:
        # It answered, and does not carry our marker: a new phone, or one that was reset to factory state.
        raise PhoneNotProvisioned(address)
    return phone


def under_its_id(reading: exchange.Reading, phone_id: PhoneId) -> exchange.Reading:
    """Return the reading under the id that rings and exemptions know the phone by."""
    return replace(reading, observation=replace(reading.observation, phone_id=phone_id))
