"""What the mail side is told: every holder once, the cause, since when."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from policy.document import Bundle, Exemption, Fleet, Ring
from policy.names import PhoneId
from policy.report import Consent
from policy.verdict import Verdict
from server.app import create_app
from server.fleet import holders
from server.fleet.blocks import BLOCKING, BlockCause, blocks, cause_of
from server.fleet.phones import Phone
from server.fleet.standing import CheckFacts
from server.people.people import Role
from server.policies.bundles import bundles
from server.policies.situation import Situation
from tests.server.authority import NOT_ENFORCEABLE, NOW, UNREADABLE, VIOLATING, Authority, banning_policy

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PHONE_ID = PhoneId.random()


def phone(consent: Consent = Consent.AGREED, since: datetime = NOW - 10 * DAY) -> Phone:
    return Phone(PHONE_ID, "Google", "Pixel 7", "", False, consent, since, since)


def facts(
    verdict: Verdict = Verdict.COMPLIANT,
    enforceable: bool = True,
    effective_at: datetime = NOW,
    unchanged_since: datetime = NOW,
) -> CheckFacts:
    closed_since = unchanged_since if verdict is Verdict.VIOLATING and not enforceable else None
    return CheckFacts(
        effective_at, verdict, enforceable, 0, unchanged_since, not_enforceable_since=closed_since
    )


def in_force(now: datetime = NOW, **changes: object) -> Situation:
    return Situation(now, Bundle(1, banning_policy(**changes)))


CLOSED = facts(Verdict.VIOLATING, enforceable=False)


@pytest.mark.parametrize(
    ("found", "latest", "expected"),
    [
        (phone(), facts(), BlockCause.COMPLIANT),
        (phone(), facts(Verdict.VIOLATING), BlockCause.ENFORCED_ON_PHONE),
        (phone(), CLOSED, BlockCause.NOT_ENFORCEABLE),
        (phone(Consent.DECLINED), None, BlockCause.DECLINED),
        (phone(), facts(effective_at=NOW - 3 * DAY), BlockCause.SILENT),
        (phone(since=NOW - 3 * DAY), None, BlockCause.SILENT),
        (phone(since=NOW - DAY), None, BlockCause.WITHIN_LIMIT),
        (phone(), facts(Verdict.UNREADABLE, unchanged_since=NOW - DAY), BlockCause.WITHIN_LIMIT),
        (phone(), facts(Verdict.UNREADABLE, unchanged_since=NOW - 3 * DAY), BlockCause.UNREADABLE),
    ],
)
def test_each_cause_after_the_deadline(found: Phone, latest: CheckFacts | None, expected: BlockCause) -> None:
    cause, _ = cause_of(found, latest, in_force())

    assert cause is expected


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        (Situation(NOW), BlockCause.NOT_YET_ENFORCED),
        (in_force(deadline=NOW + DAY), BlockCause.NOT_YET_ENFORCED),
        (in_force(rings=(Ring(1, NOW + DAY),)), BlockCause.NOT_YET_ENFORCED),
        (in_force(lifted=True), BlockCause.LIFTED),
        (in_force(now=NOW + 61 * DAY), BlockCause.LIFTED),
    ],
)
def test_nobody_is_blocked_before_or_after_the_measure(situation: Situation, expected: BlockCause) -> None:
    cause, _ = cause_of(phone(), CLOSED, situation)

    assert cause is expected
    assert cause not in BLOCKING


def test_an_exempt_phone_asks_for_no_block() -> None:
    exemption = Exemption(PHONE_ID, NOW + DAY, "travel")
    situation = Situation(NOW, Bundle(1, banning_policy(), Fleet(1, (exemption,))))

    assert cause_of(phone(), CLOSED, situation)[0] is BlockCause.EXEMPT


def test_a_block_counts_from_the_start_of_enforcement() -> None:
    since_long_before = facts(Verdict.VIOLATING, False, unchanged_since=NOW - 9 * DAY)

    assert cause_of(phone(), since_long_before, in_force()) == (
        BlockCause.NOT_ENFORCEABLE,
        banning_policy().deadline,
    )


def test_a_missed_review_starts_no_new_block_and_keeps_old_ones() -> None:
    paused = in_force(now=NOW + 21 * DAY)
    new = facts(Verdict.VIOLATING, False, effective_at=paused.now, unchanged_since=NOW + 20 * DAY)
    old = facts(Verdict.VIOLATING, False, effective_at=paused.now, unchanged_since=NOW + 19 * DAY)

    assert cause_of(phone(), new, paused)[0] is BlockCause.NOT_YET_ENFORCED
    assert cause_of(phone(), old, paused)[0] is BlockCause.NOT_ENFORCEABLE


def test_every_holder_stands_on_the_list_once_and_the_worst_phone_decides(authority: Authority) -> None:
    bench = authority.bench()
    clean, closed = (authority.phone(bench, holder="mailbox-1") for _ in range(2))
    other = authority.phone(bench, holder="mailbox-2")
    authority.accept(
        bench.sign(bench.report(clean)),
        bench.sign(bench.report(closed, **NOT_ENFORCEABLE)),
        bench.sign(bench.report(other, **VIOLATING)),
    )

    with authority.database.reading() as session:
        found = blocks(session, NOW, authority.config.holder_key).blocks

    assert sorted((entry.holder, entry.block, entry.cause) for entry in found) == [
        ("mailbox-1", True, BlockCause.NOT_ENFORCEABLE),
        ("mailbox-2", False, BlockCause.ENFORCED_ON_PHONE),
    ]


def test_the_list_comes_in_pieces_that_hold_every_holder_once(authority: Authority) -> None:
    bench = authority.bench()
    for number in range(7):
        authority.phone(bench, holder=f"mailbox-{number % 5}")

    found: list[str] = []
    after: str | None = ""
    with authority.database.reading() as session:
        while after is not None:
            piece = blocks(session, NOW, authority.config.holder_key, after, limit=2)
            found += [entry.holder for entry in piece.blocks]
            after = piece.next

    assert sorted(found) == [f"mailbox-{number}" for number in range(5)]


def test_holders_of_before_there_were_tags_are_tagged_when_the_list_is_asked_for(
    authority: Authority,
) -> None:
    bench = authority.bench()
    for _ in range(2):
        authority.phone(bench, holder="mailbox-1")
    with authority.database.writing() as session:
        session.execute(text("UPDATE phone SET holder_tag = NULL"))
    token = authority.person_token(Role.AUDITOR)

    client = create_app(authority.config).test_client()
    told = client.get("/api/v1/blocks", headers={"Authorization": f"Bearer {token}"}).get_json()

    assert [entry["holder"] for entry in told["blocks"]] == ["mailbox-1"]


def test_the_tag_of_a_holder_is_another_under_another_key() -> None:
    assert holders.holder_tag("key 1", "mailbox") == holders.holder_tag("key 1", "mailbox")
    assert holders.holder_tag("key 1", "mailbox") != holders.holder_tag("key 2", "mailbox")
    assert holders.holder_tag("key 1", "mailbox") != holders.holder_tag("key 1", "mailbox 2")


def test_a_phone_that_complies_again_unblocks_its_holder(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    authority.accept(bench.sign(bench.report(phone_id, checked_at=NOW - DAY, **NOT_ENFORCEABLE)))

    authority.accept(bench.sign(bench.report(phone_id)))

    with authority.database.reading() as session:
        [entry] = blocks(session, NOW, authority.config.holder_key).blocks
    assert (entry.block, entry.since) == (False, NOW)


def test_a_check_that_could_not_look_ends_no_block(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    first = NOW + DAY
    for hours, kind in ((0, NOT_ENFORCEABLE), (1, UNREADABLE), (2, NOT_ENFORCEABLE), (3, UNREADABLE)):
        at = first + hours * HOUR
        authority.accept(bench.sign(bench.report(phone_id, checked_at=at, **kind)), now=at)

    with authority.database.reading() as session:
        [entry] = blocks(session, first + 4 * HOUR, authority.config.holder_key).blocks

    assert (entry.cause, entry.since) == (BlockCause.NOT_ENFORCEABLE, first)


def test_a_phone_that_complied_in_between_is_blocked_since_the_second_time(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    first = NOW + DAY
    for hours, kind in ((0, NOT_ENFORCEABLE), (1, {}), (2, NOT_ENFORCEABLE), (3, NOT_ENFORCEABLE)):
        at = first + hours * HOUR
        authority.accept(bench.sign(bench.report(phone_id, checked_at=at, **kind)), now=at)

    with authority.database.reading() as session:
        [entry] = blocks(session, first + 4 * HOUR, authority.config.holder_key).blocks

    assert (entry.cause, entry.since) == (BlockCause.NOT_ENFORCEABLE, first + 2 * HOUR)


def test_a_ban_put_in_force_again_blocks_from_then_on(small_authority: Authority, tmp_path: Path) -> None:
    here = small_authority
    here.trust = here.trust.copy(tmp_path / "trust")
    for number, lifted in ((2, True), (3, False)):
        here.trust.publish(number, banning_policy(lifted=lifted))
        here.publish()
    bench = here.bench()
    phone_id = here.phone(bench)
    here.accept(bench.sign(bench.report(phone_id, checked_at=NOW - 5 * HOUR, **NOT_ENFORCEABLE)))

    with here.database.reading() as session:
        [entry] = blocks(session, NOW + DAY, here.config.holder_key).blocks
        in_force_again = max(row.published_at for row in bundles(session))

    assert (entry.cause, entry.since) == (BlockCause.NOT_ENFORCEABLE, in_force_again)
