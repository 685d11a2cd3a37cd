"""Whoever drafts, signs or looks hears of names that the installed version knows and the policy does not ban."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from certs.cli import main
from policy.document import Family
from policy.families import oldest_review
from policy.ready_made import ready_made_policy
from policy.schemas import load_policy_document
from tests.certs.test_cli import document

LITE = "com.tiktok.lite.go"
BEFORE_LITE = tuple(
    replace(family, packages=tuple(package for package in family.packages if package != LITE))
    for family in ready_made_policy().families
)
Said = pytest.CaptureFixture[str]


def sign(trust: Path, policy: Path) -> int:
    return main(["sign", str(trust), str(policy), "--key", str(trust / "keys" / "approver-1.pem"), "--yes"])


def publish(trust: Path, policy: Path) -> None:
    assert sign(trust, policy) == 0
    assert main(["publish", str(trust)]) == 0


@pytest.fixture
def trust(tmp_path: Path, capsys: Said) -> Path:
    """Trust for practice under a policy that was drafted before TikTok Lite's name of today was known."""
    folder = tmp_path / "trust"
    assert main(["init", str(folder), "--demo"]) == 0
    described = {"families_reviewed_on": "2023-01-05"}
    publish(folder, document(tmp_path / "aged.json", families=BEFORE_LITE, described=described))
    capsys.readouterr()
    return folder


def test_an_approver_hears_of_a_missing_name_before_signing(
    trust: Path, tmp_path: Path, capsys: Said
) -> None:
    aged = document(tmp_path / "next.json", 2, families=BEFORE_LITE)

    assert sign(trust, aged) == 0

    shown, _, signed = capsys.readouterr().out.partition("signed by")
    assert "NAMES MISSING: this policy does not ban these names of family tiktok" in shown
    assert f"  {LITE}: TikTok Lite, today's edition (seen on phones" in shown
    assert f"add them to that family in {aged} first" in shown
    assert "NAMES MISSING" not in signed


def test_an_approver_of_a_complete_policy_hears_when_its_names_were_reviewed(
    trust: Path, tmp_path: Path, capsys: Said
) -> None:
    assert sign(trust, document(tmp_path / "next.json", 2)) == 0

    shown = capsys.readouterr().out
    assert (
        f"family tiktok: every name that this version knows is banned (reviewed on {oldest_review()})"
        in shown
    )
    assert "NAMES MISSING" not in shown


def test_a_draft_says_what_the_policy_in_force_lacks_and_adds_nothing_unasked(
    trust: Path, tmp_path: Path, capsys: Said
) -> None:
    drafted = tmp_path / "next.json"

    assert main(["draft", str(trust), str(drafted)]) == 0

    said = capsys.readouterr().out
    assert "the policy in force does not ban these names of family tiktok" in said
    assert f"  {LITE}: " in said
    assert f"curfew-certs draft {trust} OTHER.json --update-families" in said
    assert LITE not in drafted.read_text()


def test_the_names_are_added_on_demand_and_the_review_day_with_them(
    trust: Path, tmp_path: Path, capsys: Said
) -> None:
    drafted = tmp_path / "next.json"

    assert main(["draft", str(trust), str(drafted), "--update-families"]) == 0

    said = capsys.readouterr().out
    number, policy = load_policy_document(drafted.read_bytes())
    assert (number, policy.banned) == (2, ready_made_policy().banned)
    assert policy.described["families_reviewed_on"] == oldest_review().isoformat()
    assert f"added to family tiktok: {LITE}: " in said
    assert "NAMES MISSING" not in said
    publish(trust, drafted)


def test_names_are_added_to_the_family_that_bans_the_app_under_another_name(
    trust: Path, tmp_path: Path
) -> None:
    renamed = (Family("apps of one maker", BEFORE_LITE[0].packages), Family("more", ("com.more",)))  # type: ignore[arg-type]
    publish(trust, document(tmp_path / "renamed.json", 2, families=renamed))

    assert main(["draft", str(trust), str(tmp_path / "next.json"), "--update-families"]) == 0

    policy = load_policy_document((tmp_path / "next.json").read_bytes())[1]
    assert [(family.name, LITE in family.packages) for family in policy.families] == [
        ("apps of one maker", True),
        ("more", False),
    ]


def test_a_lift_bans_nothing_and_so_lacks_nothing(trust: Path, tmp_path: Path, capsys: Said) -> None:
    assert main(["draft", str(trust), str(tmp_path / "lift.json"), "--lift"]) == 0
    publish(trust, tmp_path / "lift.json")
    assert main(["show", str(trust)]) == 0

    assert "NAMES MISSING" not in capsys.readouterr().out
    both = ["draft", str(trust), str(tmp_path / "both.json"), "--lift", "--update-families"]
    assert main(both) == 2
    assert "not both" in capsys.readouterr().err


def test_show_tells_what_the_policy_in_force_lacks(trust: Path, capsys: Said) -> None:
    assert main(["show", str(trust)]) == 0
    assert f"  {LITE}: " in capsys.readouterr().out

    assert main(["show", str(trust), "--json"]) == 0
    [tiktok] = json.loads(capsys.readouterr().out)["families"]
    assert tiktok == {
        "family": "tiktok",
        "missing": [LITE],
        "reviewed_on": oldest_review().isoformat(),
        "review_is_old": tiktok["review_is_old"],
    }


def test_an_old_list_is_called_old_wherever_it_is_used(
    trust: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every review is longer ago than that, whatever day it is.
    monkeypatch.setattr("policy.families.REVIEW_HOLDS_FOR", timedelta(days=-36500))

    assert main(["draft", str(trust), str(tmp_path / "next.json")]) == 0
    assert sign(trust, document(tmp_path / "other.json", 2)) == 0
    assert main(["show", str(trust)]) == 0

    said = capsys.readouterr().out
    assert said.count("OLD LIST: nobody has reviewed this version's names of family tiktok since") == 3
    assert said.count("install a newer Curfew") == 3


def test_a_familys_name_cannot_steer_the_terminal(trust: Path, tmp_path: Path, capsys: Said) -> None:
    steering = (Family("tik\u202etok", BEFORE_LITE[0].packages),)

    assert sign(trust, document(tmp_path / "next.json", 2, families=steering)) == 0

    shown = capsys.readouterr().out
    assert "of family tik\\u202etok" in shown
    assert "\u202e" not in shown
