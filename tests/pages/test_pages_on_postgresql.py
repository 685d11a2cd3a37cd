"""People, the audit chain and the pages on PostgreSQL, where several nodes write at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.audit_chain import ChainCheck
from server.errors import NotSignedIn
from server.evidence import audit
from server.people import sign_ins
from server.people.people import Role
from server.people.sign_ins import FAILURES_ALLOWED
from tests.pages.office import COMPLIANT, Office, make_office, now
from tests.server.postgresql import Postgresql


@pytest.fixture
def shared_office(postgresql: Postgresql, migrated_postgresql: str, tmp_path: Path) -> Iterator[Office]:
    url = postgresql.create_database(f"pages_{tmp_path.name[-20:]}", migrated_postgresql)
    made = make_office(tmp_path, url)
    yield made
    made.database.close()


def run_together(work: list[threading.Thread]) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()


def test_changes_at_once_make_one_chain(shared_office: Office) -> None:
    def write() -> None:
        for _ in range(5):
            with shared_office.database.writing() as session:
                audit.record(session, "test", "changed", "something", {}, now())

    run_together([threading.Thread(target=write) for _ in range(4)])

    with shared_office.database.reading() as session:
        assert audit.verify_chain(session) == ChainCheck(20)


def test_guesses_at_once_cannot_outrun_the_count(shared_office: Office) -> None:
    shared_office.person("desk-1", Role.TECHNICIAN)
    answers: list[str] = []

    def guess() -> None:
        with pytest.raises(NotSignedIn) as caught:
            sign_ins.sign_in(shared_office.database, "k" * 32, "desk-1", "wrong", now())
        answers.append(caught.value.code)

    run_together([threading.Thread(target=guess) for _ in range(FAILURES_ALLOWED + 4)])

    assert sorted(answers) == ["too_many_failures"] * 4 + ["wrong_name_or_password"] * FAILURES_ALLOWED


def test_every_page_is_shown(shared_office: Office, tmp_path: Path) -> None:
    shared_office.publish()
    shared_office.station("Bench 2", tmp_path / "station.pem")
    phone = shared_office.phone()
    shared_office.report(phone, **COMPLIANT)
    client = shared_office.client(Role.TECHNICIAN, Role.AUDITOR)

    for address in ("/", f"/phones/{phone}", "/bundles", "/stations", "/account", "/audit?verify=yes"):
        assert client.get(address, base_url="https://localhost").status_code == 200
