"""A visit to a phone that came to no check: what a station tells of it, so that it leaves a trace (decision 0018)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from policy.names import PhoneId

ATTEMPTS_AT_ONCE = 100
"""Most attempts of one request."""


class AttemptCause(Enum):
    """Why a phone could not be checked where it was last met."""

    NOT_REACHED = "not_reached"
    """Nothing answered."""
    NOT_READY = "not_ready"
    """adb saw it offline, in its recovery system or its boot loader."""
    UNAUTHORISED = "unauthorised"
    """It did not accept the station's key."""
    ENDED = "ended"
    """It was connected, and refused, fell silent or broke off."""
    UNMARKED = "unmarked"
    """What answered does not carry our marker: it was reset, or is another phone."""
    ANOTHER_PHONE = "another_phone"
    """What answered is another phone that was provisioned."""
    STATION = "station"
    """Files of the station itself hindered it."""


@dataclass(frozen=True)
class Attempt:
    """The latest time that a station visited a phone in vain, where that phone was last met.

    Who was there nobody knows: this says nothing of the phone's state, and is no check of it. The address stays at the
    station, for it may be the phone's serial (decision 0002).
    """

    phone_id: PhoneId
    tried_at: datetime
    time_trusted: bool
    transport: str
    cause: AttemptCause
