"""Our folder on the phone: made closed, kept, believed only while nobody else could write to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_scripts import exchange
from agent_scripts.exchange import Provisioned
from policy.ledger import Ledger
from policy.names import PhoneId
from tests.dialect.asking import MARKER, PHONE_ID, MakePhone, read
from tests.phones.fake_phone import FakePhone, Shell
from tests.phones.samples import personal_phone


def provision(fake: FakePhone, phone_id: PhoneId = PHONE_ID, marker: str = MARKER) -> Provisioned:
    question = exchange.ProvisioningQuestion(phone_id, marker)
    return question.parse(fake.run(question.command))


def test_a_new_phone_gets_a_closed_folder_and_an_empty_ledger(any_shell: Shell, tmp_path: Path) -> None:
    fake = FakePhone(tmp_path, personal_phone(), any_shell)

    assert provision(fake) == Provisioned(PHONE_ID, MARKER)

    assert fake.our_folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in fake.our_folder.iterdir()} == {0}
    memory = read(fake).memory
    assert (memory.phone_id, memory.marker, memory.ledger, memory.problem) == (
        PHONE_ID,
        MARKER,
        Ledger(MARKER),
        "",
    )


def test_an_unprovisioned_phone_remembers_nothing_and_is_no_problem(phone: MakePhone) -> None:
    reading = read(phone(personal_phone()))

    assert reading.memory == exchange.PhoneMemory()
    assert reading.observation.phone_id == PHONE_ID


def test_provisioning_again_keeps_marker_and_ledger(phone: MakePhone) -> None:
    fake = phone(personal_phone())
    provision(fake)
    other = PhoneId.random()

    assert provision(fake, other, "cd" * 16) == Provisioned(other, MARKER)
    assert read(fake).memory.ledger == Ledger(MARKER)


def test_a_lost_ledger_stays_lost_when_provisioning_again(phone: MakePhone) -> None:
    """An empty one in its place would keep the station from asking the other memories."""
    fake = phone(personal_phone())
    provision(fake)
    (fake.our_folder / "ledger").unlink()

    provision(fake)

    assert read(fake).memory.ledger is None
    assert read(fake).memory.problem == ""


def test_provisioning_that_was_interrupted_is_finished_the_next_time(phone: MakePhone) -> None:
    fake = phone(personal_phone())
    provision(fake)
    (fake.our_folder / "phone_id").unlink()
    assert read(fake).memory.phone_id is None

    assert provision(fake) == Provisioned(PHONE_ID, MARKER)


@pytest.mark.parametrize("mode", [0o777, 0o750, 0o701])
def test_a_folder_open_to_others_is_not_believed(phone: MakePhone, mode: int) -> None:
    fake = phone(personal_phone())
    provision(fake)
    fake.our_folder.chmod(mode)

    assert "open to other apps" in provision(fake).problem
    memory = read(fake).memory
    assert "open to other apps" in memory.problem
    assert (memory.phone_id, memory.marker, memory.ledger) == (None, "", None)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_something_else_in_the_folders_place_is_not_believed(
    phone: MakePhone, tmp_path: Path, kind: str
) -> None:
    fake = phone(personal_phone())
    if kind == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        fake.our_folder.symlink_to(tmp_path / "elsewhere")
    else:
        fake.our_folder.write_text("")

    assert "open to other apps" in provision(fake).problem
    assert list((tmp_path / "elsewhere").iterdir()) == [] if kind == "link" else True


def test_a_full_disk_is_told_as_such(phone: MakePhone) -> None:
    fake = phone(personal_phone())
    fake.replace_program("printf", "#!/bin/sh\necho 'printf: No space left on device' >&2\nexit 1\n")

    assert "storage" in provision(fake).problem


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("ledger", "curfew-ledger 1 abab\nend 1\n", "cut"),
        ("ledger", "", "cut"),
        ("ledger", "hello $(id)\n", "damaged"),
        ("ledger", "curfew-ledger 1 abab\nend 0", "damaged"),
        (
            "ledger",
            "curfew-ledger 1 abab\nentry 10 a.b 3 done 1 2023-03-15T11:00:00+00:00 1\nend 1\n",
            "form",
        ),
        (
            "ledger",
            "curfew-ledger 1 abab\nentry 10 a 0 done 1 2023-03-15T11:00:00+00:00 1\nend 1\n",
            "impossible",
        ),
        (
            "ledger",
            "curfew-ledger 1 abab\nentry 10 a.b 0 lost 1 2023-03-15T11:00:00+00:00 1\nend 1\n",
            "impossible",
        ),
        ("ledger", "curfew-ledger 1 abab\nentry 10 a.b 0 done 1 2023-03-15T11:00:00 1\nend 1\n", "zone"),
        (
            "ledger",
            "curfew-ledger 1 abab\n" + "entry 10 a.b 0 done 1 2023-03-15T11:00:00+00:00 1\n" * 2 + "end 2\n",
            "contradicts",
        ),
        ("phone_id", "1111\n", "phone id"),
    ],
)
def test_what_was_damaged_in_our_folder_is_a_problem(
    phone: MakePhone, name: str, text: str, problem: str
) -> None:
    fake = phone(personal_phone())
    provision(fake)
    (fake.our_folder / name).write_text(text)

    memory = read(fake).memory

    assert problem in memory.problem
    assert memory.ledger is None


def test_a_damaged_ledger_does_not_hide_which_phone_it_is(phone: MakePhone) -> None:
    fake = phone(personal_phone())
    provision(fake)
    (fake.our_folder / "ledger").write_text("\xff\n")

    memory = read(fake).memory

    assert (memory.phone_id, memory.marker) == (PHONE_ID, MARKER)
    assert len(memory.ledger_sha256) == 64


def test_the_phone_says_who_it_is_over_what_the_station_thought(phone: MakePhone) -> None:
    fake = phone(personal_phone())
    mine = PhoneId.random()
    provision(fake, mine)

    assert read(fake).observation.phone_id == mine
