"""A known phone that is visited in vain leaves a trace on its page: why, when and where, and never as a check of it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.attempts import Attempts
from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.browser import Browser
from tests.check.office import Bench, Office

PASSWORD = "three unrelated words"


@pytest.fixture(scope="module")
def reader(office: Office) -> Browser:
    office.server("person", "desk-9", "--role", "technician", configured=True, typed=f"{PASSWORD}\n")
    return Browser(office.url, office.trust, "desk-9", PASSWORD)


@pytest.fixture
def met(enforcing: Office, bench: Bench) -> Iterator[tuple[VirtualPhone, str]]:
    """A phone that the station provisioned and checked, and its address."""
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        bench.check(address)
        yield phone, address


def page_of(reader: Browser, bench: Bench, address: str) -> str:
    """Return the words on the page of the phone that the station knows at `address`."""
    known = bench.station().phone_at(address)
    assert known is not None
    page = reader.read(f"/phones/{known.phone_id}")
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def be_gone(phone: VirtualPhone, bench: Bench) -> None:
    phone.stop()


def forget_the_station(phone: VirtualPhone, bench: Bench) -> None:
    phone.authorise_all = False
    phone.keys.forget_all()


def be_reset(phone: VirtualPhone, bench: Bench) -> None:
    phone.factory_reset()


def damage_the_ledger(phone: VirtualPhone, bench: Bench) -> None:
    known = bench.station().phone_at(f"tcp:127.0.0.1:{phone.port}")
    assert known is not None
    (bench.folder / "ledgers" / f"{known.phone_id}.json").write_text("{")


@pytest.mark.parametrize(
    ("befall", "cause"),
    [
        (be_gone, "not reached"),
        (forget_the_station, "not authorised"),
        (be_reset, "not our marker"),
        (damage_the_ledger, "station's files"),
    ],
)
def test_the_page_says_why_a_known_phone_was_visited_in_vain(
    befall: Callable[[VirtualPhone, Bench], None],
    cause: str,
    met: tuple[VirtualPhone, str],
    bench: Bench,
    reader: Browser,
) -> None:
    phone, address = met
    befall(phone, bench)

    code, row = bench.row(address)

    assert (code, row["verdict"]) == (ExitCode.NOT_REACHED, "not_reached")
    page = page_of(reader, bench, address)
    name = bench.station().name
    assert re.search(rf"Last attempt: .* at station {name}, over tcp: {cause} ", page), page
    assert "so this is no check of it" in page
    assert "Verdict compliant " in page


def test_the_phone_that_another_one_was_found_instead_of_leaves_a_trace(
    met: tuple[VirtualPhone, str], enforcing: Office, bench: Bench, reader: Browser
) -> None:
    phone, address = met
    port = phone.port
    with enforcing.phone("clean") as other:
        bench.provision(other)
        phone.stop()
        other.stop()
        other.start(port)

        assert bench.row(address)[1]["verdict"] == "compliant"

    assert "over tcp: another phone Another provisioned phone was there." in page_of(reader, bench, address)


def test_a_newer_check_ends_it(met: tuple[VirtualPhone, str], bench: Bench, reader: Browser) -> None:
    phone, address = met
    port = phone.port
    phone.stop()
    bench.check(address)
    assert "Last attempt" in page_of(reader, bench, address)
    phone.start(port)

    bench.check(address)

    assert "Last attempt" not in page_of(reader, bench, address)


def test_what_the_server_could_not_be_told_is_told_by_the_next_sending(
    met: tuple[VirtualPhone, str], bench: Bench, reader: Browser
) -> None:
    phone, address = met
    phone.stop()
    with bench.without_server():
        bench.check(address)
    assert "The server does not know yet of 1 phone visited in vain" in bench.said
    assert "Last attempt" not in page_of(reader, bench, address)
    assert json.loads(bench.agent("status", "--json")[1])["attempts_waiting"] == 1

    assert bench.agent("send")[0] == ExitCode.COMPLIANT

    assert "Last attempt" in page_of(reader, bench, address)
    assert Attempts(bench.folder).waiting() == ()


def test_a_phone_that_nobody_here_knows_and_one_whose_owner_declined_leave_no_attempt(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as unknown, enforcing.phone("clean") as declined:
        address = bench.provision(declined)
        bench.agent("provision", address, "--consent", "declined", "--label", "", "--holder", "h-1")
        with bench.without_server():
            _, rows = bench.check(f"tcp:127.0.0.1:{unknown.port}", address)

    assert [row["verdict"] for row in rows] == ["not_reached", "not_reached"]
    assert Attempts(bench.folder).waiting() == ()


def test_an_attempt_tells_no_address(met: tuple[VirtualPhone, str], bench: Bench) -> None:
    phone, address = met
    phone.stop()
    with bench.without_server():
        bench.check(address)

    [file] = (bench.folder / "attempts").glob("*.json")
    assert str(phone.port) not in re.sub(r'"tried_at":"[^"]*"', "", file.read_text()).replace(file.stem, "")
