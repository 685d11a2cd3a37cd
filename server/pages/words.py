"""What the closed words of reports are called on pages; every member of each enumeration has its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from policy.document import PlaceKind
from policy.ledger import EntryState
from policy.observation import EnabledState, UserKind
from policy.probe import Owner, Reach
from policy.report import ActionResult, Consent
from policy.verdict import ActionKind, ReasonCode, Stage, Verdict
from policy.watched import ScriptState, SpanEnd, WatchedResult
from server.evidence.alarms import AlarmKind
from server.fleet.standing import Standing


@dataclass(frozen=True)
class Word:
    """A label, the tone it is shown in (``good``, ``bad``, ``unsure`` or plain) and a sentence of explanation."""

    label: str
    tone: str = ""
    sentence: str = ""


VERDICTS: Mapping[Verdict, Word] = {
    Verdict.COMPLIANT: Word("compliant", "good", "Every user was read and no banned app was found."),
    Verdict.VIOLATING: Word("violating", "bad", "A banned app was found."),
    Verdict.UNREADABLE: Word(
        "unreadable", "unsure", "We could not look. This counts neither as compliant nor as violating."
    ),
}

STAGES: Mapping[Stage, Word] = {
    Stage.REMIND: Word("remind", "", "Before the deadline: owners are reminded, nothing is disabled."),
    Stage.ENFORCE: Word("enforce", "", "Managed apps are disabled while a banned app is on the phone."),
    Stage.PAUSED: Word("paused", "unsure", "The review is due: nothing new is disabled, restoring goes on."),
    Stage.LIFTED: Word("lifted", "", "The ban is over: everything that was disabled is put back."),
}

REASONS: Mapping[ReasonCode, Word] = {
    ReasonCode.BANNED_APP_PRESENT: Word("banned app present", "bad", "A banned app is installed."),
    ReasonCode.BANNED_APP_GONE: Word("banned app gone", "good", "No banned app is installed for any user."),
    ReasonCode.MANAGED_APPS_GONE: Word(
        "managed apps gone", "good", "The managed apps were removed, which is the other way to comply."
    ),
    ReasonCode.PHONE_UNREADABLE: Word("phone unreadable", "unsure", "The whole answer could not be used."),
    ReasonCode.PACKAGE_UNREADABLE: Word("app unreadable", "unsure", "One app could not be read."),
    ReasonCode.USER_MISSING: Word("user missing", "unsure", "The answer has no line for a user that counts."),
    ReasonCode.PLACE_CLOSED: Word(
        "place closed",
        "unsure",
        "The managed apps are where the shell may not act; the mail side must block.",
    ),
    ReasonCode.EXEMPT: Word("exempt", "", "A signed exemption holds for this phone."),
    ReasonCode.CLOCK_UNTRUSTED: Word(
        "clock not trusted",
        "unsure",
        "The station's clock could not be trusted, so nothing new was disabled.",
    ),
    ReasonCode.BUNDLE_TOO_OLD: Word(
        "bundle too old", "unsure", "The station was offline too long, so nothing new was disabled."
    ),
    ReasonCode.ENABLED_AGAIN: Word(
        "enabled again",
        "unsure",
        "The phone's user, or somebody else, enabled an app again that had been disabled.",
    ),
    ReasonCode.RESET_BY_UPDATE: Word(
        "reset by update", "", "An update or a new installation of a disabled app made it run again."
    ),
    ReasonCode.DISABLING_REFUSED: Word(
        "disabling refused",
        "bad",
        "The phone refused to disable a managed app, so nothing enforces there; the mail side must block.",
    ),
    ReasonCode.OWNER_ENABLES_AGAIN: Word(
        "enabled every time",
        "bad",
        "An app was enabled again after each of three rounds, so it is left on; the mail side must block.",
    ),
    ReasonCode.NOT_OURS: Word("not ours", "", "An app was disabled by somebody else; it is left as it is."),
    ReasonCode.NO_MEMORY: Word(
        "no memory",
        "unsure",
        "An app was switched off over adb and no ledger tells whether that was us; a person has to decide.",
    ),
    ReasonCode.LEDGER_MISSING: Word(
        "ledger missing",
        "unsure",
        "The phone lost its ledger and the station could not ask the server, so nothing new was disabled.",
    ),
    ReasonCode.USER_GONE: Word(
        "user gone", "", "A user was removed from the phone, and what we had changed there went with it."
    ),
    ReasonCode.JUDGEMENT_FAILED: Word(
        "judgement failed", "unsure", "Judging failed inside Curfew; send the report id to its makers."
    ),
}

ACTIONS: Mapping[ActionKind, Word] = {
    ActionKind.DISABLE: Word("disable"),
    ActionKind.RESTORE: Word("restore"),
    ActionKind.NOTIFY: Word("notify the owner"),
}

RESULTS: Mapping[ActionResult, Word] = {
    ActionResult.DONE: Word("done", "good", "Reading back showed the change."),
    ActionResult.ALREADY: Word("already so", "", "Nothing was left to do."),
    ActionResult.STATE_CHANGED: Word("left alone", "unsure", "The app was no longer as remembered."),
    ActionResult.REFUSED: Word("refused", "bad", "The phone refused."),
    ActionResult.UNKNOWN: Word("unknown", "unsure", "The answer was cut; the next check will tell."),
}

USER_KINDS: Mapping[UserKind, Word] = {
    UserKind.PERSONAL: Word("personal"),
    UserKind.WORK: Word("work profile"),
    UserKind.PRIVATE: Word("private space"),
    UserKind.CLONE: Word("clone profile"),
    UserKind.SECURE_FOLDER: Word("Secure Folder"),
    UserKind.OTHER: Word("other"),
}

STATES: Mapping[EnabledState, Word] = {
    EnabledState.DEFAULT: Word("on (default)", "good"),
    EnabledState.ENABLED: Word("on (enabled)", "good"),
    EnabledState.DISABLED: Word("off (disabled)", "bad"),
    EnabledState.DISABLED_BY_USER: Word("off (disabled-user)", "bad"),
    EnabledState.DISABLED_UNTIL_USED: Word("off until used", "bad"),
}

CONSENTS: Mapping[Consent, Word] = {
    Consent.AGREED: Word("agreed", "good", "The owner agreed that the phone is checked."),
    Consent.DECLINED: Word(
        "declined", "unsure", "The owner declined: nothing is asked of this phone; the mail side must decide."
    ),
}

ENTRY_STATES: Mapping[EntryState, Word] = {
    EntryState.INTENDED: Word("intended", "unsure", "Written down before disabling; a check will finish it."),
    EntryState.DONE: Word("disabled by us", "bad"),
    EntryState.RESTORING: Word(
        "restoring", "unsure", "Written down before restoring; a check will finish it."
    ),
    EntryState.RESTORED: Word("put back", "good"),
    EntryState.GONE: Word("gone with its user"),
}

ALARMS: Mapping[AlarmKind, Word] = {
    AlarmKind.CONFLICT: Word("conflict", "bad", "One report id came twice with different content."),
    AlarmKind.CLONED_STATION: Word(
        "cloned station",
        "bad",
        "One station used a counter twice: its key is likely on two computers; revoke it.",
    ),
    AlarmKind.UNMET_PHONE: Word(
        "unmet phone",
        "bad",
        "A station reported on phones that it has not met and was refused; ask its technician, and revoke it in doubt.",
    ),
}

STANDINGS: Mapping[Standing, Word] = {
    Standing.COMPLIANT: Word(
        "compliant", "good", "At its latest check every user was read and no banned app was found."
    ),
    Standing.VIOLATING: Word(
        "violating",
        "bad",
        "A banned app is present. From the deadline on, the managed apps are off until it is gone.",
    ),
    Standing.NOT_ENFORCEABLE: Word(
        "not enforceable",
        "bad",
        "A banned app is present and the managed apps cannot be kept off on the phone: block this holder's mail.",
    ),
    Standing.UNREADABLE: Word(
        "unreadable",
        "unsure",
        "The latest check could not look. Bring the phone to a station and check it again.",
    ),
    Standing.SILENT: Word(
        "silent", "unsure", "Its latest check is too old to say anything. Ask for the phone to be checked."
    ),
    Standing.WAITING_FOR_LIFT: Word(
        "waiting for lift",
        "unsure",
        "The ban is over for this phone, but apps are still off. Check it to put them back.",
    ),
    Standing.UNSEEN: Word(
        "never checked", "unsure", "It was provisioned and never checked. Check it at a station."
    ),
    Standing.DECLINED: Word(
        "declined", "unsure", "Its owner did not agree, so nothing was asked of it. The mail side decides."
    ),
}
"""In the order in which pages list them."""

REACHES: Mapping[Reach, Word] = {
    Reach.OPEN: Word(
        "places open", "good", "The managed apps can be switched off and put back on the phone."
    ),
    Reach.CLOSED: Word(
        "place closed", "bad", "Adb may not act where the managed apps are; the mail side must."
    ),
    Reach.NONE: Word(
        "no place", "", "The phone has no place of the policy: there is nothing to enforce on it."
    ),
    Reach.UNKNOWN: Word("not known", "unsure", "It was not probed, or could not be read when it was."),
}
"""In the order in which pages list them."""

PLACES: Mapping[PlaceKind, Word] = {
    PlaceKind.WORK_PROFILE: Word("work profile"),
    PlaceKind.MANAGED_DEVICE: Word("managed device"),
    PlaceKind.USER_0: Word("user 0"),
}

OWNERS: Mapping[Owner, Word] = {
    Owner.NONE: Word("no owner"),
    Owner.POLICY: Word("an owner of the policy"),
    Owner.OTHER: Word("another owner"),
}

SCRIPT_STATES: Mapping[ScriptState, Word] = {
    ScriptState.RUNNING: Word("watching", "good", "The phone's own script was running at that visit."),
    ScriptState.STARTED: Word("started", "good", "That visit started the phone's own script."),
    ScriptState.NOT_RUNNING: Word(
        "not watching", "unsure", "The phone's own script was not running, and was not started."
    ),
    ScriptState.REMOVED: Word("taken away", "", "That visit took the phone's own script away."),
}

SPAN_ENDS: Mapping[SpanEnd, Word] = {
    SpanEnd.RUNNING: Word("going on", "good", "It was running when a station last asked."),
    SpanEnd.STOPPED: Word("ended", "", "A station ended it."),
    SpanEnd.DIED: Word(
        "died",
        "unsure",
        "A reboot, or the end of USB debugging, ended it some time after its last sign of life.",
    ),
}

WATCHED_RESULTS: Mapping[WatchedResult, Word] = {
    WatchedResult.DONE: Word("done", "good", "Reading back on the phone showed the change."),
    WatchedResult.ALREADY: Word("already so", "", "Nothing was left to do."),
    WatchedResult.STATE_CHANGED: Word("left alone", "unsure", "The app was no longer as remembered."),
    WatchedResult.NOT_DONE: Word("not done", "bad", "Reading back did not show the change."),
}

_ALL: tuple[Mapping[Enum, Word], ...] = (
    VERDICTS,
    STAGES,
    REASONS,
    ACTIONS,
    RESULTS,
    USER_KINDS,
    STATES,
    CONSENTS,
    ENTRY_STATES,
    ALARMS,
    STANDINGS,
    REACHES,
    PLACES,
    OWNERS,
    SCRIPT_STATES,
    SPAN_ENDS,
    WATCHED_RESULTS,
)  # type: ignore[assignment]


def word(value: Enum) -> Word:
    """Return the words for a member of any enumeration that pages show."""
    return next(words[value] for words in _ALL if value in words)
