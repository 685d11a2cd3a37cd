"""Every name that adb can give a phone is shown whole, and works when it is typed as it is shown."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import agent_scripts.cli
from agent_scripts.adb.adb_server_phone import list_devices
from agent_scripts.adb.device_list import listed_phones
from agent_scripts.adb.keys import AdbKeys
from agent_scripts.adb.opening import open_connection
from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.errors import PhoneNotProvisioned, ServiceClosed
from agent_scripts.station_files.station import KnownPhone
from policy.names import PhoneId
from policy.report import Consent
from tests.agent.conftest import MakeStation
from tests.agent.small_adb_server import Listed, SmallAdbServer

TWICE = "adb-1A2B3C4D-xYz (2)._adb-tls-connect._tcp"
ONCE = "adb-1A2B3C4D-xYz._adb-tls-connect._tcp"
TOLD = " product:tokay model:Pixel_9 device:tokay transport_id:3"
ODD = ("R58M 123", "(x) model:y", "-s", "a;reboot", "日本 1", "device", "device  device")

Serve = Callable[..., SmallAdbServer]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(*phones: Listed, refuses: int = 0) -> SmallAdbServer:
            server = stack.enter_context(SmallAdbServer(phones, refuses=refuses).running())
            monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(server.port))
            return server

        yield start


def asked(serial: str, keys: AdbKeys) -> bytes:
    async def scenario() -> bytes:
        phone = await open_connection(PhoneAddress.parse(f"adb:{serial}"), keys)
        try:
            return await phone.run("id", 10, 1000)
        finally:
            await phone.close()

    return asyncio.run(scenario())


def test_a_serial_with_blanks_is_shown_whole_with_its_state_and_model(serve: Serve) -> None:
    serve((ONCE, "offline", ""), (TWICE, "device", TOLD))

    once, twice = list_devices()

    assert (once.address, once.state, once.model) == (f"adb:{ONCE}", "offline", "")
    assert (twice.address, twice.state, twice.model, twice.next_step) == (
        f"adb:{TWICE}",
        "device",
        "Pixel_9",
        "",
    )


@pytest.mark.parametrize("serial", [TWICE, *ODD])
def test_a_phone_is_reached_by_the_serial_that_is_shown(serial: str, serve: Serve, adb_keys: AdbKeys) -> None:
    server = serve((serial, "device", TOLD))
    (shown,) = list_devices()

    assert asked(shown.address.removeprefix("adb:"), adb_keys) == b"answered\n"
    assert server.chosen == [serial]


def test_what_is_listed_works_when_it_is_typed(
    serve: Serve, make_station: MakeStation, capsys: pytest.CaptureFixture[str]
) -> None:
    serve((TWICE, "unauthorized", " transport_id:1"))
    station = make_station()
    station.remember(KnownPhone(PhoneId.random(), f"adb:{TWICE}", "id", Consent.AGREED, "A-1", "Pixel 9"))

    assert agent_scripts.cli.main(["--station", str(station.folder), "devices"]) == 0

    lines = [line for line in capsys.readouterr().out.splitlines() if "adb:" in line]
    assert [shlex.split(line.split("│")[1]) for line in lines] == [[f"adb:{TWICE}"]]
    assert station.phone_at(f"adb:{TWICE}") is not None


def test_a_next_step_names_the_phone_so_that_it_works_when_typed() -> None:
    step = str(PhoneNotProvisioned(f"adb:{TWICE}")).split("`")[1]

    assert shlex.split(step) == ["curfew-agent", "provision", f"adb:{TWICE}", "--holder", "REFERENCE"]


def test_an_unauthorised_phone_is_told_to_come_back_to_its_owner_first(serve: Serve) -> None:
    serve(("SERIAL1", "unauthorized", " usb:1-2 transport_id:3"))

    (shown,) = list_devices()

    unlock, owner, allow = (
        shown.next_step.index(word) for word in ("unlock", "change to its owner", "tap Allow")
    )
    assert unlock < owner < allow


def test_a_phone_without_permissions_is_shown_by_that_and_not_by_the_words_behind(serve: Serve) -> None:
    serve(("0A1B", "no permissions (user is not in the plugdev group); see the web", " usb:1-1"))

    (shown,) = list_devices()

    assert shown.state == "no permissions"
    assert "udev" in shown.next_step


@pytest.mark.parametrize("serial", ["a\x1b[2Jb", "a\u202eb", "(no serial number)", "????????????"])
def test_a_phone_that_cannot_be_named_says_so_and_harms_no_terminal(serial: str, serve: Serve) -> None:
    serve((serial, "device", TOLD))

    (shown,) = list_devices()

    assert shown.address.isprintable()
    assert "no name for this phone" in shown.next_step


def test_models_are_never_taken_from_another_phone() -> None:
    short = "A\tdevice\nA device\toffline\n"
    long = f"{'A':<22} device model:One\n{'A device':<22} offline model:Two\n"
    assert [(p.serial, p.model) for p in listed_phones(short, long)] == [("A", "One"), ("A device", "Two")]

    same = f"{short}A\tdevice\n"
    assert [p.model for p in listed_phones(same, f"{long}{'A':<22} device model:Three\n")] == ["", "Two", ""]


def test_a_phone_that_stands_by_is_asked_again_and_then_says_what_helps(
    serve: Serve, adb_keys: AdbKeys
) -> None:
    server = serve((ONCE, "device", TOLD), refuses=2)
    assert asked(ONCE, adb_keys) == b"answered\n"
    assert len(server.opened) == 3

    server = serve((ONCE, "device", TOLD), refuses=99)
    with pytest.raises(ServiceClosed, match="wake its screen, wait a minute and check again"):
        asked(ONCE, adb_keys)
    assert len(server.opened) == 4
