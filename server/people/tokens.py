"""API tokens: each with an owner, a name, scopes and an end; shown once, and kept as a hash (decision 0028).

A token may do what its owner may at that moment and one of its scopes covers, and no more.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ForeignKey, String, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.counted import counted
from server.errors import InConflict, Malformed, NotAllowed, NotThere, RequestRefused
from server.evidence import audit
from server.people.people import Person, PersonTable, Right, as_person, find_person, nobody_called
from server.people.scopes import Scope, scopes_for
from server.storage.database import Base, Database, UtcTime
from server.storage.keyset import Order, RowPiece, next_rows
from server.texts import storable

NAME_MAX_LENGTH = 64
DAYS = 90
"""For so long a token is good unless asked otherwise."""
TOKENS_MAX = 100
"""So many that are good one person can have; a program that makes one a day would go on for ever."""
KEPT = timedelta(days=30)
"""For so long a token that has ended is still listed: whoever wonders why a program stopped finds it."""

_PREFIX = "curfew_"  # a visible mark by which scanners find a leaked token, not a secret
_ID_LENGTH = 16
_ID = re.compile(rf"[0-9a-f]{{{_ID_LENGTH}}}")


class _TokenTable(Base):
    __tablename__ = "tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    token_id: Mapped[str] = mapped_column(String(_ID_LENGTH))
    """The beginning of the hash: whoever finds a token can tell which it is, and who knows this has no token."""
    name: Mapped[str] = mapped_column(String(NAME_MAX_LENGTH))
    scopes: Mapped[str] = mapped_column(String(200))
    """Values of `Scope`, sorted, joined by spaces."""
    ends_at: Mapped[datetime] = mapped_column(UtcTime)
    last_used_on: Mapped[date | None] = mapped_column()
    """The day, UTC: it tells what nobody needs any more, and not when somebody works."""


@dataclass(frozen=True)
class Token:
    """One token without its secret."""

    token_id: str
    owner: str
    name: str
    scopes: frozenset[Scope]
    made_at: datetime
    ends_at: datetime
    last_used_on: date | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether its end has not come."""
        return now < self.ends_at


@dataclass(frozen=True)
class NewToken:
    """A token that was just made, with what is shown of it this once."""

    token: Token
    secret: str


@dataclass(frozen=True)
class Presented:
    """A token that came with a request, and its owner. That it is good is not said (`Token.is_good`)."""

    token: Token
    person: Person


@dataclass(frozen=True)
class WantedToken:
    """What a new token is to be."""

    name: str = "made on the command line"
    scopes: Collection[Scope] | None = None
    """None: all that the owner may use."""
    days: int = DAYS
    days_max: int = 365
    """The longest that this server gives (`CURFEW_TOKEN_DAYS`)."""
    by: Token | None = None
    """The token that asks for it, which can give away nothing that it has not itself."""


def issue_token(
    session: Session, owner: str, actor: str, now: datetime, wanted: WantedToken = WantedToken()
) -> NewToken:
    """Return a new API token of the person `owner`; its secret is shown this once. Writes the audit row.

    Raises `NotThere` if nobody has that name, `InConflict` if the account is switched off or has too many tokens,
    `Malformed` for a name or an end that cannot be taken or no scope, `NotAllowed` for a scope beyond the owner's roles
    or beyond the token that asks.
    """
    person = find_person(session, owner)
    if person is None:
        raise nobody_called(owner)
    if person.off_since is not None:
        raise InConflict(
            "account_off",
            f"the account {person.name} is switched off",
            f"switch it on first: curfew-server --config SERVER.env person {person.name} --on",
        )
    name, scopes = _accepted_name(wanted.name), _accepted_scopes(person, wanted)
    ends_at = _accepted_end(wanted, now)
    session.execute(delete(_TokenTable).where(_TokenTable.ends_at <= now - KEPT))
    live = select(func.count()).where(_TokenTable.person_id == person.person_id, _TokenTable.ends_at > now)
    if (session.scalar(live) or 0) >= TOKENS_MAX:
        raise InConflict(
            "too_many_tokens",
            f"{person.name} has {TOKENS_MAX} tokens that are good, and nobody can have more",
            "End those that nobody uses.",
        )
    secret = _PREFIX + secrets.token_urlsafe(32)
    hashed = _hashed(secret)
    stored = _TokenTable(
        token_hash=hashed,
        token_id=hashed[:_ID_LENGTH],
        person_id=person.person_id,
        # Where the password was set by a clock that was ahead: it is good all the same.
        made_at=max(now, person.password_changed_at),
        name=name,
        scopes=_written(scopes),
        ends_at=ends_at,
    )
    session.add(stored)
    session.flush()
    made = _as_token(stored, person.name)
    audit.record(session, actor, "token made", person.name, _told(made), now)
    return NewToken(made, secret)


def make_own_token(database: Database, person: Person, wanted: WantedToken, now: datetime) -> NewToken:
    """Make a token for oneself; a refusal is written down, and raised as by `issue_token`."""
    try:
        with database.writing() as session:
            return issue_token(session, person.name, person.name, now, wanted)
    except RequestRefused as refusal:
        _record_refusal(database, person, "make", refusal, now)
        raise


def end_token(database: Database, person: Person, token_id: str, now: datetime) -> Token:
    """End a token of one's own, or as an admin anybody's, and return it; writes the audit row.

    Raises `NotThere` for one that is not there, or is another's and one is no admin.
    """
    try:
        with database.writing() as session:
            return take_token_away(session, token_id, person, person.name, now)
    except RequestRefused as refusal:
        _record_refusal(database, person, "end", refusal, now)
        raise


def take_token_away(
    session: Session, token_id: str, person: Person | None, actor: str, now: datetime
) -> Token:
    """End a token and return it; `person` is who wants it, None whoever runs the server. Writes the audit row."""
    found = session.execute(
        select(_TokenTable, PersonTable.name)
        .join(PersonTable, PersonTable.id == _TokenTable.person_id)
        .where(_TokenTable.token_id == (token_id if _ID.fullmatch(token_id) else ""))
    ).first()
    # Of another's token not even that it is there is told.
    if found is None or not (
        person is None or person.may(Right.MANAGE_PEOPLE) or found[0].person_id == person.person_id
    ):
        raise NotThere(
            "token_unknown",
            "no token of yours has that id",
            "Look at the list of tokens; what has ended is gone from it after a month.",
        )
    ended = _as_token(found[0], found[1])
    session.delete(found[0])
    session.flush()
    audit.record(session, actor, "token ended", ended.owner, _told(ended), now)
    return ended


def presented(session: Session, secret: str) -> Presented | None:
    """Return the token whose secret this is, with its owner, good or over; None for anything else."""
    found = session.execute(
        select(_TokenTable, PersonTable)
        .join(PersonTable, PersonTable.id == _TokenTable.person_id)
        .where(
            _TokenTable.token_hash == _hashed(secret),
            _TokenTable.made_at >= PersonTable.password_changed_at,
            PersonTable.off_since.is_(None),
        )
    ).first()
    if found is None:
        return None
    person = as_person(found[1])
    return Presented(_as_token(found[0], person.name), person)


def token_person(session: Session, secret: str, now: datetime) -> Person | None:
    """Return the person whose API token this is, if it is good."""
    found = presented(session, secret)
    return found.person if found and found.token.is_good(now) else None


def mark_used(session: Session, token_id: str, day: date) -> None:
    """Keep that a token was used on that day."""
    session.execute(update(_TokenTable).where(_TokenTable.token_id == token_id).values(last_used_on=day))


@dataclass(frozen=True)
class WantedTokens:
    """Which tokens are asked for; None: whichever."""

    owner: str | None = None
    good_at: datetime | None = None
    """Only those whose end has not come at this time."""


TOKENS_BY_END = Order((_TokenTable.ends_at, _TokenTable.token_id))
TOKENS_NEWEST = Order((_TokenTable.made_at, _TokenTable.token_id), descending=True)
"""In which orders tokens can be listed."""


def list_tokens(
    session: Session, wanted: WantedTokens, order: Order, after: str, limit: int
) -> RowPiece[Token]:
    """Return a piece of the tokens; raises `NoSuchPlace` for an `after` that nobody gave."""
    query = select(_TokenTable)
    if wanted.owner is not None:
        owner = find_person(session, wanted.owner)
        query = query.where(_TokenTable.person_id == (owner.person_id if owner else -1))
    if wanted.good_at is not None:
        query = query.where(_TokenTable.ends_at > wanted.good_at)
    found = next_rows(session, query, order, after, limit)
    owners = select(PersonTable).where(PersonTable.id.in_({row.person_id for row in found.rows}))
    names = {owner.id: owner.name for owner in session.scalars(owners)}
    return RowPiece([_as_token(row, names[row.person_id]) for row in found.rows], found.next)


def end_tokens(session: Session, person_id: int) -> None:
    """End every token of a person."""
    session.execute(delete(_TokenTable).where(_TokenTable.person_id == person_id))


def _accepted_name(name: str) -> str:
    name = name.strip()
    if not name or not storable(name, NAME_MAX_LENGTH):
        raise Malformed(
            "token_name_malformed",
            f"expected what the token is for, in 1 to {NAME_MAX_LENGTH} characters on one line",
            "Name the program or the machine that will use it.",
        )
    return name


def _accepted_scopes(person: Person, wanted: WantedToken) -> Sequence[Scope]:
    may = scopes_for(person)
    scopes = may if wanted.scopes is None else [scope for scope in Scope if scope in wanted.scopes]
    if not scopes:
        raise Malformed(
            "scopes_missing",
            "a token needs a scope",
            f"Name one of: {', '.join(scope.value for scope in may) or 'none, without a role'}.",
        )
    beyond = [scope.value for scope in scopes if scope not in may]
    if beyond:
        raise NotAllowed(
            "scope_beyond_roles",
            f"the roles of {person.name} do not carry the scope {', '.join(beyond)}",
            f"Choose among: {', '.join(scope.value for scope in may)}.",
        )
    beyond = [scope.value for scope in scopes if wanted.by and scope not in wanted.by.scopes]
    if beyond:
        raise NotAllowed(
            "scope_beyond_token",
            f"the token that asks has not the scope {', '.join(beyond)} itself",
            "Make this one on the page Tokens.",
        )
    return scopes


def _accepted_end(wanted: WantedToken, now: datetime) -> datetime:
    if not 1 <= wanted.days <= wanted.days_max:
        raise Malformed(
            "days_malformed",
            f"expected an end in 1 to {counted(wanted.days_max, 'day')}, found {wanted.days}",
            "Make another token before it ends; tokens without an end are forgotten.",
        )
    ends_at = now + timedelta(days=wanted.days)
    if wanted.by and ends_at > wanted.by.ends_at:
        raise NotAllowed(
            "end_beyond_token",
            f"the token that asks ends before that, at {wanted.by.ends_at:%Y-%m-%d %H:%M} UTC",
            "Ask for fewer days, or make this one on the page Tokens.",
        )
    return ends_at


def _record_refusal(
    database: Database, person: Person, what: str, refusal: RequestRefused, now: datetime
) -> None:
    with database.writing() as session:
        detail = {"wanted": what, "reason": refusal.code}
        audit.record(session, person.name, "change of a token refused", person.name, detail, now)


def _told(token: Token) -> dict[str, str]:
    return {
        "token": token.token_id,
        "name": token.name,
        "scopes": _written(token.scopes),
        "ends": f"{token.ends_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def _as_token(stored: _TokenTable, owner: str) -> Token:
    return Token(
        stored.token_id,
        owner,
        stored.name,
        frozenset(Scope(value) for value in stored.scopes.split()),
        stored.made_at,
        stored.ends_at,
        stored.last_used_on,
    )


def _written(scopes: Collection[Scope]) -> str:
    return " ".join(sorted(scope.value for scope in scopes))


def _hashed(secret: str) -> str:
    # Tokens have 256 random bits: a plain hash is enough, nothing can be guessed from it.
    return hashlib.sha256(secret.encode()).hexdigest()
