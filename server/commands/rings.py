"""The commands about rings: how far each has come, holding and releasing them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from certs.terminal import tell
from policy.counted import counted
from policy.plain_text import printable
from policy.rings import whom
from server.commands.settings import (
    given_config,
    looked_at,
    now_of,
    opened,
    operator,
    takes_config,
)
from server.fleet.ring_holds import current_hold, hold_ring, release_rings, told_hold
from server.fleet.ring_phones import RingCounts, count_rings, told_rings
from server.fleet.ring_words import PROGRESS, failure_words
from server.people.people import Right, person_with
from server.policies.bundles import situation


@click.command()
@takes_config
@click.option("--json", "as_json", is_flag=True, help="Print it as one object, as the API tells it.")
def rings(as_json: bool) -> None:
    """Tell of each ring of the policy in force how far its phones have come, and why not further."""
    config = given_config()
    with looked_at(config) as database, database.reading() as session:
        here = situation(session, now_of(config, database))
        number = here.bundle.number if here.bundle else 0
        counts, hold = count_rings(session, here), current_hold(session, number)
    if as_json:
        tell(json.dumps({"bundle_number": number, "rings": told_rings(counts), "hold": told_hold(hold)}))
        return
    if not counts:
        without = "The policy in force has no rings: all phones are enforced from the deadline on."
        tell(without if number else "No policy is published.", err=True)
    if hold:
        tell(
            f"HELD from ring {hold.ring} on since {hold.held_at:%Y-%m-%d %H:%M} UTC by {printable(hold.held_by)}:"
            f" {printable(hold.reason)}"
        )
    for one in counts:
        for line in _lines(one):
            tell(line)


_APPROVER = click.option(
    "--approver",
    required=True,
    metavar="NAME",
    help="The account that answers for it; it has to be an approver's.",
)
_REASON = click.option("--reason", required=True, help="Why, in a line, for those who come after you.")


@click.command()
@takes_config
@click.argument("ring", type=int)
@_APPROVER
@_REASON
def hold(ring: int, approver: str, reason: str) -> None:
    """Hold RING of the policy in force and all behind it: nothing new is disabled there until they are released."""
    config = given_config()
    with opened(config) as database, database.writing() as session:
        now = now_of(config, database)
        person_with(session, approver, Right.HOLD_RINGS)
        hold_ring(session, situation(session, now), ring, reason, operator(), now)
    tell(f"Ring {ring} and all behind it are held; stations hear of it with their next report.")


@click.command()
@takes_config
@_APPROVER
@_REASON
def release(approver: str, reason: str) -> None:
    """Release the rings that are held: each is enforced from its start on."""
    config = given_config()
    with opened(config) as database, database.writing() as session:
        now = now_of(config, database)
        person_with(session, approver, Right.HOLD_RINGS)
        ended = release_rings(session, situation(session, now), reason, operator(), now)
    tell(f"Ring {ended.ring} and all behind it are released.")


def _lines(one: RingCounts) -> Iterator[str]:
    ring = one.ring
    begun = "since" if one.started else "not before"
    yield (
        f"ring {ring.number}, {whom(ring)}, {begun}"
        f" {ring.starts_at:%Y-%m-%d %H:%M} UTC: {counted(one.phones, 'phone')}"
    )
    if not one.started:
        return
    for progress, (label, _) in PROGRESS.items():
        if one.by_progress[progress]:
            yield f"  {label:<16}{one.by_progress[progress]:>9}"
    for found in one.failures:
        yield f"    {found.phones} {PROGRESS[found.progress][0]}: {failure_words(found.failure)}"
