"""A phone whose own programs fail beneath our filters says so, and is unreadable for that reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_scripts import exchange
from tests.dialect.asking import MARKER, PACKAGES, PHONE_ID, read
from tests.phones.fake_phone import FakePhone, Shell
from tests.phones.samples import personal_phone


@pytest.fixture
def fake(any_shell: Shell, tmp_path: Path) -> FakePhone:
    return FakePhone(tmp_path / "phone", personal_phone(), any_shell)


def facts_of(fake: FakePhone) -> str:
    question = exchange.ReadingQuestion((), (), PHONE_ID)
    told = question.parse(fake.run(question.command)).facts
    assert told is not None
    return f"model {told.model}, Android {told.release} (API {told.api_level})"


@pytest.mark.parametrize(
    ("section", "word"),
    [
        ("users", "serialNo"),
        ("user-list", "t whole"),
        ("owners", "Profile"),
        ("package:com.android.shell", "Hidden"),
        ("properties", "manufacturer"),
        ("folder", "phone_id"),
    ],
)
def test_a_refused_filter_is_told_with_its_four_facts(fake: FakePhone, section: str, word: str) -> None:
    facts = facts_of(fake)
    fake.refuse("sed", word, 1)

    reading = read(fake)

    said = (*reading.observation.unreadable, reading.memory.problem)
    assert any(
        f"{facts}, section {section} and class refused" in text and "reconnecting does not help" in text
        for text in said
    ), said
    assert "secret" not in repr(reading)


@pytest.mark.parametrize(("code", "kind"), [(126, "not allowed"), (127, "missing"), (137, "killed")])
def test_the_class_of_the_failure_is_told(fake: FakePhone, code: int, kind: str) -> None:
    fake.refuse("sed", "serialNo", code)

    assert f"class {kind}" in read(fake).observation.unreadable[0]


def test_a_package_whose_filter_failed_is_unreadable_by_itself(fake: FakePhone) -> None:
    fake.refuse("sed", "musically")

    packages = read(fake).observation.packages
    assert "section package:" in packages[PACKAGES[0]].unreadable
    assert packages[PACKAGES[2]].unreadable == ""


def test_provisioning_tells_a_refused_filter(fake: FakePhone) -> None:
    facts = facts_of(fake)
    fake.refuse("sed", "phone_id", 1)

    question = exchange.ProvisioningQuestion(PHONE_ID, MARKER)
    problem = question.parse(fake.run(question.command)).problem

    assert f"{facts}, section folder and class refused" in problem


def test_a_phone_that_nobody_provisioned_is_not_asked_for_its_model(fake: FakePhone) -> None:
    fake.refuse("sed", "phone_id", 1)

    question = exchange.ReadingQuestion(PACKAGES, (), PHONE_ID, if_marked=True)
    reading = question.parse(fake.run(question.command))

    assert "which the phone did not tell" in reading.memory.problem


def test_a_folder_that_stat_cannot_show_is_not_called_open(fake: FakePhone) -> None:
    fake.run(exchange.ProvisioningQuestion(PHONE_ID, MARKER).command)
    fake.refuse("stat")

    problem = read(fake).memory.problem

    assert "stat failed" in problem
    assert "leave the folder as it is" in problem


def test_a_ledger_that_cannot_be_summed_is_not_called_absent(fake: FakePhone) -> None:
    fake.run(exchange.ProvisioningQuestion(PHONE_ID, MARKER).command)
    fake.refuse("sha256sum")

    memory = read(fake).memory

    assert memory.ledger is None
    assert "sha256sum failed" in memory.problem


def test_withdrawing_tells_a_refused_filter(fake: FakePhone) -> None:
    fake.run(exchange.ProvisioningQuestion(PHONE_ID, MARKER).command)
    fake.refuse("sed", "=", 1)

    question = exchange.LeavingQuestion("")

    assert "section left and class refused" in question.parse(fake.run(question.command)).problem
