"""The command for phones that do not come back: what the page of a phone does, for whoever runs the server."""

from __future__ import annotations

import click

from certs.terminal import tell
from server.commands.settings import given_config, now_of, opened, operator, takes_config
from server.fleet import retiring
from server.people.people import Right, person_with


@click.command()
@takes_config
@click.argument("phone")
@click.option("--because", default="", metavar="REASON", help="What became of it; no person's story.")
@click.option("--take-back", "is_back", is_flag=True, help="It is there after all.")
@click.option("--by", "name", required=True, metavar="NAME", help="The account that answers for it.")
def retire(phone: str, because: str, is_back: bool, name: str) -> None:
    """Say that PHONE (its label or id) does not come back: lost, stolen, broken.

    Nobody waits for it any more, and its holder is not blocked because of it. The first newer check, or provisioning it
    again, takes that back by itself, and a check raises an alarm.
    """
    if is_back and because:
        raise click.UsageError("--take-back needs no reason: leave --because out.")
    if not is_back and not because:
        raise click.UsageError(
            "Say with --because what became of the phone, or that it is back: --take-back."
        )
    config = given_config()
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            account = person_with(session, name, Right.RETIRE_PHONES)
            if is_back:
                done = retiring.take_back(session, phone, operator(), now)
            else:
                done = retiring.retire(session, phone, because, account.name, operator(), now)
    if done.retirement is None:
        tell(f"{done.phone_id} is not retired any more: it stands as its latest check says.")
    else:
        tell(f"{done.phone_id} is retired: nobody waits for it.")
