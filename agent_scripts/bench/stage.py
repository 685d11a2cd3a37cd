"""How far a phone at the bench has come."""

from __future__ import annotations

from enum import Enum


class Stage(Enum):
    """In the order of the work; those of `AT_WORK` are the bench's turn, of the others see `BenchRow.needs_hand`."""

    PLUGGED = "plugged"
    """It is there, and its work has not begun or is to begin anew."""
    NOT_READY = "not_ready"
    """adb sees it in a state in which it takes no commands."""
    UNAUTHORISED = "unauthorised"
    """Its owner has not tapped Allow."""
    RECOGNISING = "recognising"
    ASKING = "asking"
    """Somebody has to say whose it is, or whether the owner agreed."""
    PROVISIONING = "provisioning"
    CHECKING = "checking"
    """Read, judged, acted on, its script placed, read back."""
    RETRYING = "retrying"
    """A step failed and is tried again in a moment."""
    FAILED = "failed"
    """A step failed as often as it is tried by itself."""
    LABEL = "label"
    """Checked, its report is kept; its label and receipt are being made, and the phone itself is not needed."""
    DONE = "done"


AT_WORK = frozenset(
    {Stage.PLUGGED, Stage.RECOGNISING, Stage.PROVISIONING, Stage.CHECKING, Stage.RETRYING, Stage.LABEL}
)
CHECKED = frozenset({Stage.LABEL, Stage.DONE})
"""Those in which its report is kept: the phone may be unplugged."""


class Paper(Enum):
    """What has become of a phone's label and receipt; of the two, what a person must know first."""

    NONE = "none"
    """Nobody asked for paper, or there is nothing to tell yet."""
    READY = "ready"
    """They lie in the folder, and no printer is named for them."""
    WAITS = "waits"
    """They lie in the folder and wait for the printer."""
    PRINTED = "printed"
    UNSURE = "unsure"
    """One was handed to the printer, and nobody knows whether it came out."""
    FAILED = "failed"
    """They could not be made."""


class Asked(Enum):
    """What a technician is asked of a phone, in this order."""

    HOLDER = "holder"
    CONSENT = "consent"
    LABEL = "label"
    """Only of a phone whose owner declined: it is known by its label alone."""
