"""Rules 10 and 11: nobody else's names leave a phone, and a phone whose owner declined is not asked anything."""

from __future__ import annotations

import base64
import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import urllib3

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.package_surroundings import CANARY_APP
from agent_scripts.virtual_phone.personalities import CANARY_PERSON, PERSONALITIES
from policy.report import Consent
from tests.check.office import Bench, Office

CANARIES = (CANARY_APP.encode(), CANARY_PERSON.encode())
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")


def test_no_other_apps_and_no_persons_name_is_found_anywhere_after_provisioning_and_checking_every_phone(
    enforcing: Office, capfd: pytest.CaptureFixture[str]
) -> None:
    bench = enforcing.new_bench()
    with ExitStack() as stack:
        phones = [stack.enter_context(enforcing.phone(name)) for name in PERSONALITIES]
        bench.provision_all(*phones)
        provisioning = bench.said
        code, rows = bench.agent("check", "--all")
        checking = bench.said
        bench.agent("status")
        for phone in phones:
            assert all(canary in (phone.folder / "model.json").read_bytes() for canary in CANARIES)
        assert code == ExitCode.NOT_DONE

    printed = "".join((provisioning, checking, rows, *capfd.readouterr())).encode()
    server = [path for path in enforcing.config.parent.rglob("*") if path.is_file()]
    station = [path for path in bench.folder.rglob("*") if path.is_file()]
    everything = [path.read_bytes() for path in (*server, *station, enforcing.folder / "server.log")]
    assert len(station) > len(phones)
    assert b"com.microsoft.office.outlook" in b"".join(decoded(text) for text in everything)
    for text in (*everything, printed):
        assert not any(canary in spoken for canary in CANARIES for spoken in (text, decoded(text)))


def test_what_is_kept_offline_names_nobody_either(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("samsung-secure-folder") as phone:
        bench.provision(phone)
        with bench.without_server():
            bench.check()

        kept = [path.read_bytes() for path in bench.station().spool_folder.iterdir()]

    assert len(kept) == 1
    assert b"secure_folder" in decoded(kept[0])
    assert not any(canary in decoded(kept[0]) for canary in CANARIES)


def test_a_phone_whose_owner_declined_is_asked_nothing_and_listed_for_the_mail_side(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = f"tcp:127.0.0.1:{phone.port}"
        code, _ = bench.agent(
            "provision", address, "--consent", "declined", "--label", "tag-1", "--holder", "mailbox-1"
        )

        assert (code, list(phone.commands)) == (ExitCode.COMPLIANT, [])
        entry = blocks(enforcing)["mailbox-1"]
        assert (entry["block"], entry["cause"]) == (True, "declined")


def test_an_owner_who_declines_later_is_asked_nothing_more_and_can_still_be_restored(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone, label="tag-2")
        bench.row(address)
        declined = ("--consent", "declined", "--label", "tag-2", "--holder", "mailbox-2")
        assert bench.agent("provision", *declined)[0] == ExitCode.COMPLIANT
        phone.commands.clear()

        code, row = bench.row(address)

        assert (code, list(phone.commands)) == (ExitCode.NOT_REACHED, [])
        assert "declined" in row["next_step"]
        assert blocks(enforcing)["mailbox-2"]["cause"] == "declined"
        assert address not in [p.address for p in bench.station().phones() if p.consent is Consent.AGREED]
        bench.agent("restore", "--yes", address)
        assert [phone.model.state(10, app).enabled for app in sorted(phone.model.data.packages)].count(3) == 0


def test_a_declined_phone_without_a_label_is_refused_with_what_is_missing(
    office: Office, bench: Bench
) -> None:
    code, _ = bench.agent("provision", "--consent", "declined")

    assert code == ExitCode.WRONG_USE
    assert "--label" in bench.said


def blocks(office: Office) -> dict[str, dict[str, Any]]:
    """Return what the mail side is told, by holder."""
    token = person_token(office)
    pool = urllib3.PoolManager(ca_certs=str(office.trust / "tls" / "authority.pem"))
    answer = pool.request("GET", f"{office.url}/api/v1/blocks", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200, answer.data
    return {entry["holder"]: entry for entry in json.loads(answer.data)["blocks"]}


def person_token(office: Office) -> str:
    kept: Path = office.folder / "token"
    if not kept.exists():
        office.server(
            "person", "auditor", "--role", "auditor", configured=True, typed="four words are enough\n"
        )
        kept.write_text(office.server("token", "auditor", configured=True).strip())
    return kept.read_text()


def decoded(text: bytes) -> bytes:
    """Return `text` with all that may be base64 in it decoded behind it."""
    found = [text]
    for run in _BASE64.findall(text):
        plain = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        whole = plain[: len(plain) - (len(plain) % 4 == 1)]
        found.append(base64.b64decode(whole + b"=" * (-len(whole) % 4)))
    return b"\n".join(found)
