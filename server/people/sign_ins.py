"""Signing in and staying signed in: counted failures, and sessions that end on the server.

Only hashes of session keys are stored: who reads the database can sign in as nobody. A new password
makes all that was begun before it worthless.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.counted import counted
from server.errors import ComeLater, InConflict, Malformed, NotSignedIn, StorageBusy
from server.evidence import audit
from server.people.first_passwords import FirstPassword
from server.people.people import (
    Person,
    PersonTable,
    as_person,
    hashed_password,
    named,
    password_matches,
    set_password_hash,
    stored_person,
)
from server.people.tokens import end_tokens
from server.storage.database import Base, Database, UtcTime

FAILURES_ALLOWED = 5
"""So many wrong passwords for one name from one place, then that place waits for that name."""

FAILURES_OF_SOURCE = 30
"""So many from one place for any names: invented names cost a hash each, too."""

FAILURES_OF_NAME = 50
"""So many for one name from anywhere, then only a browser that has signed in before is heard for it."""

GUESSES_ALLOWED = 30
"""So many codes that open nothing from one place, then that place waits."""

PAUSE = timedelta(minutes=15)
"""How long is waited after too many failures, and after which failures are forgotten."""

SIGN_IN_LENGTH = timedelta(hours=12)
"""A working day; then the password is asked again."""

# Only first attempts at once collide: at the next try there is a row to count in.
_ATTEMPTS = 3


class _FailuresTable(Base):
    """Failures per name and place, per place, and per name, known or not: all wait alike. They stand here as keyed
    hashes only, because people type passwords into the wrong field, and an address is somebody's."""

    __tablename__ = "sign_in_failures"

    name_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column()
    last_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class _SignInTable(Base):
    __tablename__ = "sign_ins"

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    ends_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


@dataclass(frozen=True)
class SignIn:
    """A person who has just signed in, and the secret session key for their cookie."""

    person: Person
    key: str


@dataclass(frozen=True)
class Source:
    """Where an attempt comes from: an address, and the name that signed in with this browser before, if one did.

    A browser that is known for a name is counted by itself: nobody can lock its owner out from elsewhere.
    """

    address: str = ""
    known_for: str = ""


def sign_in(
    database: Database, secret_key: str, name: str, password: str, now: datetime, source: Source = Source()
) -> SignIn:
    """Return the person with a new session, or raise `NotSignedIn` in words that do not tell whether the name exists.

    The attempt is counted and committed before the slow hash, so that guesses in parallel cannot outrun the count.
    """
    folded = name.strip().casefold()
    counted = _counted(secret_key, folded, source)
    _count_attempt(database, counted, now)
    with database.reading() as session:
        stored_hash = session.scalar(select(PersonTable.password_hash).where(PersonTable.name == folded))
    # Also for a name that does not exist, in the same time: else the time would tell which names do.
    if not _compared(database, counted, stored_hash, password):
        raise NotSignedIn(
            "wrong_name_or_password", "Name and password do not match.", "Check both and try again."
        )
    with database.writing() as session:
        _forgive(session, counted)
        # Read anew and locked: it may have been switched off while the password was compared.
        stored = session.scalars(named(folded).with_for_update()).one()
        # Both told only to who knows the password: to others the account does not exist.
        if stored.off_since is not None:
            raise NotSignedIn("account_off", "This account is switched off.", "Ask an admin to switch it on.")
        if stored.first_password_until is not None and stored.first_password_until <= now:
            raise NotSignedIn(
                "first_password_over",
                f"This first password was good until {stored.first_password_until:%d %B %Y %H:%M} UTC.",
                "Ask an admin for another one.",
            )
        stored.last_sign_in_at = now
        person = as_person(stored)
        audit.record(session, person.name, "signed in", person.name, {}, now)
        return SignIn(person, _begin(session, person, now))


def signed_in_person(session: Session, key: str, now: datetime) -> Person | None:
    """Return the person whose session `key` is, if it has not ended."""
    # >= since a new password and the session that goes on under it are of one moment (`change_password`).
    stored = session.scalar(
        select(PersonTable)
        .join(_SignInTable, _SignInTable.person_id == PersonTable.id)
        .where(
            _SignInTable.key_hash == _hashed(key),
            _SignInTable.ends_at > now,
            _SignInTable.started_at >= PersonTable.password_changed_at,
            PersonTable.off_since.is_(None),
        )
    )
    return as_person(stored) if stored else None


def sign_out(session: Session, key: str) -> None:
    """End the session on the server: its cookie is worth nothing from now on, wherever it was copied."""
    session.execute(delete(_SignInTable).where(_SignInTable.key_hash == _hashed(key)))


def change_password(
    database: Database,
    secret_key: str,
    person: Person,
    old: str,
    new: str,
    now: datetime,
    source: Source = Source(),
) -> str:
    """Set a new password, which ends every session and token of the person, and return the key of a new session.

    Raises `Malformed` if `old` is wrong or `new` cannot be taken, `InConflict` where somebody else set another at this
    moment; then nothing has changed. A wrong `old` is counted as one at the sign-in, and refused like one.
    """
    counted = _counted(secret_key, person.name, source)
    _count_attempt(database, counted, now)
    with database.reading() as session:
        stored_hash = session.scalar(
            select(PersonTable.password_hash).where(PersonTable.id == person.person_id)
        )
    # Both hashes are made outside of a transaction: on SQLite it would keep every other writer waiting.
    if not _compared(database, counted, stored_hash, old):
        raise Malformed(
            "password_wrong", "this is not your present password", "type the password you signed in with"
        )
    # Before the new one is looked at: that it is too short is no guess at the old one.
    with database.writing() as session:
        _forgive(session, counted)
    if new == old:
        raise Malformed(
            "password_same", "the new password is the present one", "take another: the old one may be known"
        )
    new_hash = hashed_password(person.name, new)
    with database.writing() as session:
        stored = session.get_one(PersonTable, person.person_id, with_for_update=True)
        # An admin who resets a password that is known to others must not be overruled by who knew the old one.
        if stored.password_hash != stored_hash:
            raise InConflict(
                "password_changed", "somebody else has just set another password", "sign in with that one"
            )
        set_password_hash(stored, new_hash, None, now)
        end_all(session, stored.id)
        audit.record(session, person.name, "password changed", person.name, {}, now)
        return _begin(session, as_person(stored), now)


def switch_person(session: Session, name: str, on: bool, actor: str, now: datetime) -> Person:
    """Switch an account off or on and return it; every session and token ends for good when it goes off.

    Writes the audit row if that changed anything. Raises `NotThere` if nobody has that name.
    """
    stored = stored_person(session, name)
    if on is (stored.off_since is None):
        return as_person(stored)
    stored.off_since = None if on else now
    # Both when it goes off and when it comes on again: what was made before must not come back to life.
    end_all(session, stored.id)
    session.flush()
    audit.record(session, actor, f"person switched {'on' if on else 'off'}", stored.name, {}, now)
    return as_person(stored)


def sign_out_everywhere(session: Session, name: str, actor: str, now: datetime) -> int:
    """End every sign-in of a person and return how many there were; tokens stay good. Writes the audit row.

    Raises `NotThere` if nobody has that name.
    """
    stored = stored_person(session, name)
    ended = session.execute(
        delete(_SignInTable).where(_SignInTable.person_id == stored.id).returning(_SignInTable.key_hash)
    ).all()
    audit.record(session, actor, "signed out everywhere", stored.name, {"sign_ins": len(ended)}, now)
    return len(ended)


def give_first_password(
    session: Session, name: str, first: FirstPassword, actor: str, now: datetime
) -> Person:
    """Replace a person's password by one to be changed; every sign-in and token ends. Writes the audit row.

    Raises `NotThere` if nobody has that name.
    """
    stored = stored_person(session, name)
    set_password_hash(stored, first.hash, first.until, now)
    end_all(session, stored.id)
    audit.record(
        session,
        actor,
        "first password made",
        stored.name,
        {"until": f"{first.until:%Y-%m-%dT%H:%M:%SZ}"},
        now,
    )
    return as_person(stored)


def end_all(session: Session, person_id: int) -> None:
    """End every session and token of a person.

    Their times alone do not end what a clock that was ahead has made before a new password.
    """
    session.execute(delete(_SignInTable).where(_SignInTable.person_id == person_id))
    end_tokens(session, person_id)


def refuse_guessing(session: Session, secret_key: str, kind: str, address: str, now: datetime) -> None:
    """Raise `ComeLater` where too many codes of that kind that open nothing came from `address` lately."""
    stored = session.get(_FailuresTable, _guesses(secret_key, kind, address).own)
    if stored is not None and stored.failures >= GUESSES_ALLOWED and now < stored.last_at + PAUSE:
        raise ComeLater(
            "too_many_guesses",
            "Too many codes that open nothing came from here.",
            f"Try again at {stored.last_at + PAUSE:%H:%M} UTC, with the code of the newest receipt.",
        )


def count_guess(database: Database, secret_key: str, kind: str, address: str, now: datetime) -> None:
    """Count a code that opens nothing; raises `ComeLater` where it is one too many."""
    try:
        _count_attempt(database, _guesses(secret_key, kind, address), now)
    except NotSignedIn as error:
        raise ComeLater("too_many_guesses", error.message, error.next_step) from error


def _guesses(secret_key: str, kind: str, address: str) -> _Counted:
    own = hmac.digest(secret_key.encode(), "\0".join(("guess", kind, address)).encode(), "sha256").hex()
    return _Counted(own, {own: GUESSES_ALLOWED})


@dataclass(frozen=True)
class _Counted:
    """What one attempt counts against, by keyed hash, each with how many failures it may have."""

    own: str
    limits: Mapping[str, int]


def _counted(secret_key: str, folded: str, source: Source) -> _Counted:
    # The kind comes first, so that a name and place never hash like a place or a known browser.
    def keyed(*words: str) -> str:
        return hmac.digest(secret_key.encode(), "\0".join(("sign-in", *words)).encode(), "sha256").hex()

    if source.known_for == folded:
        own = keyed("known browser", folded, source.address)
        return _Counted(own, {own: FAILURES_ALLOWED})
    own = keyed("name and source", folded, source.address)
    limits = {own: FAILURES_ALLOWED, keyed("name", folded): FAILURES_OF_NAME}
    return _Counted(own, limits | {keyed("source", source.address): FAILURES_OF_SOURCE})


def _forgive(session: Session, counted: _Counted) -> None:
    """Forget what this name and place did wrong; for the others only this attempt, which was none."""
    session.execute(delete(_FailuresTable).where(_FailuresTable.name_hash == counted.own))
    _take_back(session, counted.limits.keys() - {counted.own})


def _compared(database: Database, counted: _Counted, stored_hash: str | None, password: str) -> bool:
    """Return whether the password is right; where too many are being compared, the attempt was none."""
    try:
        return password_matches(stored_hash, password)
    except ComeLater:
        with database.writing() as session:
            _take_back(session, counted.limits)
        raise


def _take_back(session: Session, hashes: Collection[str]) -> None:
    """Take one attempt off these counts, and no more: earlier failures stay counted."""
    session.execute(
        update(_FailuresTable)
        .where(_FailuresTable.name_hash.in_(hashes), _FailuresTable.failures > 0)
        .values(failures=_FailuresTable.failures - 1)
    )


def _count_attempt(database: Database, counted: _Counted, now: datetime) -> None:
    for _ in range(_ATTEMPTS):
        try:
            with database.writing() as session:
                return _count(session, counted, now)
        except IntegrityError:
            # Another first failure of this name was stored at this moment; now there is a row to count in.
            continue
    raise StorageBusy("the same account is being tried on many connections; try again in a few seconds")


def _count(session: Session, counted: _Counted, now: datetime) -> None:
    # Counted before the password is checked: many connections at once must not get a free try each.
    # What lies further ahead than a pause was counted by a clock that has been put right since.
    over = (_FailuresTable.last_at <= now - PAUSE) | (_FailuresTable.last_at > now + PAUSE)
    session.execute(delete(_FailuresTable).where(over))
    # In one order: two attempts that share a row must not wait for each other.
    for hashed in sorted(counted.limits):
        stored = session.get(_FailuresTable, hashed, with_for_update=True)
        if stored is None:
            session.add(_FailuresTable(name_hash=hashed, failures=1, last_at=now))
        elif stored.failures >= counted.limits[hashed]:
            # This undoes what the attempt has counted so far: trying earlier does not make the wait longer.
            raise _too_many(stored.last_at + PAUSE, now)
        else:
            stored.failures += 1
            stored.last_at = now


def _too_many(until: datetime, now: datetime) -> NotSignedIn:
    return NotSignedIn(
        "too_many_failures",
        f"Too many wrong passwords for this account. It can be tried again at {until:%H:%M} UTC,"
        f" in {counted(max(1, round((until - now).total_seconds() / 60)), 'minute')}.",
        "Wait until then, or use a browser in which you signed in before; trying earlier changes nothing.",
    )


def _begin(session: Session, person: Person, now: datetime) -> str:
    # Swept whenever somebody signs in, so that nothing has to run for it.
    session.execute(delete(_SignInTable).where(_SignInTable.ends_at <= now))
    key = secrets.token_urlsafe(32)
    session.add(
        _SignInTable(
            key_hash=_hashed(key),
            person_id=person.person_id,
            # Where the password was set by a clock that was ahead: this session goes on under it all the same.
            started_at=max(now, person.password_changed_at),
            ends_at=now + SIGN_IN_LENGTH,
        )
    )
    return key


def _hashed(key: str) -> str:
    # Keys have 256 random bits: a plain hash is enough, nothing can be guessed from it.
    return hashlib.sha256(key.encode()).hexdigest()
