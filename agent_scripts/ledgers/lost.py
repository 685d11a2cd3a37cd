"""What a check may still do, and what a person has to do, where a ledger was lost. Pure.

Of the phone's ledger, the station's and the server's any one is enough to restore from. Without the phone's and
without an answer of the server nothing new is disabled: what an app was before us may stand in a ledger that
cannot be asked. Where no ledger knows of an app that the shell switched off, nothing is guessed.
"""

from __future__ import annotations

from dataclasses import replace

from agent_scripts.ledgers.recalled import Recalled
from policy.judgement import is_unremembered
from policy.ledger import Ledger, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState
from policy.verdict import ActionKind, Judgement, ManagedState, Reason, ReasonCode, Stage, Verdict

_FIRST_WITH_CMD = 28
"""Up to Android 8.1 only pm knows these verbs (docs/android/commands.md 2.1)."""


def without_new_disabling(judgement: Judgement) -> Judgement:
    """Return the judgement for a phone whose ledger is gone while the server cannot be asked for its copy."""
    restoring = tuple(action for action in judgement.actions if action.kind is ActionKind.RESTORE)
    detail = "the ledger on the phone is gone and the server could not be asked for its copy"
    reason = Reason(ReasonCode.LEDGER_MISSING, detail)
    return replace(judgement, actions=restoring, reasons=(*judgement.reasons, reason))


def for_a_person(judgement: Judgement, recalled: Recalled, api_level: int) -> tuple[str, ...]:
    """Return a line with the exact command for each app that would be given back now, if any ledger knew it.

    Empty while the ban is enforced on the phone: what is off is meant to be off. Ledgers with another marker are
    void, yet worth telling a person about.
    """
    # An exempt phone or one whose ban is over has its apps back; what is off there is off by mistake or by others.
    enforced = judgement.verdict is Verdict.VIOLATING and judgement.stage in (Stage.ENFORCE, Stage.PAUSED)
    exempt = ReasonCode.EXEMPT in {reason.code for reason in judgement.reasons}
    if enforced and not exempt:
        return ()
    known = [ledger for ledger in recalled.all() if ledger is not None]
    # Without any valid ledger the empty one is asked, or a phone that lost them all would have nothing to tell.
    valid = [ledger for ledger in known if ledger.marker == recalled.marker]
    # Not asked, the server may still know what the app was before: then no command is told that could be the wrong one.
    return tuple(
        _line(app, _old_entry(known, app), api_level) if recalled.server_asked else _line_to_ask(app)
        for app in judgement.managed
        if all(is_unremembered(app.state, ledger, app.user, app.package) for ledger in valid or [Ledger()])
    )


def restoring_command(user: UserNumber, package: PackageName, prior: EnabledState, api_level: int) -> str:
    """Return what a person types to put a package back to `prior`, in the words of the phone's release."""
    program = "cmd package" if api_level >= _FIRST_WITH_CMD else "pm"
    # A ledger holds two states only (`LedgerEntry`): what is not enabled is the default.
    verb = "enable" if prior is EnabledState.ENABLED else "default-state"
    return f"adb shell {program} {verb} --user {user} {package}"


def _old_entry(known: list[Ledger], app: ManagedState) -> LedgerEntry | None:
    # `known` is in the order phone, station, server, so the first open entry is the one whose word counts.
    entries = (ledger.entry(app.user, app.package) for ledger in known)
    return next((entry for entry in entries if entry is not None and entry.is_open), None)


def _line(app: ManagedState, old: LedgerEntry | None, api_level: int) -> str:
    # Without any entry the default is only offered: the line says that nobody knows, and a person types it or not.
    prior = EnabledState.DEFAULT if old is None else old.prior
    before = (
        ""
        if old is None
        else f" (a ledger from before the phone lost our folder or was reset says it was in state {int(prior)})"
    )
    command = restoring_command(app.user, app.package, prior, api_level)
    return (
        f"{app.package} in user {app.user} was switched off by the shell and no ledger tells by whom or what it was"
        f" before{before}; if it is to be used, type `{command}`"
    )


def _line_to_ask(app: ManagedState) -> str:
    return (
        f"{app.package} in user {app.user} was switched off by the shell and the ledger on the phone is gone;"
        " connect this station to the server, which may know what it was before, and check again"
    )
