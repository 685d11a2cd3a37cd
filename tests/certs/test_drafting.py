"""The next policy, a lift and exemptions, as an admin types them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs.cli import main
from certs.draft_rules import published_document
from certs.repository import publication_files
from certs.roles import FLEET, FLEET_TARGET
from policy.document import Fleet
from policy.ready_made import ready_made_document
from policy.schemas import load_fleet, load_policy_document
from tests.certs.test_cli import document

FIRST = "1f0c9a52-8a1e-4c57-9d0e-6f8f3f5c2b11"
SECOND = "2f0c9a52-8a1e-4c57-9d0e-6f8f3f5c2b22"
UNTIL = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%dT%H:%MZ}"


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """Trust for practice with bundle 1 published."""
    folder = tmp_path / "trust"
    assert main(["init", str(folder), "--demo"]) == 0
    publish_policy(folder, document(tmp_path / "policy.json"))
    return folder


def publish_policy(trust: Path, policy: Path) -> None:
    key = str(trust / "keys" / "approver-1.pem")
    assert main(["sign", str(trust), str(policy), "--key", key, "--yes"]) == 0
    assert main(["publish", str(trust)]) == 0


def exempt(trust: Path, *words: str) -> int:
    return main(["exempt", str(trust), *words, "--key", str(trust / "keys" / "fleet.pem"), "--yes"])


def published_fleet(trust: Path) -> Fleet:
    data = published_document(publication_files(trust), FLEET, FLEET_TARGET)
    assert data is not None
    return load_fleet(data)


def test_the_first_draft_is_the_ready_made_policy(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "trust"), "--demo"]) == 0
    assert main(["draft", str(tmp_path / "trust"), str(tmp_path / "first.json")]) == 0
    assert (tmp_path / "first.json").read_bytes() == ready_made_document()


def test_the_next_draft_says_the_same_under_the_next_number(trust: Path, tmp_path: Path) -> None:
    assert main(["draft", str(trust), str(tmp_path / "next.json")]) == 0
    before, after = (
        json.loads((tmp_path / name).read_text(encoding="utf-8")) for name in ("policy.json", "next.json")
    )
    assert after == before | {"number": 2}


def test_a_lift_is_drafted_signed_and_published(trust: Path, tmp_path: Path) -> None:
    assert main(["draft", str(trust), str(tmp_path / "lift.json"), "--lift"]) == 0
    publish_policy(trust, tmp_path / "lift.json")
    number, policy = load_policy_document((tmp_path / "lift.json").read_bytes())
    assert (number, policy.lifted) == (2, True)


def test_a_draft_overwrites_nothing(trust: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (tmp_path / "policy.json").read_bytes()
    assert main(["draft", str(trust), str(tmp_path / "policy.json")]) == 1
    assert "not overwritten" in capsys.readouterr().err
    assert (tmp_path / "policy.json").read_bytes() == before


def test_before_the_first_policy_there_is_nothing_to_lift(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "trust"), "--demo"]) == 0
    assert main(["draft", str(tmp_path / "trust"), str(tmp_path / "lift.json"), "--lift"]) == 1
    assert "nothing to lift" in capsys.readouterr().err
    assert not (tmp_path / "lift.json").exists()


def test_exemptions_are_added_replaced_and_ended(trust: Path) -> None:
    assert exempt(trust, FIRST, SECOND, "--until", UNTIL, "--reason", "field_test") == 0
    assert main(["publish", str(trust)]) == 0
    assert exempt(trust, FIRST, "--until", UNTIL, "--reason", "on_duty") == 0
    assert main(["publish", str(trust)]) == 0
    fleet = published_fleet(trust)
    assert {e.phone_id: e.reason for e in fleet.exemptions} == {FIRST: "on_duty", SECOND: "field_test"}

    assert exempt(trust, SECOND, "--end") == 0
    assert main(["publish", str(trust)]) == 0
    ended = published_fleet(trust)
    assert [e.phone_id for e in ended.exemptions] == [FIRST]
    assert ended.number == fleet.number + 1


def test_two_exemptions_before_publishing_do_not_lose_the_first(
    trust: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exempt(trust, FIRST, "--until", UNTIL, "--reason", "on_duty") == 0
    assert exempt(trust, SECOND, "--until", UNTIL, "--reason", "on_duty") == 1
    assert "publish it first" in capsys.readouterr().err


def test_nor_do_they_before_the_first_publishing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "trust"
    assert main(["init", str(folder), "--demo"]) == 0
    assert exempt(folder, FIRST, "--until", UNTIL, "--reason", "on_duty") == 0
    assert exempt(folder, SECOND, "--until", UNTIL, "--reason", "on_duty") == 1
    assert "publish it first" in capsys.readouterr().err

    publish_policy(folder, document(tmp_path / "policy.json"))

    assert [one.phone_id for one in published_fleet(folder).exemptions] == [FIRST]


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ((FIRST, "--until", "2020-01-01T00:00Z", "--reason", "on_duty"), 1, "is over already"),
        ((FIRST, "--until", UNTIL), 2, "--until and --reason"),
        ((FIRST, "--reason", "on_duty"), 2, "--until and --reason"),
        ((FIRST, "--end", "--until", UNTIL), 2, "--end alone"),
        ((FIRST, "--end"), 1, "nothing to end"),
        ((FIRST, "--until", UNTIL, "--reason", "he is a friend"), 1, "identifier"),
        (("not-a-phone", "--until", UNTIL, "--reason", "on_duty"), 1, "not-a-phone"),
    ],
)
def test_an_exemption_that_makes_no_sense_is_refused(
    trust: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, why: str
) -> None:
    assert exempt(trust, *words) == code
    assert why in capsys.readouterr().err
    assert published_fleet(trust).exemptions == ()
