"""Registering phones: known by identity, never twice, holders sealed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from policy.report import Consent
from server.errors import ConfigurationRefused, InConflict
from server.fleet import holders, phones
from tests.server.authority import NOW, Authority, Bench, make_registration


def register(authority: Authority, bench: Bench, registration: phones.Registration) -> tuple[str, bool]:
    with authority.database.writing() as session:
        return phones.register_phone(
            session, registration, bench.station_id, authority.config.holder_key, NOW + timedelta(days=1)
        )


def test_a_known_identity_keeps_the_id_it_has(authority: Authority) -> None:
    bench = authority.bench()
    first = make_registration()
    register(authority, bench, first)

    phone_id, is_new = register(authority, bench, make_registration(identity=first.identity, model="Pixel 8"))

    assert (phone_id, is_new) == (first.phone_id, False)
    with authority.database.reading() as session:
        [stored] = phones.find_phones(session)
    assert stored.model == "Pixel 8"


def test_a_label_that_is_not_told_again_stays(authority: Authority) -> None:
    bench = authority.bench()
    first = make_registration(label="A-17")
    register(authority, bench, first)

    register(authority, bench, replace(first, label=""))

    with authority.database.reading() as session:
        [stored] = phones.find_phones(session)
    assert stored.label == "A-17"


def test_what_another_registration_replaces_is_named_and_of_a_new_phone_nothing(authority: Authority) -> None:
    bench, key = authority.bench(), authority.config.holder_key
    first = make_registration(label="A-17")
    with authority.database.reading() as session:
        assert phones.changed_by(session, first, key) == ()
    register(authority, bench, first)

    with authority.database.reading() as session:
        assert phones.changed_by(session, replace(first, label=""), key) == ()
        other = replace(first, label="A-18", holder="h-9", unit="DG A", consent=Consent.DECLINED)
        assert phones.changed_by(session, other, key) == ("holder", "label", "unit", "consent")


def test_a_phone_stays_in_its_unit_until_another_is_told(authority: Authority) -> None:
    bench = authority.bench()
    first = make_registration(unit="DG A")
    units = []
    for unit in ("DG A", "", "DG B"):
        register(authority, bench, replace(first, unit=unit))
        with authority.database.reading() as session:
            units += [phone.unit for phone in phones.find_phones(session)]

    assert units == ["DG A", "DG A", "DG B"]


def test_a_holder_sealed_under_a_lost_key_counts_as_replaced_and_hinders_nothing(
    authority: Authority,
) -> None:
    bench = authority.bench()
    first = make_registration()
    register(authority, bench, first)

    with authority.database.reading() as session:
        assert phones.changed_by(session, first, Fernet.generate_key().decode()) == ("holder",)


def test_the_id_of_another_phone_is_refused(authority: Authority) -> None:
    bench = authority.bench()
    first = make_registration()
    register(authority, bench, first)

    with pytest.raises(InConflict) as refused:
        register(authority, bench, make_registration(phone_id=first.phone_id))

    assert refused.value.code == "phone_id_taken"


def test_since_when_an_owner_declines_is_kept(authority: Authority) -> None:
    bench = authority.bench()
    first = make_registration()
    authority.phone(bench, identity=first.identity, phone_id=first.phone_id)

    register(authority, bench, replace(first, consent=Consent.DECLINED))

    with authority.database.reading() as session:
        [stored] = phones.find_phones(session)
    assert (stored.consent, stored.consent_since) == (Consent.DECLINED, NOW + timedelta(days=1))
    assert stored.registered_at == NOW


def test_no_holder_stands_readable_in_the_database(authority: Authority) -> None:
    bench = authority.bench()
    authority.phone(bench, holder="mailbox-canary-77")

    with authority.database.reading() as session:
        [sealed] = session.scalars(text("SELECT sealed_holder FROM phone"))

    assert b"canary" not in bytes(sealed)


def test_a_changed_holder_key_is_named(authority: Authority) -> None:
    bench = authority.bench()
    authority.phone(bench)

    with (
        authority.database.reading() as session,
        pytest.raises(ConfigurationRefused, match="CURFEW_HOLDER_KEY"),
    ):
        holders.holders_of(session, Fernet.generate_key().decode())
