"""The same phone by both roads: adb-shell over TCP, and the platform's own adb server. Both keep one promise."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import adbutils
import pytest

from agent_scripts.adb.adb_server_phone import list_devices
from agent_scripts.adb.keys import AdbKeys
from agent_scripts.adb.opening import open_connection
from agent_scripts.adb.phone_address import PhoneAddress, Way
from agent_scripts.adb.phone_connection import TAP_ALLOW, PhoneConnection
from agent_scripts.errors import (
    AnswerTooLong,
    AnswerTooSlow,
    CommandTooLong,
    PhoneError,
    PhoneProtocolError,
    PhoneRefused,
    PhoneUnauthorised,
    PhoneUnreachable,
    PhoneWentAway,
    ServiceClosed,
)
from agent_scripts.virtual_phone import VirtualPhone

MIB = 1024 * 1024
FOR_EVER_S = 60.0
TMP = "/data/local/tmp"

Road = Callable[[VirtualPhone], PhoneAddress]


@pytest.fixture(scope="module")
def adb_server(tmp_path_factory: pytest.TempPathFactory, adb_keys: AdbKeys) -> Iterator[adbutils.AdbClient]:
    """The bundled adb's server on a port and with a home of its own, started by the agent's own code."""
    with socket.create_server(("127.0.0.1", 0)) as free, pytest.MonkeyPatch.context() as surroundings:
        port = free.getsockname()[1]
        surroundings.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        surroundings.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        surroundings.setenv("ADB_MDNS", "0")
        free.close()
        assert list_devices(adb_keys) == ()
        client = adbutils.AdbClient()
        try:
            yield client
        finally:
            client.server_kill()


@pytest.fixture
def phone(tmp_path: Path, adb_keys: AdbKeys) -> Iterator[VirtualPhone]:
    """A phone that knows the station's key."""
    with VirtualPhone("pixel-14", tmp_path / "phone") as started:
        started.authorise(adb_keys.public_line)
        yield started


@pytest.fixture(params=["tcp", "adb"])
def road(request: pytest.FixtureRequest) -> Road:
    if request.param == "tcp":
        return lambda phone: PhoneAddress.parse(f"tcp:127.0.0.1:{phone.port}")
    client: adbutils.AdbClient = request.getfixturevalue("adb_server")

    def by_adb(phone: VirtualPhone) -> PhoneAddress:
        serial = f"127.0.0.1:{phone.port}"
        client.connect(serial, timeout=10)
        return PhoneAddress.parse(f"adb:{serial}")

    return by_adb


def meet(address: PhoneAddress, keys: AdbKeys, use: Callable[[PhoneConnection], Awaitable[Any]]) -> Any:
    async def scenario() -> Any:
        connection = await open_connection(address, keys, allow_timeout_s=0.3)
        try:
            return await use(connection)
        finally:
            await connection.close()

    return asyncio.run(scenario())


def run(
    address: PhoneAddress, keys: AdbKeys, command: str, timeout_s: float = FOR_EVER_S, most: int = MIB
) -> bytes:
    async def use(phone: PhoneConnection) -> bytes:
        return await phone.run(command, timeout_s, most)

    answer: bytes = meet(address, keys, use)
    return answer


def test_stdout_and_stderr_come_back_together(road: Road, phone: VirtualPhone, adb_keys: AdbKeys) -> None:
    answer = run(road(phone), adb_keys, "echo out; echo err >&2; exit 3")

    assert sorted(answer.split()) == [b"err", b"out"]


def test_output_without_end_of_line_and_binary_output_pass_unchanged(
    road: Road, phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    assert run(road(phone), adb_keys, r"printf 'a\r\nb\001\377\n\n'") == b"a\r\nb\x01\xff\n\n"


def test_a_command_without_output_answers_nothing(road: Road, phone: VirtualPhone, adb_keys: AdbKeys) -> None:
    assert run(road(phone), adb_keys, "true") == b""


def test_a_command_of_sixty_thousand_bytes_runs(road: Road, phone: VirtualPhone, adb_keys: AdbKeys) -> None:
    text = "x" * 60_000

    assert run(road(phone), adb_keys, f"echo {text}") == text.encode() + b"\n"


def test_an_answer_of_half_a_mebibyte_arrives_whole(
    road: Road, phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    answer = run(road(phone), adb_keys, "seq 1 80000")

    assert answer == b"".join(b"%d\n" % number for number in range(1, 80_001))


def test_many_exchanges_on_one_connection(road: Road, phone: VirtualPhone, adb_keys: AdbKeys) -> None:
    async def use(connection: PhoneConnection) -> list[bytes]:
        return [await connection.run(f"echo {number}", FOR_EVER_S, MIB) for number in range(5)]

    assert meet(road(phone), adb_keys, use) == [b"%d\n" % number for number in range(5)]


def test_a_phone_that_stands_by_runs_the_command_once_it_takes_it(
    road: Road, phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    address = road(phone)
    phone.faults.stand_by(2)

    assert run(address, adb_keys, "echo x >>/data/local/tmp/once; cat /data/local/tmp/once") == b"x\n"


def test_a_phone_that_stays_in_standby_says_so(road: Road, phone: VirtualPhone, adb_keys: AdbKeys) -> None:
    address = road(phone)
    phone.faults.stand_by(99)

    with pytest.raises(ServiceClosed, match="wake its screen, wait a minute and check again"):
        run(address, adb_keys, "id")
    assert "id" not in phone.commands


def test_bytes_in_an_okay_are_passed_over(phone: VirtualPhone, adb_keys: AdbKeys) -> None:
    """The platform's adb agrees on such bytes before; by our own road a phone may send them unasked."""
    phone.faults.delay_acks()
    content = os.urandom(300_001)

    async def use(connection: PhoneConnection) -> tuple[bytes, bytes]:
        await connection.push(content, f"{TMP}/file")
        return await connection.run("echo hello", FOR_EVER_S, MIB), await connection.pull(f"{TMP}/file", MIB)

    address = PhoneAddress.parse(f"tcp:127.0.0.1:{phone.port}")
    assert meet(address, adb_keys, use) == (b"hello\n", content)


def test_a_file_goes_there_and_back(road: Road, phone: VirtualPhone, adb_keys: AdbKeys) -> None:
    content = os.urandom(300_001)

    async def use(connection: PhoneConnection) -> bytes:
        await connection.push(content, f"{TMP}/file")
        return await connection.pull(f"{TMP}/file", MIB)

    assert meet(road(phone), adb_keys, use) == content


def test_a_file_that_is_not_there_is_refused(road: Road, phone: VirtualPhone, adb_keys: AdbKeys) -> None:
    async def use(connection: PhoneConnection) -> None:
        await connection.pull(f"{TMP}/nothing", MIB)

    with pytest.raises(PhoneRefused, match="No such file"):
        meet(road(phone), adb_keys, use)


def test_a_file_beyond_the_limit_is_refused(road: Road, phone: VirtualPhone, adb_keys: AdbKeys) -> None:
    async def use(connection: PhoneConnection) -> None:
        await connection.push(b"x" * 100_000, f"{TMP}/file")
        await connection.pull(f"{TMP}/file", 99_999)

    with pytest.raises(AnswerTooLong, match="longer than 99999 bytes"):
        meet(road(phone), adb_keys, use)


def test_a_command_too_long_for_any_phone_is_refused(
    road: Road, phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    with pytest.raises(CommandTooLong):
        run(road(phone), adb_keys, "x" * 65_001)


def fails_and_stays_closed(
    address: PhoneAddress,
    keys: AdbKeys,
    error: type[PhoneError],
    timeout_s: float = FOR_EVER_S,
    most: int = MIB,
) -> None:
    """Run a command that must fail with `error`, after which the connection must stay closed."""

    async def use(connection: PhoneConnection) -> None:
        with pytest.raises(error):
            await connection.run("echo beginning; sleep 30; echo end", timeout_s, most)
        with pytest.raises(PhoneWentAway, match="closed; connect again"):
            await connection.run("true", FOR_EVER_S, MIB)

    meet(address, keys, use)


def test_a_phone_that_dies_in_mid_command_is_noticed(
    road: Road, phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    address = road(phone)
    phone.faults.die_in_mid_command()

    fails_and_stays_closed(address, adb_keys, PhoneWentAway)


def test_a_connection_cut_inside_an_answer_is_noticed(
    road: Road, phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    address = road(phone)
    phone.faults.answer_megabytes(1)

    async def use(connection: PhoneConnection) -> None:
        phone.faults.hang_up_after_bytes(20_000)
        with pytest.raises(PhoneWentAway):
            await connection.run("id", FOR_EVER_S, 4 * MIB)

    meet(address, adb_keys, use)


def test_a_silent_phone_ends_with_the_time_allowed(
    road: Road, phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    address = road(phone)
    phone.faults.answer_nothing()

    fails_and_stays_closed(address, adb_keys, AnswerTooSlow, timeout_s=0.3)


def test_a_phone_that_goes_on_answering_is_waited_for_beyond_the_silence_allowed(
    road: Road, phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    counting = "for n in 1 2 3 4; do sleep 0.5; echo $n; done"

    assert run(road(phone), adb_keys, counting, timeout_s=1.2).split() == [b"1", b"2", b"3", b"4"]


def test_a_phone_that_falls_silent_after_a_part_of_its_answer_is_given_up(
    road: Road, phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    with pytest.raises(AnswerTooSlow, match=r"answered nothing for 0\.5 s; keep its screen on"):
        run(road(phone), adb_keys, "echo begun; sleep 60", timeout_s=0.5)


def test_a_phone_that_drips_for_ever_ends_at_the_upper_bound(
    road: Road, phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    async def use(connection: PhoneConnection) -> bytes:
        return await connection.run("while :; do echo x; sleep 0.1; done", FOR_EVER_S, MIB, longest_s=1.0)

    with pytest.raises(AnswerTooSlow, match=r"still answering after 1 s; restart it"):
        meet(road(phone), adb_keys, use)


def test_megabytes_are_cut_off(road: Road, phone: VirtualPhone, adb_keys: AdbKeys) -> None:
    with pytest.raises(AnswerTooLong, match="more than 100000 bytes"):
        run(road(phone), adb_keys, "while true; do seq 1 10000; done", most=100_000)


def test_garbage_on_a_plain_shell_is_passed_on_for_the_dialect_to_refuse(
    phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    phone.faults.answer_garbage()

    assert b"<<garbage>>" in run(PhoneAddress.parse(f"tcp:127.0.0.1:{phone.port}"), adb_keys, "id")


def test_garbage_instead_of_the_frames_of_shell_v2_is_refused(
    adb_server: adbutils.AdbClient, phone: VirtualPhone, adb_keys: AdbKeys
) -> None:
    adb_server.connect(f"127.0.0.1:{phone.port}", timeout=10)
    phone.faults.answer_garbage()

    with pytest.raises(PhoneProtocolError):
        run(PhoneAddress.parse(f"adb:127.0.0.1:{phone.port}"), adb_keys, "id")


def test_an_unknown_station_is_told_to_tap_allow_and_let_in_afterwards(
    road: Road, tmp_path: Path, adb_keys: AdbKeys
) -> None:
    with VirtualPhone("pixel-14", tmp_path / "locked") as phone:
        shown = list[str]()
        phone.on_unknown_key = shown.append
        address = road(phone)
        with pytest.raises(PhoneUnauthorised, match=r"change to its owner .* and tap Allow"):
            meet(address, adb_keys, _nothing)

        phone.authorise(shown[0])
        if address.way is Way.ADB:
            adbutils.AdbClient().wait_for(address.serial, timeout=FOR_EVER_S)

        assert run(address, adb_keys, "echo in") == b"in\n"


async def _nothing(connection: PhoneConnection) -> None:
    raise AssertionError("an unknown station was let in")


def test_a_phone_that_went_away_is_unreachable(road: Road, phone: VirtualPhone, adb_keys: AdbKeys) -> None:
    address = road(phone)
    phone.stop()

    with pytest.raises(PhoneUnreachable):
        run(address, adb_keys, "id")


# --- what `curfew-agent devices` shows -----------------------------------------------------------------------------


def test_connected_phones_are_listed_with_the_next_step(
    adb_server: adbutils.AdbClient, phone: VirtualPhone, tmp_path: Path, adb_keys: AdbKeys
) -> None:
    with VirtualPhone("pixel-16", tmp_path / "locked") as locked:
        for started in (phone, locked):
            adb_server.connect(f"127.0.0.1:{started.port}", timeout=10)

        found = {device.address: device for device in list_devices(adb_keys)}

        good, bad = found[f"adb:127.0.0.1:{phone.port}"], found[f"adb:127.0.0.1:{locked.port}"]
        assert (good.state, good.next_step) == ("device", "")
        assert good.model
        assert bad.state == "unauthorized"
        assert bad.next_step == TAP_ALLOW


def test_a_phone_that_adb_does_not_see_names_the_command_that_lists_them(
    adb_server: adbutils.AdbClient, adb_keys: AdbKeys
) -> None:
    with pytest.raises(PhoneUnreachable, match="curfew-agent devices"):
        run(PhoneAddress.parse("adb:NOT-THERE"), adb_keys, "id")


def test_a_computer_without_adb_is_told_what_to_look_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, adb_keys: AdbKeys
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(free.getsockname()[1]))
    monkeypatch.setenv("ADBUTILS_ADB_PATH", str(tmp_path / "no-adb"))

    with pytest.raises(PhoneUnreachable, match="adb start-server"):
        list_devices(adb_keys)


def test_a_cable_named_by_usb_without_a_phone_on_it_is_unreachable(adb_keys: AdbKeys) -> None:
    with pytest.raises(PhoneUnreachable, match="usb:NOT-THERE"):
        run(PhoneAddress.parse("usb:NOT-THERE"), adb_keys, "id")
