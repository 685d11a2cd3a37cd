"""Whom the mail side is told to block, why, and since when; for those who may see holders."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from flask import Response, render_template, request
from sqlalchemy.orm import Session

from server.context import context
from server.errors import Malformed
from server.fleet import blocks, holders, phones
from server.fleet.block_list import to_block
from server.fleet.blocks import BLOCKING, Block, BlockCause
from server.fleet.listing import Cursor, read_cursor
from server.fleet.readiness import begins_at, moment_of
from server.pages.access import needs
from server.pages.blueprint import pages
from server.pages.moment import now
from server.pages.standing_words import MAIL
from server.pages.times import machine
from server.people.people import Right
from server.policies.bundles import situation
from server.tables import to_csv

ROWS_PER_PAGE = 100
_CSV_ROWS = 20_000
"""A table for a spreadsheet; who needs more has a program, and the API tells it the whole list."""
_COLUMNS = ("holder", "block", "cause", "since", "phone_id")
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
    wanted, after, rows = _wanted(), "", list[Block]()
    holders.tag_all_holders(context().database, context().config.holder_key)
    while True:
        with context().database.reading() as session:
            piece = wanted.read(session, after, 1000)
        rows += piece.blocks
        if len(rows) > _CSV_ROWS:
            raise Malformed(
                "too_many_rows",
                f"This list has more than {_CSV_ROWS} holders.",
                "Ask for one cause, or let a program read GET /api/v1/blocks?whole=yes.",
            )
        after = piece.next
        if not after:
            break
    table = to_csv(_COLUMNS, [_row(block) for block in rows])
    return Response(
        table,
        content_type="text/csv; charset=utf-8; header=present",
        headers={
            "Content-Disposition": 'attachment; filename="blocks.csv"',
            "Cache-Control": "no-store",
        },
    )


def _row(block: Block) -> dict[str, object]:
    return {
        "holder": block.holder,
        "block": block.block,
        "cause": block.cause.value,
        "since": machine(block.since),
        "phone_id": block.phone_id,
    }


def _wanted() -> Wanted:
    cause = request.args.get("cause", "")
    return Wanted(cause if cause in (*_FILTERS, _EVERYBODY) else "")


def _cursor(after: str) -> Cursor | None:
    try:
        return read_cursor(after)
    except ValueError:
        # Whatever the address says: the top of the list is a place, too.
        return None
