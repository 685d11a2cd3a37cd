"""Returning to an earlier bundle: its content under the next number, as a draft like any other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policy.schemas import load_policy_document
from server.cli import main as curfew_server
from server.drafts.drafts import DRAFTS_NEWEST, list_drafts
from server.people.people import Role
from server.policies.bundles import published_policy_bytes
from tests.server.authority import Authority, banning_policy
from tests.server.test_ring_holds import client_of, named


@pytest.fixture
def authority_of_three(small_authority: Authority) -> Authority:
    small_authority.trust = small_authority.trust.copy(small_authority.folder / "trust")
    for number in (2, 3):
        small_authority.trust.publish(number, banning_policy(name=f"Bundle {number}"))
        small_authority.publish()
    return small_authority


def test_a_draft_takes_up_what_an_earlier_bundle_said_under_the_next_number(
    authority_of_three: Authority,
) -> None:
    ask = client_of(authority_of_three, Role.AUTHOR)

    told = ask("POST", "/drafts", {"title": "Back", "return_to": 2}).json
    with authority_of_three.database.reading() as session:
        before = published_policy_bytes(session, 2)

    assert before is not None
    number, policy = load_policy_document(told["document"].encode())
    assert (number, told["base_number"], told["overtaken"]) == (4, 3, False)
    assert (2, policy) == load_policy_document(before)
    assert json.loads(told["document"])["rules"] == json.loads(before)["rules"]


@pytest.mark.parametrize(
    ("number", "status", "code"), [(3, 409, "bundle_is_newest"), (4, 404, "bundle_unknown")]
)
def test_to_the_newest_and_to_what_there_is_not_nobody_returns(
    authority_of_three: Authority, number: int, status: int, code: str
) -> None:
    answer = client_of(authority_of_three, Role.AUTHOR)(
        "POST", "/drafts", {"title": "Back", "return_to": number}
    )

    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    with authority_of_three.database.reading() as session:
        assert list_drafts(session, None, DRAFTS_NEWEST, "", 9).rows == []


@pytest.mark.parametrize("also", [{"beginning": "lift"}, {"document": "{}"}])
def test_one_beginning_is_named_and_no_more(authority_of_three: Authority, also: dict[str, Any]) -> None:
    ask = client_of(authority_of_three, Role.AUTHOR)

    assert ask("POST", "/drafts", {"title": "Back", "return_to": 2, **also}).status_code == 422


def test_the_command_returns_too(authority_of_three: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    author = named(authority_of_three, Role.AUTHOR)
    words = ["--config", str(authority_of_three.write_settings()), "policy", "draft", "--author", author]

    assert curfew_server([*words, "--title", "Back", "--return-to", "2", "--from", "lift"]) == 2
    assert curfew_server([*words, "--title", "Back", "--return-to", "3"]) == 1
    assert "bundle 3 is the newest already" in capsys.readouterr().err
    assert curfew_server([*words, "--title", "Back", "--return-to", "2"]) == 0
    assert "Draft 1 stands at revision 1; nothing is published by it." in capsys.readouterr().out
