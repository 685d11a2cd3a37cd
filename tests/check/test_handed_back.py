"""A phone that was handed back is told to the server, which waits for it no more and frees its holder of a block."""

from __future__ import annotations

from uuid import uuid4

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.office import Bench, Office
from tests.check.test_consent_and_privacy import blocks
from tests.check.test_on_phone import folder_of, states


def provisioned(bench: Bench, phone: VirtualPhone, holder: str) -> str:
    address = f"tcp:127.0.0.1:{phone.port}"
    named = ("--label", holder, "--holder", holder, "--consent", "agreed")
    assert bench.agent("provision", address, *named)[0] == ExitCode.COMPLIANT
    return address


def fresh_standing(office: Office, holder: str) -> str:
    [(fresh,)] = office.rows(
        "SELECT fresh FROM fleet_entry JOIN phone USING (phone_id) WHERE label = :label", label=holder
    )
    return str(fresh)


def told(office: Office, holder: str) -> tuple[bool, str]:
    entry = blocks(office)[holder]
    return entry["block"], entry["cause"]


def test_a_phone_that_was_handed_back_frees_its_holder_however_long_it_is_silent(
    enforcing: Office, bench: Bench
) -> None:
    holder = uuid4().hex
    with enforcing.phone("tiktok-personal") as phone:
        before = states(phone)
        address = provisioned(bench, phone, holder)
        phone.model.restrict(10, "no_debugging_features")
        bench.row(address)
        assert told(enforcing, holder) == (True, "not_enforceable")
        phone.model.unrestrict(10, "no_debugging_features")

        assert bench.agent("unprovision", address, "--yes")[0] == ExitCode.VIOLATING

        assert (states(phone), bench.last_report()["handed_back"]) == (before, True)
        assert fresh_standing(enforcing, holder) == "handed_back"
        assert told(enforcing, holder) == (False, "handed_back")
        provisioned(bench, phone, holder)
        bench.row(address)
        assert fresh_standing(enforcing, holder) == "violating"
        assert told(enforcing, holder) == (False, "enforced_on_phone")


def test_a_phone_that_could_not_be_put_back_is_not_handed_back(enforcing: Office, bench: Bench) -> None:
    holder = uuid4().hex
    with enforcing.phone("tiktok-personal") as phone:
        address = provisioned(bench, phone, holder)
        bench.row(address)
        phone.model.restrict(10, "no_debugging_features")

        assert bench.agent("unprovision", address, "--yes")[0] == ExitCode.NOT_DONE

        assert "handed_back" not in bench.last_report()
        assert folder_of(phone).exists()
        assert fresh_standing(enforcing, holder) != "handed_back"


def test_without_the_server_the_hand_back_waits_in_the_spool_and_is_told_later(
    enforcing: Office, bench: Bench
) -> None:
    holder = uuid4().hex
    with enforcing.phone("clean") as phone:
        address = provisioned(bench, phone, holder)
        bench.row(address)
        with bench.without_server():
            assert bench.agent("unprovision", address, "--yes")[0] == ExitCode.NOT_SENT
        assert fresh_standing(enforcing, holder) == "compliant"

        bench.agent("send")

        assert fresh_standing(enforcing, holder) == "handed_back"


def test_an_owner_who_declines_stays_declined_though_the_phone_is_left(
    enforcing: Office, bench: Bench
) -> None:
    holder = uuid4().hex
    with enforcing.phone("tiktok-personal") as phone:
        address = provisioned(bench, phone, holder)
        bench.row(address)

        named = ("--consent", "declined", "--holder", holder, "--label", holder)
        assert bench.agent("provision", address, *named)[0] == ExitCode.COMPLIANT

        assert bench.last_report()["handed_back"] is True
        assert fresh_standing(enforcing, holder) == "declined"
        assert told(enforcing, holder) == (True, "declined")
