"""The changes of the list of blocks since a cursor: whoever puts them in place has the whole list."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from policy.document import Exemption, Fleet, Policy, Ring
from policy.names import PhoneId
from policy.probe import Probe
from policy.report import Consent
from policy.schemas import dump_fleet, dump_policy_document
from server.app import create_app
from server.errors import ChangesUnknown, InConflict
from server.fleet.block_changes import AWAY, KEPT_FOR, Cursor, forget_cursors, note_changes, read_cursor
from server.fleet.blocks import BlockCause, BlockPage, blocks, changed_blocks
from server.fleet.retiring import retire, take_back
from server.people.people import Role
from server.policies.bundles import VerifiedBundle, store_publication
from tests.server.authority import (
    NOT_ENFORCEABLE,
    NOW,
    UNREADABLE,
    VIOLATING,
    Authority,
    banning_policy,
    disabled_ledger,
)
from tests.server.statements import plans_of, selects_of
from tests.server.test_probes import PROBE

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PHONES, HOLDERS = 6, 4
KINDS: Mapping[str, Mapping[str, Any]] = {
    "compliant": {},
    "violating": VIOLATING,
    "closed": NOT_ENFORCEABLE,
    "unreadable": UNREADABLE,
    "handed_back": {"handed_back": True},
    "closed_but_handed_back": {**NOT_ENFORCEABLE, "handed_back": True, "ledger": disabled_ledger()},
}
Copy = dict[str, tuple[bool, BlockCause, datetime, str]]


class Office:
    """A fleet, its clock, and what was published for it."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        # Behind the moment at which the tests' trust was published.
        self.now = NOW + HOUR
        self.bench = authority.bench()
        self.number, self.fleet_number = 1, 0
        self.policy = banning_policy()
        self.identities = [uuid4().hex * 2 for _ in range(PHONES)]
        self.phones = [self.meet(number, Consent.AGREED, number % HOLDERS) for number in range(PHONES)]

    def check(self, number: int, kind: str, age: int = 0) -> None:
        report = self.bench.report(self.phones[number], checked_at=self.now - age * HOUR, **KINDS[kind])
        assert self.authority.accept(self.bench.sign(report), now=self.now)[0].status.is_kept

    def meet(self, number: int, consent: Consent, holder: int, probe: Probe | None = None) -> PhoneId:
        told: dict[str, Any] = {"identity": self.identities[number], "consent": consent, "probe": probe}
        told["holder"] = f"mailbox-{holder}"
        return self.authority.phone(self.bench, **told, now=self.now)

    def retire(self, number: int) -> None:
        """Let an admin retire a phone, or take that back."""
        with suppress(InConflict), self.authority.database.writing() as session:
            take_back(session, self.phones[number], "admin-1", self.now)
            return
        with suppress(InConflict), self.authority.database.writing() as session:
            retire(session, self.phones[number], "lost", "admin-1", "admin-1", self.now)

    def rule(self, lifted: bool = False, **hours: int) -> None:
        """Publish another policy, with its times so many hours from now."""
        times = {name: self.now + hours * HOUR for name, hours in hours.items()}
        self.number += 1
        self.policy = banning_policy(lifted=lifted, **times)
        self.publish(self.policy, ())

    def exempt(self, numbers: Sequence[int], hours: int) -> None:
        """Publish the policy in force with other exemptions."""
        until = self.now + hours * HOUR
        self.publish(
            self.policy, tuple(Exemption(self.phones[n], until, "travel") for n in sorted(set(numbers)))
        )

    def publish(self, policy: Policy, exemptions: tuple[Exemption, ...]) -> None:
        self.fleet_number += 1
        documents = (
            dump_policy_document(self.number, policy),
            dump_fleet(Fleet(self.fleet_number, exemptions)),
        )
        bundle = VerifiedBundle(self.number, True, ("a",), self.now + 9 * DAY, *documents)
        with self.authority.database.writing() as session:
            store_publication(session, bundle, {}, self.now)

    def wait(self, minutes: int) -> None:
        self.now += minutes * MINUTE


class MailSide:
    """A client with a copy of the list, which it brings up to date."""

    def __init__(self, office: Office, step: int = 1000) -> None:
        self.office, self.step = office, step
        self.copy: Copy = {}
        self.cursor: Cursor | None = None

    def piece(self, after: str, since: Cursor | None) -> BlockPage:
        here = self.office.authority
        with here.database.reading() as session:
            asked = (session, self.office.now, here.config.holder_key)
            if since is None:
                return blocks(*asked, after, self.step)
            return changed_blocks(*asked, since, after, self.step)

    def read(self, since: Cursor | None) -> Copy:
        told: Copy = {}
        after: str | None = ""
        first: Cursor | None = None
        while after is not None:
            page = self.piece(after, since)
            told |= {one.holder: (one.block, one.cause, one.since, one.phone_id) for one in page.blocks}
            first, after = first or page.cursor, page.next
        self.cursor = first
        return told

    def catch_up(self) -> Copy | None:
        """Ask for what changed, put it in place, and return it; None where the whole list had to be read."""
        try:
            if self.cursor is None:
                raise ChangesUnknown("nothing was read before")
            told = self.read(self.cursor)
        except ChangesUnknown:
            self.copy = self.read(None)
            return None
        self.copy |= told
        gone = [holder for holder, row in self.copy.items() if row[1] is BlockCause.NO_PHONE]
        for holder in gone:
            del self.copy[holder]
        return told


@pytest.fixture
def office(authority: Authority) -> Office:
    return Office(authority)


@pytest.fixture
def mail(office: Office) -> MailSide:
    made = MailSide(office)
    made.catch_up()
    return made


NUMBERS = st.integers(0, PHONES - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("check"),
            NUMBERS,
            st.sampled_from(list(KINDS)),
            st.sampled_from([0, 0, 0, 1, 30, 47, 49, 80]),
        ),
        st.tuples(
            *(st.just("meet"), NUMBERS, st.sampled_from(Consent), st.integers(0, HOLDERS - 1)),
            st.sampled_from([None, PROBE]),
        ),
        st.tuples(st.just("retire"), NUMBERS),
        st.tuples(st.just("exempt"), st.lists(NUMBERS, max_size=3), st.sampled_from([1, 2, 50, 100])),
        st.tuples(
            st.just("wait"), st.sampled_from([0, 1, 30, 61, 120, 47 * 60, 48 * 60, 48 * 60 + 1, 90 * 60])
        ),
        st.tuples(
            st.just("wait"), st.sampled_from([0, 1, 30, 61, 120, 47 * 60, 48 * 60, 48 * 60 + 1, 90 * 60])
        ),
        st.tuples(
            st.just("rule"),
            st.booleans(),
            st.sampled_from([-99, -1, 1, 30]),
            st.sampled_from([31, 99]),
            st.just(200),
        ),
    ),
    min_size=2,
    max_size=12,
)


def do(office: Office, step: tuple[Any, ...]) -> None:
    if step[0] == "rule":
        office.rule(step[1], deadline=step[2], review_at=step[3], ends_at=step[4])
    else:
        getattr(office, step[0])(*step[1:])


# The fixture is made once for all examples on purpose: what earlier ones did is the past of the later ones.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@example([("wait", 48 * 60 + 1), ("check", 0, "compliant", 0)], [True, True], 2)
@example(
    [("check", 1, "unreadable", 0), ("wait", 47 * 60), ("check", 1, "unreadable", 0), ("wait", 90)],
    [False],
    1,
)
@example([("exempt", [0, 1], 1), ("wait", 61), ("exempt", [], 1)], [True], 3)
@example([("meet", 0, Consent.DECLINED, 3), ("meet", 0, Consent.AGREED, 0)], [True], 1)
@example([("check", 0, "closed", 0), ("check", 0, "handed_back", 0)], [True], 1)
@example([("check", 0, "handed_back", 0), ("wait", 1), ("meet", 0, Consent.AGREED, 0, PROBE)], [True], 1)
@example([("check", 0, "compliant", 0), ("retire", 0), ("wait", 1), ("check", 0, "compliant", 0)], [True], 1)
# A phone that is its holder's only one.
@example([("check", 2, "handed_back", 0), ("wait", 30), ("check", 2, "handed_back", 0)], [True], 1)
@example(
    [
        ("check", 2, "handed_back", 0),
        ("wait", 1),
        ("meet", 2, Consent.AGREED, 2, PROBE),
        ("wait", 1),
        ("check", 2, "handed_back", 0),
    ],
    [True],
    1,
)
@given(STEPS, st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 4))
def test_a_copy_that_takes_in_the_changes_is_the_whole_list(
    office: Office, steps: list[tuple[Any, ...]], polled: list[bool], step: int
) -> None:
    mail = MailSide(office, step)
    mail.catch_up()
    for number, one in enumerate(steps):
        do(office, one)
        if polled[number % len(polled)]:
            mail.catch_up()
            assert mail.copy == MailSide(office).read(None)

    mail.catch_up()

    assert mail.copy == MailSide(office).read(None)


def test_where_nothing_moved_nobody_is_told(office: Office, mail: MailSide) -> None:
    for turn in range(3):
        for number in range(PHONES):
            office.check(number, "compliant")
        if turn == 0:
            mail.catch_up()
        office.wait(30)

    assert mail.catch_up() == {}


def test_who_falls_silent_by_the_clock_alone_is_told_and_nobody_else(office: Office, mail: MailSide) -> None:
    # Who agreed is silent no sooner than from then on.
    office.wait(6 * 60)
    for number in range(PHONES):
        office.check(number, "compliant", age=number)
    mail.catch_up()
    office.wait(43 * 60 + 1)

    told = mail.catch_up()

    assert told is not None
    assert {row[3]: row[1] for row in told.values()} == {office.phones[5]: BlockCause.SILENT}


def test_who_is_heard_of_again_is_told(office: Office, mail: MailSide) -> None:
    office.wait(49 * 60)
    mail.catch_up()
    office.check(2, "compliant")

    assert mail.catch_up() == {"mailbox-2": (False, BlockCause.COMPLIANT, office.now, office.phones[2])}


def test_who_cannot_be_read_for_too_long_is_told_by_the_clock_though_seen_just_now(
    office: Office, mail: MailSide
) -> None:
    for _ in range(2):
        for number in range(PHONES):
            office.check(number, "unreadable" if number == 3 else "compliant")
        office.wait(24 * 60)
    office.check(3, "unreadable")
    mail.catch_up()
    office.wait(1)

    told = mail.catch_up()

    assert told is not None
    assert [row[1] for row in told.values()] == [BlockCause.UNREADABLE]


def test_an_exemption_is_told_when_it_comes_and_when_it_ends_by_the_clock(
    office: Office, mail: MailSide
) -> None:
    office.check(2, "closed")
    mail.catch_up()

    office.exempt([2], hours=1)
    come = mail.catch_up()
    office.wait(60)
    ended = mail.catch_up()

    assert come is not None
    assert ended is not None
    assert come["mailbox-2"][1] is BlockCause.EXEMPT
    assert ended["mailbox-2"][:2] == (True, BlockCause.NOT_ENFORCEABLE)


def test_whose_phone_went_to_another_is_told_to_have_none(office: Office, mail: MailSide) -> None:
    office.check(2, "closed")
    mail.catch_up()
    office.wait(1)
    office.meet(2, Consent.AGREED, 0)

    told = mail.catch_up()

    assert told is not None
    assert told["mailbox-2"] == (False, BlockCause.NO_PHONE, office.now, "")
    assert told["mailbox-0"][:2] == (True, BlockCause.NOT_ENFORCEABLE)
    assert "mailbox-2" not in mail.copy


def test_a_holder_without_a_phone_is_forgotten_when_no_cursor_asks_for_it_any_more(
    office: Office, mail: MailSide
) -> None:
    office.meet(2, Consent.AGREED, 0)
    office.wait(32 * 24 * 60)
    office.meet(3, Consent.AGREED, 0)

    with office.authority.database.reading() as session:
        sealed = session.execute(
            text("SELECT count(*) FROM block_change WHERE sealed_holder IS NOT NULL")
        ).scalar()

    assert sealed == 1
    assert mail.catch_up() is None


@pytest.mark.parametrize(
    ("reason", "happens"),
    [
        ("another policy", lambda office: office.rule(deadline=-1, review_at=99, ends_at=200)),
        ("longer than 30 days", lambda office: office.wait(int(KEPT_FOR / MINUTE) + 1)),
        ("clock was put back", lambda office: office.wait(-6)),
    ],
)
def test_where_changes_cannot_be_told_the_answer_says_why(
    office: Office, mail: MailSide, reason: str, happens: Any
) -> None:
    happens(office)

    assert mail.cursor is not None
    with pytest.raises(ChangesUnknown, match=reason):
        mail.piece("", mail.cursor)


@pytest.mark.parametrize(("deadline", "ends_at"), [(1, 200), (-1, 2)])
def test_the_begin_and_the_end_of_a_measure_cannot_be_told_as_changes(
    office: Office, mail: MailSide, deadline: int, ends_at: int
) -> None:
    office.rule(deadline=deadline, review_at=ends_at, ends_at=ends_at)
    mail.catch_up()
    office.wait(121)

    assert mail.catch_up() is None


def test_a_ring_that_begins_cannot_be_told_as_changes(office: Office, mail: MailSide) -> None:
    office.policy = replace(
        office.policy, rings=(Ring(0.5, office.now + HOUR), Ring(1, office.now + 2 * HOUR))
    )
    office.publish(office.policy, ())
    mail.catch_up()
    office.wait(60)

    assert mail.catch_up() is None
    office.wait(1)
    assert mail.catch_up() == {}


def test_a_policy_that_calls_phones_silent_within_an_hour_tells_no_changes(
    office: Office, mail: MailSide
) -> None:
    office.policy = replace(office.policy, overdue_limit=AWAY)
    office.number += 1
    office.publish(office.policy, ())
    mail.catch_up()

    assert mail.catch_up() is None


def test_after_a_restore_or_a_recount_no_cursor_of_before_is_answered(office: Office, mail: MailSide) -> None:
    with office.authority.database.writing() as session:
        forget_cursors(session)

    assert mail.catch_up() is None


def test_another_nodes_clock_that_is_behind_takes_nothing_back(office: Office, mail: MailSide) -> None:
    office.check(2, "compliant")
    office.wait(48 * 60 + 1)
    mail.catch_up()
    office.wait(-2)

    assert mail.catch_up() == {}
    assert mail.copy["mailbox-2"][1] is BlockCause.SILENT


def test_what_a_node_stores_whose_clock_is_ahead_is_told_when_it_counts(
    office: Office, mail: MailSide
) -> None:
    office.wait(2)
    office.check(2, "closed")
    office.wait(-2)
    mail.catch_up()
    early = mail.copy["mailbox-2"]
    office.wait(3)

    told = mail.catch_up()

    assert early[1] is BlockCause.NOT_YET_ENFORCED
    assert told is not None
    assert told["mailbox-2"][1] is BlockCause.NOT_ENFORCEABLE


def test_what_moves_while_changes_are_read_in_pieces_is_told_the_next_time(office: Office) -> None:
    mail = MailSide(office, step=1)
    mail.catch_up()
    for number in range(HOLDERS):
        office.check(number, "violating")
    assert mail.cursor is not None
    first = mail.piece("", mail.cursor)
    [told] = first.blocks
    office.wait(1)
    office.check(int(told.holder.removeprefix("mailbox-")), "closed")

    mail.catch_up()
    mail.cursor = first.cursor
    mail.catch_up()

    assert mail.copy[told.holder][1] is BlockCause.NOT_ENFORCEABLE


def test_a_number_is_given_only_when_the_one_before_is_there_to_be_read(authority: Authority) -> None:
    database = authority.database
    begun, finished = threading.Event(), threading.Event()

    def second() -> None:
        begun.set()
        with database.writing() as session:
            note_changes(session, ["b"], NOW)
        finished.set()

    with database.writing() as session:
        note_changes(session, ["a"], NOW)
        thread = threading.Thread(target=second)
        thread.start()
        begun.wait()
        # Were the second not held, it would be done long before this.
        assert not finished.wait(0.3)
        with database.reading() as looking:
            assert numbers(looking) == []
    thread.join()

    with database.reading() as session:
        assert numbers(session) == [("a", 1), ("b", 2)]


def numbers(session: Any) -> list[tuple[str, int]]:
    found = session.execute(text("SELECT holder_tag, number FROM block_change ORDER BY number"))
    return [(row[0], row[1]) for row in found]


def test_a_report_under_way_while_the_list_is_read_is_told_the_next_time(
    office: Office, mail: MailSide
) -> None:
    here = office.authority
    with here.database.writing() as session:
        session.execute(text("UPDATE phone_state SET verdict = verdict"))
        tag = session.execute(
            text("SELECT holder_tag FROM phone WHERE phone_id = :id"), {"id": office.phones[2]}
        ).scalar()
        note_changes(session, [str(tag)], office.now)
        assert mail.catch_up() == {}

    told = mail.catch_up()

    assert told is not None
    assert list(told) == ["mailbox-2"]


@pytest.mark.about_sqlite("how it plans a query")
def test_what_the_clock_moves_is_found_along_indexes(small_authority: Authority) -> None:
    office = Office(small_authority)
    mail = MailSide(office)
    mail.catch_up()
    office.wait(60)
    engine = small_authority.database.engine

    with selects_of(engine) as asked:
        assert mail.catch_up() == {}

    # A list of values that is looked for is a table to SQLite.
    walked = [one for one in plans_of(engine, asked) if one.startswith("SCAN") and "VIRTUAL" not in one]
    # Publications and the one row of numbers are read whole; no table that grows with the fleet is.
    assert {one.split()[1] for one in walked} <= {
        "publication",
        "block_change_number",
        "CONSTANT",
        "(subquery-1)",
    }


# Over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(small_authority: Authority) -> FlaskClient:
    return create_app(small_authority.config).test_client()


def test_the_mail_side_asks_with_the_cursor_it_was_given(
    client: FlaskClient, small_authority: Authority
) -> None:
    bench = small_authority.bench()
    phone_id = small_authority.phone(bench)
    headers = {"Authorization": f"Bearer {small_authority.person_token(Role.AUDITOR)}"}
    whole = client.get("/api/v1/blocks", headers=headers)
    small_authority.accept(bench.sign(bench.report(phone_id, **NOT_ENFORCEABLE)))

    told = client.get(f"/api/v1/blocks?since={whole.get_json()['cursor']}", headers=headers)
    lines = client.get(
        f"/api/v1/blocks?since={whole.headers['Curfew-Cursor']}",
        headers={**headers, "Accept": "application/x-ndjson"},
    )

    [row] = told.get_json()["blocks"]
    assert (row["holder"], row["block"], row["cause"]) == ("mailbox-1", True, "not_enforceable")
    assert lines.get_json(force=True, silent=True) or lines.text.count("\n") == 1


def test_pieces_of_a_list_tell_the_cursor_of_the_first(
    client: FlaskClient, small_authority: Authority
) -> None:
    bench = small_authority.bench()
    for number in range(3):
        small_authority.phone(bench, holder=f"mailbox-{number}")
    headers = {"Authorization": f"Bearer {small_authority.person_token(Role.AUDITOR)}"}

    first = client.get("/api/v1/blocks?limit=2", headers=headers).get_json()
    small_authority.phone(bench, holder="mailbox-0", consent=Consent.DECLINED)
    second = client.get(f"/api/v1/blocks?limit=2&after={first['next']}", headers=headers).get_json()

    assert second["next"] is None
    assert second["cursor"] == first["cursor"]


@pytest.mark.parametrize(
    ("query", "status"), [("since=x", 400), ("since=1.2.3", 400), ("since=1.2.3.x", 410), ("after=x", 400)]
)
def test_a_cursor_that_nobody_gave_is_refused_by_name(
    client: FlaskClient, small_authority: Authority, query: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {small_authority.person_token(Role.AUDITOR)}"}

    answer = client.get(f"/api/v1/blocks?{query}", headers=headers)

    assert answer.status_code == status
    assert (
        query.partition("=")[0] in answer.get_json()["error"]["message"] + answer.get_json()["error"]["next"]
    )


def test_a_cursor_survives_being_written() -> None:
    cursor = Cursor(NOW + timedelta(microseconds=1), 7, 3, "a1")

    assert read_cursor(cursor.written()) == cursor
