"""People who may use the server: names, argon2 passwords, roles, and the rights that come with a role."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache

from sqlalchemy import ColumnElement, Select, String, literal, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.errors import Malformed, NotAllowed, NotThere
from server.evidence import audit
from server.people.hashing import hash_of, is_hash_of
from server.storage.database import Base, UtcTime
from server.storage.keyset import Order, RowPiece, next_rows

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
    ADMIN = "admin"


class Right(Enum):
    """One thing that pages or the API let a person do; the value completes "to …"."""

    LOOK = "look at phones, bundles and stations"
    DRAFT = "write and rehearse drafts"
    SEE_HOLDERS = "see who holds a phone"
    ENROL_STATIONS = "make enrolment codes"
    REVOKE_STATIONS = "revoke stations"
    SETTLE_ALARMS = "settle alarms"
    ANSWER_OWNERS = "answer the owners of phones"
    SET_UNITS = "say which unit a phone belongs to"
    READ_AUDIT = "read the audit chain"
    PROPOSE = "propose drafts to the approvers"
    APPROVE = "approve drafts"
    REQUEST_EXEMPTION = "ask for exemptions"
    DECIDE_EXEMPTION = "sign or refuse exemptions"
    MANAGE_PEOPLE = "manage people"
    HOLD_RINGS = "hold and release rings"
    CERTIFY_LIFT = "certify that all is restored"
    RETIRE_PHONES = "retire phones that do not come back"


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
            Right.HOLD_RINGS,
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
            Right.ANSWER_OWNERS,
            Right.SET_UNITS,
            Right.REQUEST_EXEMPTION,
        }
    ),
    # Auditors look everywhere and change nothing but what became of an alarm, or of an owner's objection.
    Role.AUDITOR: frozenset(
        {Right.LOOK, Right.SEE_HOLDERS, Right.READ_AUDIT, Right.SETTLE_ALARMS, Right.ANSWER_OWNERS}
    ),
    # Who gives rights has few: an admin neither sees holders nor writes a policy (decision 0028).
    # Nor does an admin see whom it frees of a block that a phone is retired.
    Role.ADMIN: frozenset({Right.LOOK, Right.MANAGE_PEOPLE, Right.RETIRE_PHONES}),
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
    first_password_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """Until when a password that somebody else knows is good; None where the person set it."""
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcTime)


@dataclass(frozen=True)
class Person:
    """One account, without its password."""

    person_id: int
    name: str
    roles: frozenset[Role]
    made_at: datetime
    password_changed_at: datetime
    off_since: datetime | None = None
    first_password_until: datetime | None = None
    """Until when the first password is good that an admin handed over; None: the person has one of their own."""
    last_sign_in_at: datetime | None = None

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
    name = accepted_name(name)
    wanted = accepted_roles(roles)
    password_hash = hashed_password(name, password)
    stored = session.scalar(named(name).with_for_update())
    if stored is None:
        return add_person(session, name, password_hash, wanted, None, actor, now)
    set_password_hash(stored, password_hash, None, now)
    _set_roles(session, stored, wanted, actor, now)
    return as_person(stored)


def add_person(
    session: Session,
    name: str,
    password_hash: str,
    roles: frozenset[Role],
    first_password_until: datetime | None,
    actor: str,
    now: datetime,
) -> Person:
    """Make the account `name`, which nobody has; writes the audit row."""
    stored = PersonTable(name=name, created_at=now, roles=_written(roles))
    set_password_hash(stored, password_hash, first_password_until, now)
    session.add(stored)
    session.flush()
    audit.record(session, actor, "person added", name, {"roles": stored.roles}, now)
    return as_person(stored)


def set_roles(session: Session, name: str, roles: Iterable[Role], actor: str, now: datetime) -> Person:
    """Give the account these roles and no others, and return it; writes the audit row.

    Raises `NotThere` if nobody has that name, `Malformed` for no role at all.
    """
    wanted = accepted_roles(roles)
    stored = stored_person(session, name)
    _set_roles(session, stored, wanted, actor, now)
    return as_person(stored)


def _set_roles(
    session: Session, stored: PersonTable, roles: frozenset[Role], actor: str, now: datetime
) -> None:
    before, stored.roles = stored.roles, _written(roles)
    session.flush()
    detail = {"roles": stored.roles} | ({} if before == stored.roles else {"roles_before": before})
    audit.record(session, actor, "person changed", stored.name, detail, now)


def set_password_hash(
    stored: PersonTable, password_hash: str, first_password_until: datetime | None, now: datetime
) -> None:
    """Replace a password; `off_since` stays as it is: a new password does not switch an account on."""
    stored.password_hash, stored.password_changed_at = password_hash, now
    stored.first_password_until = first_password_until


def accepted_roles(roles: Iterable[Role]) -> frozenset[Role]:
    """Return the roles as a set; raises `Malformed` for none."""
    wanted = frozenset(roles)
    if not wanted:
        raise Malformed(
            "role_missing", "a person needs a role", f"name one of: {', '.join(r.value for r in Role)}"
        )
    return wanted


@dataclass(frozen=True)
class WantedPeople:
    """Which accounts are asked for; None: whichever."""

    search: str = ""
    """A piece of the name."""
    role: Role | None = None
    on: bool | None = None


PEOPLE_BY_NAME = Order((PersonTable.name,))
PEOPLE_NEWEST = Order((PersonTable.created_at, PersonTable.id), descending=True)
"""In which orders accounts can be listed."""


def list_people(
    session: Session, wanted: WantedPeople, order: Order, after: str, limit: int
) -> RowPiece[Person]:
    """Return a piece of the accounts; raises `NoSuchPlace` for an `after` that nobody gave."""
    query = select(PersonTable)
    if wanted.search:
        query = query.where(PersonTable.name.contains(wanted.search.strip().casefold(), autoescape=True))
    if wanted.role is not None:
        query = query.where(_has(wanted.role))
    if wanted.on is not None:
        query = query.where(PersonTable.off_since.is_(None) == wanted.on)
    found = next_rows(session, query, order, after, limit)
    return RowPiece([as_person(row) for row in found.rows], found.next)


def admins(session: Session, *, to_change: bool = False) -> Sequence[Person]:
    """Return the admins whose accounts are on; `to_change` locks them until the transaction ends."""
    query = (
        select(PersonTable)
        .where(_has(Role.ADMIN), PersonTable.off_since.is_(None))
        # In one order: two who change people at once must not wait for each other.
        .order_by(PersonTable.id)
    )
    return [as_person(row) for row in session.scalars(query.with_for_update() if to_change else query)]


def _has(role: Role) -> ColumnElement[bool]:
    # Between blanks, so that no role is found in another one's name.
    return (literal(" ") + PersonTable.roles + " ").contains(f" {role.value} ")


def rights_without_anybody(session: Session) -> tuple[Right, ...]:
    """Return the rights that no account which is switched on has."""
    stored = session.scalars(select(PersonTable).where(PersonTable.off_since.is_(None)))
    people = [as_person(row) for row in stored]
    return tuple(right for right in Right if not any(person.may(right) for person in people))


def whom_to_ask(session: Session, right: Right) -> str:
    """Return the next step of somebody who lacks `right`."""
    step = f"Ask a colleague with the role {' or '.join(role.value for role in roles_with(right))}."
    if right not in rights_without_anybody(session):
        return step
    return (
        f"{step} On this server nobody has it yet, so whoever runs it has to give it:"
        " curfew-server --config SERVER.env person NAME --role ROLE"
    )


def nobody_called(name: str) -> NotThere:
    """Return the refusal of a name that no account has."""
    return NotThere(
        "person_unknown",
        f"nobody is called {name[:80]!r}",
        "make the account: curfew-server --config SERVER.env person NAME --role ROLE",
    )


def find_person(session: Session, name: str) -> Person | None:
    """Return the account of that name (capitals do not matter), if there is one."""
    stored = session.scalar(named(name))
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


def stored_person(session: Session, name: str) -> PersonTable:
    """Return the row of that name, locked to be changed; raises `NotThere`."""
    stored = session.scalar(named(name).with_for_update())
    if stored is None:
        raise nobody_called(name)
    return stored


def named(name: str) -> Select[PersonTable]:
    """Return the query for the account of that name; capitals do not matter."""
    # What a database cannot hold is nobody's name, and no statement is asked about it.
    return select(PersonTable).where(PersonTable.name == name.strip().casefold().replace("\0", " "))


def as_person(stored: PersonTable) -> Person:
    """Return a row as the value the rest of the server works with."""
    roles = frozenset(Role(value) for value in stored.roles.split())
    return Person(
        stored.id,
        stored.name,
        roles,
        stored.created_at,
        stored.password_changed_at,
        stored.off_since,
        stored.first_password_until,
        stored.last_sign_in_at,
    )


def _written(roles: frozenset[Role]) -> str:
    return " ".join(sorted(role.value for role in roles))


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


def accepted_name(name: str) -> str:
    """Return the name as it is stored; raises `Malformed` for one that could pass for another."""
    folded = name.strip().casefold()
    if not _NAME.fullmatch(folded):
        raise Malformed(
            "name_malformed",
            f"expected a name of letters, digits and . _ @ - (at most 64), found {name[:80]!r}",
            "take a name like desk-1",
        )
    return folded
