"""People who may use the server: names, argon2 passwords, roles, and the rights that come with a role."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.errors import Malformed, NotAllowed, NotThere
from server.evidence import audit
from server.people.hashing import hash_of, is_hash_of
from server.storage.database import Base, UtcTime

PASSWORD_MIN_LENGTH = 12
"""Length is what makes guessing expensive (NIST SP 800-63B 5.1.1); no rules about kinds of characters."""

PASSWORD_MAX_LENGTH = 512
"""More is no password but an attempt to keep the hash function busy."""

# No capitals, no blanks, no other alphabets: two names that look alike could pass for each other.
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class Role(Enum):
    """What a person is here for; one person can have several."""

    AUTHOR = "author"
    APPROVER = "approver"
    TECHNICIAN = "technician"
    AUDITOR = "auditor"


class Right(Enum):
    """One thing that pages or the API let a person do; the value completes "to …"."""

    LOOK = "look at phones, bundles and stations"
    DRAFT = "write and rehearse drafts"
    SEE_HOLDERS = "see who holds a phone"
    ENROL_STATIONS = "make enrolment codes"
    REVOKE_STATIONS = "revoke stations"
    SETTLE_ALARMS = "settle alarms"
    SET_UNITS = "say which unit a phone belongs to"
    READ_AUDIT = "read the audit chain"
    PROPOSE = "propose drafts to the approvers"
    APPROVE = "approve drafts"
    REQUEST_EXEMPTION = "ask for exemptions"
    DECIDE_EXEMPTION = "sign or refuse exemptions"
    CERTIFY_LIFT = "certify that all is restored"


RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.AUTHOR: frozenset({Right.LOOK, Right.DRAFT, Right.PROPOSE}),
    # A lost station must be stopped by whoever is at hand: the technician, or who answers for the policy.
    Role.APPROVER: frozenset(
        {
            Right.LOOK,
            Right.DRAFT,
            Right.REVOKE_STATIONS,
            Right.PROPOSE,
            Right.APPROVE,
            Right.DECIDE_EXEMPTION,
            Right.CERTIFY_LIFT,
        }
    ),
    Role.TECHNICIAN: frozenset(
        {
            Right.LOOK,
            Right.SEE_HOLDERS,
            Right.ENROL_STATIONS,
            Right.REVOKE_STATIONS,
            Right.SETTLE_ALARMS,
            Right.SET_UNITS,
            Right.REQUEST_EXEMPTION,
        }
    ),
    # Auditors look everywhere and change nothing but what became of an alarm.
    Role.AUDITOR: frozenset({Right.LOOK, Right.SEE_HOLDERS, Right.READ_AUDIT, Right.SETTLE_ALARMS}),
}


class PersonTable(Base):
    """Accounts; `server.people.sign_ins` refers to them."""

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    roles: Mapped[str] = mapped_column(String(100))
    """Values of `Role`, sorted, joined by spaces."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    password_changed_at: Mapped[datetime] = mapped_column(UtcTime)
    off_since: Mapped[datetime | None] = mapped_column(UtcTime)


@dataclass(frozen=True)
class Person:
    """One account, without its password."""

    person_id: int
    name: str
    roles: frozenset[Role]
    password_changed_at: datetime
    off_since: datetime | None = None

    def may(self, right: Right) -> bool:
        """Whether any of the roles carries `right`."""
        return any(right in RIGHTS[role] for role in self.roles)


def roles_with(right: Right) -> tuple[Role, ...]:
    """Return the roles that carry `right`, so that a refusal can say whom to ask."""
    return tuple(role for role in Role if right in RIGHTS[role])


def put_person(
    session: Session, name: str, password: str, roles: Iterable[Role], actor: str, now: datetime
) -> Person:
    """Make the account `name`, or give it a new password and these roles; writes the audit row.

    Raises `Malformed` for a name, a password or a set of roles that cannot be taken.
    """
    name = _accepted_name(name)
    wanted = frozenset(roles)
    if not wanted:
        raise Malformed(
            "role_missing", "a person needs a role", f"name one of: {', '.join(r.value for r in Role)}"
        )
    password_hash = hashed_password(name, password)
    stored = session.scalar(select(PersonTable).where(PersonTable.name == name))
    action = "person changed" if stored else "person added"
    roles_before = stored.roles if stored else None
    if stored is None:
        stored = PersonTable(name=name, created_at=now)
        session.add(stored)
    # `off_since` stays as it is: a new password does not switch an account on.
    stored.password_hash = password_hash
    stored.password_changed_at = now
    stored.roles = " ".join(sorted(role.value for role in wanted))
    session.flush()
    detail = {"roles": stored.roles}
    if roles_before not in (None, stored.roles):
        detail["roles_before"] = str(roles_before)
    audit.record(session, actor, action, name, detail, now)
    return as_person(stored)


def rights_without_anybody(session: Session) -> tuple[Right, ...]:
    """Return the rights that no account which is switched on has."""
    stored = session.scalars(select(PersonTable).where(PersonTable.off_since.is_(None)))
    people = [as_person(row) for row in stored]
    return tuple(right for right in Right if not any(person.may(right) for person in people))


def nobody_called(name: str) -> NotThere:
    """Return the refusal of a name that no account has."""
    return NotThere(
        "person_unknown",
        f"nobody is called {name[:80]!r}",
        "make the account: curfew-server --config SERVER.env person NAME --role ROLE",
    )


def find_person(session: Session, name: str) -> Person | None:
    """Return the account of that name (capitals do not matter), if there is one."""
    stored = session.scalar(select(PersonTable).where(PersonTable.name == name.strip().casefold()))
    return as_person(stored) if stored else None


def person_with(session: Session, name: str, right: Right) -> Person:
    """Return the account in whose name a command acts; raises `NotThere`, or `NotAllowed` without that right."""
    found = find_person(session, name)
    if found is None:
        raise nobody_called(name)
    if found.off_since is not None or not found.may(right):
        roles = " or ".join(role.value for role in roles_with(right))
        raise NotAllowed(
            "right_missing",
            f"the account {found.name} may not {right.value}, or is switched off",
            f"Name one with the role {roles}.",
        )
    return found


def as_person(stored: PersonTable) -> Person:
    """Return a row as the value the rest of the server works with."""
    roles = frozenset(Role(value) for value in stored.roles.split())
    return Person(stored.id, stored.name, roles, stored.password_changed_at, stored.off_since)


def hashed_password(name: str, password: str) -> str:
    """Return the argon2 hash to store; raises `Malformed` for a password that is too easy or too long."""
    if len(password) < PASSWORD_MIN_LENGTH:
        raise Malformed(
            "password_too_short",
            f"a password needs {PASSWORD_MIN_LENGTH} characters or more, this one has {len(password)}",
            "take three or four unrelated words",
        )
    if len(password) > PASSWORD_MAX_LENGTH:
        raise Malformed(
            "password_too_long",
            f"a password has {PASSWORD_MAX_LENGTH} characters at most",
            "take a shorter one",
        )
    if name in password.casefold():
        raise Malformed("password_holds_name", "the password contains the account's name", "take other words")
    return hash_of(password)


def password_matches(stored_hash: str | None, password: str) -> bool:
    """Return whether `password` is the one behind `stored_hash`.

    None (no such account) costs the same work and is always False, so that answers do not tell which names exist.
    """
    # Cut, so that a longer one costs no more; where its beginning matches, the line below refuses it.
    matches = is_hash_of(stored_hash or _hash_of_nobody(), password[:PASSWORD_MAX_LENGTH])
    return matches and stored_hash is not None and len(password) <= PASSWORD_MAX_LENGTH


@cache
def _hash_of_nobody() -> str:
    # A real hash, so that comparing with it takes as long as with anybody's.
    return hash_of("nobody signs in with this")


def _accepted_name(name: str) -> str:
    folded = name.strip().casefold()
    if not _NAME.fullmatch(folded):
        raise Malformed(
            "name_malformed",
            f"expected a name of letters, digits and . _ @ - (at most 64), found {name[:80]!r}",
            "take a name like desk-1",
        )
    return folded
