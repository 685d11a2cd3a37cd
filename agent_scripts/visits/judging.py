"""The judgement of one visit: the policy's, with what this visit could not read or may not do. Pure.

What cannot be read of a phone for the moment proves nothing about what can be done there.
"""

from __future__ import annotations

from dataclasses import replace

from agent_scripts.exchange import Reading
from agent_scripts.visits.run import Run
from policy.coverage import has_vanished
from policy.document import Bundle
from policy.judgement import NOTHING_IS_ASKED, asks_something, judge
from policy.ledger import Ledger
from policy.names import PackageName
from policy.observation import Notice, PackageReading
from policy.verdict import Action, ActionKind, EvaluationTime, Judgement, Reason, ReasonCode, Stage, Verdict

_NOT_JUDGED = Judgement(
    Stage.PAUSED,
    Verdict.UNREADABLE,
    False,
    (
        Reason(
            ReasonCode.PHONE_UNREADABLE,
            "no accepted bundle on this station: nothing was judged; connect it to its server",
        ),
    ),
)
"""What a station without a bundle can say. It starts nothing, and lifts nothing that another station started."""


def judged(run: Run, reading: Reading, ledger: Ledger) -> Judgement:
    """Return what the bundle in force says of a phone."""
    if run.bundle is None:
        return _NOT_JUDGED
    return judged_as_read(run.bundle, reading, ledger, run.evaluation_time, run.held_ring)


def judged_for_restoring(run: Run, reading: Reading, ledger: Ledger) -> Judgement:
    """Return the verdict on the phone with nothing to be done but to put back all that `ledger` has open."""
    restore = tuple(
        Action(ActionKind.RESTORE, e.user, e.package, e.prior)
        for e in ledger.open_entries
        if not has_vanished(reading.observation, e.user, e.package)
    )
    # A reminder of what the policy still asks for stands: this visit changes nothing about that.
    tell = bool(restore) or reading.observation.told is Notice.DISABLED
    # The policy's own actions are replaced as a whole: an order to restore disables nothing beside.
    return replace(judged(run, reading, ledger), actions=(*restore, *(NOTHING_IS_ASKED if tell else ())))


def judged_for_leaving(run: Run, reading: Reading, ledger: Ledger) -> Judgement:
    """Return the same for a phone that Curfew leaves: then a reminder does not stand either."""
    judgement = judged_for_restoring(run, reading, ledger)
    if judgement.actions or not asks_something(reading.observation.told):
        return judgement
    return replace(judgement, actions=NOTHING_IS_ASKED)


def unread_for_now(bundle: Bundle | None, reading: Reading) -> frozenset[PackageName]:
    """Return the managed apps that may be readable in a moment: what is due for them is not known yet."""
    managed = {app.package for app in bundle.policy.managed} if bundle else set()
    return reading.brief_packages & managed


def judged_as_read(
    bundle: Bundle,
    reading: Reading,
    ledger: Ledger,
    moment: EvaluationTime,
    held_ring: int | None = None,
) -> Judgement:
    """Return the judgement on a reading, in which no app that may be readable in a moment hinders enforcing.

    The mail side is told to block where disabling cannot reach an app. That Android was starting when it was asked
    about the app is no such thing, so the reach is judged as if the app were not there.
    """
    judgement = judge(bundle, reading.observation, ledger, moment, held_ring)
    if judgement.verdict is not Verdict.VIOLATING or judgement.enforceable or not reading.brief_packages:
        return judgement
    seen = reading.observation
    left_out = {name: PackageReading(name, known=False) for name in reading.brief_packages}
    without = replace(seen, packages={**seen.packages, **left_out})
    return replace(judgement, enforceable=judge(bundle, without, ledger, moment).enforceable)
