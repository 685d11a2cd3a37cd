"""Handing back: debugging as it was found, or off; last of all, for it may end every way to the phone.

What is switched off is proved by reading. Where the phone is gone before it can be read, that is told as it is: a
phone whose cable was pulled at that moment looks the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import AdbServerMissing, PhoneError, PhoneNotReady, PhoneUnreachable
from agent_scripts.exchange import Debugging, EndedDebugging, Switch
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.patience import Patience
from agent_scripts.station_files.station import KnownPhone
from agent_scripts.visits.asking import ask
from agent_scripts.visits.json_lines import debugging_line, print_line
from agent_scripts.visits.limits import Limits
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.run import Run
from agent_scripts.visits.unprovision import unprovision_phone
from agent_scripts.visits.visiting import Visitor, connected, say, visit_all, visit_phones

Connect = Callable[[], AbstractAsyncContextManager[PhoneConnection]]

REVOKE = (
    "To end this station's key for good, the owner taps 'Revoke USB debugging authorisations' in the developer options:"
    " nobody else can."
)
_IN_SETTINGS = "The owner sees and switches it in the developer options."


class Wish(Enum):
    """How debugging is to be when a phone is handed back."""

    AS_FOUND = "as-found"
    """Off where it was off when the phone was provisioned; nothing is ever switched on."""
    OFF = "off"


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
    why: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """NOT_DONE where it is not known to be off; a phone that went away as told is no reason to be called."""
        return ExitCode.NOT_DONE if self.ending in (Ending.ON, Ending.UNKNOWN) else ExitCode.COMPLIANT

    @property
    def sentence(self) -> str:
        """What a technician reads."""
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


def to_end(wish: Wish, now: Debugging, found: Debugging) -> tuple[bool, bool]:
    """Return whether USB and whether wireless debugging are to be switched off.

    Wireless debugging only where it reads as on: before Android 11 there is no such switch to be left behind.
    """
    usb, wireless = now.usb is not Switch.OFF, now.wireless is Switch.ON
    if wish is Wish.OFF:
        return usb, wireless
    return usb and found.usb is Switch.OFF, wireless and found.wireless is Switch.OFF


def found_at_first(phone: KnownPhone | None) -> Debugging:
    """Return how debugging was found when the phone was provisioned; unknown where nobody looked."""
    told = (phone.usb_debugging, phone.wireless_debugging) if phone else ("", "")
    usb, wireless = (Switch(word) if word in ("on", "off") else Switch.UNKNOWN for word in told)
    return Debugging(usb, wireless)


def leave_phones(visitor: Visitor, addresses: list[str], wish: Wish) -> ExitCode:
    """Unprovision all phones, send the reports, and then let those that were left have debugging as `wish` says."""
    left: dict[str, Debugging] = {}

    async def visit(run: Run, connection: PhoneConnection, address: str) -> CheckRecord:
        # Before the visit: a phone that was left is forgotten, and how it was found with it.
        found = found_at_first(visitor.station.phone_at(address))
        record = await unprovision_phone(run, connection, address)
        if record.leaving == "":
            left[address] = found
        return record

    code = visit_phones(visitor, addresses, visit)
    # After all reports are on disk and sent, if they could be: no phone may be needed again for them.
    return most_urgent([code, asyncio.run(_end_all(visitor, wish, left))])


async def _end_all(visitor: Visitor, wish: Wish, left: Mapping[str, Debugging]) -> ExitCode:
    limits = visitor.limits or Limits()

    async def one(address: str) -> HandedBack:
        def connect() -> AbstractAsyncContextManager[PhoneConnection]:
            return connected(visitor.station, address, visitor.plain_tcp)

        return await hand_back(address, connect, wish, left[address], limits)

    told = await visit_all(left, one)
    for phone in told:
        say(f"{phone.address}: {phone.sentence}")
        # Where nothing was to be done, nothing is told to a program either.
        if visitor.as_json and phone.ending is not Ending.LEFT:
            print_line(debugging_line(phone.address, phone.ending.value, phone.sentence, phone.exit_code))
    if told:
        say(REVOKE)
    return most_urgent(phone.exit_code for phone in told)


async def hand_back(
    address: str, connect: Connect, wish: Wish, found: Debugging, limits: Limits
) -> HandedBack:
    """Switch off what is to be off, and return what that came to; never raises for what a phone does."""
    now = Debugging()
    try:
        async with connect() as connection:
            now = await ask(connection, exchange.DebuggingQuestion(), limits.reading_s, limits)
            usb, wireless = to_end(wish, now, found)
            if not (usb or wireless):
                unknown = wish is Wish.AS_FOUND and Switch.UNKNOWN in (found.usb, found.wireless)
                why = "how it was found is not known here; --debugging off ends it" if unknown else ""
                return HandedBack(address, Ending.LEFT, now, why)
            question = exchange.EndingDebuggingQuestion(usb=usb, wireless=wireless)
            ended = await _told(connection, question, limits)
    except PhoneError as error:
        # Before anything was told to go off: connecting, or the first question.
        return HandedBack(address, Ending.UNKNOWN, now, str(error))
    told = _read(ended.debugging, usb=usb, wireless=wireless)
    if told is Ending.UNKNOWN:
        return await _found_again(address, connect, limits, usb=usb, wireless=wireless)
    why = " ".join(dict.fromkeys(refusal.sentence for refusal in ended.refusals))
    return HandedBack(address, told, ended.debugging, why.removesuffix("."))


async def _told(
    connection: PhoneConnection, question: exchange.EndingDebuggingQuestion, limits: Limits
) -> EndedDebugging:
    try:
        return await ask(connection, question, limits.acting_s, limits)
    except PhoneError:
        # What was asked for: adbd ends, and the answer with it.
        return EndedDebugging()


async def _found_again(
    address: str, connect: Connect, limits: Limits, *, usb: bool, wireless: bool
) -> HandedBack:
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
        return HandedBack(address, _read(now, usb=usb, wireless=wireless), now)
    # Seen and not let in, or seen offline, is not gone; nor is one that this computer could not look for.
    is_gone = isinstance(why, PhoneUnreachable) and not isinstance(why, PhoneNotReady | AdbServerMissing)
    return HandedBack(
        address, Ending.GONE if is_gone else Ending.UNKNOWN, Debugging(), "" if is_gone else str(why or "")
    )


def _read(now: Debugging, *, usb: bool, wireless: bool) -> Ending:
    seen = [now.usb] * usb + [now.wireless] * wireless
    if Switch.ON in seen:
        return Ending.ON
    return Ending.UNKNOWN if Switch.UNKNOWN in seen else Ending.OFF
