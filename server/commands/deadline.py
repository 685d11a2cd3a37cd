"""The command that tells how ready the fleet is for the deadline."""

from __future__ import annotations

import json

import click

from certs.terminal import tell
from policy.counted import counted
from policy.plain_text import printable
from server.commands.settings import given_config, looked_at, now_of, takes_config
from server.fleet.deadline import DeadlineView, deadline_view
from server.fleet.deadline_words import AGES, CAUSES, NEXT_STEPS
from server.fleet.readiness import Moment
from server.listed import listed_deadline


@click.command()
@takes_config
@click.option("--json", "as_json", is_flag=True, help="Print all of it as one JSON object.")
def deadline(as_json: bool) -> None:
    """Tell how much of the fleet is not ready for the deadline, why, and what follows."""
    config = given_config()
    with looked_at(config) as database, database.reading() as session:
        view = deadline_view(session, now_of(config, database), config.smallest_cell)
    if as_json:
        tell(json.dumps(listed_deadline(view)))
        return
    tell(f"{view.ready.total} of {counted(view.ready.of, 'phone')} not ready.")
    tell(view.paragraph)
    if view.moment is not Moment.LIFTED:
        _tell_left(view, config.smallest_cell)
    if view.moment in (Moment.BEFORE, Moment.AFTER, Moment.PAUSED):
        _tell_mail(view)
    if view.reminders:
        day, last = max(view.reminders.items())
        tell(
            f"\nReminders sent on {day}: {last.taken} taken by the phone, {last.refused} not; in"
            f" {counted(len(view.reminders), 'day')}, {sum(one.taken for one in view.reminders.values())} taken."
        )
    for event in view.dates:
        tell(f"{event.at:%Y-%m-%d %H:%M}Z  {printable(event.summary)}")


def _tell_left(view: DeadlineView, smallest_cell: int) -> None:
    tell("\nNot ready, by cause:")
    for one in view.ready.left:
        if one.phones:
            tell(f"{one.phones:>7}  {one.standing.value.replace('_', ' ')}. {NEXT_STEPS[one.standing]}")
    tell("\nNot ready, by last contact:")
    for age, words in AGES.items():
        tell(f"{view.ages[age]:>7}  {words}")
    tell(f"{view.never_checked:>7}  never checked")
    if any(one.unit for one in view.units.units):
        tell("\nNot ready, by unit:")
        few = "not told" if view.units.hides_larger else f"under {smallest_cell}"
        for unit in view.units.units:
            told = few if unit.phones is None else str(unit.phones)
            tell(f"{told:>8}  {printable(unit.unit) or 'no unit'}")


def _tell_mail(view: DeadlineView) -> None:
    tell("\nThe mail side is told to block the holders of phones that")
    for one in view.follows.told:
        tell(f"{one.phones:>7}  {CAUSES[one.cause]}: {view.when_told(later=one.later)}")
