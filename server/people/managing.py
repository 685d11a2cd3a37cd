"""What admins do with the accounts of others, and what nobody may (decision 0028).

Every refusal is written into the audit chain, too. The command line on the server works with the functions below this
module, which hold none of these rules: whoever has the server itself has everything (docs/threat-model.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from server.errors import InConflict, NotAllowed, RequestRefused
from server.evidence import audit
from server.people.first_passwords import FirstPassword, new_first_password
from server.people.people import (
    Person,
    Role,
    accepted_name,
    accepted_roles,
    add_person,
    admins,
    as_person,
    find_person,
    set_roles,
    stored_person,
)
from server.people.sign_ins import give_first_password, sign_out_everywhere, switch_person
from server.storage.database import Database
from server.texts import storable

T = TypeVar("T")
_SUBJECT_MAX_LENGTH = 64


@dataclass(frozen=True)
class HandedOver:
    """An account and the first password that its owner has to be told; it can be shown this once."""

    person: Person
    first_password: FirstPassword


def make_person(
    database: Database, admin: Person, name: str, roles: Iterable[Role], now: datetime
) -> HandedOver:
    """Make an account with a first password.

    Raises `Malformed` for a name or a set of roles that cannot be taken, `InConflict` for a name that is taken.
    """
    first = new_first_password(now)

    def act(session: Session) -> Person:
        accepted, wanted = accepted_name(name), accepted_roles(roles)
        if find_person(session, accepted) is not None:
            raise InConflict(
                "name_taken",
                f"the name {accepted} is taken, and no name is given twice",
                "Take another name, or change that account.",
            )
        return add_person(session, accepted, first.hash, wanted, first.until, admin.name, now)

    return HandedOver(_done(database, admin, "make", name, act, now), first)


def change_roles(
    database: Database, admin: Person, name: str, roles: Iterable[Role], now: datetime
) -> Person:
    """Give an account these roles and no others.

    Raises `NotThere`, `Malformed` for no role, `NotAllowed` where admins give roles to themselves, `InConflict` where
    nobody would be an admin any more.
    """
    wanted = frozenset(roles)

    def act(session: Session) -> Person:
        before = as_person(stored_person(session, name))
        if before.person_id == admin.person_id and wanted - before.roles:
            raise NotAllowed(
                "roles_of_oneself",
                f"nobody gives roles to themselves, and {before.name} is you",
                "Ask another admin.",
            )
        if Role.ADMIN not in wanted:
            _refuse_last_admin(session, before)
        return set_roles(session, name, wanted, admin.name, now)

    return _done(database, admin, "roles", name, act, now)


def renew_password(database: Database, admin: Person, name: str, now: datetime) -> HandedOver:
    """Replace somebody's password by a first one; every sign-in and token of theirs ends.

    Raises `NotThere`, and `NotAllowed` for one's own: who found a browser signed in must not lock its owner out.
    """
    first = new_first_password(now)

    def act(session: Session) -> Person:
        if stored_person(session, name).id == admin.person_id:
            raise NotAllowed(
                "password_of_oneself",
                "one's own password is changed by whoever knows the present one",
                "Change it on the page Account.",
            )
        return give_first_password(session, name, first, admin.name, now)

    return HandedOver(_done(database, admin, "first password", name, act, now), first)


def switch(database: Database, admin: Person, name: str, on: bool, now: datetime) -> Person:
    """Switch an account off or on; off, every sign-in and token of it has ended for good.

    Raises `NotThere`, and `InConflict` where nobody would be an admin any more.
    """

    def act(session: Session) -> Person:
        if not on:
            _refuse_last_admin(session, as_person(stored_person(session, name)))
        return switch_person(session, name, on, admin.name, now)

    return _done(database, admin, "switch on" if on else "switch off", name, act, now)


def sign_out(database: Database, admin: Person, name: str, now: datetime) -> int:
    """End every sign-in of an account and return how many there were; its tokens stay good. Raises `NotThere`."""
    return _done(
        database,
        admin,
        "sign out everywhere",
        name,
        lambda session: sign_out_everywhere(session, name, admin.name, now),
        now,
    )


def _done(
    database: Database, admin: Person, what: str, name: str, act: Callable[[Session], T], now: datetime
) -> T:
    """Return what `act` does in one transaction; a refusal is written down in one of its own, and raised."""
    try:
        with database.writing() as session:
            _require_admin(session, admin)
            return act(session)
    except RequestRefused as refusal:
        subject = name if storable(name, _SUBJECT_MAX_LENGTH) else "a name that cannot be taken"
        detail = {"wanted": what, "reason": refusal.code}
        with database.writing() as session:
            audit.record(session, admin.name, "change of a person refused", subject, detail, now)
        raise


def _require_admin(session: Session, admin: Person) -> None:
    # All admins are locked: of two who take each other's role away at once, the second is none any more when it is
    # their turn, so that one stays.
    if admin.person_id not in {one.person_id for one in admins(session, to_change=True)}:
        raise NotAllowed(
            "admin_no_more", "your account was an admin's, and is not any more", "Ask another admin."
        )


def _refuse_last_admin(session: Session, person: Person) -> None:
    if [one.person_id for one in admins(session)] == [person.person_id]:
        raise InConflict(
            "last_admin",
            f"{person.name} is the only admin, and without one nobody could change people here",
            "Make somebody else an admin first.",
        )
