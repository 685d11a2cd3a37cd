"""Whom the mail side is told to block, why, and since when; for those who may see holders."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from flask import Response, render_template, request
from sqlalchemy.orm import Session

from server.context import context
from server.fleet import blocks, holders, phones
from server.fleet.block_list import to_block
from server.fleet.blocks import BLOCKING, Block, BlockCause
from server.fleet.listing import Cursor, read_cursor
from server.fleet.readiness import begins_at, moment_of
from server.listed import BLOCK_COLUMNS, listed_block
from server.pages.access import needs
from server.pages.blueprint import pages
from server.pages.files import file_of
from server.pages.moment import now
from server.pages.standing_words import MAIL
from server.people.people import Right
from server.policies.bundles import situation
from server.tables import Row

ROWS_PER_PAGE = 100
_FILTERS: Mapping[str, str] = {
    BlockCause.NOT_ENFORCEABLE.value: "not enforceable",
    BlockCause.DECLINED.value: "declined",
    BlockCause.UNREADABLE.value: "unreadable",
    BlockCause.SILENT.value: "silent",
}
_EVERYBODY = "everybody"


@dataclass(frozen=True)
class Piece:
    """Some holders, and the word in the address behind which the next begin; empty behind the last."""

    blocks: Sequence[Block]
    next: str


@dataclass(frozen=True)
class Wanted:
    """Which holders the reader asked to see: to block, for one cause or for any (""), or everybody."""

    cause: str

    @property
    def causes(self) -> Collection[BlockCause]:
        """The causes to look for."""
        return {BlockCause(self.cause)} if self.cause in _FILTERS else BLOCKING

    def read(self, session: Session, after: str, limit: int) -> Piece:
        """Return the holders behind a word of an address; their names are opened for this piece only."""
        key = context().config.holder_key
        if self.cause == _EVERYBODY:
            whole = blocks.blocks(session, now(), key, after, limit)
            return Piece(whole.blocks, whole.next or "")
        found = to_block(session, now(), key, self.causes, _cursor(after), limit)
        return Piece(found.blocks, found.next.written() if found.next else "")


@pages.get("/blocks")
@needs(Right.SEE_HOLDERS)
def list_blocks() -> str:
    """Show one piece of the list."""
    wanted, after = _wanted(), request.args.get("after", "")[:200]
    holders.tag_all_holders(context().database, context().config.holder_key)
    with context().database.reading() as session:
        piece = wanted.read(session, after, ROWS_PER_PAGE)
        here = situation(session, now())
        known = {
            phone.phone_id: phone for phone in phones.find_phones(session, [b.phone_id for b in piece.blocks])
        }
        has_phones = bool(known) or phones.has_phones(session)
    return render_template(
        "blocks.html",
        tab="pages.list_blocks",
        piece=piece,
        phones=known,
        wanted=wanted,
        after=after,
        filters={"": "to block", **_FILTERS, _EVERYBODY: "everybody"},
        reasons=MAIL,
        moment=moment_of(here),
        begins_at=begins_at(here.bundle.policy) if here.bundle else None,
        has_phones=has_phones,
    )


@pages.get("/blocks.csv")
@needs(Right.SEE_HOLDERS)
def blocks_as_csv() -> Response:
    """Return the whole of what was asked for as a table; refused where it is more than a spreadsheet is for."""
    wanted = _wanted()
    holders.tag_all_holders(context().database, context().config.holder_key)

    def read(session: Session, after: str, limit: int) -> tuple[Sequence[Row], str]:
        piece = wanted.read(session, after, limit)
        return [listed_block(block) for block in piece.blocks], piece.next

    return file_of("blocks", "csv", BLOCK_COLUMNS, read)


def _wanted() -> Wanted:
    cause = request.args.get("cause", "")
    return Wanted(cause if cause in (*_FILTERS, _EVERYBODY) else "")


def _cursor(after: str) -> Cursor | None:
    try:
        return read_cursor(after)
    except ValueError:
        # Whatever the address says: the top of the list is a place, too.
        return None
