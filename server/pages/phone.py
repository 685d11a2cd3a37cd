"""One phone: what was found, what was done, what was asked, and what could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from policy.errors import InvalidName
from policy.ledger import Ledger
from policy.names import PackageName, PhoneId
from policy.report import Consent, Report
from policy.verdict import ReasonCode, Verdict
from server.context import context
from server.errors import NotThere
from server.fleet.blocks import BLOCKING
from server.fleet.phone_page import PhonePage, ReportLine, phone_page
from server.fleet.phones import RETIRED_WHY_MAX_LENGTH
from server.fleet.retiring import retire, take_back
from server.fleet.standing import GONE, Standing, reach_now
from server.pages.access import needs, person
from server.pages.answer import Known, answer
from server.pages.blueprint import pages
from server.pages.check_words import enforceable_word, left_off, result_word, verdict_sentence, was_judged
from server.pages.moment import now
from server.pages.standing_words import MAIL, standing_sentence
from server.people.people import Right
from server.policies.bundles import BundleRow, bundles

OVER = GONE | {Standing.NOTHING_DUE, Standing.WAITING_FOR_LIFT}
_NOT_READ = frozenset(
    {
        ReasonCode.PHONE_UNREADABLE,
        ReasonCode.PACKAGE_UNREADABLE,
        ReasonCode.USER_MISSING,
        ReasonCode.JUDGEMENT_FAILED,
    }
)


@pages.get("/phones/<phone_id>")
@needs(Right.LOOK)
def phone(phone_id: str) -> str:
    """Show all that is known of one phone; its holder only to those whose task needs it."""
    found, published = _found(phone_id)
    asked = packages_asked(published, found.report) if found.report else ()
    # The holder is left out here and not in the template: what must not be shown does not reach it.
    return render_template(
        "phone.html",
        tab="pages.fleet",
        phone=found.row,
        holder=found.holder if person().may(Right.SEE_HOLDERS) else None,
        may_ask=person().may(Right.REQUEST_EXEMPTION),
        report=found.report,
        is_ahead=found.is_ahead,
        ledger=found.ledger,
        mail_since=found.mail_since,
        history=found.history,
        has_more_history=found.has_more_history,
        has_more_acting=found.has_more_acting,
        alarms=found.alarms,
        attempt=found.attempt,
        settled=found.settled,
        alarm_counts=found.alarm_counts,
        probe=found.probe,
        watch=found.watch,
        off_times=found.off_times,
        kinds={user.user: user.kind for user in found.report.users} if found.report else {},
        asked=asked,
        not_read=what_was_not_read(found.report) if found.report else (),
        answer=_answer(found, published),
        sentence=standing_sentence(found.row),
        blocked=found.row.mail in BLOCKING,
        mail=MAIL[found.row.mail],
        over=found.row.standing in OVER,
        settled_all=found.row.standing in (Standing.NOTHING_DUE, Standing.HANDED_BACK),
        may_retire=person().may(Right.RETIRE_PHONES) and found.row.standing not in GONE,
        may_take_back=person().may(Right.RETIRE_PHONES) and found.row.retirement is not None,
        why_max_length=RETIRED_WHY_MAX_LENGTH,
        reach=reach_now(found.probe.probe.reach, found.row.latest) if found.probe else None,
        failed_at=_last_out_of_reach(found.history),
        **(words_of(found.report, found.ledger) if found.report else {}),
    )


@pages.get("/phones/<phone_id>/print")
@needs(Right.LOOK)
def print_phone(phone_id: str) -> str:
    """Show what its owner may be handed: of this phone alone, and of no holder, station or alarm."""
    found, published = _found(phone_id)
    report = found.report
    return render_template(
        "phone_print.html",
        tab="pages.fleet",
        phone=found.row,
        answer=_answer(found, published),
        sentence=standing_sentence(found.row),
        consent=found.row.consent,
        report=report,
        asked=packages_asked(published, report) if report else (),
        off_times=found.off_times,
        has_more_acting=found.has_more_acting,
        kinds={user.user: user.kind for user in report.users} if report else {},
    )


@pages.post("/phones/<phone_id>/retire")
@needs(Right.RETIRE_PHONES)
def retire_phone(phone_id: str) -> Response:
    """Let a phone count as one that does not come back."""
    with context().database.writing() as session:
        name = person().name
        retire(session, phone_id_of(phone_id), request.form.get("reason", ""), name, name, now())
    flash(
        "Retired: nobody waits for it. A check, or provisioning it again, brings it back by itself.", "good"
    )
    return redirect(url_for("pages.phone", phone_id=phone_id))


@pages.post("/phones/<phone_id>/take-back")
@needs(Right.RETIRE_PHONES)
def take_back_phone(phone_id: str) -> Response:
    """Let a retired phone count as before."""
    with context().database.writing() as session:
        take_back(session, phone_id_of(phone_id), person().name, now())
    flash("Taken back: it stands as its latest check says.", "good")
    return redirect(url_for("pages.phone", phone_id=phone_id))


def _found(phone_id: str) -> tuple[PhonePage, Sequence[BundleRow]]:
    here = context()
    with here.database.reading() as session:
        found = phone_page(session, phone_id_of(phone_id), now(), here.config.holder_key)
        if found is None:
            raise unknown_phone(phone_id)
        return found, bundles(session)


def _answer(found: PhonePage, published: Sequence[BundleRow]) -> tuple[str, ...]:
    policy = next((bundle.policy for bundle in published if bundle.current), None)
    return answer(
        Known(
            found.row,
            found.report,
            found.ledger,
            found.off_times,
            published,
            policy,
            found.mail_since,
            found.now,
        )
    )


def _last_out_of_reach(history: Sequence[ReportLine]) -> datetime | None:
    """Return when a check last found that not every managed app could be switched; an unreadable one shows nothing."""
    checks = (line.check for line in history)
    return next(
        (c.effective_at for c in checks if not c.enforceable and c.verdict is not Verdict.UNREADABLE), None
    )


def words_of(report: Report, ledger: Ledger | None) -> dict[str, Any]:
    """Return what a check's page says of it, by the names in the template."""
    return {
        "verdict_sentence": verdict_sentence(report),
        "judged": was_judged(report),
        "enforceable": enforceable_word(report),
        "result_word": result_word,
        "left_off": left_off(report, ledger),
        "set_aside": any(r.code is ReasonCode.BANNED_APP_GONE and r.detail for r in report.reasons),
    }


def what_was_not_read(report: Report) -> tuple[str, ...]:
    """Return one line for each thing the check wanted to know and could not learn; empty after a full reading."""
    reasons = [f"{r.code.value.replace('_', ' ')}: {r.detail}" for r in report.reasons if r.code in _NOT_READ]
    cut = [f"command {c.command} did not come to its end" for c in report.commands if c.exit_code is None]
    states = [
        f"state of {app.package} in user {app.user}"
        for app in report.managed
        if app.before is None or app.after is None
    ]
    return (*reasons, *cut, *states)


def packages_asked(published: Sequence[BundleRow], report: Report) -> tuple[PackageName, ...]:
    """Return the packages that a check asked about; none where its bundle is not stored."""
    if report.consent is Consent.DECLINED:
        # Restoring asks about what its ledger names and nothing else, once the owner does not agree (rule 11).
        return tuple(sorted({entry.package for entry in report.ledger.entries}))
    # A check asks about the packages of its bundle and about nothing else (docs/design.md rule 10).
    return next((b.policy.named_packages for b in published if b.number == report.bundle_number), ())


def phone_id_of(text: str) -> PhoneId:
    """Return the phone that an address names; raises `NotThere` for what is no id."""
    try:
        return PhoneId(text)
    except InvalidName as error:
        raise unknown_phone(text) from error


def unknown_phone(text: str) -> NotThere:
    """Return the refusal of an address that names no phone."""
    return NotThere(
        "phone_unknown", f"No phone has the id {text[:60]}.", "Search the fleet for its model or label."
    )
