"""The stages and standings of the table, brought about on a server: policies published, phones registered, reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from policy.document import Exemption, Fleet, PlaceKind, Policy, Ring
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PhoneId, UserNumber
from policy.observation import EnabledState, UserKind
from policy.probe import Owner, Probe, ProbedPlace, ProbedUser, Reach
from policy.report import ActionResult, Consent, ReportedAction, ReportedApp
from policy.verdict import ActionKind, Reason, ReasonCode, Stage, Verdict
from server.fleet.phones import Registration, register_phone
from tests.pages.office import COMPLIANT, OUTLOOK, TIKTOK, Office, now, policy_in_force
from tests.pages.office import UNREADABLE as CUT
from tests.sentences import table as t

DAY = timedelta(days=1)
WORK = UserNumber(10)
MARKER = "0" * 32
OPEN = Probe(
    release="15",
    api_level=35,
    manufacturer="Google",
    model="Pixel 8",
    reach=Reach.OPEN,
    users=(ProbedUser(WORK, UserKind.WORK, True, True, Owner.POLICY),),
    places=(ProbedPlace(WORK, PlaceKind.WORK_PROFILE, True, True, True),),
)


def policy_of(stage: str) -> Policy:
    """Return a policy that is in that stage now."""
    today = now()
    changes: dict[str, dict[str, Any]] = {
        t.ANNOUNCED: {"deadline": today + 2 * DAY},
        t.REVIEW_FIRST: {"deadline": today + 2 * DAY, "review_at": today + DAY},
        t.LATER_RING: {"rings": (Ring(1e-9, today - DAY), Ring(1.0, today + DAY))},
        t.PAUSED: {"review_at": today - 20 * DAY, "deadline": today - 30 * DAY},
        t.LIFTED: {"lifted": True},
        t.ENDED: {"review_at": today - 2 * DAY, "ends_at": today - DAY},
    }
    return replace(policy_in_force(), **changes.get(stage, {}))


def fill(office: Office, stage: str) -> Mapping[str, PhoneId]:
    """Publish the policy of `stage`, and bring a phone into each standing; return the phones."""
    phones = {standing: _phone(office, standing) for standing in t.STANDINGS}
    if stage != t.NOTHING_PUBLISHED:
        exempt = phones.values() if stage == t.EXEMPT else ()
        exemptions = tuple(Exemption(phone, now() + 3 * DAY, "liaison") for phone in exempt)
        # Past its end no signature counts any more: they never outlive it.
        expires = now() - DAY if stage == t.ENDED else None
        office.publish(policy=policy_of(stage), fleet=Fleet(1, exemptions), expires=expires)
    return phones


def _phone(office: Office, standing: str) -> PhoneId:
    agreed = standing != t.NEVER_AGREED
    registration = Registration(
        identity=uuid4().hex * 2,
        phone_id=PhoneId.random(),
        manufacturer="Google",
        model="Pixel 8",
        label=label_of(standing),
        holder=f"mailbox-{t.STANDINGS.index(standing)}",
        consent=Consent.AGREED if agreed else Consent.DECLINED,
        api_level=35,
        virtual=False,
        probe=OPEN if agreed else None,
    )
    _register(office, registration)
    if standing == t.REFUSED_ONCE:
        office.report(registration.phone_id, **(REPORTED[t.REFUSED] | {"checked_at": _then()}))
    if standing in REPORTED:
        office.report(registration.phone_id, **REPORTED[standing])
    if standing in (t.WITHDRAWN, t.WITHDRAWN_OFF):
        _register(office, replace(registration, consent=Consent.DECLINED, probe=None))
    return registration.phone_id


def _register(office: Office, registration: Registration) -> None:
    with office.database.writing() as session:
        register_phone(session, registration, office.station_id, office.config.holder_key, now() - 9 * DAY)


def label_of(standing: str) -> str:
    """Return the label of the phone in that standing."""
    return f"P-{t.STANDINGS.index(standing):02}"


def _ledger(state: EntryState) -> Ledger:
    entry = LedgerEntry(WORK, OUTLOOK, EnabledState.DEFAULT, state, 1, _then())
    return Ledger(MARKER, (entry,))


def _then() -> datetime:
    return now() - timedelta(hours=2)


def _outlook(before: EnabledState | None, after: EnabledState | None) -> tuple[ReportedApp, ...]:
    return (ReportedApp(WORK, OUTLOOK, before, after),)


def _did(kind: ActionKind, result: ActionResult, refusal: str = "") -> ReportedAction:
    return ReportedAction(kind, WORK, OUTLOOK, result, refusal)


ON, OFF = EnabledState.DEFAULT, EnabledState.DISABLED_BY_USER
TOLD = ReportedAction(ActionKind.NOTIFY, UserNumber(0), TIKTOK, ActionResult.DONE)
PRESENT = Reason(ReasonCode.BANNED_APP_PRESENT, f"{TIKTOK} in user 0")
NOTHING_OFF: dict[str, Any] = {"managed": _outlook(ON, ON), "ledger": Ledger(MARKER), "actions": ()}
STILL_OFF: dict[str, Any] = {"managed": _outlook(OFF, OFF), "ledger": _ledger(EntryState.DONE), "actions": ()}
PUT_BACK: dict[str, Any] = {
    **COMPLIANT,
    "managed": _outlook(OFF, ON),
    "ledger": _ledger(EntryState.RESTORED),
    "actions": (_did(ActionKind.RESTORE, ActionResult.DONE), TOLD),
}

REPORTED: Mapping[str, dict[str, Any]] = {
    t.WITHDRAWN: PUT_BACK
    | {
        "consent": Consent.DECLINED,
        "verdict": Verdict.UNREADABLE,
        "enforceable": False,
        "managed": (),
        "reasons": (Reason(ReasonCode.PHONE_UNREADABLE, "the owner declined, so nothing was asked"),),
    },
    t.WITHDRAWN_OFF: STILL_OFF,
    t.COMPLIANT: COMPLIANT,
    t.REFUSED_ONCE: COMPLIANT,
    t.SET_ASIDE: COMPLIANT
    | {
        "reasons": (
            Reason(ReasonCode.BANNED_APP_GONE),
            Reason(ReasonCode.BANNED_APP_GONE, f"{TIKTOK}: archived in user 0"),
        )
    },
    t.NO_MANAGED_APPS: NOTHING_OFF
    | {
        "verdict": Verdict.COMPLIANT,
        "managed": (),
        "reasons": (Reason(ReasonCode.MANAGED_APPS_GONE), PRESENT),
    },
    t.REMINDED: NOTHING_OFF | {"stage": Stage.REMIND, "actions": (TOLD,)},
    t.BLOCKED: {"actions": (_did(ActionKind.DISABLE, ActionResult.DONE), TOLD)},
    t.STAYS_BLOCKED: STILL_OFF,
    t.HELD_BACK: NOTHING_OFF
    | {"time_trusted": False, "reasons": (PRESENT, Reason(ReasonCode.CLOCK_UNTRUSTED))},
    t.RESTORED: PUT_BACK,
    t.REFUSED: NOTHING_OFF
    | {
        "enforceable": False,
        "reasons": (PRESENT, Reason(ReasonCode.DISABLING_REFUSED, f"{OUTLOOK} in user 10: protected")),
        "actions": (_did(ActionKind.DISABLE, ActionResult.REFUSED, "protected"),),
    },
    t.CLOSED: NOTHING_OFF
    | {
        "enforceable": False,
        "reasons": (PRESENT, Reason(ReasonCode.PLACE_CLOSED, "user 10 is closed to the shell")),
    },
    t.GIVEN_UP: STILL_OFF
    | {
        "enforceable": False,
        "managed": _outlook(ON, ON),
        "reasons": (PRESENT, Reason(ReasonCode.OWNER_ENABLES_AGAIN, f"{OUTLOOK} in user 10")),
    },
    t.UNREADABLE: CUT,
    t.UNREADABLE_OFF: CUT | {"ledger": _ledger(EntryState.DONE)},
    t.SILENT: COMPLIANT | {"checked_at": now() - 10 * DAY},
    t.NOT_BACK: {
        "stage": Stage.LIFTED,
        "managed": _outlook(OFF, OFF),
        "ledger": _ledger(EntryState.RESTORING),
        "actions": (_did(ActionKind.RESTORE, ActionResult.REFUSED, "user_closed"),),
    },
    t.NOT_JUDGED: CUT
    | {
        "bundle_number": 0,
        "stage": Stage.PAUSED,
        "managed": (),
        "commands": (),
        "reasons": (
            Reason(ReasonCode.PHONE_UNREADABLE, "no accepted bundle on this station: nothing was judged"),
        ),
    },
}
