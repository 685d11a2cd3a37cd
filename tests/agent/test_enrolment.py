"""From a code to a station: everything fits, or nothing is stored."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_scripts.errors import (
    AgentError,
    AlreadyEnrolled,
    EnrolmentRefused,
    FileDamaged,
    ServerNotTrusted,
    ServerRefused,
    ServerUnreachable,
    StoryClockRefused,
)
from agent_scripts.server_link.enrolment import enrol
from agent_scripts.station_files.station import Station
from agent_scripts.station_files.trusted_time import TrustedClock
from certs.enrolment_code import EnrolmentCode
from certs.errors import InvalidCode
from certs.keys import load_public_key, public_key_pem
from certs.repository import create_repository, publication_files
from certs.tls import fingerprint
from certs.trust_client import TrustClient
from tests.agent.conftest import Serve
from tests.agent.small_server import Asked, SmallServer, Told, make_tls, refusal, server_now, told

LONG_AGO = datetime(2023, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return root_of(tmp_path_factory.mktemp("demo") / "trust", demo=True)


def root_of(folder: Path, *, demo: bool) -> bytes:
    create_repository(folder, LONG_AGO, demo=demo)
    return publication_files(folder)["1.root.json"]


@pytest.fixture
def organisation_key(tmp_path: Path) -> Path:
    path = tmp_path / "organisation.key"
    path.write_text("ab" * 32 + "\n")
    return path


def server_with(tls: Path, root_json: bytes, **replaced: Told) -> Callable[[Asked], Told]:
    """Answer as a server does that enrols everybody; `replaced` answers instead of authority, root or stations."""

    def answer(asked: Asked) -> Told:
        normal = {
            "/trust/authority.pem": ("authority", Told(200, (tls / "authority.pem").read_bytes())),
            "/trust/1.root.json": ("root", Told(200, root_json)),
            "/api/v1/stations": ("stations", told(201, station_id="station-7")),
        }
        name, whole = normal[asked.path]
        return replaced.get(name, whole)

    return answer


class Bench:
    """Where a technician enrols, and what is there afterwards."""

    def __init__(self, folder: Path, organisation_key: Path) -> None:
        self.folder = folder / "bench" / "station"
        self.organisation_key = organisation_key

    def enrol(self, code: str, **options: Any) -> Station:
        return enrol(self.folder, code, name="bench 7", organisation_key=self.organisation_key, **options)

    def stored(self) -> list[Path]:
        return sorted(self.folder.parent.rglob("*")) if self.folder.parent.exists() else []


@pytest.fixture
def bench(tmp_path: Path, organisation_key: Path) -> Bench:
    return Bench(tmp_path, organisation_key)


def stations_asked_for(server: SmallServer) -> list[Asked]:
    return [asked for asked in server.asked if asked.path == "/api/v1/stations"]


# --- the straight way -----------------------------------------------------------------------------------------------


def test_a_code_makes_a_station(bench: Bench, serve: Serve, tls: Path, demo_root: bytes) -> None:
    server = serve(server_with(tls, demo_root))

    station = bench.enrol(server.code(demo_root))

    assert (station.station_id, station.name, station.server_url) == ("station-7", "bench 7", server.url)
    assert station.demo
    (asked,) = stations_asked_for(server)
    key = asked.json()["public_key_pem"].encode()
    assert asked.json() == {"token": "t" * 22, "name": "bench 7", "public_key_pem": key.decode()}
    assert load_public_key(key) == load_public_key(public_key_pem(station.signer))
    assert station.reserve_counters(1) == range(1, 2)
    assert TrustedClock(station.folder).read().now >= server_now()
    trust = TrustClient(station.trust_folder, lambda *_: b"", server.url)
    assert trust.root_sha256 == EnrolmentCode.parse(server.code(demo_root)).root_sha256


def test_a_new_station_is_private_and_leaves_nothing_beside_it(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes
) -> None:
    bench.enrol(serve(server_with(tls, demo_root)).code(demo_root))

    assert [path.name for path in bench.folder.parent.iterdir()] == ["station"]
    assert [path for path in bench.stored() if path.stat().st_mode & 0o077] == []


def test_an_empty_folder_may_be_named(bench: Bench, serve: Serve, tls: Path, demo_root: bytes) -> None:
    bench.folder.mkdir(parents=True)

    assert bench.enrol(serve(server_with(tls, demo_root)).code(demo_root)).folder == bench.folder


def test_a_root_in_service_makes_no_demo_station(
    bench: Bench, serve: Serve, tls: Path, tmp_path: Path
) -> None:
    root = root_of(tmp_path / "trust", demo=False)

    assert not bench.enrol(serve(server_with(tls, root)).code(root)).demo


def test_a_code_copied_with_spaces_around_it_works(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes
) -> None:
    assert bench.enrol(f"  {serve(server_with(tls, demo_root)).code(demo_root)}\n")


def test_of_an_authority_file_only_the_compared_certificate_is_believed(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes, tmp_path: Path
) -> None:
    other = make_tls(tmp_path / "other-tls")
    both = (tls / "authority.pem").read_bytes() + (other / "authority.pem").read_bytes()
    server = serve(server_with(tls, demo_root, authority=Told(200, both)))

    station = bench.enrol(server.code(demo_root))

    assert station.authority_pem.count(b"BEGIN CERTIFICATE") == 1
    assert fingerprint(station.authority_pem) == fingerprint((tls / "authority.pem").read_bytes())


# --- mismatches: nothing is stored -----------------------------------------------------------------------------------


def left_over(bench: Bench) -> list[Path]:
    """Return all files that an enrolment left; the parent folder alone holds nothing."""
    return [path for path in bench.stored() if path != bench.folder.parent]


def test_another_authority_than_the_codes_stores_nothing_and_spends_no_token(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes
) -> None:
    server = serve(server_with(tls, demo_root))

    with pytest.raises(EnrolmentRefused, match="stand in between"):
        bench.enrol(server.code(demo_root, authority_sha256="0" * 64))

    assert (left_over(bench), stations_asked_for(server)) == ([], [])


def test_a_server_certificate_of_another_authority_stores_nothing(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes, tmp_path: Path
) -> None:
    other = (make_tls(tmp_path / "other-tls") / "authority.pem").read_bytes()
    server = serve(server_with(tls, demo_root, authority=Told(200, other)))

    with pytest.raises(ServerNotTrusted, match="not from this station's authority"):
        bench.enrol(server.code(demo_root, authority_sha256=fingerprint(other)))
    assert (left_over(bench), stations_asked_for(server)) == ([], [])


def test_another_root_than_the_codes_stores_nothing(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes
) -> None:
    server = serve(server_with(tls, demo_root))

    with pytest.raises(EnrolmentRefused, match="compare it with the admin"):
        bench.enrol(server.code(demo_root, root_sha256="0" * 64))
    assert (left_over(bench), stations_asked_for(server)) == ([], [])


def test_a_root_that_is_none_stores_nothing(bench: Bench, serve: Serve, tls: Path) -> None:
    server = serve(server_with(tls, b"{}"))

    with pytest.raises(EnrolmentRefused):
        bench.enrol(server.code(b"{}"))
    assert (left_over(bench), stations_asked_for(server)) == ([], [])


@pytest.mark.parametrize("code", ["code_unknown", "code_used", "code_expired"])
def test_a_token_the_server_refuses_stores_nothing(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes, code: str
) -> None:
    server = serve(
        server_with(tls, demo_root, stations=refusal(403, code, "no longer", "Ask for a new code"))
    )

    with pytest.raises(ServerRefused, match="no longer") as caught:
        bench.enrol(server.code(demo_root))
    assert caught.value.code == code
    assert left_over(bench) == []


def test_an_answer_lost_after_the_token_was_spent_is_not_asked_for_twice(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes
) -> None:
    server = serve(server_with(tls, demo_root, stations=Told(201, b'{"station_id":', cut=5)))

    with pytest.raises(ServerUnreachable):
        bench.enrol(server.code(demo_root))
    assert (left_over(bench), len(stations_asked_for(server))) == ([], 1)


@pytest.mark.parametrize(
    "replaced",
    [
        {"authority": Told(404)},
        {"authority": Told(200, b"no certificate")},
        {"root": Told(404)},
        {"stations": told(201)},
        {"stations": Told(201, b"<html>")},
    ],
)
def test_a_server_that_lacks_something_stores_nothing(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes, replaced: dict[str, Told]
) -> None:
    server = serve(server_with(tls, demo_root, **replaced))

    with pytest.raises(AgentError):
        bench.enrol(server.code(demo_root))
    assert left_over(bench) == []


def test_the_story_clock_is_refused_before_anything_is_spent(
    bench: Bench, serve: Serve, tls: Path, tmp_path: Path
) -> None:
    root = root_of(tmp_path / "trust", demo=False)
    server = serve(server_with(tls, root))

    with pytest.raises(StoryClockRefused):
        bench.enrol(server.code(root), story_clock=tmp_path / "story")
    assert (left_over(bench), stations_asked_for(server)) == ([], [])


def test_a_damaged_organisation_key_is_refused_before_anything_is_asked(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes
) -> None:
    server = serve(server_with(tls, demo_root))
    bench.organisation_key.write_text("not a key")

    with pytest.raises(FileDamaged, match="64 hex digits"):
        bench.enrol(server.code(demo_root))
    assert server.asked == []


def test_an_enrolled_station_is_never_overwritten(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes
) -> None:
    server = serve(server_with(tls, demo_root))
    bench.enrol(server.code(demo_root))
    key = (bench.folder / "station.key").read_bytes()

    with pytest.raises(AlreadyEnrolled, match="--station"):
        bench.enrol(server.code(demo_root))
    assert (bench.folder / "station.key").read_bytes() == key


def test_a_folder_with_other_things_in_it_is_left_alone(
    bench: Bench, serve: Serve, tls: Path, demo_root: bytes
) -> None:
    bench.folder.mkdir(parents=True)
    (bench.folder / "letter.txt").write_text("dear")

    with pytest.raises(AlreadyEnrolled, match="not an empty folder"):
        bench.enrol(serve(server_with(tls, demo_root)).code(demo_root))
    assert left_over(bench) == [bench.folder, bench.folder / "letter.txt"]


# --- the code itself --------------------------------------------------------------------------------------------------

GOOD = {
    "url": "https://curfew.example.org:8443",
    "root_sha256": "a" * 64,
    "authority_sha256": "b" * 64,
    "token": "AbC-_" * 5,
}


def line_of(fields: Any) -> str:
    return "curfew1:" + base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def test_a_good_code_is_read() -> None:
    assert EnrolmentCode.parse(line_of(GOOD)) == EnrolmentCode(**GOOD)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "curfew1:",
        "curfew2:" + line_of(GOOD).removeprefix("curfew1:"),
        line_of(GOOD).removeprefix("curfew1:"),
        line_of(GOOD)[:-20],
        line_of(GOOD).replace("curfew1:e", "curfew1: e"),
        line_of([]),
        line_of({}),
        line_of({**GOOD, "more": "x"}),
        line_of({**GOOD, "token": 5}),
        line_of({**GOOD, "token": "short"}),
        line_of({**GOOD, "token": "x" * 22 + "\n"}),
        line_of({**GOOD, "root_sha256": "A" * 64}),
        line_of({**GOOD, "authority_sha256": "b" * 63}),
        line_of({**GOOD, "url": "http://curfew.example.org"}),
        line_of({**GOOD, "url": "https://user@curfew.example.org"}),
    ],
)
def test_a_damaged_code_is_refused_with_advice(line: str) -> None:
    with pytest.raises(InvalidCode, match="copy the whole line, or ask for a new code"):
        EnrolmentCode.parse(line)
