"""curfew-certs as an admin types it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from certs.cli import main
from policy.document import Exemption, Fleet
from policy.names import PhoneId
from policy.ready_made import ready_made_policy
from policy.schemas import dump_fleet, dump_policy_document

# There is no terminal in a test, so passphrases are echoed; that is what the warning says.
pytestmark = pytest.mark.filterwarnings("ignore::getpass.GetPassWarning")


def document(path: Path, number: int = 1, **changes: Any) -> Path:
    """A policy whose times lie around the real now, since the command line reads the real clock."""
    now = datetime.now(UTC).replace(microsecond=0, second=0)
    times: dict[str, Any] = {"deadline": now + timedelta(days=10), "review_at": now + timedelta(days=90)}
    policy = replace(ready_made_policy(), **times, ends_at=now + timedelta(days=180), **changes)
    path.write_bytes(dump_policy_document(number, policy))
    return path


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    assert main(["init", str(tmp_path / "trust"), "--approvers", "2"]) == 0
    return tmp_path / "trust"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return document(tmp_path / "policy.json")


def sign(trust: Path, policy: Path, name: str, *options: str) -> int:
    return main(["sign", str(trust), str(policy), "--key", str(trust / "keys" / f"{name}.pem"), *options])


def test_from_nothing_to_a_published_bundle(
    trust: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sign(trust, policy, "approver-1", "--yes") == 0
    assert sign(trust, policy, "approver-2", "--yes") == 0
    assert main(["publish", str(trust)]) == 0
    assert main(["refresh", str(trust)]) == 0
    capsys.readouterr()
    assert main(["show", str(trust), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["bundle"] == 1
    assert {row["role"]: row["signed_by"] for row in shown["roles"]}["targets"] == [
        "approver-1",
        "approver-2",
    ]


def test_what_show_tells_programs_has_the_documented_form_at_every_step(
    trust: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = Path(__file__).parents[2] / "docs" / "json-lines.schema.json"
    is_valid = fastjsonschema.compile(json.loads(schema.read_text()))
    steps = [
        lambda: 0,
        *(lambda name=name: sign(trust, policy, name, "--yes") for name in ("approver-1", "approver-2")),
        lambda: main(["publish", str(trust)]),
    ]
    told = []
    for step in steps:
        assert step() == 0
        capsys.readouterr()
        assert main(["show", str(trust), "--json"]) == 0
        told.append(is_valid(json.loads(capsys.readouterr().out)))

    assert [line["bundle"] for line in told] == [None, None, None, 1]
    assert [line["draft"] and line["draft"]["signed_by"] for line in told[:2]] == [None, ["approver-1"]]
    assert told[-1]["families"]


def test_an_approver_reads_what_is_signed(
    trust: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign(trust, policy, "approver-1", "--yes")
    shown = capsys.readouterr().out
    deadline = ready_made_policy().time_zone
    for word in ("com.zhiliaoapp.musically", "com.microsoft.office.outlook", "deadline", "ends at", deadline):
        assert word in shown


def test_an_approver_reads_what_changed(
    trust: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("approver-1", "approver-2"):
        sign(trust, document(tmp_path / "policy.json"), name, "--yes")
    main(["publish", str(trust)])
    capsys.readouterr()
    sign(trust, document(tmp_path / "lift.json", 2, lifted=True), "approver-1", "--yes")
    shown = capsys.readouterr().out
    assert "THE BAN IS LIFTED" in shown
    assert "new" in shown
    assert "gone" in shown


def test_a_no_signs_nothing(
    trust: Path, policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, "n\n")
    assert sign(trust, policy, "approver-1") == 1
    assert "nothing more is changed" in capsys.readouterr().err
    assert not list((trust / "draft").glob("*.targets.json"))


def test_a_yes_signs(trust: Path, policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "y\n")
    assert sign(trust, policy, "approver-1") == 0


def test_a_draft_is_replaced_on_demand(trust: Path, policy: Path, tmp_path: Path) -> None:
    sign(trust, policy, "approver-1", "--yes")
    other = document(tmp_path / "other.json", lifted=True)
    assert sign(trust, other, "approver-2", "--yes") == 1
    assert sign(trust, other, "approver-2", "--yes", "--replace") == 0


def test_exemptions_are_signed_by_the_same_command(
    trust: Path, policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("approver-1", "approver-2"):
        sign(trust, policy, name, "--yes")
    main(["publish", str(trust)])
    phone = PhoneId.random()
    file = tmp_path / "fleet.json"
    file.write_bytes(
        dump_fleet(Fleet(1, (Exemption(phone, datetime.now(UTC).replace(microsecond=0), "repair"),)))
    )
    capsys.readouterr()
    assert sign(trust, file, "fleet", "--yes") == 0
    assert phone in capsys.readouterr().out
    assert main(["publish", str(trust)]) == 0


def test_keys_made_elsewhere_and_encrypted(
    tmp_path: Path, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        answers(monkeypatch, "secret\nsecret\n")
        assert main(["key", str(tmp_path / f"{name}.pem"), "--encrypt"]) == 0
    public = [
        option for name in ("first", "second") for option in ("--approver-key", str(tmp_path / f"{name}.pub"))
    ]
    assert main(["init", str(tmp_path / "t"), *public]) == 0
    answers(monkeypatch, "secret\n")
    assert (
        main(["sign", str(tmp_path / "t"), str(policy), "--key", str(tmp_path / "first.pem"), "--yes"]) == 0
    )


def test_a_wrong_passphrase_is_one_sentence(
    tmp_path: Path, policy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, "secret\nsecret\n")
    assert main(["init", str(tmp_path / "t"), "--demo", "--encrypt"]) == 0
    answers(monkeypatch, "wrong\n")
    assert sign(tmp_path / "t", policy, "approver-1", "--yes") == 1
    assert "passphrase" in capsys.readouterr().err


def test_rotating_from_the_command_line(trust: Path, policy: Path) -> None:
    for name in ("approver-1", "approver-2"):
        sign(trust, policy, name, "--yes")
    assert main(["publish", str(trust)]) == 0
    assert main(["rotate", str(trust), "root"]) == 0
    assert main(["rotate", str(trust), "timestamp"]) == 0
    assert main(["publish", str(trust)]) == 0
    assert main(["show", str(trust)]) == 0


def test_a_server_certificate_is_issued_anew(trust: Path) -> None:
    before = (trust / "tls" / "server.pem").read_bytes()
    assert main(["certificate", str(trust), "curfew.test", "192.0.2.1"]) == 0
    assert (trust / "tls" / "server.pem").read_bytes() != before


def test_an_open_key_file_is_refused_with_the_command_that_mends_it(
    trust: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (trust / "keys" / "approver-1.pem").chmod(0o644)
    assert sign(trust, policy, "approver-1", "--yes") == 1
    assert f"chmod 600 {trust / 'keys' / 'approver-1.pem'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["show", "{missing}"],
        ["publish", "{missing}"],
        ["refresh", "{trust}"],
        ["publish", "{trust}"],
        ["init", "{trust}"],
        ["rotate", "{trust}", "targets"],
        ["sign", "{trust}", "{missing}", "--key", "x"],
        ["sign", "{trust}", "{policy}", "--key", "{missing}", "--yes"],
        ["sign", "{trust}", "{trust}/keys/root.pub", "--key", "x", "--yes"],
        ["init", "{missing}", "--threshold", "5"],
        ["init", "{missing}", "--approver-key", "{policy}"],
        ["key", "{trust}/keys/root.pem"],
        ["certificate", "{missing}", "name"],
    ],
)
def test_every_foreseeable_error_is_one_sentence(
    trust: Path, policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    places = {"missing": tmp_path / "missing", "trust": trust, "policy": policy}
    capsys.readouterr()
    assert main([part.format(**places) for part in command]) == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("curfew-certs: ")
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1


def test_a_command_that_is_not_understood_ends_with_2() -> None:
    assert main(["obey"]) == 2
    assert main(["sign"]) == 2


def test_help_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "publish" in capsys.readouterr().out


def answers(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    """Let standard input say what a person would type."""
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
