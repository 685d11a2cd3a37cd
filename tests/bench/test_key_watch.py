"""Whether a power key was pressed, from two looks at one screen."""

from __future__ import annotations

import pytest

from agent_scripts.bench.key_watch import Pressed, pressed
from agent_scripts.dialect.screen import Screen


@pytest.mark.parametrize(
    ("before", "now", "what"),
    [
        (Screen(True), Screen(True), None),
        (Screen(False, by_key=True), Screen(False, by_key=True), None),
        (Screen(True, by_key=False), Screen(False, by_key=True), Pressed.POWER_KEY),
        (Screen(True, by_key=True), Screen(False, by_key=False), None),
        (Screen(True), Screen(False), Pressed.SCREEN_OFF),
        (Screen(False, by_key=False), Screen(True, by_key=False), Pressed.SCREEN_ON),
        (Screen(False), Screen(True), Pressed.SCREEN_ON),
    ],
    ids=[
        "still on",
        "still off",
        "put off by the key",
        "went off by itself",
        "went off, and the release does not say why",
        "came on",
        "came on where no reason is ever told",
    ],
)
def test_what_happened_follows_from_two_looks(before: Screen, now: Screen, what: Pressed | None) -> None:
    assert pressed(before, now) is what
