"""The same for what commands say of phones at a bench, and phones to their owners: chapters of one story."""

from __future__ import annotations

from tests.sentences.table import ANNOUNCED, IN_FORCE, LIFTED, PAUSED, Line, but

AGAIN = "in force, checked once more"
ORDERED = "in force, after `curfew-agent restore`"
CHAPTERS = (ANNOUNCED, IN_FORCE, AGAIN, ORDERED, PAUSED, LIFTED)
"""In this order on one bench."""
CHECKS = but(CHAPTERS, ORDERED)

CLEAN = "a phone without the app"
KEEPS_IT = "a phone with TikTok"
REMOVES_IT = "a phone whose owner removes TikTok after the reminder"
WITHOUT_MANAGED = "a phone with TikTok and no managed apps"
SHUT = "a phone with TikTok and a closed work profile"
REFUSES = "a phone with TikTok that refuses to disable"
FREE = "a phone with TikTok that is exempt"
CUT_OFF = "a phone whose answers are cut"
STUCK = "a phone with TikTok that refuses to put back"

PHONES = (CLEAN, KEEPS_IT, REMOVES_IT, WITHOUT_MANAGED, SHUT, REFUSES, FREE, CUT_OFF, STUCK)

CHECK = "what `curfew-agent check` says of it"
PROBE = "what `curfew-agent probe` says of it"
NOTICE = "the notice on the phone"
SHOW = "what `curfew-certs show` says"
SIGN = "what an approver signs"

_BLOCKED_BY_MAIL = "the mail side must block this phone"

# fmt: off
SPOKEN: tuple[Line, ...] = (
    Line(CHECKS, (CLEAN,), CHECK,
         ("compliant",),
         ("disabled", "TikTok", "managed app", "Ask the owner", "owner told")),
    Line(CHECKS, (WITHOUT_MANAGED,), CHECK,
         ("compliant (no managed app there)", "com.zhiliaoapp.musically in user 0"),
         ("disabled", "Ask the owner", "removes the app", "must block")),
    Line((ANNOUNCED,), (KEEPS_IT, STUCK), CHECK,
         ("violating", "owner told", "Ask the owner to remove the app before the")),
    Line((ANNOUNCED,), (SHUT, REFUSES), CHECK,
         ("violating", "before the deadline"),
         ("Cannot be enforced", "must block")),
    Line((ANNOUNCED,), PHONES, CHECK, (), ("disabled com", "puts everything back", "must block", "NOT ")),
    Line((ANNOUNCED,), (REMOVES_IT,), CHECK, ("compliant", "owner told"), ("restored", "Ask the owner")),
    Line((IN_FORCE,), (KEEPS_IT, STUCK), CHECK,
         ("disabled com.microsoft.office.outlook", "The owner removes the app; the next check puts everything back."),
         ("before the deadline", "must block")),
    Line((AGAIN,), (KEEPS_IT, STUCK), CHECK,
         ("the next check puts everything back.",),
         ("disabled com", "owner told")),
    Line((IN_FORCE, AGAIN), (SHUT,), CHECK,
         ("Cannot be enforced here (user 10 is closed to the shell)", _BLOCKED_BY_MAIL),
         ("puts everything back", "disabled com")),
    Line((IN_FORCE, AGAIN), (REFUSES,), CHECK,
         ("NOT disabled", "Cannot be enforced here", _BLOCKED_BY_MAIL),
         ("puts everything back", "block the mailbox")),
    Line((ANNOUNCED, IN_FORCE, AGAIN, PAUSED), (FREE,), CHECK,
         ("violating (exempt)", "Nothing new was disabled: this phone is exempt."),
         ("must block", "Ask the owner", "puts everything back", "owner told")),
    Line((ORDERED,), (KEEPS_IT,), CHECK, ("Restored by order; the next check disables again while",), ("NOT ",)),
    Line((ORDERED,), (FREE,), CHECK, ("violating (exempt)",), ("disables again", "must block")),
    Line((PAUSED,), (KEEPS_IT, SHUT, REFUSES), CHECK,
         ("violating", "The review is due, so nothing new is disabled. Ask the owner to remove the app"),
         ("puts everything back", "must block", "disabled com", "disables again", "Cannot be enforced")),
    Line((PAUSED,), (STUCK,), CHECK,
         ("The review is due", "the next check then puts everything back"),
         ("must block",)),
    Line((LIFTED,), (KEEPS_IT, SHUT, REFUSES, FREE), CHECK, ("violating (the ban is over)",), ("NOT ",)),
    Line((LIFTED,), (STUCK,), CHECK, ("NOT restored", "Not everything is back"), ("block the mailbox",)),
    Line((LIFTED,), PHONES, CHECK,
         (),
         ("must block", "before the deadline", "disables again", "removes the app", "Ask the owner", "exempt")),
    Line(but(CHAPTERS, ORDERED), (CUT_OFF,), CHECK,
         ("unreadable",),
         ("compliant", "violating", "must block", "disabled")),
    # A probe promises no more than it saw
    Line(CHAPTERS, (SHUT,), PROBE,
         ("enforcing cannot be promised", "restoring cannot be promised"),
         ("can be promised",)),
    Line(CHAPTERS, (KEEPS_IT, REFUSES), PROBE,
         ("every place is open to adb", "nothing seen against enforcing", "which shows only when it is tried"),
         ("enforcing can be promised",)),
    # The owner reads what holds
    Line((ANNOUNCED,), (KEEPS_IT, SHUT, REFUSES, STUCK), NOTICE,
         ("TikTok must be removed",),
         ("are off", "Nothing is left")),
    Line((ANNOUNCED,), (REMOVES_IT,), NOTICE, ("Nothing is left for you to do",), ("must be removed", "are back")),
    Line((IN_FORCE, AGAIN), (KEEPS_IT, STUCK), NOTICE,
         ("are off because TikTok is on this phone",),
         ("must be removed",)),
    Line((ORDERED,), (KEEPS_IT,), NOTICE, ("none of your work apps is kept off",), ("are off",)),
    Line((IN_FORCE, AGAIN, PAUSED), (SHUT, REFUSES), NOTICE, ("TikTok must be removed",), ("are off because",)),
    Line((LIFTED,), (KEEPS_IT, SHUT, REFUSES), NOTICE, ("Nothing is left for you to do",), ("TikTok",)),
    Line((LIFTED,), (STUCK,), NOTICE, ("are off because TikTok is on this phone",), ("Nothing is left",)),
    Line(CHAPTERS, (CLEAN, WITHOUT_MANAGED, FREE, CUT_OFF), NOTICE, (), ("TikTok", "left for you to do")),
    # What admins and approvers read of the policy
    Line(CHAPTERS, (CLEAN,), SHOW, ("newest bundle:",), ("in force:",)),
    Line((LIFTED,), (CLEAN,), SIGN,
         ("NO: THE BAN IS LIFTED, each phone is put back at its next check",),
         ("everything is",)),
    Line(but(CHAPTERS, LIFTED), (CLEAN,), SIGN, ("from the deadline on",), ("LIFTED",)),
)
# fmt: on
