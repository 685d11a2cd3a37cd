"""The audit chain: written with the change, and tampering shows."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from certs.audit_chain import AUDIT_HEAD_PAYLOAD_TYPE, AuditHead, ChainCheck, open_head, row_hash
from certs.envelope import open_envelope, sign_envelope
from certs.errors import EnvelopeRefused
from certs.keys import create_key, load_signer
from server.evidence import audit
from server.evidence.audit import HeadSigner, record, stands, verify_chain
from tests.pages.office import Office, now


def write_rows(office: Office, count: int) -> None:
    for number in range(count):
        with office.database.writing() as session:
            record(
                session, "desk-1", "station revoked", f"station {number}", {"name": f"bench {number}"}, now()
            )


def tamper(office: Office, statement: str) -> None:
    with office.database.writing() as session:
        session.execute(text(statement))


def test_an_untouched_chain_is_whole(office: Office) -> None:
    write_rows(office, 3)

    with office.database.reading() as session:
        check = verify_chain(session)

    assert check.whole
    assert check.rows == 3


def test_an_empty_chain_is_whole(office: Office) -> None:
    with office.database.reading() as session:
        assert verify_chain(session) == ChainCheck(0)


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'somebody else'",
        "action = 'nothing at all'",
        "subject = 'station 9'",
        "detail = '{}'",
        "at = '2001-01-01 00:00:00.000000'",
        f"hash = '{'0' * 64}'",
    ],
)
def test_an_altered_row_is_found(office: Office, change: str) -> None:
    write_rows(office, 4)

    tamper(office, f"update audit set {change} where number = 2")

    with office.database.reading() as session:
        check = verify_chain(session)
    assert check.broken_at == 2
    assert check.fault == "row 2 was altered after it was written"


def test_a_removed_row_is_found(office: Office) -> None:
    write_rows(office, 4)

    tamper(office, "delete from audit where number = 2")

    with office.database.reading() as session:
        assert verify_chain(session).fault == "row 2 is missing"


def test_a_removed_tail_is_found(office: Office) -> None:
    write_rows(office, 4)

    tamper(office, "delete from audit where number = 4")

    with office.database.reading() as session:
        assert verify_chain(session).fault == "the head names row 4, the last is 3"


def test_a_replaced_row_with_a_hash_of_its_own_is_found_at_the_next_row(office: Office) -> None:
    write_rows(office, 3)
    forged = row_hash(2, now().isoformat(), "x", "y", "z", "{}", stored(office, 1))

    tamper(
        office,
        "update audit set actor='x', action='y', subject='z', detail='{}',"
        f" at='{now():%Y-%m-%d %H:%M:%S}.000000', hash='{forged}' where number = 2",
    )

    with office.database.reading() as session:
        assert verify_chain(session).fault in (
            "row 3 does not follow the row before it",
            "row 2 was altered after it was written",
        )


class Interrupted(Exception):
    pass


def change_and_fail(office: Office) -> None:
    with office.database.writing() as session:
        record(session, "desk-1", "station revoked", "station", {}, now())
        raise Interrupted


def stored(office: Office, number: int) -> str:
    with office.database.reading() as session:
        return str(session.scalar(text(f"select hash from audit where number = {number}")))


def test_a_row_is_stored_with_its_change_or_not_at_all(office: Office) -> None:
    with pytest.raises(Interrupted):
        change_and_fail(office)

    with office.database.reading() as session:
        assert audit.head(session) == AuditHead()
        assert audit.newest_rows(session) == []


def test_changes_at_once_make_one_chain(office: Office) -> None:
    writers = [threading.Thread(target=write_rows, args=(office, 5)) for _ in range(4)]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    with office.database.reading() as session:
        assert verify_chain(session) == ChainCheck(20)


def test_the_signed_head_names_the_newest_row(office: Office) -> None:
    signer = HeadSigner(office.config.audit_key)
    write_rows(office, 2)

    with office.database.reading() as session:
        head = audit.head(session)
    envelope = signer.signed_head(head)

    payload = open_envelope(envelope, AUDIT_HEAD_PAYLOAD_TYPE, signer.public_key_pem)
    assert payload == f'{{"hash":"{head.hash}","kind":"curfew-audit-head","number":2}}'.encode()


def test_the_head_is_signed_again_only_when_the_chain_has_grown(office: Office) -> None:
    signer = HeadSigner(office.config.audit_key)
    write_rows(office, 1)

    with office.database.reading() as session:
        first, second = signer.signed_head(audit.head(session)), signer.signed_head(audit.head(session))
    write_rows(office, 1)
    with office.database.reading() as session:
        third = signer.signed_head(audit.head(session))

    assert first is second
    assert third != first


def test_a_head_kept_by_a_station_still_stands_after_the_chain_has_grown(office: Office) -> None:
    signer = HeadSigner(office.config.audit_key)
    write_rows(office, 2)
    with office.database.reading() as session:
        kept = signer.signed_head(audit.head(session))

    write_rows(office, 2)

    with office.database.reading() as session:
        assert stands(session, open_head(kept, signer.public_key_pem))


def test_a_history_written_anew_contradicts_the_head_a_station_kept(office: Office) -> None:
    signer = HeadSigner(office.config.audit_key)
    write_rows(office, 2)
    with office.database.reading() as session:
        kept = signer.signed_head(audit.head(session))

    tamper(office, "delete from audit")
    tamper(office, "delete from audit_head")
    with office.database.writing() as session:
        for _ in range(3):
            record(session, "intruder", "nothing happened", "here", {}, now())

    with office.database.reading() as session:
        assert verify_chain(session).whole
        assert not stands(session, open_head(kept, signer.public_key_pem))


def test_a_head_signed_by_another_key_is_refused(office: Office) -> None:
    signer = HeadSigner(office.config.audit_key)
    other = office.config.audit_key.with_name("other.pem")
    create_key(other)
    forged = sign_envelope(b'{"number":0}', AUDIT_HEAD_PAYLOAD_TYPE, load_signer(str(other)))

    with pytest.raises(EnvelopeRefused):
        open_head(forged, signer.public_key_pem)
