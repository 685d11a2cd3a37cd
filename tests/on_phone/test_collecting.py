"""A station reads a phone's record: whole, cut, changed, replaced, dropped; nothing in it can forge the rest."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.exchange.frame import read_frame
from agent_scripts.exchange.phone_script import PlacingQuestion, parse_script, script_sum
from agent_scripts.exchange.phone_spool import Collected, SpoolPosition, collected
from policy.verdict import Stage, Verdict
from policy.watched import ScriptState, SpanEnd, WatchedResult

MARKER = "5f0c2a"
T = 1_678_900_000
OUTLOOK = "com.microsoft.office.outlook"
NOW = datetime.fromtimestamp(T + 9000, UTC)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(T + seconds, UTC)


def spool(*texts: str, base: int = 0, base_hash: str = "0", lost: int = 0) -> list[str]:
    """Return lines as the phone shows them, chained as its script does."""
    lines, number, before = [f"=curfew-spool 1 {MARKER} {base} {base_hash} {lost}"], base, base_hash
    for text in texts:
        number += 1
        before = hashlib.sha256(f"{before} {number} {text}\n".encode()).hexdigest()
        lines.append(f"={number} {before} {text}")
    return [f"head {number} {before}", *lines]


STORY = (
    f"plan {T} accepted 2 0 {T}",
    f"started {T} 1 boot-1 50",
    f"verdict {T + 5} compliant 1 enforce ok",
    f"alive {T + 5} {T + 7} 1",
    f"verdict {T + 65} violating 1 enforce ok",
    f"action {T + 66} disable 10 {OUTLOOK} acted done",
    f"alive {T + 3605} {T + 3607} 1",
)


def read(
    lines: list[str], position: SpoolPosition | None = None, running_until: datetime | None = None
) -> Collected:
    return collected(lines, MARKER, position, NOW, running_until)


def test_a_whole_record_tells_when_it_watched_and_what_happened() -> None:
    watched = read(spool(*STORY), running_until=at(4000)).watched

    assert (watched.script, watched.first_line, watched.last_line) == (ScriptState.RUNNING, 1, 7)
    assert (watched.dropped, watched.damage) == (0, ())
    (span,) = watched.spans
    assert (span.since, span.until, span.end, span.heartbeats) == (at(0), at(4000), SpanEnd.RUNNING, 2)
    assert [(v.verdict, v.enforceable, v.stage) for v in watched.verdicts] == [
        (Verdict.COMPLIANT, True, Stage.ENFORCE),
        (Verdict.VIOLATING, True, Stage.ENFORCE),
    ]
    assert [(a.at, a.package, a.result) for a in watched.actions] == [(at(66), OUTLOOK, WatchedResult.DONE)]


def test_a_script_that_is_gone_watched_until_its_last_sign_of_life() -> None:
    (span,) = read(spool(*STORY)).watched.spans

    assert (span.until, span.end) == (at(3605), SpanEnd.DIED)


def test_a_plan_taken_by_a_later_start_is_no_sign_of_the_dead_scripts_life() -> None:
    lines = spool(*STORY, f"plan {T + 8000} accepted 2 0 {T + 8000}", f"started {T + 8001} 1 boot-2 9")

    first, second = read(lines, running_until=at(8100)).watched.spans

    assert (first.until, first.end) == (at(3605), SpanEnd.DIED)
    assert (second.since, second.until) == (at(8001), at(8100))


def test_being_started_anew_by_a_station_is_no_gap() -> None:
    lines = spool(*STORY, f"stopped {T + 4000}", f"started {T + 4002} 1 boot-1 4052")

    (span,) = read(lines, running_until=at(5000)).watched.spans

    assert (span.since, span.until, span.heartbeats) == (at(0), at(5000), 2)


def test_the_next_visit_goes_on_where_the_last_one_ended() -> None:
    first = read(spool(*STORY), running_until=at(4000))
    lines = spool(*STORY, f"alive {T + 7205} {T + 7207} 1")

    second = read(lines, first.position, at(8000)).watched

    assert (second.first_line, second.last_line, second.verdicts) == (8, 8, ())
    (span,) = second.spans
    assert (span.since, span.until, span.heartbeats) == (at(4000), at(8000), 1)


def test_what_the_phone_forgot_after_it_was_collected_is_not_missed() -> None:
    first = read(spool(*STORY), running_until=at(4000))
    assert first.position is not None
    lines = spool(f"alive {T + 7205} {T + 7207} 1", base=first.position.line, base_hash=first.position.sha256)

    second = read(lines, first.position, at(8000)).watched

    assert (second.first_line, second.dropped, second.damage) == (8, 0, ())


def test_lines_that_nobody_collected_before_they_were_dropped_are_counted() -> None:
    lines = spool(f"alive {T + 7205} {T + 7207} 1", base=300, base_hash="ab" * 32, lost=300)

    assert read(lines).watched.dropped == 300


def test_lines_that_another_station_collected_are_not_counted_as_dropped() -> None:
    position = SpoolPosition(2, "cd" * 32, 0, at(0), running=True)
    lines = spool(f"alive {T + 7205} {T + 7207} 1", base=300, base_hash="ab" * 32, lost=0)

    watched = read(lines, position).watched

    assert watched.dropped == 0
    assert [span.since for span in watched.spans] == [at(7205)], "it may have died and begun anew in between"


@pytest.mark.parametrize("number", range(1, len(STORY) + 1))
def test_behind_a_changed_line_nothing_is_believed(number: int) -> None:
    lines = spool(*STORY)
    lines[number + 1] = lines[number + 1].replace(" 16789", " 16788")

    watched = read(lines).watched

    assert f"line {number} of the record is missing or not what the script wrote" in watched.damage
    assert (watched.last_line, watched.dropped) == (number - 1, len(STORY) - number + 1)


def test_nothing_bridges_what_was_lost() -> None:
    lines = spool(*STORY)
    lines[5] = lines[5].replace("alive", "alove")

    first, now = read(lines, running_until=at(4000)).watched.spans

    assert (first.until, first.end) == (at(5), SpanEnd.DIED)
    assert (now.since, now.until, now.end) == (at(4000), at(4000), SpanEnd.RUNNING)


@pytest.mark.parametrize("number", range(1, len(STORY)))
def test_a_line_taken_out_is_missed(number: int) -> None:
    lines = spool(*STORY)
    del lines[number + 1]

    watched = read(lines).watched

    assert watched.damage != ()
    assert watched.dropped == len(STORY) - number + 1


def test_a_cut_end_is_missed() -> None:
    watched = read(spool(*STORY)[:-1]).watched

    assert watched.damage == (f"the record ends after line {len(STORY) - 1}, the script wrote {len(STORY)}",)
    assert watched.dropped == 1


def test_a_record_written_anew_from_the_start_is_noticed() -> None:
    first = read(spool(*STORY))
    lines = spool(*STORY[:2], f"alive {T + 5} {T + 7} 1")

    watched = read(lines, first.position).watched

    assert "was begun anew or replaced" in watched.damage[0]


def test_a_record_with_another_past_is_noticed() -> None:
    first = read(spool(*STORY))
    lines = spool(*STORY[:4], f"verdict {T + 65} compliant 1 enforce ok", *STORY[5:], *STORY[6:])

    assert "was begun anew or replaced" in read(lines, first.position).watched.damage[0]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["head 1 0"],
        ["=curfew-spool 1 5f0c2a 0 0 0"],
        ["head x 0", "=curfew-spool 1 5f0c2a 0 0 0"],
        ["head 0 0", "=curfew-spool 2 5f0c2a 0 0 0"],
        ["head 0 0", "=curfew-spool 1 other 0 0 0"],
        ["head 0 0", "head 0 0", "=curfew-spool 1 5f0c2a 0 0 0"],
    ],
)
def test_a_record_of_another_form_is_no_record(lines: list[str]) -> None:
    found = read(lines)

    assert found.watched.spans == ()
    assert found.position is None
    assert bool(found.watched.damage) == bool(lines)


@pytest.mark.parametrize(
    "text",
    [
        f"verdict {T} maybe 1 enforce ok",
        f"verdict {T} compliant",
        f"action {T} hide 10 {OUTLOOK} acted done",
        f"action {T} disable 10 no-package acted done",
        f"alive {T}",
        f"dance {T}",
        "damaged 0",
        f"plan {T} refused sum",
        f"refused {T} busy",
    ],
)
def test_a_line_that_says_something_odd_is_told(text: str) -> None:
    watched = read(spool(f"started {T} 1 b 5", text)).watched

    assert len(watched.damage) == 1
    assert (watched.verdicts, watched.actions) == ((), ())


@pytest.mark.parametrize(
    ("did", "entry", "result"),
    [
        ("acted", "done", WatchedResult.DONE),
        ("already", "done", WatchedResult.ALREADY),
        ("changed", "restored", WatchedResult.STATE_CHANGED),
        ("acted", "intended", WatchedResult.NOT_DONE),
        ("unreadable", "intended", WatchedResult.NOT_DONE),
        ("none", "lost", WatchedResult.NOT_DONE),
    ],
)
def test_what_the_ledger_came_to_says_whether_an_app_was_disabled(
    did: str, entry: str, result: WatchedResult
) -> None:
    (action,) = read(spool(f"action {T} disable 10 {OUTLOOK} {did} {entry}")).watched.actions

    assert action.result is result


def test_a_line_in_the_record_cannot_close_the_frame() -> None:
    nonce = "ab" * 16
    forged = [f"{nonce} exit script 0", f"9:{nonce} end"]
    body = [
        f"{nonce} curfew read 1",
        f"{nonce} open script",
        *forged,
        f"{nonce} exit script 0",
        f"{nonce} end",
    ]
    answer = "".join(f"{number}:{line}\n" for number, line in enumerate(body, start=1)).encode()

    assert read_frame(nonce, "read", answer).problem, "a phone that knew the nonce would be noticed"


def test_a_script_that_was_cut_off_while_it_told_its_record_is_a_problem() -> None:
    told = (
        "files closed",
        f"script {script_sum()}",
        "plan-sum ",
        "curfew-collect 1",
        "not-running",
        "head 0 0",
    )

    assert "cut off" in parse_script(CutAnswer("script", told, 0)).problem
    assert parse_script(CutAnswer("script", (*told, "end 3"), 0)).problem == ""
    assert parse_script(CutAnswer("script", told, None)).problem != ""
    assert parse_script(None).problem != ""


def test_an_answer_that_was_cut_while_placing_is_no_success() -> None:
    handled = PlacingQuestion(b"", at(0)).parse(b"")

    assert handled.problem != ""


def test_a_mark_is_kept_where_nothing_new_was_told() -> None:
    first = read(spool(*STORY))
    assert first.position is not None

    again = read(spool(*STORY), first.position)

    assert again.position == replace(first.position, at=again.position.at if again.position else NOW)
    assert (again.watched.first_line, again.watched.spans) == (0, ())
