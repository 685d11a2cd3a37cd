"""The next steps that ``curfew-certs`` prints, each typed as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.next_steps.conftest import policy_file
from tests.next_steps.desk import Desk, types

SIGN = "curfew-certs sign {…} {…} --key KEY"
SIGN_A_POLICY = "curfew-certs sign FOLDER POLICY.json --key KEY"


def key(trust: Path, name: str = "approver-1") -> str:
    return f"'{trust / 'keys' / name}.pem'"


@types(
    ("certs/cli_trust.py", "curfew-certs draft {…} POLICY.json"),
    ("certs/cli_documents.py", SIGN),
    ("certs/cli_documents.py", "curfew-certs publish {…}"),
    ("certs/cli_trust.py", "curfew-server init SERVER --trust {…} --url https://HOST:PORT"),
    ("certs/cli_trust.py", "curfew-server --config SERVER.env publish {…}"),
    ("server/commands/prepare.py", "curfew-server --config {…} publish {…}"),
)
def test_from_nothing_to_a_server_that_publishes_by_next_steps_alone(desk: Desk) -> None:
    desk.with_processes = True
    said = desk.runs("curfew-certs init 'my trust' --demo")
    said = desk.types_the_next_step(said, "curfew-certs draft {…} POLICY.json", POLICY_json="policy.json")
    policy_file(desk.folder / "policy.json")
    said = desk.types_the_next_step(said, SIGN, keys="y\n", KEY=key(desk.folder / "my trust"))
    said = desk.types_the_next_step(said, "curfew-certs publish {…}", then="bundle 1 is published")
    made = desk.types_the_next_step(
        said,
        "curfew-server init SERVER --trust {…} --url https://HOST:PORT",
        SERVER="'my server'",
        HOST="127.0.0.1",
        PORT="8443",
    )
    desk.types_the_next_step(
        made,
        "curfew-server --config {…} publish {…}",
        then="Bundle 1 (TikTok off phones with work apps) is published",
    )
    desk.types_the_next_step(
        said, "curfew-server --config SERVER.env publish {…}", SERVER_env="'my server/server.env'"
    )


@types(("certs/cli_documents.py", SIGN), ("certs/draft_rules.py", SIGN_A_POLICY))
def test_the_second_approver_signs_what_the_first_one_signed(desk: Desk) -> None:
    desk.runs("curfew-certs init trust")
    trust, policy = desk.folder / "trust", policy_file(desk.folder / "policy.json")
    said = desk.runs(f"curfew-certs sign trust policy.json --yes --key {key(trust)}")
    refused = desk.runs("curfew-certs publish trust", code=1)
    desk.types_the_next_step(said, SIGN, keys="y\n", KEY=key(trust, "approver-2"), then="2 of 2")
    filled = {"FOLDER": trust, "POLICY_json": policy, "KEY": key(trust, "approver-2")}
    desk.types_the_next_step(refused, SIGN_A_POLICY, keys="y\n", filled=filled)


@types(("certs/repository.py", "curfew-certs sign {…} POLICY.json --key KEY"))
def test_publishing_nothing_names_what_is_to_be_signed(desk: Desk, published: Path) -> None:
    said = desk.runs("curfew-certs publish 'my trust'", code=1)
    policy = policy_file(desk.folder / "next.json", number=2, on_phone=True)
    filled = {"POLICY_json": policy, "KEY": key(published)}
    desk.types_the_next_step(
        said, "curfew-certs sign {…} POLICY.json --key KEY", keys="y\n", then="1 of 1", filled=filled
    )


@types(("certs/draft_rules.py", f"{SIGN_A_POLICY} --replace"))
def test_another_draft_that_is_open_can_be_thrown_away(desk: Desk, trust: Path) -> None:
    first = policy_file(desk.folder / "first.json")
    other = policy_file(desk.folder / "other.json", on_phone=True)
    desk.runs(f"curfew-certs sign 'my trust' {first} --yes --key {key(trust)}")
    said = desk.runs(f"curfew-certs sign 'my trust' {other} --yes --key {key(trust)}", code=1)
    filled = {"FOLDER": "'my trust'", "POLICY_json": other, "KEY": key(trust)}
    desk.types_the_next_step(said, f"{SIGN_A_POLICY} --replace", keys="y\n", then="signed by", filled=filled)


@types(
    ("certs/rotation.py", "curfew-certs sign {…} POLICY.json --key KEY"),
    ("certs/rotation.py", "curfew-certs publish {…}"),
)
def test_after_a_key_was_exchanged(desk: Desk, published: Path) -> None:
    said = desk.runs("curfew-certs rotate 'my trust' timestamp")
    desk.types_the_next_step(said, "curfew-certs publish {…}", then="is published")
    said = desk.runs("curfew-certs rotate 'my trust' targets")
    (coming,) = re.findall(r"targets: (\S+) comes", said)
    filled = {"POLICY_json": "policy.json", "KEY": key(published, coming)}
    desk.types_the_next_step(said, "curfew-certs sign {…} POLICY.json --key KEY", keys="y\n", filled=filled)
    assert "is published" in desk.runs("curfew-certs publish 'my trust'")


@types(("certs/trust_folder.py", "curfew-certs init {…}"))
def test_a_folder_without_trust_gets_it(desk: Desk) -> None:
    said = desk.runs("curfew-certs show 'no trust'", code=1)
    desk.types_the_next_step(said, "curfew-certs init {…}", then="trust made in no trust")


@types(("certs/tls.py", "curfew-certs init FOLDER"))
def test_without_the_tls_authority_there_is_new_trust(desk: Desk, trust: Path) -> None:
    (trust / "tls" / "authority.key").unlink()
    said = desk.runs("curfew-certs certificate 'my trust' curfew.example.org", code=1)
    desk.types_the_next_step(said, "curfew-certs init FOLDER", FOLDER="another", then="trust made")
    desk.runs("curfew-certs certificate another curfew.example.org")


@types(
    ("certs/cli_documents.py", "curfew-certs draft {…} OTHER.json --update-families"),
    ("certs/cli_trust.py", "curfew-certs draft {…} NEXT.json --update-families"),
)
def test_names_that_the_policy_lacks_are_drafted(desk: Desk, trust: Path) -> None:
    lacking = [{"name": "TikTok", "packages": ["com.zhiliaoapp.musically"], "active": True}]
    policy_file(desk.folder / "old.json", families=lacking)
    desk.runs(f"curfew-certs sign 'my trust' old.json --yes --key {key(trust)}")
    desk.runs("curfew-certs publish 'my trust'")
    shown, drafted = (
        desk.runs("curfew-certs show 'my trust'"),
        desk.runs("curfew-certs draft 'my trust' x.json"),
    )
    desk.types_the_next_step(
        shown, "curfew-certs draft {…} NEXT.json --update-families", NEXT_json="next.json"
    )
    desk.types_the_next_step(
        drafted, "curfew-certs draft {…} OTHER.json --update-families", OTHER_json="other.json"
    )
    for name in ("next.json", "other.json"):
        assert "com.tiktok.lite.go" in (desk.folder / name).read_text()


@types(("certs/durable.py", "chmod 700 {…}"), ("certs/keys.py", "chmod 600 {…}"))
def test_what_is_open_to_others_is_closed(desk: Desk, trust: Path) -> None:
    (desk.folder / "an open folder").mkdir(mode=0o755)
    (desk.folder / "an open folder" / "note").touch()
    said = desk.runs("curfew-server init 'an open folder'", code=1)
    desk.types_the_next_step(said, "chmod 700 {…}")
    desk.runs("curfew-server init 'an open folder'")
    policy_file(desk.folder / "policy.json")
    (trust / "keys" / "approver-1.pem").chmod(0o644)
    sign = f"curfew-certs sign 'my trust' policy.json --yes --key {key(trust)}"
    desk.types_the_next_step(desk.runs(sign, code=1), "chmod 600 {…}")
    desk.runs(sign)


@pytest.mark.parametrize("option", ["", "--config 'other folder/server.env' "])
def test_a_step_without_a_place_for_the_option_is_refused(desk: Desk, option: str) -> None:
    with pytest.raises(AssertionError, match="nobody knows what"):
        desk.types_the_next_step(
            f"run: curfew-server {option}token NAME", f"curfew-server {option}token NAME"
        )
