"""The full screen, line by line: forty phones in 80 by 50, a hundred by turning pages, what needs a hand first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.cells import cell_len

from agent_scripts.bench.events import Asks, Begun, Event, Failed, Finished, Gone, Labelled, Recognised, Seen
from agent_scripts.bench.picture import Kind, View, page_of, pages, picture
from agent_scripts.bench.rows import Rows
from agent_scripts.bench.stage import Paper, Stage
from agent_scripts.exit_codes import ExitCode


def address(number: int) -> str:
    return f"adb:SERIAL{number:03d}"


def bench_of(count: int, *events: Event) -> Rows:
    rows = Rows()
    for number in range(1, count + 1):
        rows.take(Seen(address(number)))
        rows.take(Recognised(address(number), f"A-{number}", "Pixel 7", "14"))
        rows.take(Finished(address(number), "compliant", ExitCode.COMPLIANT))
    for event in events:
        rows.take(event)
    return rows


def text_of(rows: Rows, view: View) -> str:
    return "\n".join(line.text for line in picture(rows, view))


def many_causes() -> list[Event]:
    """Return four causes, each of several phones: more than there are lines for."""
    causes: tuple[Callable[[str], Event], ...] = (
        lambda a: Seen(a, Stage.UNAUTHORISED, "tap Allow"),
        Gone,
        Asks,
        lambda a: Failed(a, "out of reach"),
    )
    return [
        event
        for nth, cause in enumerate(causes)
        for number in range(41 + 3 * nth, 44 + 3 * nth)
        for event in (Seen(address(number)), cause(address(number)))
    ]


def test_forty_phones_and_their_causes_stand_in_80_by_50_without_turning() -> None:
    rows = bench_of(28, *many_causes())
    assert len(rows.by_address) == 40
    view = View(80, 50)

    lines = picture(rows, view)

    # The last line of the screen is the one that is typed into.
    assert len(lines) == 49
    assert {cell_len(line.text) for line in lines} == {80}
    assert pages(rows, view) == 1
    assert all(f"{number:>3} " in text_of(rows, view) for number in range(1, 41))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 50), (132, 60), (40, 12)])
def test_a_picture_fills_its_screen_exactly_however_large(width: int, height: int) -> None:
    rows = bench_of(60, *many_causes())

    lines = picture(rows, View(width, height))

    assert len(lines) == height - 1
    assert {cell_len(line.text) for line in lines} == {width}


def test_a_hundred_phones_are_on_pages_each_on_one() -> None:
    rows, view = bench_of(100), View(80, 50)
    count = pages(rows, view)
    assert count == 3

    shown = [
        line.text[2:5]
        for page in range(count)
        for line in picture(rows, View(80, 50, page))
        if "A-" in line.text
    ]

    assert sorted(map(int, shown)) == list(range(1, 101))
    assert page_of(rows, view, address(100)) == 2
    assert "page 3 of 3" in text_of(rows, View(80, 50, 9))


def test_what_needs_a_hand_comes_first_with_a_mark_a_word_and_what_to_do() -> None:
    rows = bench_of(
        3, Seen(address(4)), Begun(address(4), Stage.CHECKING), Seen(address(5)), Asks(address(5))
    )

    lines = [line for line in picture(rows, View()) if line.kind in (Kind.HAND, Kind.WORK, Kind.DONE)]

    assert [line.text[1] for line in lines] == ["!", "+", "+", "+", "~"]
    assert "asking" in lines[0].text
    assert "Scan or type the holder." in lines[0].text


def test_causes_of_several_phones_are_told_above_in_three_lines_at_most() -> None:
    causes = [line.text for line in picture(bench_of(28, *many_causes()), View()) if line.kind is Kind.CAUSE]

    assert len(causes) == 3
    assert causes[0].startswith("! 3 phones ")
    assert causes[2].startswith("! and 2 other causes")


def test_the_selected_row_stands_out_and_its_whole_advice_is_told_below() -> None:
    advice = "Unlock the phone, change to its owner, and tap Allow where the phone asks for it."
    rows = bench_of(3, Seen(address(4), Stage.UNAUTHORISED, advice))
    view = View(selected=address(4))

    [chosen] = [line for line in picture(rows, view) if line.stands_out]

    assert chosen.text.startswith(">!")
    assert chosen.text.rstrip().endswith("…")
    assert advice in text_of(rows, view).replace("\n", "")


def test_a_row_whose_phone_was_unplugged_just_now_stands_out() -> None:
    rows = bench_of(3, Gone(address(2)))

    [lit] = [line for line in picture(rows, View(lit=address(2))) if line.stands_out]

    assert lit.text.startswith("*-  2 ")
    assert "unplugged just now" in lit.text


def test_nothing_that_a_phone_says_can_paint_the_screen_or_move_its_columns() -> None:
    rows = bench_of(
        1, Seen("adb:x"), Recognised("adb:x", "\x1b[2J", "\u202e\u7535\u8bdd\u7535\u8bdd\u7535\u8bdd")
    )

    lines = picture(rows, View(selected="adb:x"))

    assert {cell_len(line.text) for line in lines} == {80}
    assert all(line.text.isprintable() for line in lines)


def test_a_done_phone_says_what_became_of_its_paper_and_a_printer_that_fails_is_the_first_cause() -> None:
    rows = Rows(makes_paper=True)
    papers = (Paper.READY, Paper.PRINTED, Paper.WAITS, Paper.WAITS)
    for number, paper in enumerate(papers, 1):
        rows.take(Seen(address(number)))
        rows.take(Finished(address(number), "compliant", ExitCode.COMPLIANT, report_id="r"))
        rows.take(Labelled(address(number), paper, "lp ended with 1" if number == 3 else ""))

    lines = [line.text for line in picture(rows, View(100, 20))]

    assert lines[1].startswith("! 2 papers are not printed: lp ended with 1")
    assert [line.split("compliant")[1].strip() for line in lines[3:7]] == [
        "paper ready",
        "paper printed",
        "paper to be printed",
        "paper to be printed",
    ]
    assert lines[-1].startswith("Ctrl-P prints what waits")


def test_a_phone_whose_key_was_pressed_stands_out_with_that_word() -> None:
    rows = bench_of(2)
    view = View(100, 20, lit=address(2), lit_because="key pressed")

    [lit] = [line for line in picture(rows, view) if line.stands_out]

    assert lit.text[0] == "*"
    assert "key pressed just now" in lit.text
