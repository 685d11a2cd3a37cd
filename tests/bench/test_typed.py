"""What a technician or a scanner types selects a row, or answers what it asks."""

from __future__ import annotations

from agent_scripts.bench.events import Again, Answered, Asks, Failed, Print, Recognised, Seen, Show, Which
from agent_scripts.bench.listed import Listed
from agent_scripts.bench.rows import Rows
from agent_scripts.bench.typed import Typing
from agent_scripts.visits.batch import read_batch
from policy.report import Consent

A, B = "adb:AAA", "adb:BBB"
LIST = "label,holder,unit,consent\nA-7,h-7,DG A,agreed\nA-8,h-8,,\n"


def asking() -> tuple[Rows, Typing]:
    rows = Rows()
    for event in (Seen(A), Seen(B), Asks(A), Asks(B)):
        rows.take(event)
    return rows, Typing(rows, Listed(read_batch(LIST)))


def test_a_row_is_selected_by_number_label_serial_or_address() -> None:
    rows, typing = asking()
    rows.take(Recognised(B, "A-1"))
    for text in ("2", "#2", "A-1", "BBB", B):
        typing.selected = ""
        assert typing.take(f"{text}\n")[0] is None
        assert typing.selected == B, text


def test_a_holder_then_the_consent_are_taken_for_the_selected_row() -> None:
    rows, typing = asking()
    typing.take("2")
    event, told = typing.take("mailbox-77")
    assert event == Answered(B, holder="mailbox-77")
    assert "did the owner agree" in told
    rows.take(event)

    assert typing.take("y")[0] == Answered(B, consent=Consent.AGREED)
    assert typing.take("n")[0] == Answered(B, consent=Consent.DECLINED)
    assert typing.take("perhaps")[0] is None


def test_a_declined_row_takes_its_label() -> None:
    rows, typing = asking()
    rows.take(Answered(A, holder="h", consent=Consent.DECLINED))
    typing.take("1")

    assert typing.take("A-99")[0] == Answered(A, label="A-99")


def test_a_holder_of_digits_is_a_holder_where_one_is_asked_and_a_number_sign_selects() -> None:
    _, typing = asking()
    typing.take("1")
    assert typing.take("2")[0] == Answered(A, holder="2")

    typing.take("#2")
    assert typing.selected == B


def test_the_label_of_another_row_selects_it_and_is_no_holder() -> None:
    rows, typing = asking()
    rows.take(Recognised(B, "A-1"))
    typing.take("1")

    assert typing.take("A-1")[0] is None
    assert typing.selected == B


def test_one_holder_for_two_rows_is_doubted_once() -> None:
    _, typing = asking()
    typing.take("1")
    typing.take("h-1")
    typing.take("#2")
    event, told = typing.take("h-1")
    assert event is None
    assert "Row 1 has this holder already" in told

    assert typing.take("h-1")[0] == Answered(B, holder="h-1")


def test_a_label_of_the_list_says_whose_phone_the_selected_one_is() -> None:
    _, typing = asking()
    typing.take("1")

    assert typing.take("A-7")[0] == Answered(A, "A-7", "h-7", "DG A", Consent.AGREED)


def test_a_label_scanned_before_is_for_the_next_phone_that_asks_and_for_no_other() -> None:
    rows, typing = asking()
    assert typing.take("A-8")[1].startswith("Line 3 of the list: the next phone")

    assert typing.answer_for(rows.by_address[B]) == Answered(B, "A-8", "h-8")
    assert typing.answer_for(rows.by_address[A]) is None


def test_what_names_nothing_says_so_and_changes_nothing() -> None:
    rows, typing = asking()
    event, told = typing.take("nobody \x1b[31m")
    assert event is None
    assert "No row is called" in told
    assert "\x1b" not in told
    rows.take(Failed(A, "x"))
    typing.take("#1")
    assert "asks nothing now" in typing.take("h-1")[1]


def test_a_failed_row_is_tried_again_and_a_label_is_given_by_word() -> None:
    rows, typing = asking()
    rows.take(Failed(A, "x"))
    typing.take("1")

    assert typing.take("again")[0] == Again(A)
    assert typing.take("label A-5")[0] == Answered(A, label="A-5")


def test_a_phone_is_told_to_show_its_number() -> None:
    _, typing = asking()
    typing.take("2")

    assert typing.take("show")[0] == Show(B)


def test_an_empty_line_selects_none() -> None:
    _, typing = asking()
    typing.take("1")
    typing.take("")

    assert typing.selected == ""


def test_what_is_too_long_or_does_not_print_is_no_holder() -> None:
    _, typing = asking()
    typing.take("1")

    assert typing.take("h" * 201)[0] is None
    assert typing.take("a\u202eb")[0] is None


def test_print_is_for_the_selected_phone_or_for_what_waits() -> None:
    _, typing = asking()

    assert typing.take("print")[0] == Print()
    typing.take("2")
    assert typing.take("print")[0] == Print(B)


def test_which_selects_nothing_and_asks_of_all() -> None:
    _, typing = asking()

    event, answer = typing.take("which")

    assert event == Which()
    assert "Press the power key" in answer
    assert typing.selected == ""
