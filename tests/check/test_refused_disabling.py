"""A phone that does not let us disable an app is not enforceable: the mail side hears of it."""

from __future__ import annotations

import pytest

from agent_scripts.dialect.refusal import Refusal
from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.office import LYNC, OUTLOOK, Bench, Office
from tests.check.test_consent_and_privacy import blocks

PROTECTED = f"\njava.lang.SecurityException: Cannot disable a protected package: {OUTLOOK}\n"
STARTING = "cmd: Can't find service: package\n"


def provisioned(bench: Bench, phone: VirtualPhone, holder: str) -> str:
    address = f"tcp:127.0.0.1:{phone.port}"
    code, _ = bench.agent("provision", address, "--consent", "agreed", "--holder", holder)
    assert code == ExitCode.COMPLIANT
    return address


def reasons(bench: Bench) -> set[str]:
    return {r["detail"] for r in bench.last_report()["reasons"] if r["code"] == "disabling_refused"}


def test_a_refused_disabling_is_reported_as_not_enforceable_and_listed_to_be_blocked(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = provisioned(bench, phone, "refused-1")
        phone.faults.refuse("disable-user", OUTLOOK, text=PROTECTED)

        for _ in range(2):
            code, row = bench.row(address)

            assert code == ExitCode.NOT_DONE
            assert "the mail side must block this phone" in row["next_step"]
            assert bench.last_report()["enforceable"] is False
            assert reasons(bench) == {f"{OUTLOOK} in user 10: {Refusal.PROTECTED.value}"}
            entry = blocks(enforcing)["refused-1"]
            assert (entry["block"], entry["cause"]) == (True, "not_enforceable")
        assert phone.model.state(10, LYNC).enabled == 3, "what can be disabled is"


def test_once_the_phone_lets_us_the_block_ends(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = provisioned(bench, phone, "refused-2")
        phone.faults.refuse("disable-user", OUTLOOK, text=PROTECTED)
        bench.row(address)
        phone.faults.clear()

        assert bench.row(address)[0] == ExitCode.VIOLATING

        entry = blocks(enforcing)["refused-2"]
        assert (entry["block"], entry["cause"]) == (False, "enforced_on_phone")
        assert reasons(bench) == set()


def test_a_refusal_that_passes_by_itself_blocks_nobody(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = provisioned(bench, phone, "refused-3")
        phone.faults.refuse("disable-user", OUTLOOK, text=STARTING, exit_code=20)

        assert bench.row(address)[0] == ExitCode.NOT_DONE

        assert bench.last_report()["enforceable"] is True
        assert blocks(enforcing)["refused-3"]["block"] is False


@pytest.mark.parametrize("refusal", Refusal)
def test_what_the_phone_would_say_again_next_time_is_lasting(refusal: Refusal) -> None:
    passing = "check again|check the phone again|then check it"
    said_to_retry = any(words in refusal.sentence for words in passing.split("|"))
    lasting_though = {Refusal.SECURITY_SETTING, Refusal.NO_EFFECT}
    # What cannot be read says nothing of what the phone allows, though trying again does not help.
    untold = {Refusal.FILTER_REFUSED}

    assert refusal.is_lasting is (refusal not in untold and (not said_to_retry or refusal in lasting_though))
