"""Invented names, many at once, cost the others nothing; and nobody is locked out by somebody elsewhere."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from server.errors import ComeLater, NotSignedIn
from server.people import hashing, sign_ins
from server.people.people import Role
from server.people.sign_ins import FAILURES_ALLOWED, FAILURES_OF_NAME, FAILURES_OF_SOURCE, Source
from tests.pages.office import PASSWORD, Office, now

KEY = "k" * 32


def attempt(office: Office, name: str, password: str, source: Source) -> str:
    try:
        return sign_ins.sign_in(office.database, KEY, name, password, now(), source).person.name
    except (NotSignedIn, ComeLater) as error:
        return error.code


def test_never_more_passwords_are_hashed_at_once_than_there_are_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_work, most, lock = 0, 0, threading.Lock()
    full = threading.Event()

    class SlowHasher:
        def hash(self, password: str) -> str:
            nonlocal at_work, most
            with lock:
                at_work += 1
                most = max(most, at_work)
            full.wait(5)
            with lock:
                at_work -= 1
            return password

    monkeypatch.setattr(hashing, "_HASHER", SlowHasher())

    def one(number: int) -> str:
        try:
            return hashing.hash_of(str(number))
        except ComeLater as error:
            full.set()  # the queue is full: let those at work finish
            return error.code

    with ThreadPoolExecutor(96) as pool:
        told = Counter(pool.map(one, range(96)))

    assert most == hashing.PLACES
    assert told["too_many_at_once"] > 0


def test_many_names_at_once_are_refused_or_told_to_come_later_and_a_colleague_signs_in(
    office: Office,
) -> None:
    office.person("desk-1", Role.TECHNICIAN)

    def one(number: int) -> str:
        return attempt(office, f"invented-{number}", "wrong", Source("203.0.113.9"))

    with ThreadPoolExecutor(32) as pool:
        told = Counter(pool.map(one, range(64)))

    assert set(told) <= {"wrong_name_or_password", "too_many_at_once", "too_many_failures"}
    assert told["wrong_name_or_password"] <= FAILURES_OF_SOURCE
    assert attempt(office, "desk-1", PASSWORD, Source("198.51.100.7")) == "desk-1"


def test_wrong_passwords_from_one_place_do_not_lock_their_owner_out_elsewhere(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    for _ in range(FAILURES_ALLOWED + 1):
        last = attempt(office, "desk-1", "wrong", Source("203.0.113.9"))

    assert last == "too_many_failures"
    assert attempt(office, "desk-1", PASSWORD, Source("203.0.113.9")) == "too_many_failures"
    assert attempt(office, "desk-1", PASSWORD, Source("198.51.100.7")) == "desk-1"


def test_from_everywhere_at_once_only_a_browser_that_signed_in_before_is_still_heard(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    for number in range(FAILURES_OF_NAME):
        attempt(office, "desk-1", "wrong", Source(f"203.0.113.{number}"))

    assert attempt(office, "desk-1", PASSWORD, Source("198.51.100.7")) == "too_many_failures"
    assert (
        attempt(office, "desk-1", PASSWORD, Source("198.51.100.7", known_for="desk-2")) == "too_many_failures"
    )
    assert attempt(office, "desk-1", PASSWORD, Source("198.51.100.7", known_for="desk-1")) == "desk-1"


def test_signing_in_rightly_all_day_from_one_place_is_no_failure(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)

    told = {attempt(office, "desk-1", PASSWORD, Source("192.0.2.1")) for _ in range(FAILURES_OF_SOURCE + 2)}

    assert told == {"desk-1"}


def test_a_browser_that_signed_in_is_remembered_by_a_cookie_that_nobody_else_can_make(office: Office) -> None:
    client = office.client(Role.TECHNICIAN)
    cookie = client.get_cookie("curfew_browser", domain="localhost", path="/sign-in")

    assert cookie is not None
    assert cookie.secure
    assert cookie.http_only
    forger = office.app.test_client()
    forger.set_cookie("curfew_browser", cookie.value[:-2] + "xx", domain="localhost", path="/sign-in")
    for _ in range(FAILURES_ALLOWED):
        office.sign_in(forger, "technician", "wrong")
    assert office.sign_in(forger, "technician", PASSWORD).status_code == 429
    own = office.app.test_client()
    own.set_cookie("curfew_browser", cookie.value, domain="localhost", path="/sign-in")
    assert office.sign_in(own, "technician", PASSWORD).status_code == 302


def test_an_attempt_that_found_no_place_is_not_counted_and_earlier_ones_stay(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    here = Source("203.0.113.9")
    assert attempt(office, "desk-1", "wrong", here) == "wrong_name_or_password"
    full = hashing._Places(1, 0)
    monkeypatch.setattr(hashing, "_places", full)

    with full.one():
        told = [attempt(office, "desk-1", PASSWORD, here) for _ in range(9)]

    assert set(told) == {"too_many_at_once"}
    with office.database.reading() as session:
        assert session.scalars(text("SELECT failures FROM sign_in_failures")).all() == [1, 1, 1]
    assert attempt(office, "desk-1", PASSWORD, here) == "desk-1"
