"""Two phones that say they are one are told with both addresses, and never become one record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent_scripts.virtual_phone import VirtualPhone
from tests.check.office import Bench, Office


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[list[VirtualPhone]]:
    """Three phones of one model with one serial."""
    with ExitStack() as running:
        phones = [
            VirtualPhone("pixel-14", tmp_path / f"twin-{number}", serial="TWIN01") for number in range(3)
        ]
        for phone in phones:
            phone.authorise_all = True
            phone.start()
            running.callback(phone.stop)
        yield phones


def provision(bench: Bench, *phones: VirtualPhone, label: str = "") -> tuple[int, list[str]]:
    addresses = [f"tcp:127.0.0.1:{phone.port}" for phone in phones]
    each = [word for number in range(len(phones)) for word in ("--holder", f"h-{number}")]
    labels = ["--label", label] if label else []
    code, _ = bench.agent("provision", *addresses, "--consent", "agreed", *each, *labels)
    return code, addresses


def folders(*phones: VirtualPhone) -> list[bool]:
    """Return which of these phones keep a folder of ours."""
    return [(phone.userland.root / "data/local/tmp/curfew").exists() for phone in phones]


def test_of_phones_with_one_serial_in_one_command_one_is_taken_and_each_other_refused(
    enforcing: Office, twins: list[VirtualPhone]
) -> None:
    bench = enforcing.new_bench()

    code, addresses = provision(bench, *twins)

    assert code != 0
    assert bench.said.count("say that they are one phone") == 1
    assert "3 phones: 2 not provisioned, 1 provisioned." in bench.said
    assert bench.said.count(": provisioned as ") == 1
    assert all(address in bench.said for address in addresses)
    assert sorted(folders(*twins)) == [False, False, True]
    assert len(bench.station().phones()) == 1


def test_beside_a_known_phone_that_is_still_there_its_twin_is_refused(
    enforcing: Office, twins: list[VirtualPhone]
) -> None:
    bench = enforcing.new_bench()
    _, [first] = provision(bench, twins[0])

    code, [second] = provision(bench, twins[1])

    assert code != 0
    assert f"{second}: not provisioned. The phone and {first} say that they are one phone" in bench.said
    assert folders(*twins) == [True, False, False]


def test_a_phone_that_moved_to_another_address_or_was_reset_is_known_again(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("pixel-14") as phone:
        provision(bench, phone, label="A-1042")
        [known] = bench.station().phones()
        port = phone.port
        phone.stop()
        assert phone.start() != port
        assert provision(bench, phone)[0] == 0
        [again] = bench.station().phones()
        assert (again.phone_id, again.label) == (known.phone_id, "A-1042")

        each = ("--holder", "h-other", "--consent", "agreed")
        assert bench.agent("provision", f"tcp:127.0.0.1:{phone.port}", *each)[0] == 0
        assert "this phone had another holder until now" in bench.said

        phone.factory_reset()
        port = phone.port
        phone.stop()
        assert phone.start() != port
        assert provision(bench, phone)[0] == 0
        assert [phone.phone_id for phone in bench.station().phones()] == [known.phone_id]
