"""The holders to block, by cause: the same as the whole list tells, whatever the moment and however it is cut."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import pytest

from policy.report import Consent
from server.app import create_app
from server.fleet.block_list import to_block
from server.fleet.blocks import BLOCKING, Block, BlockCause, blocks
from server.fleet.listing import Cursor
from server.people.people import Role
from tests.server.authority import NOT_ENFORCEABLE, NOW, UNREADABLE, VIOLATING, Authority, banning_policy

DAY = timedelta(days=1)


@pytest.fixture
def fleet(authority: Authority) -> Authority:
    """Phones of every kind, each seen at several moments, some of one holder."""
    bench = authority.bench()
    kinds = [{}, VIOLATING, NOT_ENFORCEABLE, UNREADABLE]
    reports = []
    for number in range(24):
        phone = authority.phone(bench, holder=f"mailbox-{number % 17}")
        for days, kind in ((6, kinds[number // 4 % 4]), (3, kinds[number % 4]), (1, kinds[number // 2 % 4])):
            if number % 6 or days > 2:
                reports.append(bench.report(phone, checked_at=NOW - days * DAY, **kind))
    authority.accept(*(bench.sign(report) for report in reports))
    for number in range(4):
        consent = Consent.DECLINED if number % 2 else Consent.AGREED
        authority.phone(bench, holder=f"mailbox-{number * 5}", consent=consent)
    return authority


def whole(authority: Authority, now: datetime) -> list[Block]:
    with authority.database.reading() as session:
        return list(blocks(session, now, authority.config.holder_key).blocks)


def by_pieces(authority: Authority, now: datetime, causes: Collection[BlockCause], limit: int) -> list[Block]:
    found: list[Block] = []
    after: Cursor | None = None
    while True:
        with authority.database.reading() as session:
            piece = to_block(session, now, authority.config.holder_key, causes, after, limit)
        assert len(piece.blocks) <= limit
        found += piece.blocks
        after = piece.next
        if after is None:
            return found


def in_order(found: Collection[Block]) -> list[Block]:
    return sorted(found, key=lambda one: one.holder)


@pytest.mark.parametrize("days", [0, 1, 2, 30])
def test_every_cause_has_the_holders_that_the_whole_list_names_for_it(fleet: Authority, days: int) -> None:
    now = NOW + days * DAY
    told = whole(fleet, now)
    assert any(one.block for one in told)
    for limit in (1, 3, 100):
        everyone = by_pieces(fleet, now, BLOCKING, limit)
        assert in_order(everyone) == in_order([one for one in told if one.block])
        for cause in BLOCKING:
            asked = by_pieces(fleet, now, {cause}, limit)
            assert in_order(asked) == in_order([one for one in told if one.cause is cause])


def test_nobody_is_named_before_the_deadline_and_after_the_end(fleet: Authority) -> None:
    for now in (banning_policy().deadline - timedelta(hours=1), banning_policy().ends_at):
        assert by_pieces(fleet, now, BLOCKING, 100) == []


def test_the_api_lists_the_holders_of_one_cause_in_pieces_and_whole(fleet: Authority) -> None:
    client = create_app(fleet.config).test_client()
    proof = {"Authorization": f"Bearer {fleet.person_token(Role.AUDITOR)}"}

    def ask(form: str = "application/json", **query: object) -> Any:
        asked = {"cause": "not_enforceable", **query}
        return client.get("/api/v1/blocks", query_string=asked, headers={**proof, "Accept": form})

    found, after = [], ""
    while after is not None:
        told = ask(limit=2, after=after).get_json()
        assert told["cursor"] == ""
        found += told["blocks"]
        after = told["next"]
    whole_list = [json.loads(line) for line in ask("application/x-ndjson", whole="true").text.splitlines()]

    expected = {one.holder for one in whole(fleet, NOW) if one.cause is BlockCause.NOT_ENFORCEABLE}
    assert expected
    assert {one["holder"] for one in found} == {one["holder"] for one in whole_list} == expected
    assert {one["cause"] for one in found} == {"not_enforceable"}


def test_the_api_refuses_what_no_list_of_one_cause_can_tell(fleet: Authority) -> None:
    client = create_app(fleet.config).test_client()
    proof = {"Authorization": f"Bearer {fleet.person_token(Role.AUDITOR)}"}

    def refused(query: str) -> tuple[int, str]:
        answer = client.get(f"/api/v1/blocks?{query}", headers=proof)
        return answer.status_code, answer.get_json()["error"]["code"]

    cursor = client.get("/api/v1/blocks", headers=proof).get_json()["cursor"]
    assert refused(f"cause=silent&since={cursor}") == (400, "since_with_cause")
    assert refused("cause=silent&after=nonsense") == (400, "after_malformed")
    assert refused("cause=exempt")[0] == 422
