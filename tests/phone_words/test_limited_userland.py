"""Phones whose sed and grep refuse what Android's libc refuses live through everything all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_scripts import exchange
from agent_scripts.virtual_phone import VirtualPhone
from tests.on_phone.bench import MARKER, PHONE_ID, WatchedPhone
from tests.phone_words.life import Life
from tests.virtual_phone.conftest import needs_android_shell

BUILT = Path(__file__).resolve().parents[2] / ".phone-userland"
REFUSAL = "Invalid contents of {}"
"""What musl says; Android's libc says "invalid repetition count(s)" at the same place."""

pytestmark = [
    needs_android_shell,
    pytest.mark.skipif(
        not (BUILT / "sed").exists() or not (BUILT / "grep").exists(),
        reason="NO SED AND GREP WITH A PHONE'S LIMITS, so the scripts were not tried on them: run"
        " tools/build-phone-userland",
    ),
]


@pytest.fixture(params=["pixel-8", "tiktok-personal", "pixel-16"])
def phone(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VirtualPhone]:
    """A phone with that sed and grep in place of Debian's."""
    with VirtualPhone(request.param, tmp_path / "phone") as phone:
        for name in ("sed", "grep"):
            program = phone.userland.programs / name
            program.unlink()
            program.symlink_to(BUILT / name)
        yield phone


def test_a_phone_lives_through_everything(phone: VirtualPhone) -> None:
    Life(phone).whole()


@pytest.mark.parametrize(("count", "answer"), [(255, "=abc"), (256, REFUSAL), (400, REFUSAL)])
def test_its_sed_refuses_what_a_phones_refuses(phone: VirtualPhone, count: int, answer: str) -> None:
    text = rf"echo =abc | sed -n '/^=[a-z]\{{0,{count}\}}$/p'"

    assert answer in WatchedPhone(phone).shell(text)


def test_its_grep_refuses_what_a_phones_refuses(phone: VirtualPhone) -> None:
    assert REFUSAL in WatchedPhone(phone).shell(r"echo abc | grep '^a\{0,256\}'")


def test_the_count_that_no_phone_took_is_noticed_as_on_a_phone(phone: VirtualPhone) -> None:
    question = exchange.ProvisioningQuestion(PHONE_ID, MARKER)
    command = question.command
    two_parts = r"[A-Za-z0-9 ._:+-]\{0,200\}" * 2
    assert two_parts in command

    answer = WatchedPhone(phone).shell(command.replace(two_parts, r"[A-Za-z0-9 ._:+-]\{0,400\}"))

    problem = question.parse(answer.encode()).problem
    release, model = phone.model.release, WatchedPhone(phone).shell("getprop ro.product.model").strip()
    assert "our filter for folder (refused)" in problem
    assert f"model {model}, Android {release.version} (API {release.api})" in problem
