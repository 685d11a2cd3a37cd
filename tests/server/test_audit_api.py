"""What the API tells of the audit chain: rows for whoever compares them, alarms for heads that do not fit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from certs.audit_chain import AuditHead, ChainRow, check_chain, open_head
from certs.envelope import sign_envelope
from server.api.audit import ROWS_PER_ANSWER
from server.evidence import audit
from server.evidence.alarms import Alarm, AlarmKind, Settlement, open_alarms, settle_alarm
from server.evidence.audit import HeadSigner
from server.people.people import Role
from tests.server.authority import NOW, Authority, Bench, post_reports

REASON = "the database was put back from a backup"


def record(authority: Authority, count: int, actor: str = "desk-1") -> None:
    with authority.database.writing() as session:
        for number in range(count):
            audit.record(session, actor, "changed", f"thing {number}", {"why": "Ü"}, NOW)


def change(authority: Authority, *statements: str) -> None:
    with authority.database.writing() as session:
        for statement in statements:
            session.execute(text(statement))


def signed_head(authority: Authority) -> dict[str, Any]:
    with authority.database.reading() as session:
        head: dict[str, Any] = json.loads(
            HeadSigner(authority.config.audit_key).signed_head(audit.head(session))
        )
    return head


def cut(authority: Authority, rows: int) -> None:
    """Take the newest rows away together with what the head says of them."""
    last = f"(SELECT max(number) - {rows} FROM audit)"
    change(
        authority,
        f"UPDATE audit_head SET number = {last}, hash = (SELECT hash FROM audit WHERE number = {last})",
        "DELETE FROM audit WHERE number > (SELECT number FROM audit_head)",
    )


def tell(client: FlaskClient, bench: Bench, *heads: dict[str, Any]) -> Any:
    body = json.dumps({"heads": heads}).encode()
    authorization = bench.authorization("POST", "/api/v1/audit-heads", body)
    return client.post(
        "/api/v1/audit-heads",
        data=body,
        content_type="application/json",
        headers={"Authorization": authorization},
    )


def alarms(authority: Authority) -> list[Alarm]:
    with authority.database.reading() as session:
        return list(open_alarms(session))


def test_the_rows_come_in_parts_as_they_were_hashed_with_a_signed_head(
    client: FlaskClient, small_authority: Authority
) -> None:
    record(small_authority, ROWS_PER_ANSWER)
    token = small_authority.person_token(Role.AUDITOR)
    rows: list[ChainRow] = []
    while True:
        address = f"/api/v1/audit-rows/{rows[-1].number if rows else 0}"
        told = client.get(address, headers={"Authorization": f"Bearer {token}"}).get_json()
        if not told["rows"]:
            break
        rows += [ChainRow(**row) for row in told["rows"]]

    head = open_head(json.dumps(told["head"]).encode(), told["audit_key_pem"].encode())

    check = check_chain(rows, lambda: head)
    assert check.whole
    assert check.rows > ROWS_PER_ANSWER


def test_a_number_that_no_row_can_have_is_behind_the_end(
    client: FlaskClient, small_authority: Authority
) -> None:
    token = small_authority.person_token(Role.AUDITOR)

    answer = client.get(f"/api/v1/audit-rows/1{'0' * 30}", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.get_json()["rows"]) == (200, [])


def test_only_who_may_read_the_chain_is_told_its_rows(
    client: FlaskClient, small_authority: Authority
) -> None:
    token = small_authority.person_token(Role.TECHNICIAN)

    refused = client.get("/api/v1/audit-rows/0", headers={"Authorization": f"Bearer {token}"})

    assert client.get("/api/v1/audit-rows/0").status_code == 401
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (403, "right_missing")


def test_a_missing_head_is_told_as_none(client: FlaskClient, small_authority: Authority) -> None:
    token = small_authority.person_token(Role.AUDITOR)
    change(small_authority, "DELETE FROM audit_head")

    told = client.get("/api/v1/audit-rows/0", headers={"Authorization": f"Bearer {token}"}).get_json()

    assert told["head"] is None


def test_a_head_that_stands_in_the_chain_raises_no_alarm(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    record(small_authority, 2)
    kept = signed_head(small_authority)
    record(small_authority, 2)

    answer = tell(client, bench, kept)

    assert (answer.status_code, answer.get_json()["fits"]) == (200, True)
    assert alarms(small_authority) == []


def test_a_head_that_was_cut_off_raises_one_alarm_of_the_station_however_often_it_is_told(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    record(small_authority, 3)
    kept = signed_head(small_authority)
    cut(small_authority, 2)

    assert [tell(client, bench, kept).get_json()["fits"] for _ in range(3)] == [False] * 3

    [alarm] = alarms(small_authority)
    assert (alarm.kind, alarm.station_id) == (AlarmKind.AUDIT_HEAD_UNKNOWN, bench.station_id)
    assert "row 4 with hash" in alarm.detail


def test_of_several_heads_one_that_does_not_fit_is_enough(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    record(small_authority, 1)
    first = signed_head(small_authority)
    record(small_authority, 1)
    second = signed_head(small_authority)
    cut(small_authority, 1)
    record(small_authority, 3, actor="intruder")

    assert tell(client, bench, first).get_json()["fits"] is True
    assert tell(client, bench, first, second).get_json()["fits"] is False

    [alarm] = alarms(small_authority)
    assert "row 3 with hash" in alarm.detail


@pytest.mark.parametrize("count", [0, 101])
def test_no_heads_and_more_than_a_station_shows_are_refused(
    client: FlaskClient, bench: Bench, small_authority: Authority, count: int
) -> None:
    answer = tell(client, bench, *[signed_head(small_authority)] * count)

    assert answer.status_code == 422


def test_a_head_that_was_looked_into_is_no_news_and_another_one_is(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    record(small_authority, 2)
    first = signed_head(small_authority)
    record(small_authority, 1)
    second = signed_head(small_authority)
    cut(small_authority, 2)
    tell(client, bench, first)
    with small_authority.database.writing() as session:
        settle_alarm(session, alarms(small_authority)[0].number, Settlement("auditor", NOW, REASON))

    tell(client, bench, first)
    assert alarms(small_authority) == []
    tell(client, bench, second)

    assert [alarm.kind for alarm in alarms(small_authority)] == [AlarmKind.AUDIT_HEAD_UNKNOWN]


def test_a_head_that_does_not_fit_makes_the_server_walk_its_whole_chain(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    record(small_authority, 3)
    kept = signed_head(small_authority)
    cut(small_authority, 1)
    change(small_authority, "UPDATE audit SET actor = 'nobody' WHERE number = 2")

    tell(client, bench, kept)

    found = {alarm.kind: alarm for alarm in alarms(small_authority)}
    assert found.keys() == {AlarmKind.AUDIT_HEAD_UNKNOWN, AlarmKind.AUDIT_CHAIN_BROKEN}
    assert "row 2 was altered" in found[AlarmKind.AUDIT_CHAIN_BROKEN].detail


def test_a_station_that_tells_of_a_missing_head_raises_an_alarm(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    record(small_authority, 2)
    kept = signed_head(small_authority)
    change(small_authority, "DELETE FROM audit_head")

    assert tell(client, bench, kept).get_json()["fits"] is False

    assert [alarm.kind for alarm in alarms(small_authority)] == [AlarmKind.AUDIT_HEAD_MISSING]


def test_a_missing_head_is_an_alarm_at_the_next_change_which_goes_on_behind_the_last_row(
    small_authority: Authority,
) -> None:
    record(small_authority, 2)
    change(small_authority, "DELETE FROM audit_head")

    record(small_authority, 2)

    [alarm] = alarms(small_authority)
    assert alarm.kind is AlarmKind.AUDIT_HEAD_MISSING
    assert "made anew at row 3" in alarm.detail
    with small_authority.database.reading() as session:
        assert audit.verify_chain(session).rows == 5


def test_a_head_that_this_server_never_signed_is_refused_and_raises_nothing(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    invented = json.loads(
        sign_envelope(
            b'{"hash":"f","kind":"curfew-audit-head","number":9}',
            "application/vnd.curfew.audit-head+json",
            bench.signer,
        )
    )

    answer = tell(client, bench, invented)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "head_not_ours")
    assert alarms(small_authority) == []


def test_reports_go_on_while_the_head_is_missing(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    report = bench.report(small_authority.phone(bench))
    change(small_authority, "DELETE FROM audit_head")

    answer = post_reports(client, bench.sign(report)).get_json()

    assert answer["results"][0]["status"] == "stored"


@pytest.mark.parametrize("number", [-1, 5])
def test_a_head_of_a_row_that_is_not_there_does_not_stand(small_authority: Authority, number: int) -> None:
    with small_authority.database.reading() as session:
        assert not audit.stands(session, AuditHead(number, "0" * 64))
