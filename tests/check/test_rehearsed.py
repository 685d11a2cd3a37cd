"""What a rehearsal tells before a deadline is what the station does after it, phone by phone."""

from __future__ import annotations

import contextlib
from typing import Any

from policy.rehearsal import Outcome
from server.config import read_config
from server.rehearsal import kept_rehearsals
from server.storage.database import Database
from tests.check.office import Office

PERSONALITIES = (
    *(
        "tiktok-personal",
        "tiktok-work",
        "clean",
        "fully-managed",
        "closed-work-profile",
        "island-hides-tiktok",
    ),
    *("samsung-secure-folder", "xiaomi-preinstalled", "archived", "headless-tablet"),
)


def rehearsed(office: Office) -> dict[str, Outcome]:
    """Rehearse the policy in force and return the outcome of each phone."""
    office.server("policy", "rehearse", "--in-force", configured=True)
    database = Database(read_config(office.config, environ={}).database_url)
    with contextlib.closing(database), database.reading() as session:
        newest, *_ = kept_rehearsals.newest_rehearsals(session, office.begun)
        return {
            one.phone_id: outcome
            for outcome in Outcome
            for one in kept_rehearsals.phones_of(session, newest.rehearsal_id, outcome, "", 1000)
        }


def done(report: dict[str, Any]) -> Outcome:
    """Return what a station did on a phone, told from its report alone."""
    kinds = {action["kind"] for action in report["actions"] if action["result"] == "done"}
    if report["verdict"] == "violating" and not report["enforceable"]:
        return Outcome.NOT_ENFORCEABLE
    if "disable" in kinds:
        return Outcome.BLOCKED
    return {"unreadable": Outcome.UNKNOWN, "compliant": Outcome.NOTHING}[report["verdict"]]


def refused(report: dict[str, Any]) -> bool:
    return "disabling_refused" in {reason["code"] for reason in report["reasons"]}


def test_each_phone_comes_out_as_it_was_rehearsed(office: Office) -> None:
    office.at(hours=0)
    bench = office.new_bench()
    with contextlib.ExitStack() as phones:
        made = [phones.enter_context(office.phone(personality)) for personality in PERSONALITIES]
        addresses = bench.provision_all(*made)
        bench.check(*addresses)
        before = rehearsed(office)

        office.at(hours=3)
        bench.check(*addresses)

        reports = {report["phone_id"]: report for report in bench.last_reports(len(PERSONALITIES))}
        after = {phone_id: done(report) for phone_id, report in reports.items()}
        # That Android refuses what it was never asked to do, nobody knows before it is tried.
        tried = {phone_id for phone_id, report in reports.items() if refused(report)}
        assert {phone_id: before[phone_id] for phone_id in after.keys() - tried} == {
            phone_id: after[phone_id] for phone_id in after.keys() - tried
        }
        assert {Outcome.BLOCKED, Outcome.NOT_ENFORCEABLE, Outcome.NOTHING} <= set(after.values())
        # Rehearsed once more, what is off stays off.
        again = rehearsed(office)
        assert all(again[phone_id] is Outcome.NOT_ENFORCEABLE for phone_id in tried)
        assert {phone_id for phone_id in after if again[phone_id] is Outcome.STAYS_BLOCKED} == {
            phone_id for phone_id in after if after[phone_id] is Outcome.BLOCKED
        }
