"""Phones over TCP: what a good phone answers, and that a bad one harms nobody."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent_scripts.adb.keys import AdbKeys
from agent_scripts.adb.opening import open_connection
from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.adb.phone_connection import PhoneConnection
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
    PlainTcpRefused,
)
from agent_scripts.station_files.adb_key import station_adb_key
from tests.agent.small_daemon import Service, SmallDaemon, Wire, answering

MIB = 1024 * 1024
FOR_EVER_S = 60.0


def with_phone(
    daemon: SmallDaemon, keys: AdbKeys, use: Callable[[PhoneConnection], Awaitable[Any]], **options: Any
) -> Any:
    async def scenario() -> Any:
        async with daemon.running() as address:
            connection = await open_connection(address, keys, **options)
            try:
                return await use(connection)
            finally:
                await connection.close()

    return asyncio.run(scenario())


def public_key(keys: AdbKeys) -> rsa.RSAPublicKey:
    key = load_pem_private_key(keys.private_path.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.public_key()


def test_a_command_comes_back_with_its_answer(adb_keys: AdbKeys) -> None:
    async def use(phone: PhoneConnection) -> bytes:
        return await phone.run("getprop", FOR_EVER_S, MIB)

    assert with_phone(SmallDaemon(), adb_keys, use) == b"heard getprop"


def test_one_connection_carries_many_exchanges(adb_keys: AdbKeys) -> None:
    async def use(phone: PhoneConnection) -> list[bytes]:
        return [await phone.run(f"echo {n}", FOR_EVER_S, MIB) for n in range(50)]

    assert with_phone(SmallDaemon(), adb_keys, use) == [b"heard echo %d" % n for n in range(50)]


def test_exchanges_asked_for_at_once_take_turns(adb_keys: AdbKeys) -> None:
    async def use(phone: PhoneConnection) -> list[bytes]:
        return await asyncio.gather(*(phone.run(f"echo {n}", FOR_EVER_S, MIB) for n in range(10)))

    assert with_phone(SmallDaemon(), adb_keys, use) == [b"heard echo %d" % n for n in range(10)]


def test_a_command_of_sixty_thousand_bytes_arrives_whole(adb_keys: AdbKeys) -> None:
    command = "x" * 60_000

    async def use(phone: PhoneConnection) -> bytes:
        return await phone.run(command, FOR_EVER_S, MIB)

    assert with_phone(SmallDaemon(), adb_keys, use) == b"heard " + command.encode()


def test_an_answer_of_many_packets_arrives_whole(adb_keys: AdbKeys) -> None:
    answer = os_like_bytes(900_000)

    async def use(phone: PhoneConnection) -> bytes:
        return await phone.run("dumpsys", FOR_EVER_S, MIB)

    assert with_phone(SmallDaemon(answering(lambda _: answer)), adb_keys, use) == answer


def os_like_bytes(size: int) -> bytes:
    return bytes(n * 7 % 251 for n in range(size))


@pytest.mark.parametrize("command", ["x" * 65_001, "echo a\0b"])
def test_a_command_no_phone_would_take_is_refused_and_the_connection_lives(
    adb_keys: AdbKeys, command: str
) -> None:
    async def use(phone: PhoneConnection) -> bytes:
        with pytest.raises(CommandTooLong, match="65000 bytes without NUL"):
            await phone.run(command, FOR_EVER_S, MIB)
        return await phone.run("still here", FOR_EVER_S, MIB)

    assert with_phone(SmallDaemon(), adb_keys, use) == b"heard still here"


# --- keys -------------------------------------------------------------------------------------------------------


def test_a_known_key_is_let_in_without_a_question(adb_keys: AdbKeys) -> None:
    daemon = SmallDaemon(keys=(public_key(adb_keys),))

    async def use(phone: PhoneConnection) -> bytes:
        return await phone.run("id", FOR_EVER_S, MIB)

    assert with_phone(daemon, adb_keys, use) == b"heard id"
    assert daemon.shown_questions == []


def test_an_unknown_key_tells_the_technician_to_tap_allow(adb_keys: AdbKeys, tmp_path: Path) -> None:
    daemon = SmallDaemon(keys=(public_key(station_adb_key(tmp_path)),))
    asked: list[PhoneAddress] = []

    async def scenario() -> None:
        async with daemon.running() as address:
            with pytest.raises(PhoneUnauthorised, match=r"change to its owner .* and tap Allow"):
                await open_connection(address, adb_keys, allow_timeout_s=0.2, ask_owner=asked.append)

    asyncio.run(scenario())
    assert asked == [daemon.address]
    assert daemon.shown_questions == [adb_keys.public_line.encode() + b"\0"]


def test_a_phone_that_hangs_up_on_an_unknown_key_is_unauthorised_too(adb_keys: AdbKeys) -> None:
    async def greeting(wire: Wire) -> None:
        await wire.expect(b"CNXN")
        await wire.send(b"AUTH", 1, 0, bytes(20))
        await wire.expect(b"AUTH")
        await wire.send(b"AUTH", 1, 0, bytes(20))
        await wire.expect(b"AUTH")
        wire.hang_up()

    with pytest.raises(PhoneUnauthorised):
        connect_only(SmallDaemon(greeting=greeting), adb_keys)


def test_an_owner_who_taps_allow_in_time_is_enough(adb_keys: AdbKeys) -> None:
    async def greeting(wire: Wire) -> None:
        await wire.expect(b"CNXN")
        await wire.send(b"AUTH", 1, 0, bytes(20))
        await wire.expect(b"AUTH")
        await wire.send(b"AUTH", 1, 0, bytes(20))
        await wire.expect(b"AUTH")
        await wire.send(b"CNXN", 0x01000000, 4096, b"device::")
        await wire.expect(b"OPEN")

    connect_only(SmallDaemon(greeting=greeting), adb_keys)


# --- phones that misbehave ---------------------------------------------------------------------------------------


def connect_only(daemon: SmallDaemon, keys: AdbKeys, **options: Any) -> None:
    async def use(phone: PhoneConnection) -> None:
        return None

    with_phone(daemon, keys, use, **options)


def run_against(service: Service, keys: AdbKeys, timeout_s: float = FOR_EVER_S, max_bytes: int = MIB) -> Any:
    """Run one command, which is expected to fail, and show that the connection is closed afterwards."""

    async def use(phone: PhoneConnection) -> None:
        try:
            await phone.run("id", timeout_s, max_bytes)
        except PhoneError:
            with pytest.raises(PhoneWentAway, match="connect again"):
                await phone.run("id", FOR_EVER_S, MIB)
            raise

    return with_phone(SmallDaemon(service), keys, use)


async def hang_up(wire: Wire, local: int, remote: int, name: bytes) -> None:
    wire.hang_up()


async def hang_up_half_way(wire: Wire, local: int, remote: int, name: bytes) -> None:
    await wire.send(b"OKAY", local, remote)
    await wire.send(b"WRTE", local, remote, b"half of", length=1000)
    wire.hang_up()


async def say_nothing(wire: Wire, local: int, remote: int, name: bytes) -> None:
    await wire.expect(b"CLSE")


async def refuse(wire: Wire, local: int, remote: int, name: bytes) -> None:
    await wire.send(b"CLSE", 0, remote)


async def talk_for_ever(wire: Wire, local: int, remote: int, name: bytes) -> None:
    await wire.send(b"OKAY", local, remote)
    while True:
        await wire.send(b"WRTE", local, remote, b"x" * 60_000)


async def talk_to_others(wire: Wire, local: int, remote: int, name: bytes) -> None:
    """Fill the listener's memory with packets for streams that nobody opened."""
    while True:
        await wire.send(b"WRTE", 77, 78, b"x" * 60_000)


async def talk_to_many_others(wire: Wire, local: int, remote: int, name: bytes) -> None:
    """Send the smallest packets there are, each for another stream: kept, each would cost a thousand bytes."""
    for number in itertools.count(1000):
        await wire.send(b"WRTE", number, number)


async def say_nothing_for_ever(wire: Wire, local: int, remote: int, name: bytes) -> None:
    await wire.send(b"OKAY", local, remote)
    while True:
        await wire.send(b"WRTE", local, remote)


async def acknowledge_for_ever(wire: Wire, local: int, remote: int, name: bytes) -> None:
    while True:
        await wire.send(b"OKAY", local, remote)


async def answer_before_it_is_open(wire: Wire, local: int, remote: int, name: bytes) -> None:
    while True:
        await wire.send(b"WRTE", local, remote, b"x")


async def announce_gigabytes(wire: Wire, local: int, remote: int, name: bytes) -> None:
    await wire.send(b"OKAY", local, remote)
    await wire.send(b"WRTE", local, remote, b"", length=2 * 1024 * MIB)
    await wire.expect(b"CLSE")


async def send_garbage(wire: Wire, local: int, remote: int, name: bytes) -> None:
    wire.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)
    await wire.expect(b"CLSE")


async def spoil_the_checksum(wire: Wire, local: int, remote: int, name: bytes) -> None:
    await wire.send(b"OKAY", local, remote)
    header = b"WRTE" + local.to_bytes(4, "little") + remote.to_bytes(4, "little")
    wire.writer.write(header + (3).to_bytes(4, "little") + bytes(8) + b"abc")
    await wire.expect(b"CLSE")


@pytest.mark.parametrize("service", [hang_up, hang_up_half_way])
def test_a_phone_that_hangs_up_is_noticed_at_once(adb_keys: AdbKeys, service: Service) -> None:
    with pytest.raises(PhoneWentAway):
        run_against(service, adb_keys)


def test_a_silent_phone_ends_with_the_time_allowed(adb_keys: AdbKeys) -> None:
    with pytest.raises(AnswerTooSlow, match=r"answered nothing for 0\.1 s"):
        run_against(say_nothing, adb_keys, timeout_s=0.1)


def test_a_refused_service_is_no_time_out(adb_keys: AdbKeys) -> None:
    with pytest.raises(PhoneRefused, match="'shell'"):
        run_against(refuse, adb_keys)


@pytest.mark.parametrize("service", [talk_for_ever, talk_to_others])
def test_endless_talk_is_cut_off(adb_keys: AdbKeys, service: Service) -> None:
    with pytest.raises(AnswerTooLong):
        run_against(service, adb_keys, max_bytes=100_000)


@pytest.mark.parametrize(
    "service",
    [talk_to_many_others, say_nothing_for_ever, acknowledge_for_ever, answer_before_it_is_open],
)
def test_packets_that_bring_nothing_are_cut_off_long_before_their_bytes_are_too_many(
    adb_keys: AdbKeys, service: Service
) -> None:
    with pytest.raises(AnswerTooLong, match="packets that bring nothing"):
        run_against(service, adb_keys, max_bytes=MIB)


def test_packets_that_an_earlier_exchange_left_over_count_for_that_one_alone(adb_keys: AdbKeys) -> None:
    async def service(wire: Wire, local: int, remote: int, name: bytes) -> None:
        for _ in range(900):
            await wire.send(b"WRTE", 77, 78)
        await answering(lambda _: b"here")(wire, local, remote, name)

    async def use(phone: PhoneConnection) -> None:
        assert [await phone.run("id", FOR_EVER_S, MIB) for _ in range(3)] == [b"here"] * 3

    with_phone(SmallDaemon(service), adb_keys, use)


def test_an_answer_of_exactly_the_limit_passes_and_one_more_byte_does_not(adb_keys: AdbKeys) -> None:
    service = answering(lambda _: b"x" * 1000)

    async def use(phone: PhoneConnection) -> int:
        whole = len(await phone.run("id", FOR_EVER_S, 1000))
        with pytest.raises(AnswerTooLong, match="more than 999 bytes"):
            await phone.run("id", FOR_EVER_S, 999)
        return whole

    assert with_phone(SmallDaemon(service), adb_keys, use) == 1000


@pytest.mark.parametrize("service", [announce_gigabytes, send_garbage, spoil_the_checksum])
def test_bytes_that_are_not_the_protocol_are_refused(adb_keys: AdbKeys, service: Service) -> None:
    with pytest.raises(PhoneProtocolError):
        run_against(service, adb_keys)


def test_a_packet_size_of_gigabytes_in_the_greeting_reserves_nothing(
    adb_keys: AdbKeys, tmp_path: Path
) -> None:
    received: list[bytes] = []
    daemon = SmallDaemon(accepting_push(received), maxdata=0xC0000000)

    async def use(phone: PhoneConnection) -> None:
        await phone.push(b"content", "/data/local/tmp/curfew/x")

    with_phone(daemon, adb_keys, use)
    assert received == [b"content"]


def test_a_packet_size_too_small_to_work_with_is_refused(adb_keys: AdbKeys) -> None:
    with pytest.raises(PhoneProtocolError, match="packets of 10 bytes"):
        connect_only(SmallDaemon(maxdata=10), adb_keys)


def test_a_token_that_cannot_be_signed_is_refused(adb_keys: AdbKeys) -> None:
    async def greeting(wire: Wire) -> None:
        await wire.expect(b"CNXN")
        await wire.send(b"AUTH", 1, 0, b"short")
        await wire.expect(b"AUTH")

    with pytest.raises(PhoneProtocolError):
        connect_only(SmallDaemon(greeting=greeting), adb_keys)


def test_a_phone_of_wireless_debugging_names_the_way_that_works(adb_keys: AdbKeys) -> None:
    async def greeting(wire: Wire) -> None:
        await wire.expect(b"CNXN")
        await wire.send(b"STLS", 0x01000000, 0)
        await wire.expect(b"STLS")

    with pytest.raises(PhoneUnreachable, match="adb pair"):
        connect_only(SmallDaemon(greeting=greeting), adb_keys)


def test_a_port_where_nobody_listens_is_unreachable(adb_keys: AdbKeys) -> None:
    async def scenario() -> None:
        async with SmallDaemon().running() as address:
            pass
        await open_connection(address, adb_keys)

    with pytest.raises(PhoneUnreachable, match="does not answer"):
        asyncio.run(scenario())


def test_a_listener_that_never_greets_is_unreachable(adb_keys: AdbKeys) -> None:
    async def greeting(wire: Wire) -> None:
        await wire.expect(b"CLSE")

    with pytest.raises(PhoneUnreachable, match="does not answer"):
        connect_only(SmallDaemon(greeting=greeting), adb_keys, connect_timeout_s=0.1)


def test_plain_tcp_to_another_computer_needs_to_be_asked_for(adb_keys: AdbKeys) -> None:
    address = PhoneAddress.parse("tcp:192.0.2.7:5555")
    with pytest.raises(PlainTcpRefused, match="--plain-tcp"):
        asyncio.run(open_connection(address, adb_keys))


# --- many phones on one loop --------------------------------------------------------------------------------------


def test_phones_that_vanish_do_not_hold_up_the_others(adb_keys: AdbKeys) -> None:
    """Good phones finish all their work while forty bad ones hang up, say nothing or talk for ever."""
    bad: list[Service] = [hang_up, hang_up_half_way, say_nothing, talk_to_others] * 10

    async def finish_badly(service: Service) -> type[BaseException]:
        async with SmallDaemon(service).running() as address:
            phone = await open_connection(address, adb_keys, connect_timeout_s=FOR_EVER_S)
            try:
                await phone.run("id", FOR_EVER_S, 100_000)
            except PhoneError as error:
                return type(error)
            raise AssertionError("a bad phone gave an answer")

    async def finish_well() -> int:
        async with SmallDaemon().running() as address:
            phone = await open_connection(address, adb_keys, connect_timeout_s=FOR_EVER_S)
            answers = [await phone.run("id", FOR_EVER_S, MIB) for _ in range(20)]
            await phone.close()
            return answers.count(b"heard id")

    async def scenario() -> tuple[list[int], list[type[BaseException]], int]:
        stuck = [asyncio.create_task(finish_badly(service)) for service in bad]
        good = await asyncio.gather(*(finish_well() for _ in range(20)))
        waiting = [task for task in stuck if not task.done()]
        for task in waiting:
            task.cancel()
        ended = [task.result() for task in stuck if task.done() and not task.cancelled()]
        await asyncio.gather(*waiting, return_exceptions=True)
        return list(good), ended, len(waiting)

    good, ended, waiting = asyncio.run(scenario())
    assert good == [20] * 20
    assert ended.count(PhoneWentAway) == 20
    assert waiting <= 20  # only the silent, and whoever is not done talking, may still use their own time


def test_an_exchange_that_is_given_up_leaves_no_open_connection(adb_keys: AdbKeys) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def service(wire: Wire, local: int, remote: int, name: bytes) -> None:
        begun.set()
        try:
            await wire.expect(b"CLSE")
        finally:
            ended.set()

    async def use(phone: PhoneConnection) -> None:
        exchange = asyncio.create_task(phone.run("id", FOR_EVER_S, MIB))
        await begun.wait()
        exchange.cancel()
        with pytest.raises(asyncio.CancelledError):
            await exchange
        await asyncio.wait_for(ended.wait(), FOR_EVER_S)

    with_phone(SmallDaemon(service), adb_keys, use)


# --- files ----------------------------------------------------------------------------------------------------------


def accepting_push(received: list[bytes]) -> Service:
    async def service(wire: Wire, local: int, remote: int, name: bytes) -> None:
        await wire.send(b"OKAY", local, remote)
        data = bytearray()
        while True:
            packet = await wire.expect(b"WRTE")
            data += packet.data
            await wire.send(b"OKAY", local, remote)
            if data[-8:-4] == b"DONE":
                break
        received.append(file_of(bytes(data)))
        await wire.send(b"WRTE", local, remote, b"OKAY" + bytes(4))
        await wire.expect(b"CLSE")
        await wire.send(b"CLSE", local, remote)

    return service


def file_of(sync: bytes) -> bytes:
    content, position = b"", 0
    while position < len(sync):
        word, length = (
            sync[position : position + 4],
            int.from_bytes(sync[position + 4 : position + 8], "little"),
        )
        if word == b"DONE":
            break
        if word == b"DATA":
            content += sync[position + 8 : position + 8 + length]
        position += 8 + length
    return content


def sending_file(chunks: list[bytes], end: bytes = b"DONE" + bytes(4)) -> Service:
    async def service(wire: Wire, local: int, remote: int, name: bytes) -> None:
        await wire.send(b"OKAY", local, remote)
        await wire.expect(b"WRTE")
        await wire.send(b"OKAY", local, remote)
        for chunk in chunks:
            await wire.write_stream(local, remote, b"DATA" + len(chunk).to_bytes(4, "little") + chunk)
        await wire.write_stream(local, remote, end)
        await wire.expect(b"CLSE")
        await wire.send(b"CLSE", local, remote)

    return service


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 1_000_152])
def test_a_pushed_file_arrives_whole(adb_keys: AdbKeys, size: int) -> None:
    received: list[bytes] = []

    async def use(phone: PhoneConnection) -> None:
        await phone.push(os_like_bytes(size), "/data/local/tmp/curfew/x")

    with_phone(SmallDaemon(accepting_push(received)), adb_keys, use)
    assert received == [os_like_bytes(size)]


def test_a_push_that_is_refused_early_says_so(adb_keys: AdbKeys) -> None:
    reason = b"couldn't create file: Permission denied"

    async def service(wire: Wire, local: int, remote: int, name: bytes) -> None:
        await wire.send(b"OKAY", local, remote)
        await wire.expect(b"WRTE")
        await wire.send(b"WRTE", local, remote, b"FAIL" + len(reason).to_bytes(4, "little") + reason)
        await wire.send(b"OKAY", local, remote)
        while True:
            await wire.expect(b"WRTE")
            await wire.send(b"OKAY", local, remote)

    async def use(phone: PhoneConnection) -> None:
        with pytest.raises(PhoneRefused, match="couldn't create file: Permission denied"):
            await phone.push(os_like_bytes(600_000), "/system/x")

    with_phone(SmallDaemon(service, maxdata=64 * 1024), adb_keys, use)


def test_a_pulled_file_arrives_whole(adb_keys: AdbKeys) -> None:
    async def use(phone: PhoneConnection) -> bytes:
        return await phone.pull("/data/local/tmp/curfew/ledger", MIB)

    daemon = SmallDaemon(sending_file([os_like_bytes(60_000), b"end"]))
    assert with_phone(daemon, adb_keys, use) == os_like_bytes(60_000) + b"end"


def test_a_pulled_file_beyond_its_limit_is_refused(adb_keys: AdbKeys) -> None:
    async def use(phone: PhoneConnection) -> None:
        with pytest.raises(AnswerTooLong, match="longer than 10 bytes"):
            await phone.pull("/data/local/tmp/curfew/ledger", 10)

    with_phone(SmallDaemon(sending_file([b"x" * 11])), adb_keys, use)


def test_pulling_an_absent_file_gives_the_phones_reason(adb_keys: AdbKeys) -> None:
    end = b"FAIL" + (25).to_bytes(4, "little") + b"No such file or directory"

    async def use(phone: PhoneConnection) -> None:
        with pytest.raises(PhoneRefused, match="No such file or directory"):
            await phone.pull("/data/local/tmp/curfew/ledger", MIB)

    with_phone(SmallDaemon(sending_file([], end)), adb_keys, use)


@pytest.mark.parametrize("answer", [b"DATA\xff\xff\xff\xff", b"WHAT\0\0\0\0"])
def test_a_transfer_that_is_not_the_sync_protocol_is_refused(adb_keys: AdbKeys, answer: bytes) -> None:
    async def use(phone: PhoneConnection) -> None:
        with pytest.raises(PhoneProtocolError):
            await phone.pull("/data/local/tmp/curfew/ledger", MIB)

    with_phone(SmallDaemon(sending_file([], answer)), adb_keys, use)
