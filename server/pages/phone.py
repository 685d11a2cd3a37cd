"""One phone: what was found, what was done, what was asked, and what could not be read."""

from __future__ import annotations

from collections.abc import Sequence

from flask import render_template

from policy.errors import InvalidName
from policy.names import PackageName, PhoneId
from policy.report import Report
from policy.verdict import ReasonCode
from server.context import context
from server.errors import NotThere
from server.fleet.overview import phone_page
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people.people import Right
from server.policies.bundles import BundleRow, bundles

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
    here = context()
    with here.database.reading() as session:
        found = phone_page(session, _id(phone_id), now(), here.config.holder_key)
        if found is None:
            raise _unknown(phone_id)
        asked = _packages_asked(bundles(session), found.report) if found.report else ()
    # The holder is left out here and not in the template: what must not be shown does not reach it.
    return render_template(
        "phone.html",
        tab="pages.fleet",
        phone=found.row,
        holder=found.holder if person().may(Right.SEE_HOLDERS) else None,
        report=found.report,
        is_ahead=found.is_ahead,
        ledger=found.ledger,
        history=found.history,
        alarms=found.alarms,
        settled=found.settled,
        probe=found.probe,
        watch=found.watch,
        kinds={user.user: user.kind for user in found.report.users} if found.report else {},
        asked=asked,
        not_read=what_was_not_read(found.report) if found.report else (),
    )


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


def _packages_asked(published: Sequence[BundleRow], report: Report) -> tuple[PackageName, ...]:
    # A check asks about the packages of its bundle and about nothing else (docs/design.md rule 10).
    return next((b.policy.named_packages for b in published if b.number == report.bundle_number), ())


def _id(text: str) -> PhoneId:
    try:
        return PhoneId(text)
    except InvalidName as error:
        raise _unknown(text) from error


def _unknown(text: str) -> NotThere:
    return NotThere(
        "phone_unknown", f"No phone has the id {text[:60]}.", "Search the fleet for its model or label."
    )
