"""A bad hub: loose and freezing cables, slow, unauthorised, refusing, dead and flooding phones, each a process.

The hundred phones that a bench is made for are `tests.benchmarks.bad_hub`, with the same demands.
"""

from __future__ import annotations

from pathlib import Path

from tests.check.bad_hub import SMALL, bad_hub, hold_to_it, impatient_agent
from tests.check.office import Office

SEED = 11
"""With it cables lose connections of both commands, and the freezing one freezes."""
OFTEN = 0.4
"""So many connections of the one freezing cable freeze: there are few."""


def test_at_a_bad_hub_every_phone_ends_in_a_named_state_and_nothing_is_done_twice(
    enforcing: Office, tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    with bad_hub(tmp_path, SMALL, SEED, share_frozen=OFTEN) as hub:
        hold_to_it(bench, hub, tmp_path, impatient_agent)

        assert sum(one.cable.lost for one in hub), "otherwise no loose cable was tried"
        assert sum(one.cable.frozen for one in hub), "otherwise no freezing cable was tried"
