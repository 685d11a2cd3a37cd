"""Drafts: what may become the next policy, each text of it that was written, and what was said about it.

A draft is a row of revisions. None is changed or deleted: a rehearsal and an approval name the one that they are of,
and end with it. Whether a draft was overtaken follows from what is in force, and is not stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.counted import counted
from policy.document import Policy
from policy.errors import PolicyError
from policy.schemas import load_policy_document
from server.errors import InConflict, Malformed, NotThere
from server.evidence import audit
from server.people.people import Person, PersonTable
from server.policies.bundles import newest
from server.storage.database import Base, UtcTime
from server.storage.keyset import Order, RowPiece, next_rows
from server.texts import storable

TITLE_MAX_LENGTH = 200
NOTE_MAX_LENGTH = 300
COMMENT_MAX_LENGTH = 2000
DOCUMENT_MAX_BYTES = 512 * 1024
"""Twenty times a policy with messages in all 24 languages."""


class DraftEnd(Enum):
    """How a draft ended."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class _DraftTable(Base):
    __tablename__ = "draft"

    draft_id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(TITLE_MAX_LENGTH))
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    revision: Mapped[int]
    closed_as: Mapped[str | None] = mapped_column(String(10))
    closed_at: Mapped[datetime | None] = mapped_column(UtcTime)


class _RevisionTable(Base):
    __tablename__ = "draft_revision"

    draft_id: Mapped[int] = mapped_column(ForeignKey("draft.draft_id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    base_number: Mapped[int] = mapped_column(BigInteger)
    document: Mapped[bytes] = mapped_column(LargeBinary)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    written_at: Mapped[datetime] = mapped_column(UtcTime)
    note: Mapped[str] = mapped_column(String(NOTE_MAX_LENGTH))


class _CommentTable(Base):
    __tablename__ = "draft_comment"

    id: Mapped[int] = mapped_column(primary_key=True)
    draft_id: Mapped[int] = mapped_column(ForeignKey("draft.draft_id"), index=True)
    revision: Mapped[int]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    written_at: Mapped[datetime] = mapped_column(UtcTime)
    text: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True)
class Draft:
    """A draft at its newest revision, or at the one that was asked for.

    ``document`` are the exact bytes that would be signed; ``authors`` are the ids of everybody who wrote any revision.
    """

    draft_id: int
    title: str
    opened_at: datetime
    revision: int
    newest_revision: int
    base_number: int
    document: bytes
    written_by: str
    written_at: datetime
    authors: frozenset[int]
    closed: DraftEnd | None
    closed_at: datetime | None

    @property
    def policy(self) -> Policy:
        """What the document says."""
        return load_policy_document(self.document)[1]

    @property
    def sha256(self) -> str:
        """Of the document: what a rehearsal and an approval are bound to."""
        return hashlib.sha256(self.document).hexdigest()


@dataclass(frozen=True)
class Revision:
    """One text of a draft, without the text: what its history shows."""

    revision: int
    base_number: int
    written_by: str
    written_at: datetime
    note: str


@dataclass(frozen=True)
class Comment:
    """What somebody said about a revision."""

    revision: int
    written_by: str
    written_at: datetime
    text: str


@dataclass(frozen=True)
class DraftRow:
    """A draft as lists show it."""

    draft_id: int
    title: str
    opened_at: datetime
    revision: int
    closed: DraftEnd | None
    closed_at: datetime | None


DRAFTS_NEWEST, DRAFTS_OLDEST = (
    Order((_DraftTable.draft_id,), descending=True),
    Order((_DraftTable.draft_id,)),
)
"""In which orders drafts can be listed."""


def open_draft(
    session: Session, title: str, document: bytes, author: Person, actor: str, now: datetime
) -> Draft:
    """Keep `document` as the first revision of a new draft; writes the audit row.

    Raises `Malformed` for what is no policy or no title, `InConflict` for one that does not follow on the newest
    bundle.
    """
    title = _accepted(title.strip(), "title", TITLE_MAX_LENGTH)
    base_number = _base_of(session, document)
    row = _DraftTable(title=title, opened_at=now, revision=1)
    session.add(row)
    session.flush()
    _add_revision(session, row, base_number, document, author, "", now)
    detail = {"title": title, "author": author.name, "follows": base_number, "sha256": _sha256(document)}
    audit.record(session, actor, "draft opened", _subject(row.draft_id), detail, now)
    return find_draft(session, row.draft_id)


def revise_draft(
    session: Session,
    draft_id: int,
    revision: int,
    document: bytes,
    note: str,
    author: Person,
    actor: str,
    now: datetime,
) -> Draft:
    """Keep `document` as the next revision, written on `revision`; the same document again changes nothing.

    Raises `InConflict` if somebody else has written another one meanwhile, or the draft has ended.
    """
    note = _accepted(note.strip(), "note", NOTE_MAX_LENGTH, shortest=0)
    row = _open_row(session, draft_id)
    if row.revision != revision:
        raise InConflict(
            "draft_changed",
            f"expected to follow on revision {revision}, found revision {row.revision}: somebody saved it meanwhile",
            "Compare the two, and save again on the newest revision.",
        )
    before = find_draft(session, draft_id)
    if before.document == document:
        return before
    base_number = _base_of(session, document)
    row.revision += 1
    _add_revision(session, row, base_number, document, author, note, now)
    detail = {
        "revision": row.revision,
        "author": author.name,
        "follows": base_number,
        "sha256": _sha256(document),
        "note": note or "none",
    }
    audit.record(session, actor, "draft revised", _subject(draft_id), detail, now)
    return find_draft(session, draft_id)


def comment_on_draft(
    session: Session, draft_id: int, revision: int, text: str, author: Person, actor: str, now: datetime
) -> None:
    """Keep what somebody says about a revision; the audit row says that, not what."""
    text = text.strip().replace("\r\n", "\n")
    # The one text of several lines; each is held to what one line is.
    _accepted(text.replace("\n", " "), "comment", COMMENT_MAX_LENGTH)
    find_draft(session, draft_id, revision)
    session.add(
        _CommentTable(
            draft_id=draft_id, revision=revision, person_id=author.person_id, written_at=now, text=text
        )
    )
    detail = {"revision": revision, "author": author.name}
    audit.record(session, actor, "draft commented", _subject(draft_id), detail, now)


def close_draft(session: Session, draft_id: int, end: DraftEnd, actor: str, now: datetime) -> None:
    """End a draft; raises `InConflict` if it has ended before. Publishing writes an audit row of its own."""
    row = _open_row(session, draft_id)
    row.closed_as, row.closed_at = end.value, now
    session.flush()
    if end is DraftEnd.WITHDRAWN:
        audit.record(session, actor, "draft withdrawn", _subject(draft_id), {"revision": row.revision}, now)


def find_draft(session: Session, draft_id: int, revision: int | None = None) -> Draft:
    """Return a draft at its newest revision, or at that one; raises `NotThere`."""
    row = session.get(_DraftTable, draft_id)
    text = session.get(_RevisionTable, (draft_id, revision or row.revision)) if row else None
    if row is None or text is None:
        raise _not_there(draft_id)
    names = _names(session, draft_id)
    return Draft(
        draft_id=draft_id,
        title=row.title,
        opened_at=row.opened_at,
        revision=text.revision,
        newest_revision=row.revision,
        base_number=text.base_number,
        document=text.document,
        written_by=names[text.person_id],
        written_at=text.written_at,
        authors=frozenset(names),
        closed=_end(row),
        closed_at=row.closed_at,
    )


def list_drafts(
    session: Session, is_open: bool | None, order: Order, after: str, limit: int
) -> RowPiece[DraftRow]:
    """Return the drafts behind a place: the open ones, the ended ones, or all."""
    query = select(_DraftTable)
    if is_open is not None:
        ended = _DraftTable.closed_as
        query = query.where(ended.is_(None) if is_open else ended.is_not(None))
    found = next_rows(session, query, order, after, limit)
    rows = [
        DraftRow(row.draft_id, row.title, row.opened_at, row.revision, _end(row), row.closed_at)
        for row in found.rows
    ]
    return RowPiece(rows, found.next)


def history(session: Session, draft_id: int) -> Sequence[Revision]:
    """Return the revisions of a draft, newest first."""
    query = (
        select(
            _RevisionTable.revision,
            _RevisionTable.base_number,
            PersonTable.name,
            _RevisionTable.written_at,
            _RevisionTable.note,
        )
        .join(PersonTable, PersonTable.id == _RevisionTable.person_id)
        .where(_RevisionTable.draft_id == draft_id)
        .order_by(_RevisionTable.revision.desc())
    )
    return [Revision(*row) for row in session.execute(query)]


def comments(session: Session, draft_id: int) -> Sequence[Comment]:
    """Return what was said about a draft, oldest first."""
    query = (
        select(_CommentTable.revision, PersonTable.name, _CommentTable.written_at, _CommentTable.text)
        .join(PersonTable, PersonTable.id == _CommentTable.person_id)
        .where(_CommentTable.draft_id == draft_id)
        .order_by(_CommentTable.id)
    )
    return [Comment(*row) for row in session.execute(query)]


def is_overtaken(draft: Draft, newest_number: int) -> bool:
    """Whether another bundle was published since the draft was written: its number is taken."""
    return draft.closed is None and draft.base_number != newest_number


def _base_of(session: Session, document: bytes) -> int:
    """Return the number of the bundle that `document` follows on; raises unless that is the newest."""
    if len(document) > DOCUMENT_MAX_BYTES:
        raise Malformed(
            "policy_too_large",
            f"expected a policy of {DOCUMENT_MAX_BYTES} bytes at most, found {len(document)}",
            "Shorten it.",
        )
    try:
        number = load_policy_document(document)[0]
    except PolicyError as error:
        raise Malformed("policy_refused", str(error), "Correct it, and save it again.") from error
    in_force = newest(session).number
    if number != in_force + 1:
        raise InConflict(
            "base_overtaken",
            f"expected number {in_force + 1}, since bundle {in_force} is the newest; found number {number}",
            "Rebuild the draft on the newest bundle: its number is set, and what differs is shown.",
        )
    return in_force


def _add_revision(
    session: Session,
    row: _DraftTable,
    base_number: int,
    document: bytes,
    author: Person,
    note: str,
    now: datetime,
) -> None:
    session.add(
        _RevisionTable(
            draft_id=row.draft_id,
            revision=row.revision,
            base_number=base_number,
            document=document,
            person_id=author.person_id,
            written_at=now,
            note=note,
        )
    )
    session.flush()


def _open_row(session: Session, draft_id: int) -> _DraftTable:
    # Locked: of two who save at once, the second finds the revision of the first.
    query = select(_DraftTable).where(_DraftTable.draft_id == draft_id).with_for_update()
    row = session.scalar(query)
    if row is None:
        raise _not_there(draft_id)
    if row.closed_as is not None:
        raise InConflict(
            "draft_ended",
            f"draft {draft_id} was {row.closed_as} and is not changed any more",
            "Open a new draft; it can begin with this one's text.",
        )
    return row


def _names(session: Session, draft_id: int) -> dict[int, str]:
    query = (
        select(PersonTable.id, PersonTable.name)
        .join(_RevisionTable, _RevisionTable.person_id == PersonTable.id)
        .where(_RevisionTable.draft_id == draft_id)
        .distinct()
    )
    return dict(session.execute(query).all())


def _accepted(text: str, what: str, longest: int, shortest: int = 1) -> str:
    if len(text) < shortest or not storable(text, longest):
        raise _not_accepted(what, longest, text)
    return text


def _not_accepted(what: str, longest: int, found: str) -> Malformed:
    return Malformed(
        f"{what}_malformed",
        f"expected a {what} of 1 to {longest} printable characters, found {counted(len(found), 'character')}",
        f"Write the {what} anew.",
    )


def _end(row: _DraftTable) -> DraftEnd | None:
    return DraftEnd(row.closed_as) if row.closed_as else None


def _subject(draft_id: int) -> str:
    return f"draft {draft_id}"


def _sha256(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest()


def _not_there(draft_id: int) -> NotThere:
    return NotThere("draft_unknown", f"there is no draft {draft_id}", "Choose one from the list of drafts.")
