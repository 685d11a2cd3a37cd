"""Rows of the bench: events go in, and what a technician sees comes out."""

from __future__ import annotations

import pytest

from agent_scripts.bench.events import (
    Again,
    Answered,
    Asks,
    Begun,
    Event,
    Failed,
    Finished,
    Gone,
    Labelled,
    Recognised,
    Reprint,
    Seen,
)
from agent_scripts.bench.rows import BenchRow, Rows, causes
from agent_scripts.bench.stage import Asked, Paper, Stage
from agent_scripts.exit_codes import ExitCode
from policy.report import Consent

A, B, C = "adb:A", "adb:B", "adb:C"


def after(*events: Event) -> Rows:
    rows = Rows()
    for event in events:
        rows.take(event)
    return rows


def row(*events: Event) -> BenchRow:
    return after(*events).by_address[A]


def done(address: str = A, code: ExitCode = ExitCode.COMPLIANT) -> Finished:
    verdict = "compliant" if code is ExitCode.COMPLIANT else "violating"
    return Finished(address, verdict, code, "" if code is ExitCode.COMPLIANT else "Remove it.")


def test_phones_are_numbered_as_they_are_plugged_in_and_keep_their_number() -> None:
    rows = after(Seen(A), Seen(B), Gone(A), Seen(C), Seen(A))

    assert [(r.number, r.address) for r in rows.by_address.values()] == [(1, A), (2, B), (3, C)]


def test_what_is_said_of_a_phone_that_was_never_seen_changes_nothing() -> None:
    assert after(Gone(A), Failed(A, "x"), done()).by_address == {}


def test_a_phone_that_is_ready_can_begin_and_one_at_work_begins_no_second_time() -> None:
    assert [r.address for r in after(Seen(A)).ready()] == [A]
    assert after(Seen(A), Begun(A, Stage.CHECKING), Seen(A)).ready() == []


@pytest.mark.parametrize("state", [Stage.UNAUTHORISED, Stage.NOT_READY])
def test_a_phone_that_is_not_ready_needs_a_hand_and_begins_when_it_is(state: Stage) -> None:
    waiting = row(Seen(A, state, "tap Allow"))
    assert (waiting.needs_hand, waiting.to_do) == (True, "tap Allow")

    ready = row(Seen(A, state, "tap Allow"), Seen(A))

    assert (ready.stage, ready.needs_hand, ready.to_do) == (Stage.PLUGGED, False, "")


def test_a_phone_that_goes_away_at_work_needs_a_hand_and_begins_anew_when_it_is_back() -> None:
    gone = row(Seen(A), Begun(A, Stage.CHECKING), Gone(A), Failed(A, "adb lost it", again=True))
    assert (gone.word, gone.needs_hand) == ("gone", True)
    assert "Plug it in again" in gone.to_do

    rows = after(Seen(A), Begun(A, Stage.CHECKING), Gone(A), Failed(A, "adb lost it", again=True), Seen(A))

    assert [r.tries for r in rows.ready()] == [0]


def test_a_loose_cable_does_not_stop_work_that_goes_on() -> None:
    at_work = row(Seen(A), Begun(A, Stage.CHECKING), Gone(A), Seen(A))

    assert (at_work.stage, at_work.plugged) == (Stage.CHECKING, True)


def test_a_phone_that_complies_is_left_when_it_comes_back_and_needs_nothing_while_it_is_away() -> None:
    away = row(Seen(A), done(), Gone(A))
    assert (away.word, away.needs_hand) == ("compliant", False)

    assert row(Seen(A), done(), Gone(A), Seen(A)).stage is Stage.DONE
    assert row(Seen(A), done(), Gone(A), Seen(A, Stage.UNAUTHORISED)).stage is Stage.DONE


def test_a_phone_that_violates_is_visited_anew_when_it_is_plugged_in_again() -> None:
    violating = done(code=ExitCode.VIOLATING)
    assert row(Seen(A), violating, Seen(A)).stage is Stage.DONE

    assert row(Seen(A), violating, Gone(A), Seen(A)).stage is Stage.PLUGGED


def test_a_failed_step_is_tried_again_by_itself_then_needs_a_hand() -> None:
    first = row(Seen(A), Failed(A, "x", again=True))
    assert (first.stage, first.needs_hand, first.tries) == (Stage.RETRYING, False, 1)
    again = row(Seen(A), Failed(A, "x", again=True), Again(A))
    assert (again.stage, again.tries) == (Stage.PLUGGED, 1)

    last = row(Seen(A), Failed(A, "x", again=True), Again(A), Failed(A, "y"))

    assert (last.stage, last.needs_hand, last.to_do) == (Stage.FAILED, True, "y")


@pytest.mark.parametrize("by", [(Again(A),), (Gone(A), Seen(A))])
def test_what_failed_is_tried_anew_by_hand_or_when_it_is_plugged_in_again(by: tuple[Event, ...]) -> None:
    anew = row(Seen(A), Failed(A, "x"), *by)

    assert (anew.stage, anew.tries) == (Stage.PLUGGED, 0)


def test_a_pause_that_ends_late_changes_nothing_at_work() -> None:
    at_work = (
        Seen(A),
        Failed(A, "x", again=True),
        Gone(A),
        Failed(A, "x"),
        Seen(A),
        Begun(A, Stage.CHECKING),
    )

    assert row(*at_work, Again(A)).stage is Stage.CHECKING


def test_a_phone_that_is_nobodys_asks_for_holder_and_consent_and_goes_on_when_both_are_said() -> None:
    events: list[Event] = [Seen(A), Asks(A)]
    assert row(*events).asked is Asked.HOLDER
    events.append(Answered(A, holder="h-1"))
    assert row(*events).asked is Asked.CONSENT
    events.append(Answered(A, consent=Consent.AGREED))

    assert row(*events).stage is Stage.PLUGGED


def test_a_declined_phone_asks_for_its_label_too() -> None:
    declined = (Seen(A), Asks(A), Answered(A, holder="h-1", consent=Consent.DECLINED))
    assert row(*declined).asked is Asked.LABEL

    assert row(*declined, Answered(A, label="A-1")).stage is Stage.PLUGGED


def test_an_answer_outlives_a_loose_cable() -> None:
    back = row(Seen(A), Asks(A), Answered(A, holder="h-1"), Gone(A), Seen(A))

    assert (back.asked, back.holder) == (Asked.CONSENT, "h-1")


def test_whose_phone_it_was_is_forgotten_when_it_is_done() -> None:
    told = Answered(A, holder="h-1", unit="DG A", consent=Consent.AGREED)
    finished = row(Seen(A), Asks(A), told, Recognised(A, "A-1", "Pixel"), done())

    assert (finished.holder, finished.unit, finished.consent) == ("", "", None)
    assert (finished.label, finished.model) == ("A-1", "Pixel")


def test_what_needs_a_hand_comes_first_and_the_rest_in_the_order_plugged() -> None:
    rows = after(Seen(A), Seen(B), Seen(C), done(), Failed(C, "x"))

    assert [r.address for r in rows.in_order] == [C, A, B]
    assert rows.summary() == "3 phones: 1 needs a hand, 1 at work, 1 done"


def test_a_hub_without_power_is_one_cause_with_a_count() -> None:
    addresses = [f"adb:{number}" for number in range(8)]
    seen = [Seen(address) for address in addresses]
    [cause] = causes(after(*seen, *(Gone(address) for address in addresses)).in_order)

    assert cause.heading == ("gone", "8 phones")


def test_phones_that_fail_for_one_reason_are_one_cause_whatever_their_addresses() -> None:
    told = "{} does not answer; check the cable"
    rows = after(Seen(A), Seen(B), Failed(A, told.format(A)), Failed(B, told.format(B)))

    assert len(causes(rows.in_order)) == 1


@pytest.mark.parametrize(
    ("events", "settled"),
    [
        ((Seen(A),), False),
        ((Seen(A), Begun(A, Stage.CHECKING)), False),
        ((Seen(A), Failed(A, "x", again=True)), False),
        ((Seen(A), Asks(A)), True),
        ((Seen(A), Failed(A, "x")), True),
        ((Seen(A), Gone(A)), True),
        ((Seen(A), done()), True),
        ((), True),
    ],
)
def test_a_bench_is_settled_when_nothing_goes_on_by_itself(events: tuple[Event, ...], settled: bool) -> None:
    assert after(*events).is_settled is settled


def test_the_exit_code_is_the_most_urgent_and_an_unfinished_phone_was_not_reached() -> None:
    assert after().exit_code == ExitCode.COMPLIANT
    assert after(Seen(A), done()).exit_code == ExitCode.COMPLIANT
    assert after(Seen(A), Seen(B), done(code=ExitCode.VIOLATING), done(B)).exit_code == ExitCode.VIOLATING
    assert after(Seen(A), Seen(B), done()).exit_code == ExitCode.NOT_REACHED


def of_paper(*events: Event) -> Rows:
    rows = Rows(makes_paper=True)
    for event in (Seen(A), *events):
        rows.take(event)
    return rows


REPORTED = Finished(A, "compliant", ExitCode.COMPLIANT, report_id="r-1")


def test_where_paper_is_made_a_checked_phone_has_its_label_before_it_is_done() -> None:
    rows = of_paper(REPORTED)
    assert rows.by_address[A].stage is Stage.LABEL
    assert [r.address for r in rows.checked()] == [A]
    assert not rows.is_settled

    rows.take(Labelled(A, Paper.READY))

    assert rows.by_address[A].stage is Stage.DONE
    assert rows.is_settled


def test_a_phone_at_its_label_may_be_unplugged_and_its_verdict_counts() -> None:
    rows = of_paper(REPORTED, Gone(A))

    assert not rows.by_address[A].needs_hand
    assert rows.exit_code is ExitCode.COMPLIANT


@pytest.mark.parametrize(
    "finished",
    [
        Finished(A, "declined", ExitCode.COMPLIANT),
        Finished(A, "unreadable", ExitCode.UNREADABLE, report_id="r-1", unsettled=True),
    ],
    ids=["declined", "unreadable"],
)
def test_where_there_is_nothing_to_tell_there_is_no_paper(finished: Finished) -> None:
    assert of_paper(finished).by_address[A].stage is Stage.DONE


def test_paper_that_waits_is_not_finished_and_a_printer_that_fails_is_one_cause() -> None:
    rows = of_paper(REPORTED, Labelled(A, Paper.WAITS, "lp ended with 1"), Seen(B))
    rows.take(Finished(B, "compliant", ExitCode.COMPLIANT, report_id="r-2"))
    rows.take(Labelled(B, Paper.WAITS))

    assert rows.unfinished() == 2
    assert rows.printing_stands == "lp ended with 1"
    assert rows.summary().endswith("2 done, paper of 2 phones to be printed")
    assert causes(rows.in_order) == (), "no phone needs a hand because of a printer"


@pytest.mark.parametrize("paper", [Paper.UNSURE, Paper.FAILED])
def test_paper_that_a_person_has_to_look_for_needs_a_hand_and_no_second_check(paper: Paper) -> None:
    rows = of_paper(REPORTED, Labelled(A, paper, "look"), Gone(A), Seen(A))

    assert rows.by_address[A].stage is Stage.DONE
    assert rows.by_address[A].needs_hand
    assert rows.by_address[A].to_do == "look"


def test_paper_is_made_once_more_by_order_and_only_of_a_phone_that_was_checked() -> None:
    assert of_paper(REPORTED, Labelled(A, Paper.PRINTED), Reprint(A)).by_address[A].stage is Stage.LABEL
    assert of_paper(Reprint(A)).by_address[A].stage is Stage.PLUGGED
