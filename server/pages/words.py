"""What the closed words of reports are called on pages; every member of each enumeration has its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from policy.attempt import AttemptCause
from policy.document import PlaceKind
from policy.ledger import EntryState
from policy.observation import EnabledState, UserKind
from policy.probe import Owner, Reach
from policy.rehearsal import Cause, Outcome
from policy.report import ActionResult, Consent
from policy.verdict import ActionKind, ReasonCode, Stage, Verdict
from policy.watched import ScriptState, SpanEnd, WatchedResult
from server.drafts.drafts import DraftEnd
from server.evidence.alarms import AlarmKind
from server.exemptions.known import ExemptionState
from server.exemptions.requests import RequestState
from server.fleet import ring_words
from server.fleet.off_times import OffEnd
from server.fleet.rings import Progress
from server.fleet.standing import Standing
from server.rehearsal import words as rehearsal_words
from server.rehearsal.kept_rehearsals import RehearsalState


@dataclass(frozen=True)
class Word:
    """A label, the tone it is shown in (``good``, ``bad``, ``unsure`` or plain) and a sentence of explanation."""

    label: str
    tone: str = ""
    sentence: str = ""


VERDICTS: Mapping[Verdict, Word] = {
    Verdict.COMPLIANT: Word("compliant", "good", "No banned app counted as present."),
    Verdict.VIOLATING: Word("violating", "bad", "A banned app was found."),
    Verdict.UNREADABLE: Word(
        "unreadable", "unsure", "We could not look. This counts neither as compliant nor as violating."
    ),
}

STAGES: Mapping[Stage, Word] = {
    Stage.REMIND: Word(
        "remind", "", "Before the deadline: a check reminds the owner where it can, and disables nothing."
    ),
    Stage.ENFORCE: Word(
        "enforce",
        "",
        "After the deadline: a check that finds a banned app disables the managed apps where it can.",
    ),
    Stage.PAUSED: Word("paused", "unsure", "The review is due: nothing new is disabled, restoring goes on."),
    Stage.LIFTED: Word(
        "lifted", "", "The ban is over: what is still off on a phone is put back at its next check."
    ),
}

REASONS: Mapping[ReasonCode, Word] = {
    ReasonCode.BANNED_APP_PRESENT: Word("banned app present", "bad", "A banned app was installed."),
    ReasonCode.BANNED_APP_GONE: Word(
        "banned app gone",
        "good",
        "Not installed, or there in a way that counts as gone, in every user that counts.",
    ),
    ReasonCode.MANAGED_APPS_GONE: Word(
        "managed apps gone",
        "good",
        "No managed app was in a place of the policy, which is the other way to comply.",
    ),
    ReasonCode.PHONE_UNREADABLE: Word(
        "phone unreadable", "unsure", "The phone as a whole could not be read or judged."
    ),
    ReasonCode.PACKAGE_UNREADABLE: Word("app unreadable", "unsure", "One app could not be read."),
    ReasonCode.USER_MISSING: Word("user missing", "unsure", "The answer had no line for a user that counts."),
    ReasonCode.PLACE_CLOSED: Word(
        "place closed",
        "unsure",
        "The managed apps were where the shell may not act, so they could not be switched there.",
    ),
    ReasonCode.EXEMPT: Word("exempt", "", "A signed exemption held for this phone."),
    ReasonCode.CLOCK_UNTRUSTED: Word(
        "clock not trusted",
        "unsure",
        "The station's clock could not be trusted, so nothing new was disabled.",
    ),
    ReasonCode.BUNDLE_TOO_OLD: Word(
        "bundle too old", "unsure", "The station was offline too long, so nothing new was disabled."
    ),
    ReasonCode.RING_HELD: Word(
        "ring held", "", "The server held the phone's ring, so nothing new was disabled."
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
        "The phone refused to disable a managed app, so that app could not be kept off.",
    ),
    ReasonCode.OWNER_ENABLES_AGAIN: Word(
        "enabled every time",
        "bad",
        "An app was enabled again after each of three rounds, so it was left on.",
    ),
    ReasonCode.NOT_OURS: Word("not ours", "", "An app was disabled by somebody else; it was left as it was."),
    ReasonCode.NO_MEMORY: Word(
        "no memory",
        "unsure",
        "An app was switched off over adb and no ledger told whether that was us; a person had to decide.",
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
    ActionResult.UNKNOWN: Word("unknown", "unsure", "What became of it could not be read then."),
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
    Consent.DECLINED: Word("declined", "unsure", "The owner does not agree: nothing is asked of this phone."),
}

ENTRY_STATES: Mapping[EntryState, Word] = {
    EntryState.INTENDED: Word("intended", "unsure", "Written down before disabling; a check settles it."),
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
    AlarmKind.AUDIT_CHAIN_BROKEN: Word(
        "audit chain broken",
        "bad",
        "A row of the audit chain is missing or was altered. Keep the database as it is and compare it with a backup.",
    ),
    AlarmKind.AUDIT_HEAD_UNKNOWN: Word(
        "audit head unknown",
        "bad",
        "A station holds a signed head that is not in the audit chain: rows were cut off or rewritten.",
    ),
    AlarmKind.AUDIT_HEAD_MISSING: Word(
        "audit head missing",
        "bad",
        "The head of the audit chain was taken away, so the newest rows may be missing: compare with stations' heads.",
    ),
    AlarmKind.RING_HELD: Word(
        "ring held",
        "bad",
        "A ring failed on more of its phones than the stop rule allows: the next is held until a person releases it.",
    ),
    AlarmKind.RETIRED_PHONE: Word(
        "retired phone",
        "bad",
        "A phone that was retired as lost, stolen or broken was checked again, and is back: ask who has it.",
    ),
    AlarmKind.UNMET_PHONE: Word(
        "unmet phone",
        "bad",
        "A station reported on phones that it has not met and was refused; ask its technician, and revoke it in doubt.",
    ),
}

STANDINGS: Mapping[Standing, Word] = {
    Standing.COMPLIANT: Word(
        "compliant",
        "good",
        "At its latest check no banned app counted as present, or no managed app was in a place of the policy.",
    ),
    Standing.VIOLATING: Word(
        "violating",
        "bad",
        "A banned app was found at its latest check, and the managed apps can be kept off on the phone itself.",
    ),
    Standing.NOT_ENFORCEABLE: Word(
        "not enforceable",
        "bad",
        "A banned app was found at its latest check, and not every managed app can be kept off on the phone itself.",
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
        "The ban is over for it, lifted or by an exemption, and apps were still to be put back at its latest check.",
    ),
    Standing.NOTHING_DUE: Word(
        "nothing due",
        "",
        "The ban is over for it, lifted or by an exemption, and nothing of ours was in force on it when last seen.",
    ),
    Standing.UNSEEN: Word(
        "never checked", "unsure", "It was provisioned and never checked. Check it at a station."
    ),
    Standing.DECLINED: Word("declined", "unsure", "Its owner does not agree: nothing is asked of it."),
    Standing.HANDED_BACK: Word(
        "handed back",
        "",
        "At its latest check everything was put back and nothing of ours was left on it: nobody waits for it.",
    ),
    Standing.RETIRED: Word(
        "retired",
        "",
        "An admin said that it does not come back. A check, or provisioning it again, brings it back by itself.",
    ),
}
"""In the order in which pages list them."""

REACHES: Mapping[Reach, Word] = {
    Reach.OPEN: Word(
        "places open",
        "good",
        "Every place was open to adb, and the latest check shows nothing against switching apps.",
    ),
    Reach.CLOSED: Word("out of reach", "bad", "Not every managed app can be switched on the phone itself."),
    Reach.NONE: Word(
        "no place", "", "The phone had no place of the policy: there was nothing to enforce on it."
    ),
    Reach.UNKNOWN: Word(
        "not known",
        "unsure",
        "It was not probed, or could not be read when it was, and no check has told since.",
    ),
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

OFF_ENDS: Mapping[OffEnd, Word] = {
    OffEnd.NOT_ENDED: Word("no end known", "bad", "It was off when it was last seen."),
    OffEnd.PUT_BACK: Word("put back", "good"),
    OffEnd.ENABLED_BY_OTHERS: Word(
        "enabled by others", "unsure", "The owner, somebody else or an update switched it on; noticed then."
    ),
    OffEnd.USER_GONE: Word("gone with its user"),
}

ATTEMPTS: Mapping[AttemptCause, Word] = {
    AttemptCause.NOT_REACHED: Word(
        "not reached",
        "unsure",
        "Nothing answered. Find out where the phone is and have it brought to a station.",
    ),
    AttemptCause.NOT_READY: Word(
        "not ready",
        "unsure",
        "adb saw it offline, in its recovery system or its boot loader. Restart it and check it again.",
    ),
    AttemptCause.UNAUTHORISED: Word(
        "not authorised",
        "unsure",
        "It did not accept the station's key. Ask the owner to unlock it and tap Allow, and check it again.",
    ),
    AttemptCause.ENDED: Word(
        "broken off",
        "unsure",
        "It was connected, and refused, fell silent or broke off. Keep its screen on and check it again.",
    ),
    AttemptCause.UNMARKED: Word(
        "not our marker",
        "unsure",
        "What answered does not carry our marker: it was reset to factory state, or is another phone."
        " If it is this one, provision it again.",
    ),
    AttemptCause.ANOTHER_PHONE: Word(
        "another phone",
        "unsure",
        "Another provisioned phone was there. Connect this one and provision it again where it is now.",
    ),
    AttemptCause.STATION: Word(
        "station's files",
        "unsure",
        "Files of the station hindered it; the technician was told there what to mend.",
    ),
}

DRAFT_ENDS: Mapping[DraftEnd, Word] = {
    DraftEnd.PUBLISHED: Word("published", "good", "Approved and published as a bundle."),
    DraftEnd.WITHDRAWN: Word("withdrawn", "", "Ended by hand; nothing of it can be published."),
}

EXEMPTION_STATES: Mapping[ExemptionState, Word] = {
    ExemptionState.IN_FORCE: Word("in force", "", "Nothing is disabled on the phone."),
    ExemptionState.OVER: Word("over", "", "Its end has come."),
    ExemptionState.ENDED: Word("ended early", "", "A later publication left it out before its end."),
    ExemptionState.REPLACED: Word("replaced", "", "A later publication has another one for the same phone."),
}
REQUEST_STATES: Mapping[RequestState, Word] = {
    RequestState.ASKED: Word("asked", "unsure", "It waits for an approver."),
    RequestState.WITHDRAWN: Word("withdrawn", "", "Whoever asked took it back."),
    RequestState.REFUSED: Word("refused", "", "An approver refused it."),
    RequestState.SIGNED: Word("signed", "good", "It was signed with the fleet key and published."),
    RequestState.OVER: Word("over", "", "Its end came before anybody signed it."),
}

_OUTCOME_TONES = {
    Outcome.BLOCKED: "bad",
    Outcome.NOT_ENFORCEABLE: "bad",
    Outcome.STAYS_BLOCKED: "unsure",
    Outcome.UNKNOWN: "unsure",
    Outcome.RESTORED: "good",
}
OUTCOMES: Mapping[Outcome, Word] = {
    outcome: Word(label, _OUTCOME_TONES.get(outcome, ""), sentence)
    for outcome, (label, sentence) in rehearsal_words.OUTCOMES.items()
}
CAUSES: Mapping[Cause, Word] = {cause: Word(label) for cause, label in rehearsal_words.CAUSES.items()}
_PROGRESS_TONES = {
    Progress.DONE: "good",
    Progress.SWITCHED_OFF: "good",
    Progress.NOT_ENFORCEABLE: "bad",
    Progress.NOT_DONE: "bad",
    Progress.UNDONE: "bad",
    Progress.HELD: "unsure",
    Progress.UNREADABLE: "unsure",
    Progress.NOT_HEARD: "unsure",
    Progress.DECLINED: "unsure",
}
PROGRESS: Mapping[Progress, Word] = {
    progress: Word(label, _PROGRESS_TONES.get(progress, ""), sentence)
    for progress, (label, sentence) in ring_words.PROGRESS.items()
}
REHEARSAL_STATES: Mapping[RehearsalState, Word] = {
    RehearsalState.RUNNING: Word("running", "unsure", "It is under way, or waits for its turn."),
    RehearsalState.DONE: Word("done", "good"),
    RehearsalState.FAILED: Word("failed", "bad", "Nothing came out of it. Rehearse the policy again."),
    RehearsalState.STOPPED: Word(
        "stopped", "bad", "Its server ended before it did. Rehearse the policy again."
    ),
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
    OFF_ENDS,
    ATTEMPTS,
    DRAFT_ENDS,
    EXEMPTION_STATES,
    REQUEST_STATES,
    OUTCOMES,
    CAUSES,
    REHEARSAL_STATES,
    PROGRESS,
)  # type: ignore[assignment]


def word(value: Enum) -> Word:
    """Return the words for a member of any enumeration that pages show."""
    return next(words[value] for words in _ALL if value in words)
