"""For which reasons a phone may be exempted: codes that are signed and shown, never a person's story."""

from __future__ import annotations

from enum import Enum


class ExemptionReason(Enum):
    """Why nothing is to be disabled on a phone for a while; what is asked for on a server has one of these.

    A trust folder signs other codes as well: its keeper may have reasons of their own.
    """

    FIELD_TEST = "field_test"
    ON_DUTY = "on_duty"
    REPAIR = "repair"
    TRAVEL = "travel"
    OFFICIAL_USE = "official_use"
    COMPLAINT = "complaint"


MEANINGS = {
    ExemptionReason.FIELD_TEST: "the phone is used to test Curfew or the managed apps",
    ExemptionReason.ON_DUTY: "its mail and calls may not stop during a duty",
    ExemptionReason.REPAIR: "it is in repair or about to be replaced",
    ExemptionReason.TRAVEL: "it is away, and no bench is in reach",
    ExemptionReason.OFFICIAL_USE: "the banned app is needed for work on this phone",
    ExemptionReason.COMPLAINT: "a complaint about it is being decided",
}
"""What each code says, as the rest of a sentence."""
