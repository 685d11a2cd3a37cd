"""What to tell an employee who complains: found what, switched off what and by whom, what to do, when next. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from policy.document import Policy
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import UserKind
from policy.report import Consent, Report
from policy.stage import enforcement_starts_at
from policy.verdict import Stage, Verdict
from server.fleet.blocks import BLOCKING
from server.fleet.off_times import OffEnd, OffTime
from server.fleet.phone_rows import PhoneNow
from server.fleet.standing import GONE, LatestCheck, Standing
from server.pages.standing_words import MAIL, managed_apps_gone
from server.policies.bundles import BundleRow
from server.times import utc

_PLACES = {
    UserKind.PERSONAL: "the personal user",
    UserKind.WORK: "the work profile",
    UserKind.PRIVATE: "the private space",
    UserKind.CLONE: "the clone profile",
    UserKind.SECURE_FOLDER: "the Secure Folder",
}


@dataclass(frozen=True)
class Known:
    """All that an answer is made of; no holder, no station and no other phone is part of it."""

    row: PhoneNow
    report: Report | None
    ledger: Ledger | None
    off_times: Sequence[OffTime]
    published: Sequence[BundleRow]
    policy: Policy | None
    """The newest published one."""
    mail_since: datetime
    """Since when the mail side is told what `row.mail` says."""
    now: datetime

    @property
    def is_off(self) -> bool:
        """Whether something of ours is in force on the phone, or may be."""
        return bool(self.ledger and self.ledger.open_entries)


def answer(known: Known) -> tuple[str, ...]:
    """Return sentences: what was found when, what was switched off when and by whom, what to do, what is due."""
    return (_found(known), *_switched(known), *_mail(known), _to_do(known), *_next_check(known))


def _found(known: Known) -> str:
    latest, report = known.row.latest, known.report
    if known.row.standing is Standing.HANDED_BACK and latest is not None:
        return f"This phone was handed back on {utc(latest.effective_at)}: nothing of ours is left on it."
    if latest is None:
        since = utc(known.row.registered_at)
        if known.row.consent is Consent.DECLINED:
            return f"This phone was registered on {since} and never checked, since its owner did not agree."
        return f"This phone was provisioned on {since} and never checked: what is on it is unknown."
    at = utc(latest.effective_at)
    if report is not None and report.consent is Consent.DECLINED:
        return f"On {at} only what had been changed before was looked at, since the owner did not agree."
    if latest.verdict is Verdict.UNREADABLE:
        return f"The check of {at} could not look: whether a banned app is there is unknown."
    if latest.verdict is Verdict.VIOLATING:
        return f"The check of {at} found {_list(_findings(known, latest, 'in'))}."
    if managed_apps_gone(latest):
        return f"The check of {at} found no managed app in a place of the policy, so what else is there may stay."
    return f"The check of {at} found no banned app that counts as present."


def _findings(known: Known, latest: LatestCheck, preposition: str) -> list[str]:
    """Return each banned app that was found, with its place."""
    if known.report is None or not known.report.findings:
        return list(latest.families) or ["the banned app"]
    return [
        f"{found.family} ({found.package}) {preposition} {_place(known, found.user)}"
        for found in known.report.findings
    ]


def _switched(known: Known) -> Iterator[str]:
    entries = known.ledger.entries if known.ledger else ()
    yield from (_tell(known, entry) for entry in entries)
    if known.row.latest is None or known.is_off:
        return
    if known.ledger is None or known.row.latest.verdict is Verdict.UNREADABLE:
        yield "No app is known to be switched off by us."
    else:
        yield "No app is switched off by us."


def _tell(known: Known, entry: LedgerEntry) -> str:
    app = f"{entry.package} in {_place(known, entry.user)}"
    told = _off_time(known, entry)
    by = _by(known, entry.bundle_number)
    if entry.state is EntryState.INTENDED:
        return f"Whether {app} was switched off on {utc(entry.at)} is not known; it would have been {by}."
    since = f" on {utc(told.since)}" if told else ""
    if entry.state is EntryState.DONE:
        again = f", and was found enabled again on {utc(told.until)}" if told and told.until else ""
        return f"{app} was switched off on {utc(told.since if told else entry.at)} {by}{again}."
    if entry.state is EntryState.RESTORING:
        return (
            f"{app} was switched off{since} {by}; an attempt to put it back was made on {utc(entry.at)},"
            " and whether it runs again is not known."
        )
    end = "is gone with its user" if entry.state is EntryState.GONE else f"was put back on {utc(entry.at)}"
    return f"{app} was switched off{since} {by}, and {end}."


def _off_time(known: Known, entry: LedgerEntry) -> OffTime | None:
    """Return the newest time during which the app of `entry` was off, if a report tells of it."""
    times = (t for t in known.off_times if (t.user, t.package) == (entry.user, entry.package))
    newest = next(times, None)
    if newest is None or entry.state in (EntryState.RESTORED, EntryState.GONE):
        return newest
    # An end that is not of this entry's time belongs to an earlier round.
    return newest if newest.end in (OffEnd.NOT_ENDED, OffEnd.ENABLED_BY_OTHERS) else None


def _by(known: Known, number: int) -> str:
    row = next((bundle for bundle in known.published if bundle.number == number), None)
    if row is None:
        return f"by bundle {number}, which is not stored here"
    signers = _list(list(row.signers))
    return f"by bundle {number}, approved by {signers}" if signers else f"by bundle {number}"


def _mail(known: Known) -> Iterator[str]:
    if known.row.mail in BLOCKING:
        yield f"Mail is to be blocked since {utc(known.mail_since)}, because {MAIL[known.row.mail]}."


def _to_do(known: Known) -> str:
    row = known.row
    if row.retirement is not None:
        back = " A check puts back what is off." if known.is_off else ""
        return (
            f"It was retired on {utc(row.retirement.at)} as a phone that does not come back.{back}"
            " Whoever has it brings it to a station."
        )
    if row.consent is Consent.DECLINED:
        return _to_do_declined(known)
    if row.standing in (Standing.NOTHING_DUE, Standing.HANDED_BACK):
        return "The owner has nothing to do."
    if row.latest is None:
        return "Bring the phone to a station for its first check."
    if row.standing is Standing.WAITING_FOR_LIFT:
        return "To get it back, bring the phone to a station: a check puts it back without any condition."
    if row.latest.verdict is Verdict.VIOLATING and row.standing is not Standing.SILENT:
        return _to_do_violating(known, row.latest)
    if known.is_off and row.standing is Standing.COMPLIANT:
        return "To get it back, bring the phone to a station: the next check puts it back."
    if known.is_off:
        return "To get it back, bring the phone to a station: a check that finds no banned app puts it back."
    if row.standing is Standing.COMPLIANT:
        return "The owner has nothing to do."
    return "Bring the phone to a station to have it checked again."


def _to_do_declined(known: Known) -> str:
    if known.is_off:
        return "To get it back, bring the phone to a station and have it unprovisioned there."
    if known.row.standing is Standing.NOTHING_DUE:
        return "The owner has nothing to do."
    return "An owner who agrees after all has the phone provisioned again at a station."


def _to_do_violating(known: Known, latest: LatestCheck) -> str:
    what = _list(_findings(known, latest, "from"))
    if known.row.stage is None or known.policy is None:
        return "No bundle is published, so the owner has nothing to do now."
    if known.row.stage is Stage.REMIND:
        begins = utc(enforcement_starts_at(known.policy, known.row.phone_id))
        first = (
            "To get it back, bring the phone to a station: the next check puts it back. "
            if known.is_off
            else ""
        )
        return (
            f"{first}To keep every app, remove {what} before {begins}, when disabling begins at the earliest."
        )
    if known.is_off:
        return (
            f"To get it back, remove {what} and bring the phone to a station:"
            " a check that finds it gone puts the app back."
        )
    aim = "have mail again" if known.row.mail in BLOCKING else "keep every app"
    return f"To {aim}, remove {what} and bring the phone to a station."


def _next_check(known: Known) -> Iterator[str]:
    latest = known.row.latest
    if known.row.consent is Consent.DECLINED or known.row.standing in GONE | {Standing.NOTHING_DUE}:
        yield "No check is due."
    elif known.policy is None:
        yield "No check is due while no bundle is published."
    elif latest is None:
        yield "Its first check is due now."
    elif known.row.standing is not Standing.WAITING_FOR_LIFT:
        due, limit = (
            latest.effective_at + known.policy.check_interval,
            latest.effective_at + known.policy.overdue_limit,
        )
        is_due = f"The next check {'is' if known.now < due else 'was'} due by {utc(due)}"
        if known.now > limit:
            yield f"{is_due}, and has been overdue since {utc(limit)}."
        else:
            yield f"{is_due}, and is overdue from {utc(limit)} on."


def _place(known: Known, user: UserNumber) -> str:
    kinds = {one.user: one.kind for one in known.report.users} if known.report else {}
    kind = kinds.get(user, UserKind.OTHER)
    return _PLACES.get(kind, f"user {user}")


def _list(parts: Sequence[str | PackageName]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
