"""Handing back: debugging as it was found, or off; last of all, for it may end every way to the phone.

What is switched off is proved by reading. Where the phone is gone before it can be read, that is told as it is: a
phone whose cable was pulled at that moment looks the same. Before anything is told to go off, that is on disk: a
station that was killed then knows why the phone stays away (`agent_scripts.station_files.leaving`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from enum import Enum
from shlex import quote

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import (
    AdbServerMissing,
    PhoneError,
    PhoneNotReady,
    PhoneUnreachable,
    PlaceholderSerial,
    StationError,
)
from agent_scripts.exchange import Debugging, EndedDebugging, PhoneMemory, Switch
from agent_scripts.exit_codes import ExitCode
from agent_scripts.patience import Patience
from agent_scripts.station_files.leaving import Leaving, SaidBy, Wanted
from agent_scripts.station_files.station import Station
from agent_scripts.visits.asking import ask
from agent_scripts.visits.limits import Limits
from policy.document import DebuggingAtHandBack

Connect = Callable[[], AbstractAsyncContextManager[PhoneConnection]]

REVOKE = (
    "To end this station's key for good, the owner taps 'Revoke USB debugging authorisations' in the developer options:"
    " nobody else can."
)
_IN_SETTINGS = "The owner sees and switches it in the developer options."


class Ending(Enum):
    """What became of switching debugging off."""

    LEFT = "left"
    """Nothing was to be switched off."""
    OFF = "off"
    """It was, and is off: read back."""
    GONE = "gone"
    """The phone went away when it was told, and did not come back: nothing could be read."""
    ON = "on"
    """It is still on: read back."""
    UNKNOWN = "unknown"
    """It could not be proved either way."""


@dataclass(frozen=True)
class HandedBack:
    """What is told of one phone; `debugging` as it was read last, `why` what else is known of the ending."""

    address: str
    ending: Ending
    debugging: Debugging
    wanted: Wanted
    why: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do; a phone that went away as told is no reason to be called."""
        return self.ending not in (Ending.ON, Ending.UNKNOWN)

    @property
    def exit_code(self) -> ExitCode:
        """NOT_DONE where it is not known to be off."""
        return ExitCode.COMPLIANT if self.is_settled else ExitCode.NOT_DONE

    @property
    def sentence(self) -> str:
        """What a technician reads: what became of it, who wanted it so, and where it is not done what does it."""
        told = f"{self._became} {_said(self.wanted)}"
        again = f"`curfew-agent unprovision {quote(self.address)}` tries again."
        return told if self.is_settled else f"{told} {again}"

    @property
    def _became(self) -> str:
        why = f" ({self.why})" if self.why else ""
        match self.ending:
            case Ending.LEFT:
                state = f"USB {self.debugging.usb.value}, wireless {self.debugging.wireless.value}"
                return f"Debugging is left as it is: {state}{why}."
            case Ending.OFF:
                return "Debugging was switched off, and read back as off."
            case Ending.GONE:
                return (
                    "Debugging was told to go off; the phone went away and did not come back, as it does then, or when"
                    f" its cable is pulled. {_IN_SETTINGS}"
                )
            case Ending.ON:
                return f"Debugging is still on{why}. {_IN_SETTINGS}"
            case Ending.UNKNOWN:
                return f"That debugging is off could not be proved{why}. {_IN_SETTINGS}"


def _said(wanted: Wanted) -> str:
    match wanted.said_by:
        case SaidBy.POLICY:
            return f"Bundle {wanted.bundle} says {wanted.debugging.value.replace('_', ' ')}."
        case SaidBy.OPTION:
            return "--debugging says off."
        case SaidBy.NOBODY:
            return "No bundle is accepted here, so it is as found."


def to_end(wanted: DebuggingAtHandBack, now: Debugging, found: Debugging) -> tuple[bool, bool]:
    """Return whether USB and whether wireless debugging are to be switched off.

    Wireless debugging only where it reads as on: before Android 11 there is no such switch to be left behind.
    """
    usb, wireless = now.usb is not Switch.OFF, now.wireless is Switch.ON
    if wanted is DebuggingAtHandBack.OFF:
        return usb, wireless
    return usb and found.usb is Switch.OFF, wireless and found.wireless is Switch.OFF


class Found(Enum):
    """What is found where a phone was being left."""

    LEFT = "left"
    """That phone, and nothing of ours on it any more."""
    OURS = "ours"
    """That phone, with our folder: it was not left yet, or was provisioned anew."""
    OTHER = "other"
    """Another phone, or one that does not say who it is."""


async def found_where_left(station: Station, leaving: Leaving, connect: Connect, limits: Limits) -> Found:
    """Return what is there now; raises `PhoneError` where nothing could be asked and nothing explains that.

    No app is asked about. One that was told to switch debugging off had been left, and is expected to stay away.
    """
    try:
        async with connect() as connection:
            reading = await ask(connection, exchange.ReadingQuestion((), ()), limits.reading_s, limits)
    except PhoneError:
        if leaving.was_told:
            return Found.LEFT
        raise
    if reading.memory != PhoneMemory():
        return Found.OURS if reading.memory.phone_id == leaving.phone_id else Found.OTHER
    if reading.facts is None or not leaving.identity:
        return Found.OTHER
    known, facts = station.phone(leaving.phone_id), reading.facts
    label = known.label if known else ""
    try:
        identity = station.phone_identity(facts.manufacturer, facts.device, facts.serial, label)
    except PlaceholderSerial:
        return Found.OTHER
    return Found.LEFT if identity == leaving.identity else Found.OTHER


async def hand_back(station: Station, leaving: Leaving, connect: Connect, limits: Limits) -> HandedBack:
    """Switch off what is to be off on a phone that was left, and return what that came to.

    Where nothing is left to do, the phone is no longer one that is being left. Never raises for what a phone does.
    """
    try:
        told = await _end_debugging(station, leaving, connect, limits)
        if told.is_settled:
            await asyncio.to_thread(station.leavings.forget, leaving.phone_id)
    except (PhoneError, StationError) as error:
        # Before anything was told to go off: connecting, the first question, or to note what is about to be told.
        told = HandedBack(leaving.address, Ending.UNKNOWN, Debugging(), leaving.wanted, str(error))
    return told


async def _end_debugging(station: Station, leaving: Leaving, connect: Connect, limits: Limits) -> HandedBack:
    try:
        async with connect() as connection:
            now = await ask(connection, exchange.DebuggingQuestion(), limits.reading_s, limits)
            usb, wireless = to_end(leaving.wanted.debugging, now, leaving.found)
            if not (usb or wireless):
                return _left(leaving, now)
            leaving = replace(
                leaving, told_usb=leaving.told_usb or usb, told_wireless=leaving.told_wireless or wireless
            )
            await asyncio.to_thread(station.leavings.keep, leaving)
            ended = await _told(
                connection, exchange.EndingDebuggingQuestion(usb=usb, wireless=wireless), limits
            )
    except PhoneError:
        # Killed when it was told: that it is away now is what was asked for, as far as anybody can see.
        if leaving.was_told:
            return await _found_again(leaving, connect, limits)
        raise
    told = _read(leaving, ended.debugging)
    if told is Ending.UNKNOWN:
        return await _found_again(leaving, connect, limits)
    why = " ".join(dict.fromkeys(refusal.sentence for refusal in ended.refusals))
    return _of(leaving, told, ended.debugging, why.removesuffix("."))


def _left(leaving: Leaving, now: Debugging) -> HandedBack:
    if leaving.was_told:
        return _of(leaving, _read(leaving, now), now)
    unknown = Switch.UNKNOWN in (leaving.found.usb, leaving.found.wireless)
    as_found = leaving.wanted.debugging is DebuggingAtHandBack.AS_FOUND
    why = "how it was found is not known here, so its owner switches it" if as_found and unknown else ""
    return _of(leaving, Ending.LEFT, now, why)


async def _told(
    connection: PhoneConnection, question: exchange.EndingDebuggingQuestion, limits: Limits
) -> EndedDebugging:
    try:
        return await ask(connection, question, limits.acting_s, limits)
    except PhoneError:
        # What was asked for: adbd ends, and the answer with it.
        return EndedDebugging()


async def _found_again(leaving: Leaving, connect: Connect, limits: Limits) -> HandedBack:
    """Look for a phone that went silent when it was told; one that answers is asked, one that stays away is gone."""
    why: PhoneError | None = None
    for pause_s in Patience().pauses_s:
        await asyncio.sleep(pause_s)
        try:
            async with connect() as connection:
                now = await ask(connection, exchange.DebuggingQuestion(), limits.reading_s, limits)
        except PhoneError as error:
            why = error
            continue
        return _of(leaving, _read(leaving, now), now)
    # Seen and not let in, or seen offline, is not gone; nor is one that this computer could not look for.
    is_gone = isinstance(why, PhoneUnreachable) and not isinstance(why, PhoneNotReady | AdbServerMissing)
    return _of(
        leaving, Ending.GONE if is_gone else Ending.UNKNOWN, Debugging(), "" if is_gone else str(why or "")
    )


def _of(leaving: Leaving, ending: Ending, debugging: Debugging, why: str = "") -> HandedBack:
    return HandedBack(leaving.address, ending, debugging, leaving.wanted, why)


def _read(leaving: Leaving, now: Debugging) -> Ending:
    seen = [now.usb] * leaving.told_usb + [now.wireless] * leaving.told_wireless
    if Switch.ON in seen:
        return Ending.ON
    return Ending.UNKNOWN if Switch.UNKNOWN in seen else Ending.OFF
