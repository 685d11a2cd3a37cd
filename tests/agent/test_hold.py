"""What the server says of holding rings: kept on the station, counted by it, and forgotten in time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent_scripts.errors import ServerProtocolError
from agent_scripts.server_link.client import ServerClient
from agent_scripts.station_files.hold import ToldHold, held_ring, note_hold
from policy.document import Bundle, Ring
from tests.agent.conftest import MakeStation, Serve
from tests.agent.small_server import told
from tests.agent.test_server_client import STATUS
from tests.policy.bench import LATER, POLICY

RINGS = (Ring(0.05, LATER), Ring(0.5, LATER), Ring(1.0, LATER))
BUNDLE = Bundle(3, replace(POLICY, offline_limit=timedelta(days=2), rings=RINGS))
SECOND, THIRD = ToldHold(2), ToldHold(3)
MINUTE = timedelta(minutes=1)


def test_what_is_held_is_remembered_until_the_server_says_otherwise(tmp_path: Path) -> None:
    assert held_ring(tmp_path, BUNDLE, LATER) is None

    note_hold(tmp_path, 3, SECOND, LATER)
    assert held_ring(tmp_path, BUNDLE, LATER) == 2

    note_hold(tmp_path, 3, None, LATER)
    assert held_ring(tmp_path, BUNDLE, LATER) is None
    assert list(tmp_path.iterdir()) == []


def test_a_hold_of_another_bundle_holds_nothing(tmp_path: Path) -> None:
    note_hold(tmp_path, 2, SECOND, LATER)

    assert held_ring(tmp_path, BUNDLE, LATER) is None


def test_a_hold_that_is_not_renewed_ends_when_the_station_was_offline_for_too_long(tmp_path: Path) -> None:
    note_hold(tmp_path, 3, SECOND, LATER)

    assert held_ring(tmp_path, BUNDLE, LATER + timedelta(days=2)) == 2
    assert held_ring(tmp_path, BUNDLE, LATER + timedelta(days=2, seconds=1)) is None


def test_a_hold_that_is_told_again_counts_from_then(tmp_path: Path) -> None:
    note_hold(tmp_path, 3, SECOND, LATER)
    note_hold(tmp_path, 3, SECOND, LATER + timedelta(days=1))

    assert held_ring(tmp_path, BUNDLE, LATER + timedelta(days=3)) == 2


def test_of_answers_within_a_minute_one_is_written(tmp_path: Path) -> None:
    note_hold(tmp_path, 3, SECOND, LATER)
    written = (tmp_path / "hold.json").stat().st_ino

    note_hold(tmp_path, 3, SECOND, LATER + MINUTE / 2)
    assert (tmp_path / "hold.json").stat().st_ino == written
    note_hold(tmp_path, 3, THIRD, LATER + MINUTE / 2)
    assert held_ring(tmp_path, BUNDLE, LATER) == 3


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'{"bundle_number": 3}',
        b'{"held_from": NaN}',
        b'{"bundle_number": 3, "held_ring": 0, "told_at": "2027-03-15T11:00:00+00:00"}',
        b"\xff",
    ],
)
def test_of_a_damaged_file_everybody_is_held_until_the_server_speaks(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "hold.json").write_bytes(damage)

    assert held_ring(tmp_path, BUNDLE, LATER) == 1
    note_hold(tmp_path, 3, None, LATER)
    assert held_ring(tmp_path, BUNDLE, LATER) is None


@pytest.mark.parametrize(
    ("word", "held"),
    [
        ({}, None),
        ({"held_from": None}, None),
        ({"held_from": 0.05}, ToldHold(share=0.05)),
        ({"held_from": None, "held_ring": None}, None),
        ({"held_from": 0.05, "held_ring": 2}, SECOND),
        ({"held_from": None, "held_ring": 3}, THIRD),
    ],
)
def test_the_status_tells_what_is_held_and_of_an_older_server_nothing_is(
    make_station: MakeStation, serve: Serve, word: dict[str, Any], held: ToldHold | None
) -> None:
    station = make_station(serve(lambda _: told(**STATUS, **word)).url)

    assert ServerClient(station).status().hold == held


@pytest.mark.parametrize(("share", "ring"), [(0.0, 1), (0.05, 2), (0.25, 2), (0.5, 3)])
def test_what_an_older_server_holds_by_share_is_the_ring_that_the_share_is_in(
    tmp_path: Path, share: float, ring: int
) -> None:
    note_hold(tmp_path, 3, ToldHold(share=share), LATER)

    assert held_ring(tmp_path, BUNDLE, LATER) == ring


def test_a_hold_that_an_older_station_has_written_counts_on(tmp_path: Path) -> None:
    written = {"bundle_number": 3, "held_from": 0.05, "told_at": LATER.isoformat()}
    (tmp_path / "hold.json").write_text(json.dumps(written))

    assert held_ring(tmp_path, BUNDLE, LATER) == 2


@pytest.mark.parametrize("word", [True, "2", 0, 1.0, [2]])
def test_a_ring_that_is_none_is_refused(make_station: MakeStation, serve: Serve, word: object) -> None:
    station = make_station(serve(lambda _: told(**STATUS, held_ring=word)).url)

    with pytest.raises(ServerProtocolError, match="held_ring"):
        ServerClient(station).status()


@pytest.mark.parametrize("word", [True, "0.5", -0.1, 1.1, [0.5]])
def test_a_share_that_is_none_is_refused(make_station: MakeStation, serve: Serve, word: object) -> None:
    station = make_station(serve(lambda _: told(**STATUS, held_from=word)).url)

    with pytest.raises(ServerProtocolError, match="held_from"):
        ServerClient(station).status()
