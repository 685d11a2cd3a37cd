"""Between two visits the phone's own script checks, acts and remembers; the next check learns of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office

FOLDER = "/data/local/tmp/curfew"


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office an hour after the deadline whose policy wants a script on every phone."""
    with Office.opened(tmp_path_factory.mktemp("watching")) as office:
        office.publish(on_phone=True)
        office.at(hours=3)
        yield office


@pytest.fixture
def at_desk(watching: Office) -> Bench:
    return watching.new_bench()


def folder_of(phone: VirtualPhone) -> Path:
    return phone.userland.host_path(FOLDER)


def until(condition: Callable[[], bool], what: str) -> float:
    """Wait for what the script does by itself and return the seconds it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < 60:
        if condition():
            return time.monotonic() - begun
        time.sleep(0.05)
    raise AssertionError(f"waited in vain until {what}")


def states(phone: VirtualPhone) -> list[int]:
    return [int(phone.model.state(10, package).enabled) for package in (OUTLOOK, LYNC)]


def test_the_script_disables_and_restores_by_itself_and_the_next_check_tells(
    watching: Office, at_desk: Bench
) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        before = states(phone)
        assert at_desk.row(address)[0] == 0
        assert at_desk.last_report()["watched"]["script"] == "started"

        phone.model.install(0, TIKTOK)
        took = until(lambda: states(phone) == [3, 3], "the apps are off")
        print(f"seconds from installation to disabled: {took:.1f}")
        phone.commands.clear()
        code, row = at_desk.row(address)

        assert (code, row["verdict"]) == (10, "violating")
        assert len(phone.commands) == 1
        told = at_desk.last_report()["watched"]
        assert told["damage"] == []
        assert [a["result"] for a in told["actions"]] == ["done", "done"]
