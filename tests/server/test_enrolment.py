"""Codes that enrol one station, once, in time; stations that are known by one key."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from sqlalchemy import text

from certs.envelope import public_key_pem
from certs.keys import create_key, load_signer
from certs.tls import fingerprint
from server.errors import InConflict, NotAllowed, NotThere
from server.stations import enrolment
from server.stations.stations import BY_NAME, IN_SERVICE_FIRST, list_stations, revoke_station
from server.storage.migrating import migrate
from tests.server.authority import NOW, Authority, TrustFolder, make_config


def a_key(folder: Path) -> str:
    path = folder / f"{os.urandom(8).hex()}.key"
    create_key(path)
    return public_key_pem(load_signer(str(path))).decode()


def enrol(client: FlaskClient, token: str, key: str, name: str = "bench 1") -> tuple[int, dict[str, object]]:
    answer = client.post("/api/v1/stations", json={"token": token, "name": name, "public_key_pem": key})
    return answer.status_code, answer.get_json()


def test_a_code_enrols_one_station(client: FlaskClient, small_authority: Authority, tmp_path: Path) -> None:
    status, answer = enrol(client, small_authority.code(), a_key(tmp_path))

    assert status == 201
    with small_authority.database.reading() as session:
        [row] = list_stations(session, None, BY_NAME, "", 10).rows
    assert row.station_id == answer["station_id"]


def test_a_used_code_is_refused(client: FlaskClient, small_authority: Authority, tmp_path: Path) -> None:
    token = small_authority.code()
    enrol(client, token, a_key(tmp_path))

    status, answer = enrol(client, token, a_key(tmp_path))

    assert (status, answer["error"]["code"]) == (403, "code_used")  # type: ignore[index]


def test_an_unknown_code_is_refused(client: FlaskClient, tmp_path: Path) -> None:
    status, answer = enrol(client, "A" * 22, a_key(tmp_path))

    assert (status, answer["error"]["code"]) == (403, "code_unknown")  # type: ignore[index]


def test_an_expired_code_is_refused(authority: Authority) -> None:
    token = authority.code(hours=1)

    with authority.database.writing() as session, pytest.raises(NotAllowed) as refused:
        enrolment.use_token(session, token, NOW + timedelta(hours=1))

    assert refused.value.code == "code_expired"


def test_a_refused_enrolment_does_not_use_the_code_up(
    client: FlaskClient, small_authority: Authority, tmp_path: Path
) -> None:
    token = small_authority.code()
    assert enrol(client, token, "no key at all")[0] == 400

    assert enrol(client, token, a_key(tmp_path))[0] == 201


def test_a_key_is_one_station(client: FlaskClient, small_authority: Authority, tmp_path: Path) -> None:
    key = a_key(tmp_path)
    enrol(client, small_authority.code(), key)

    status, answer = enrol(client, small_authority.code(), key)

    assert (status, answer["error"]["code"]) == (409, "key_known")  # type: ignore[index]


def test_a_key_of_another_kind_is_refused(client: FlaskClient, small_authority: Authority) -> None:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    status, answer = enrol(client, small_authority.code(), pem)

    assert (status, answer["error"]["code"]) == (400, "bad_key")  # type: ignore[index]


def test_no_token_stands_in_the_database(authority: Authority) -> None:
    token = authority.code()

    with authority.database.reading() as session:
        [stored] = session.scalars(text("SELECT token_sha256 FROM enrolment_code"))

    assert stored == hashlib.sha256(token.encode()).hexdigest()


def test_a_token_has_128_random_bits(authority: Authority) -> None:
    assert len(base64.urlsafe_b64decode(authority.code() + "==")) == 16


def test_the_code_names_address_root_and_authority(small_authority: Authority) -> None:
    with small_authority.database.writing() as session:
        code = enrolment.new_code(session, small_authority.config, "", NOW + timedelta(hours=1), NOW)

    encoded = code.line().removeprefix("curfew1:")
    fields = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    root = (small_authority.trust.path / "metadata" / "1.root.json").read_bytes()
    authority_pem = (small_authority.trust.path / "tls" / "authority.pem").read_bytes()
    assert fields == {
        "url": "https://127.0.0.1:8443",
        "root_sha256": hashlib.sha256(root).hexdigest(),
        "authority_sha256": fingerprint(authority_pem),
        "token": code.token,
    }
    assert "=" not in code.line()


def test_there_is_no_code_before_the_first_publication(
    demo_trust: TrustFolder, empty_url: str, tmp_path: Path
) -> None:
    empty = Authority(tmp_path, demo_trust, make_config(tmp_path / "server", demo_trust, empty_url))
    migrate(empty.database)

    with empty.database.writing() as session, pytest.raises(InConflict, match="no trust is published"):
        enrolment.new_code(session, empty.config, "", NOW + timedelta(hours=1), NOW)
    empty.database.close()


def test_revoking_twice_changes_nothing(authority: Authority) -> None:
    bench = authority.bench()
    with authority.database.writing() as session:
        assert revoke_station(session, bench.station_id, NOW)
        assert not revoke_station(session, bench.station_id, NOW)


def test_revoking_an_unknown_station_says_so(authority: Authority) -> None:
    with authority.database.writing() as session, pytest.raises(NotThere):
        revoke_station(session, "nowhere", NOW)


def test_stations_in_service_come_first(authority: Authority) -> None:
    lost, kept = authority.bench("a lost one"), authority.bench("b kept one")
    phone_id = authority.phone(kept)
    authority.accept(kept.sign(kept.report(phone_id, counter=9)))
    with authority.database.writing() as session:
        revoke_station(session, lost.station_id, NOW)

    with authority.database.reading() as session:
        rows = list_stations(session, None, IN_SERVICE_FIRST, "", 10).rows

    assert [row.name for row in rows] == ["b kept one", "a lost one"]
    assert (rows[0].reports, rows[0].highest_counter, rows[0].last_report_at) == (1, 9, NOW)
