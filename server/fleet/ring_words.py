"""What the progress of a ring's phones and their failures are called, on pages and on the command line."""

from __future__ import annotations

from collections.abc import Mapping

from server.fleet.failures import Failure
from server.fleet.rings import Progress

PROGRESS: Mapping[Progress, tuple[str, str]] = {
    Progress.DONE: ("complies", "At its latest check it complied, and nothing of ours was off."),
    Progress.SWITCHED_OFF: (
        "switched off",
        "A banned app is there, and every managed app was off after the latest check.",
    ),
    Progress.NOT_ENFORCEABLE: (
        "not enforceable",
        "A banned app is there, and not every managed app can be kept off on the phone: the mail side has to act.",
    ),
    Progress.NOT_DONE: (
        "not done",
        "What the latest check should have switched off, or put back, it did not.",
    ),
    Progress.HELD: ("held", "A banned app is there, and nothing new is disabled while its ring is held."),
    Progress.UNDONE: ("undone", "What was off had been switched on again before the latest check."),
    Progress.UNREADABLE: ("unreadable", "The latest check could not look."),
    Progress.NOT_HEARD: (
        "not heard of",
        "Not checked since the ring started, or longer ago than the policy allows.",
    ),
    Progress.DECLINED: ("declined", "The owner does not agree: nothing is asked of the phone."),
    Progress.EXEMPT: ("exempt", "An exemption holds: nothing is disabled."),
}
"""In the order in which they are listed."""

FAILURES: Mapping[Failure, str] = {
    Failure.PHONE_UNREADABLE: "the phone as a whole could not be read",
    Failure.PACKAGE_UNREADABLE: "an app could not be read",
    Failure.USER_MISSING: "the answer had no line for a user that counts",
    Failure.JUDGEMENT_FAILED: "judging failed inside Curfew",
    Failure.OWNER_ENABLES_AGAIN: "an app was switched on again after each of three rounds, and left on",
    Failure.ENABLED_AGAIN: "the phone's user, or somebody else, switched an app on again",
    Failure.RESET_BY_UPDATE: "an update of an app switched it on again",
    Failure.PLACE_CLOSED: "the managed apps are where adb may not act",
    Failure.DISABLING_REFUSED: "the phone refused to disable an app",
    Failure.CLOCK_UNTRUSTED: "the station's clock could not be trusted",
    Failure.BUNDLE_TOO_OLD: "the station was offline too long",
    Failure.LEDGER_MISSING: "the phone lost its ledger and the station could not ask the server",
    Failure.RING_HELD: "its ring was held",
    Failure.EXEMPT: "it was exempt when it was checked",
    Failure.NO_MEMORY: "an app was off and nobody knows by whom: a person has to decide",
    Failure.NOT_ITS_TURN: "enforcing had not begun by the bundle that the station had",
    Failure.STILL_RUNS: "an app still ran after the check, which gave no reason",
    Failure.UNTOLD: "the check gave no reason",
}
NOT_PUT_BACK = "it complies, and an app was still to be put back"
"""Of a phone that is not done and has no failure."""


def failure_words(failure: Failure | None) -> str:
    """Return why, in words; of none, what is left then."""
    return FAILURES[failure] if failure else NOT_PUT_BACK
