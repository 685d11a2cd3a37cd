"""The table: under which stage and standing, where, which sentences must stand and which must not.

A line holds for each of its stages and standings; `python -m tests.sentences` counts what the tables ask for.
"""

from __future__ import annotations

from dataclasses import dataclass

# Stages --------------------------------------------------------------------------------------------------------------

NOTHING_PUBLISHED = "no policy is published"
ANNOUNCED = "announced: the deadline is in two days"
REVIEW_FIRST = "announced, and the review is due before the deadline"
LATER_RING = "in force for a first ring, and this phone is in a later one"
IN_FORCE = "in force: the deadline has passed"
PAUSED = "the review was missed"
LIFTED = "lifted by an approver"
ENDED = "past its end"
EXEMPT = "in force, and this phone is exempt"

STAGES = (NOTHING_PUBLISHED, ANNOUNCED, REVIEW_FIRST, LATER_RING, IN_FORCE, PAUSED, LIFTED, ENDED, EXEMPT)
BEFORE = (ANNOUNCED, REVIEW_FIRST, LATER_RING)
LIFT = (LIFTED, ENDED)
OVER = (*LIFT, EXEMPT)

# Standings: what was reported of a phone, and when -------------------------------------------------------------------

NEVER_CHECKED = "never checked"
NEVER_AGREED = "its owner never agreed"
WITHDRAWN = "its owner agreed once and does not any more"
WITHDRAWN_OFF = "its owner does not agree any more, and apps are still off"
COMPLIANT = "compliant"
SET_ASIDE = "compliant, with a banned app that counts as gone"
NO_MANAGED_APPS = "compliant, with a banned app and no managed apps"
REMINDED = "violating, reminded before the deadline"
BLOCKED = "violating, apps switched off by the latest check"
STAYS_BLOCKED = "violating, apps switched off by an earlier check"
HELD_BACK = "violating, and the station's clock was not trusted"
RESTORED = "compliant, apps put back by the latest check"
REFUSED = "violating, and the phone refused"
CLOSED = "violating, in a place that is closed"
GIVEN_UP = "violating, and enabled again after each round"
REFUSED_ONCE = "compliant, after the phone had refused"
UNREADABLE = "unreadable"
UNREADABLE_OFF = "unreadable, apps switched off by an earlier check"
SILENT = "silent for ten days"
NOT_BACK = "checked after the lift, and an app could not be put back"
NOT_JUDGED = "checked by a station without a bundle"

STANDINGS = (
    *(
        NEVER_CHECKED,
        NEVER_AGREED,
        WITHDRAWN,
        WITHDRAWN_OFF,
        COMPLIANT,
        SET_ASIDE,
        NO_MANAGED_APPS,
        REMINDED,
        BLOCKED,
    ),
    *(
        STAYS_BLOCKED,
        HELD_BACK,
        RESTORED,
        REFUSED,
        CLOSED,
        GIVEN_UP,
        UNREADABLE,
        UNREADABLE_OFF,
        SILENT,
        NOT_BACK,
    ),
    *(NOT_JUDGED, REFUSED_ONCE),
)
OFF = (BLOCKED, STAYS_BLOCKED, GIVEN_UP, UNREADABLE_OFF, NOT_BACK)
"""Apps are off, or were when the phone was last seen, and its owner agrees."""
DECLINED = (NEVER_AGREED, WITHDRAWN, WITHDRAWN_OFF)
NOT_ENFORCEABLE = (REFUSED, CLOSED, GIVEN_UP)
CHECKED = tuple(one for one in STANDINGS if one not in (NEVER_CHECKED, NEVER_AGREED))
ANY = STANDINGS
ALL = ("all phones at once",)

# Where ---------------------------------------------------------------------------------------------------------------

PHONE = "the phone's page"
LEAD = "the phone's page, above the fold"
"""The heading with its tags, the sentence under it, and the note."""
ROW = "the phone's row on the fleet page"
FLEET = "the fleet page above its table"
BUNDLES = "the bundles page"

RED = 'class="tag bad"'


@dataclass(frozen=True)
class Line:
    """In each of these stages and standings, there: what must stand, and what must not (words, or markup)."""

    stages: tuple[str, ...]
    standings: tuple[str, ...]
    where: str
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


def but(all_of: tuple[str, ...], *without: str) -> tuple[str, ...]:
    return tuple(one for one in all_of if one not in without)


_FOUND = "A banned app was found at its latest check."
_NOT_KEPT_OFF = "not every managed app can be kept off on the phone itself."
_BLOCK = "Its holder's mail has to be blocked."
_BACK_THEN = "Nothing of ours was in force on the phone at its latest check."
_NO_DEADLINE = "The deadline has not come: nothing is disabled."
_WAITS = "At its latest check apps were still to be put back: its next check does so."
_IN_USE = but(STAGES, *OVER)

# fmt: off
TABLE: tuple[Line, ...] = (
    # What the fleet page and the bundles page say of the policy
    Line((NOTHING_PUBLISHED,), ALL, FLEET,
         ("Nothing is published yet, so stations remind nobody and disable nothing",)),
    Line((ANNOUNCED,), ALL, FLEET,
         ("nothing is disabled before", "From then on a check that still finds a banned app")),
    Line((REVIEW_FIRST,), ALL, FLEET,
         ("nothing is disabled before", "Nor then, unless the review"),
         ("From then on",)),
    Line((LATER_RING,), ALL, FLEET, ("After the deadline", "Of some rings the date has not come"), ("From then on",)),
    Line((IN_FORCE, EXEMPT), ALL, FLEET,
         ("a check that finds a banned app disables",),
         ("From then on", "some rings")),
    Line((PAUSED,), ALL, FLEET,
         ("nothing new is disabled, restoring goes on",),
         ("From then on", "disables the managed")),
    Line(LIFT, ALL, FLEET,
         ("The ban is over: what is still off on a phone is put back at its next check.",),
         ("From then on", "remind owners", "disables the managed", "approvers", RED)),
    Line((ANNOUNCED, REVIEW_FIRST), ALL, BUNDLES,
         ("In force: number", "without it the measure pauses", "Before the")),
    Line((LATER_RING,), ALL, BUNDLES, ("Of some rings the date has not come", "enforced not before"), (">started<",)),
    Line((IN_FORCE, EXEMPT), ALL, BUNDLES, ("In force: number", "each phone is put back at its next check")),
    Line((PAUSED,), ALL, BUNDLES, ("until it is done the measure pauses", "The review is due"), ("without it the",)),
    Line(LIFT, ALL, BUNDLES,
         ("The newest, and over: number", "The ban is over"),
         ("In force", ">in force<", "the measure pauses", "approvers", "put back by itself", RED)),
    # Never checked, and not agreed
    Line(_IN_USE, (NEVER_CHECKED,), LEAD,
         ("never checked", "Check it at a station.", "curfew-agent check"),
         ("was off", "in force")),
    Line(OVER, (NEVER_CHECKED,), LEAD,
         ("It was never checked, and need not be.",),
         ("curfew-agent check", "at a station")),
    Line(but(STAGES, *OVER), (NEVER_AGREED,), LEAD,
         ("Its owner did not agree, so nothing was asked of it.", "Nothing is asked of this phone"),
         ("any more", "curfew-agent check")),
    Line((IN_FORCE,), DECLINED, LEAD, (_BLOCK,)),
    Line((NOTHING_PUBLISHED, *BEFORE, PAUSED), DECLINED, LEAD, (), (_BLOCK,)),
    Line(but(STAGES, *OVER), (WITHDRAWN,), LEAD,
         ("does not agree any more", "what stands here was told before", "Nothing is asked of this phone any more"),
         ("nothing was asked of it", "still to be put back", "Between checks we learn nothing")),
    Line(STAGES, (WITHDRAWN_OFF,), LEAD,
         ("does not agree any more", "Apps were still to be put back", "curfew-agent unprovision"),
         ("its next check does so",)),
    Line(OVER, (NEVER_AGREED, WITHDRAWN), LEAD, ("nothing due",), (_BLOCK, "Its owner")),
    Line(STAGES, (WITHDRAWN,), PHONE,
         ("Nothing was asked about them: the owner did not agree.", "Only what the ledger names was looked at"),
         ("None.", "None was seen", "No managed app was found")),
    # Compliant
    Line(_IN_USE, (COMPLIANT, SET_ASIDE, REFUSED_ONCE), LEAD,
         ("compliant", "every user that counts was read, and no banned app counted as present"),
         ("put back", _FOUND)),
    Line(STAGES, (SET_ASIDE,), PHONE,
         ("None that counts as present; what is there and counts as gone stands under",),
         ("No banned app is installed", "None. ")),
    Line(STAGES, (COMPLIANT, RESTORED), PHONE, ("None.",), ("Disabling cannot reach",)),
    Line(_IN_USE, (NO_MANAGED_APPS,), LEAD,
         ("no managed app was in a place of the policy, which is the other way to comply: a banned app may stay",),
         ("no banned app", "disabled")),
    Line(STAGES, (NO_MANAGED_APPS,), PHONE,
         ("No managed app was in a place of the policy, so a banned app may stay.", "nothing there"),
         ("no banned app was found", "were removed", "No banned app")),
    Line(STAGES, (NO_MANAGED_APPS,), ROW, ("TikTok (may stay: no managed app there)",)),
    Line(STAGES, (COMPLIANT, RESTORED, REMINDED, BLOCKED, REFUSED), ROW, (), ("may stay",)),
    Line(_IN_USE, (RESTORED,), LEAD, ("compliant",), ("still off", "still to be put back")),
    Line(STAGES, (RESTORED,), PHONE, ("restore", "The phone took the notice.", "put back"), ("Switched off before",)),
    # Violating
    Line((NOTHING_PUBLISHED,), (REMINDED, BLOCKED, STAYS_BLOCKED, HELD_BACK, NOT_BACK), LEAD,
         (_FOUND, "Nothing is published")),
    Line(BEFORE, (REMINDED, HELD_BACK), LEAD, (_FOUND, _NO_DEADLINE), ("are off", "stay off", _BLOCK, "put back")),
    Line(BEFORE, (BLOCKED, STAYS_BLOCKED, NOT_BACK), LEAD,
         (_NO_DEADLINE, "What is still off is put back at its next check.")),
    Line((IN_FORCE,), (REMINDED, HELD_BACK), LEAD,
         (_FOUND, "Nothing was off by us then: its next check disables the managed apps, or tells"),
         ("are off until", "stay off", _BLOCK, "From the deadline on")),
    Line((IN_FORCE,), (BLOCKED, STAYS_BLOCKED, NOT_BACK), LEAD,
         (_FOUND, "The managed apps in its ledger are to stay off until it is gone."),
         ("Nothing was off", _BLOCK)),
    Line((PAUSED,), (REMINDED, HELD_BACK), LEAD,
         ("The review is due: nothing new is disabled.",),
         ("stays off", "go off")),
    Line((PAUSED,), (BLOCKED, STAYS_BLOCKED, NOT_BACK), LEAD,
         ("What is off stays off until the banned app is gone.",)),
    Line(STAGES, (REMINDED,), PHONE, ("The phone took the notice.", "notify the owner"), ("Reading back showed",)),
    Line(STAGES, (BLOCKED,), PHONE,
         ("Reading back showed the change.", "disabled by us"),
         ("Nothing new.", "Nothing.")),
    Line(STAGES, (STAYS_BLOCKED, UNREADABLE_OFF), PHONE,
         ("Nothing new.", "Switched off before, and left so by this check: com.microsoft.office.outlook in user 10"),
         ("Nothing. ",)),
    Line(STAGES, (COMPLIANT, HELD_BACK, CLOSED, UNREADABLE), PHONE,
         ("Nothing.",),
         ("Nothing new.", "Switched off before")),
    Line(STAGES, (HELD_BACK,), PHONE, ("clock not trusted", "so nothing new was disabled")),
    # Not enforceable
    Line((NOTHING_PUBLISHED,), NOT_ENFORCEABLE, LEAD, (_NOT_KEPT_OFF, "Nothing is published"), (_BLOCK,)),
    Line(BEFORE, NOT_ENFORCEABLE, LEAD,
         (_NOT_KEPT_OFF, "The deadline has not come: nothing follows yet."),
         (_BLOCK,)),
    Line((IN_FORCE,), NOT_ENFORCEABLE, LEAD, (_NOT_KEPT_OFF, _BLOCK), ("nothing follows",)),
    Line((PAUSED,), NOT_ENFORCEABLE, LEAD, (_NOT_KEPT_OFF, "The review is due: nothing new is blocked."), (_BLOCK,)),
    Line(STAGES, NOT_ENFORCEABLE, PHONE,
         ("Not every managed app could be switched on the phone itself; the reasons say why.", "out of reach"),
         ("the mail side has to act", "the mail side must", ">places open<", "can be switched off and put back",
          "enforcing can be promised")),
    Line(STAGES, (REFUSED,), PHONE, ("Its latest check showed that, whatever the probe found.", "The phone refused")),
    Line(STAGES, (COMPLIANT, BLOCKED), PHONE,
         (">places open<", "nothing seen against enforcing"),
         ("showed that,", "An earlier one")),
    Line(STAGES, (REFUSED_ONCE,), PHONE, (">places open<", "An earlier one", "could not switch every managed app.")),
    Line(STAGES, (UNREADABLE, NEVER_CHECKED), PHONE, (">places open<",), ("showed that,",)),
    # Unreadable, silent
    Line(_IN_USE, (UNREADABLE, UNREADABLE_OFF, NOT_JUDGED), LEAD,
         ("unreadable", "The latest check could not look. Bring the phone to a station and check it again."),
         (_FOUND, "compliant ", _BLOCK)),
    Line(STAGES, (UNREADABLE, UNREADABLE_OFF, NOT_JUDGED), PHONE,
         ("not known The check could not look.", "None was seen, and that says nothing"),
         ("No managed app was found in a place", "Not every managed app could", "has to act", "not enforceable")),
    Line(STAGES, (NOT_JUDGED,), PHONE,
         ("none: nothing was judged", "none was accepted at the station"),
         ("The whole answer could not be used", "which is not stored here")),
    Line((*BEFORE, PAUSED), (SILENT,), LEAD, ("Its latest check is too old to say anything.",), (_FOUND, _BLOCK)),
    Line((IN_FORCE,), (SILENT,), LEAD, ("Its latest check is too old to say anything.",), (_FOUND,)),
    Line((NOTHING_PUBLISHED,), (SILENT,), LEAD, ("compliant",)),
    # Over
    Line(LIFT, but(ANY, WITHDRAWN_OFF), LEAD, ("The ban is over.",), ("The deadline", _BLOCK, _FOUND, "to stay off")),
    Line((EXEMPT,), but(ANY, WITHDRAWN_OFF), LEAD,
         ("This phone is exempt", ">exempt<"),
         ("The ban is over.", _BLOCK)),
    Line(OVER, but(CHECKED, *OFF, WITHDRAWN_OFF), LEAD, ("nothing due", _BACK_THEN), ("violating", "unreadable")),
    Line(OVER, but(OFF, NOT_BACK), LEAD, ("waiting for lift", _WAITS), ("are still off", "violating")),
    Line(OVER, (NOT_BACK,), LEAD,
         ("waiting for lift", "and that check could not: what the phone answered stands under"),
         ("its next check does so",)),
    Line(STAGES, (NOT_BACK,), PHONE,
         ("The phone refused.", "restoring"),
         ("everything that was disabled is put back",)),
    Line(OVER, but(ANY, *OFF, WITHDRAWN_OFF), PHONE, (), (RED, 'class="tag unsure">violating')),
    Line(OVER, but(OFF, NOT_BACK), PHONE, (), ('bad">violating', 'bad">not enforceable', 'bad">no<', 'bad">block')),
    Line(OVER, ANY, ROW, (), ('bad">',)),
    # The mail side is told of each phone
    Line((IN_FORCE,), NOT_ENFORCEABLE, PHONE,
         ("block Because the phone violates and cannot be enforced on.",),
         ("no block",)),
    Line((IN_FORCE,), DECLINED, PHONE, ("block Because the owner does not agree.",), ("no block",)),
    Line((IN_FORCE,), (COMPLIANT, RESTORED, SET_ASIDE, NO_MANAGED_APPS), PHONE,
         ("no block Because the phone complied",)),
    Line((IN_FORCE,), (BLOCKED, STAYS_BLOCKED), PHONE,
         ("no block Because the phone violates, and can be enforced on",)),
    Line((NOTHING_PUBLISHED, *BEFORE), ANY, PHONE, ("no block Because enforcing has not begun",)),
    Line(LIFT, ANY, PHONE, ("no block Because the ban is over.",)),
    Line((EXEMPT,), ANY, PHONE, ("no block Because the phone is exempt.",)),
    # The stage of a check and the stage of today
    Line(LIFT, (REMINDED, BLOCKED), PHONE, ("Stage then", "Stage now lifted The ban is over")),
    Line((IN_FORCE,), (REMINDED,), PHONE, ("Stage then remind", "Stage now enforce")),
    Line((IN_FORCE,), (BLOCKED,), PHONE, ("Stage then enforce",), ("Stage now",)),
    # What was asked
    Line(STAGES, (WITHDRAWN,), PHONE, ("com.microsoft.office.outlook",), ("com.zhiliaoapp.musically.go",)),
    Line(but(STAGES, NOTHING_PUBLISHED), (COMPLIANT,), PHONE, ("com.zhiliaoapp.musically.go",)),
    Line(STAGES, CHECKED, PHONE, ("silence is unknown, never compliant",)),
)
# fmt: on
