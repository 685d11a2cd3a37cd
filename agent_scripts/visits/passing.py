"""What cannot be read of a phone for the moment proves nothing about what can be done there. Pure."""

from __future__ import annotations

from dataclasses import replace

from agent_scripts.exchange import Reading
from policy.document import Bundle
from policy.judgement import judge
from policy.ledger import Ledger
from policy.names import PackageName
from policy.observation import PackageReading
from policy.verdict import Judgement, Moment, Verdict


def unread_for_now(bundle: Bundle | None, reading: Reading) -> frozenset[PackageName]:
    """Return the managed apps that may be readable in a moment: what is due for them is not known yet."""
    managed = {app.package for app in bundle.policy.managed} if bundle else set()
    return reading.brief_packages & managed


def judged(bundle: Bundle, reading: Reading, ledger: Ledger, moment: Moment) -> Judgement:
    """Return the judgement on a reading, in which no app that may be readable in a moment hinders enforcing.

    The mail side is told to block where disabling cannot reach an app. That Android was starting when it was asked
    about the app is no such thing, so the reach is judged as if the app were not there.
    """
    judgement = judge(bundle, reading.observation, ledger, moment)
    if judgement.verdict is not Verdict.VIOLATING or judgement.enforceable or not reading.brief_packages:
        return judgement
    seen = reading.observation
    left_out = {name: PackageReading(name, known=False) for name in reading.brief_packages}
    without = replace(seen, packages={**seen.packages, **left_out})
    return replace(judgement, enforceable=judge(bundle, without, ledger, moment).enforceable)
