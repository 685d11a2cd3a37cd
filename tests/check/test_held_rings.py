"""A ring that is held, from the server to the phone: nothing new is disabled there, and all else goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.plan import parse_plan
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office
from tests.server.databases import Databases

PASSWORD = "four words are enough"


@pytest.fixture
def ringed(tmp_path: Path, databases: Databases) -> Iterator[Office]:
    """An office an hour after the deadline, whose policy has one ring and wants a script on every phone."""
    with Office.opened(tmp_path, databases) as office:
        office.publish(on_phone=True, rings=[{"share": 1.0, "starts_at": office.utc(days=0)}])
        office.server("person", "approver-1", "--role", "approver", configured=True, typed=f"{PASSWORD}\n")
        office.at(hours=3)
        yield office


def hold(office: Office) -> None:
    office.server("policy", "hold", "1", "--approver", "approver-1", "--reason", "why", configured=True)


def release(office: Office) -> None:
    office.server("policy", "release", "--approver", "approver-1", "--reason", "why", configured=True)


def states(phone: VirtualPhone) -> list[int]:
    return [int(phone.model.state(10, package).enabled) for package in (OUTLOOK, LYNC)]


def leave_of_script(phone: VirtualPhone) -> int:
    """Return for how many seconds after it was made the plan on the phone lets its script disable."""
    plan = parse_plan((phone.userland.host_path("/data/local/tmp/curfew") / "plan").read_bytes())
    return plan.valid_until - plan.made_at


def test_in_a_held_ring_nothing_new_is_disabled_also_by_the_script_until_it_is_released(
    ringed: Office,
) -> None:
    bench = ringed.new_bench()
    with ringed.phone("tiktok-personal") as phone:
        hold(ringed)
        address = bench.provision(phone)

        code, row = bench.row(address)

        assert (code, row["verdict"]) == (ExitCode.VIOLATING, "violating")
        assert "the server holds this phone's ring" in row["next_step"]
        assert states(phone) == [0, 1]
        report = bench.last_report()
        assert report["stage"] == "enforce"
        assert "ring_held" in [reason["code"] for reason in report["reasons"]]
        assert leave_of_script(phone) <= 0

        release(ringed)
        ringed.at(hours=4)
        assert bench.row(address)[0] == ExitCode.VIOLATING
        assert states(phone) == [3, 3]
        assert leave_of_script(phone) > 0


def test_what_is_off_stays_off_in_a_held_ring_and_is_put_back_once_the_phone_complies(
    ringed: Office,
) -> None:
    bench = ringed.new_bench()
    with ringed.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.check(address)
        assert states(phone) == [3, 3]
        assert leave_of_script(phone) > 0
        hold(ringed)
        ringed.at(hours=4)

        assert bench.row(address)[0] == ExitCode.VIOLATING
        assert states(phone) == [3, 3]
        assert leave_of_script(phone) <= 0, "the script may not disable what its owner enables"

        phone.model.uninstall(0, TIKTOK)
        assert bench.row(address)[0] == ExitCode.COMPLIANT
        assert states(phone) == [0, 1]


def phone_id_of(phone: VirtualPhone) -> str:
    return phone.userland.host_path("/data/local/tmp/curfew/phone_id").read_text().strip()


def test_a_listed_phone_is_enforced_with_its_ring_while_others_wait_and_is_held_with_it(
    ringed: Office,
) -> None:
    bench = ringed.new_bench()
    with ringed.phone("tiktok-personal") as listed, ringed.phone("tiktok-personal") as other:
        addresses = bench.provision_all(listed, other)
        now, later = {"starts_at": ringed.utc(days=0)}, {"starts_at": ringed.utc(days=2)}

        pilot = {"name": "Pilot", "phones": [phone_id_of(listed)], **now}
        ringed.publish(minimum_judgement=4, on_phone=True, rings=[pilot, {"share": 1.0, **later}])
        bench.check(*addresses)
        assert (states(listed), states(other)) == ([3, 3], [0, 1])

        crisis = {"unit": "C", "phones": [phone_id_of(other)], **now}
        ringed.publish(minimum_judgement=4, on_phone=True, rings=[{"share": 1.0, **now}, crisis])
        ringed.server("policy", "hold", "2", "--approver", "approver-1", "--reason", "why", configured=True)
        ringed.at(hours=4)
        bench.check(*addresses)
        assert (states(listed), states(other)) == ([3, 3], [0, 1])
        assert (leave_of_script(listed) > 0, leave_of_script(other) > 0) == (True, False)

        release(ringed)
        ringed.at(hours=5)
        bench.check(*addresses)
        assert (states(listed), states(other)) == ([3, 3], [3, 3])
        assert leave_of_script(other) > 0


def test_a_hold_counts_where_the_server_cannot_be_asked(ringed: Office) -> None:
    bench: Bench = ringed.new_bench()
    with ringed.phone("tiktok-personal") as phone:
        hold(ringed)
        address = bench.provision(phone)
        bench.check(address)
        with bench.without_server():
            assert bench.row(address)[0] == ExitCode.VIOLATING

        assert states(phone) == [0, 1]
