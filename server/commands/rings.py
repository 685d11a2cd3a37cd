"""The command about rings: how far each has come."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from certs.terminal import tell
from policy.counted import counted
from server.commands.settings import given_config, looked_at, now_of, takes_config
from server.fleet.ring_phones import RingCounts, count_rings, told_rings
from server.fleet.ring_words import PROGRESS, failure_words
from server.policies.bundles import situation


@click.command()
@takes_config
@click.option("--json", "as_json", is_flag=True, help="Print it as one object, as the API tells it.")
def rings(as_json: bool) -> None:
    """Tell of each ring of the policy in force how far its phones have come, and why not further."""
    config = given_config()
    with looked_at(config) as database, database.reading() as session:
        here = situation(session, now_of(config, database))
        counts = count_rings(session, here)
    number = here.bundle.number if here.bundle else 0
    if as_json:
        tell(json.dumps({"bundle_number": number, "rings": told_rings(counts)}))
        return
    if not counts:
        without = "The policy in force has no rings: all phones are enforced from the deadline on."
        tell(without if number else "No policy is published.", err=True)
    for one in counts:
        for line in _lines(one):
            tell(line)


def _lines(one: RingCounts) -> Iterator[str]:
    ring = one.ring
    begun = "since" if one.started else "not before"
    yield (
        f"ring {ring.number}, {100 * ring.above:g} % to {100 * ring.below:g} % of all phones, {begun}"
        f" {ring.starts_at:%Y-%m-%d %H:%M} UTC: {counted(one.phones, 'phone')}"
    )
    if not one.started:
        return
    for progress, (label, _) in PROGRESS.items():
        if one.by_progress[progress]:
            yield f"  {label:<16}{one.by_progress[progress]:>9}"
    for found in one.failures:
        yield f"    {found.phones} {PROGRESS[found.progress][0]}: {failure_words(found.failure)}"
