"""The rules that are broken on purpose are found in the script; breaking them takes long and is done by hand."""

from __future__ import annotations

from tests.on_phone.mutations.__main__ import broken_text
from tests.on_phone.mutations.rules import MUTATIONS


def test_every_rule_that_is_to_be_broken_stands_once_in_its_part() -> None:
    for mutation in MUTATIONS:
        assert broken_text(mutation) != ""
