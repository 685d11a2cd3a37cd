"""Lists are read from a replica where one is named: with its age, and from the primary whenever it will not do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from policy.report import Consent
from server.app import create_app
from server.people.people import Role, put_person
from server.people.sign_ins import switch_person
from server.people.tokens import token_person
from server.storage import replica
from server.storage.migrating import migrate
from server.storage.replica import Lists
from tests.server.authority import NOW, PASSWORD, Authority, TrustFolder, make_config, post_reports
from tests.server.postgresql import Postgresql, Standby

_WITHIN_S = 20
SITE = "https://curfew.example.org"


@pytest.fixture(scope="module")
def primary() -> Iterator[Postgresql]:
    with Postgresql() as running:
        yield running


@pytest.fixture(scope="module")
def standby(primary: Postgresql) -> Iterator[Standby]:
    with Standby(primary) as running:
        yield running


@pytest.fixture
def office(
    primary: Postgresql, standby: Standby, demo_trust: TrustFolder, tmp_path: Path
) -> Iterator[Authority]:
    """A node that reads lists from the standby."""
    url = primary.create_database(f"replicated_{uuid4().hex}")
    config = make_config(tmp_path / "server", demo_trust, url, replica_url=on(standby, url))
    made = Authority(tmp_path, demo_trust, config)
    migrate(made.database)
    made.publish()
    yield made
    made.database.close()


@pytest.fixture
def client(office: Authority, standby: Standby) -> Iterator[FlaskClient]:
    follow(office, standby)
    yield create_app(office.config).test_client()
    standby.execute("SELECT pg_wal_replay_resume()")


def on(server: Postgresql, url: str) -> str:
    return make_url(url).update_query_dict({"host": str(server.folder)}).render_as_string(hide_password=False)


def follow(office: Authority, standby: Standby) -> None:
    """Wait until the standby has what the primary has now."""
    with office.database.engine.connect() as connection:
        reached = connection.exec_driver_sql("SELECT pg_current_wal_flush_lsn()").scalar()
    until(lambda: standby.ask(f"SELECT pg_last_wal_replay_lsn() >= '{reached}'::pg_lsn") == "True")


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def listed(client: FlaskClient, token: str, what: str = "phones") -> tuple[int, str | None]:
    """Return how many rows an API list has, and as of when."""
    answer = client.get(f"/api/v1/{what}", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return len(answer.get_json()[what]), answer.headers.get("Curfew-As-Of")


def page(client: FlaskClient, office: Authority) -> str:
    """Return the page of the fleet as somebody sees it who has just signed in."""
    with office.database.writing() as session:
        put_person(session, "desk", PASSWORD, [Role.AUDITOR], "test", NOW)
    shown = client.get("/sign-in", base_url=SITE).get_data(as_text=True)
    [token] = re.findall(r'name="csrf_token" value="([^"]+)"', shown)
    form = {"name": "desk", "password": PASSWORD, "csrf_token": token}
    signed_in = client.post("/sign-in", base_url=SITE, data=form, headers={"Referer": f"{SITE}/sign-in"})
    assert signed_in.status_code == 302
    return client.get("/", base_url=SITE).get_data(as_text=True)


def test_a_list_of_the_replica_says_as_of_when_and_shows_no_more_than_that(
    office: Authority, client: FlaskClient, standby: Standby
) -> None:
    token = office.person_token(Role.AUDITOR)
    bench = office.bench()
    office.phone(bench)
    follow(office, standby)
    standby.execute("SELECT pg_wal_replay_pause()")
    office.phone(bench)

    phones, as_of = listed(client, token)

    assert phones == 1
    assert as_of is not None
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(as_of) < timedelta(minutes=1)
    assert listed(client, token, "stations")[1] == as_of


def test_the_page_of_the_fleet_says_how_old_it_is(
    office: Authority, client: FlaskClient, standby: Standby
) -> None:
    standby.execute("SELECT pg_wal_replay_pause()")
    office.phone(office.bench())

    told = " ".join(page(client, office).split())

    assert re.search(r"As of <time [^>]+>[^<]+Z</time>, from a replica that is \d+ seconds? behind\.", told)
    assert "No phone is known yet" in told


def test_what_decides_is_read_from_the_primary(
    office: Authority, client: FlaskClient, standby: Standby
) -> None:
    standby.execute("SELECT pg_wal_replay_pause()")
    bench, token = office.bench(), office.person_token(Role.AUDITOR)
    envelope = bench.sign(bench.report(office.phone(bench, consent=Consent.DECLINED)))
    proof = {"Authorization": f"Bearer {token}"}

    # A person, a station and a phone that the replica has never heard of.
    assert listed(client, token)[0] == 0
    assert post_reports(client, envelope).get_json()["results"][0]["status"] == "stored"
    assert [row["block"] for row in client.get("/api/v1/blocks", headers=proof).get_json()["blocks"]] == [
        True
    ]
    with office.database.writing() as session:
        switch_person(session, person_of(session, token), False, "test", NOW)
    assert client.get("/api/v1/phones", headers=proof).status_code == 401


def person_of(session: Session, token: str) -> str:
    found = token_person(session, token, NOW)
    assert found
    return found.name


@contextmanager
def unreachable(standby: Standby) -> Iterator[None]:
    """Let nobody connect to the standby, and end whoever is."""
    socket = standby.folder / ".s.PGSQL.5432"
    standby.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'replicated%'")
    socket.rename(socket.with_suffix(".away"))
    yield
    socket.with_suffix(".away").rename(socket)


def test_a_replica_that_is_away_is_done_without_until_it_is_back(
    office: Authority, client: FlaskClient, standby: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "_AGAIN_S", 0.2)
    token = office.person_token(Role.AUDITOR)
    assert listed(client, token)[1] is not None

    with unreachable(standby):
        office.phone(office.bench())
        assert listed(client, token) == (1, None)

    until(lambda: listed(client, token)[1] is not None)


def test_a_replica_that_is_too_far_behind_is_not_read_from(
    office: Authority, client: FlaskClient, standby: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = office.person_token(Role.AUDITOR)
    follow(office, standby)
    standby.execute("SELECT pg_wal_replay_pause()")
    office.phone(office.bench())
    assert listed(client, token)[0] == 0

    monkeypatch.setattr(replica, "TOO_OLD", timedelta(0))

    assert listed(client, token) == (1, None)


def test_what_is_no_replica_is_not_read_from(office: Authority) -> None:
    lists = Lists(office.database, office.config.database_url)

    with lists.reading() as (_, seen):
        assert seen is None
    lists.close()
