"""The command that tells whom the mail side is to block."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

import click

from certs.terminal import tell
from policy.plain_text import printable
from server.commands.settings import given_config, now_of, opened, takes_config
from server.config import Config
from server.fleet import holders
from server.fleet.block_list import to_block
from server.fleet.blocks import BLOCKING, Block, BlockCause
from server.fleet.listing import Cursor
from server.listed import listed_block
from server.storage.database import Database

_AT_ONCE = 500


@click.command()
@takes_config
@click.option(
    "--cause",
    type=click.Choice(sorted(cause.value for cause in BLOCKING)),
    help="Only those to block for this.",
)
@click.option("--json", "as_json", is_flag=True, help="Print each as one line of JSON.")
def blocks(cause: str | None, as_json: bool) -> None:
    """Tell which holders the mail side is to block, why, and since when."""
    config, causes = given_config(), {BlockCause(cause)} if cause else BLOCKING
    with opened(config) as database:
        holders.tag_all_holders(database, config.holder_key)
        nobody = True
        for block in _each(config, database, causes):
            nobody = False
            tell(json.dumps(listed_block(block)) if as_json else _line(block))
    if nobody:
        tell("Nobody is to block.", err=True)


def _each(config: Config, database: Database, causes: Collection[BlockCause]) -> Iterator[Block]:
    now, is_more = now_of(config, database), True
    after: Cursor | None = None
    while is_more:
        with database.reading() as session:
            found = to_block(session, now, config.holder_key, causes, after, _AT_ONCE)
        yield from found.blocks
        after, is_more = found.next, found.next is not None


def _line(block: Block) -> str:
    return f"{block.since:%Y-%m-%d %H:%M}  {block.cause.value:<15}  {printable(block.holder)}"
