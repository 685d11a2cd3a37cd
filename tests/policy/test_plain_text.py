"""A text from outside is shown so that nothing in it paints, hides or reorders what stands around it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.plain_text import printable, printable_lines, said_by_others

HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    "harmful",
    [
        "\x1b[2J",
        "\x1b]0;t\x07",
        "\x1b]8;;http://x\x07",
        "\r",
        "\x9b31m",
        "\u202e",
        "\u2066",
        "\u200d",
        "\u2028",
    ],
)
def test_what_paints_or_reorders_stands_as_its_escape(harmful: str) -> None:
    shown = printable(f"a{harmful}b")

    assert shown.isprintable()
    assert shown.startswith("a\\")
    assert shown.endswith("b")


@given(st.text())
def test_no_character_of_a_harmful_kind_is_ever_shown(text: str) -> None:
    for shown in (printable(text), printable_lines(text).replace("\n", ""), said_by_others(text)):
        assert not {unicodedata.category(character) for character in shown} & HARMFUL


@given(st.text(st.characters(categories=("L", "N", "P", "S"))))
def test_what_prints_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


@given(st.text())
def test_other_peoples_words_are_quoted_on_one_line_of_bounded_length(text: str) -> None:
    shown = said_by_others(text, 40)

    assert shown[0] == shown[-1] == '"'
    assert len(shown) <= 43
    assert '"' not in shown[1:-1]
    assert "\n" not in shown
