"""How phones are named: what is accepted, what is refused, what others could overhear."""

from __future__ import annotations

import pytest

from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.errors import InvalidAddress, PlainTcpRefused

ACCEPTED = [
    "tcp:127.0.0.1:6001",
    "tcp:localhost:5555",
    "tcp:bench-7.example.org:5555",
    "tcp:[::1]:6001",
    "adb:R58M123ABC",
    "adb:192.0.2.7:5555",
    "adb:adb-1A2B3C-xyz._adb-tls-connect._tcp",
    "adb:adb-1A2B3C-xyz (2)._adb-tls-connect._tcp",
    "adb:emulator-5554",
    "adb:a b",
    "adb:a;reboot",
    "adb:-s",
    "adb:\u0416\u00e9 #1 'x'",
    "usb:0123 4567",
    "usb:0A1B2C3D",
]
REFUSED = [
    "",
    "tcp:",
    "tcp:127.0.0.1",
    "tcp:127.0.0.1:0",
    "tcp:127.0.0.1:65536",
    "tcp:127.0.0.1:+80",
    "tcp:127.0.0.1: 80",
    "tcp:127.0.0.1:8\u0660",
    "tcp::5555",
    "tcp:::1:5555",
    "tcp:[127.0.0.1]:5555",
    "tcp:-host:5555",
    "tcp:ho st:5555",
    "adb:",
    "adb: a",
    "adb:a ",
    "adb:a\n",
    "adb:a\tb",
    "adb:a\x1b[2Jb",
    "adb:a\u202eb",
    "adb:" + "a" * 256,
    "usb:",
    "R58M123ABC",
    "TCP:127.0.0.1:6001",
    "ftp:host:21",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_a_good_name_is_accepted_and_printed_as_it_came(text: str) -> None:
    assert str(PhoneAddress.parse(text)) == text


@pytest.mark.parametrize("text", REFUSED)
def test_a_bad_name_is_refused_with_the_forms_that_work(text: str) -> None:
    with pytest.raises(InvalidAddress, match="expected tcp:HOST:PORT"):
        PhoneAddress.parse(text)


@pytest.mark.parametrize(
    "text", ["tcp:127.0.0.1:6001", "tcp:127.9.9.9:1", "tcp:[::1]:1", "tcp:localhost:1", "adb:X", "usb:X"]
)
def test_what_stays_on_this_computer_or_a_cable_is_allowed(text: str) -> None:
    address = PhoneAddress.parse(text)

    address.require_allowed(plain_tcp=False)

    assert address.transport == text.partition(":")[0]


@pytest.mark.parametrize(
    "text", ["tcp:192.0.2.7:5555", "tcp:0.0.0.0:5555", "tcp:phone.example.org:5555", "tcp:[2001:db8::1]:5"]
)
def test_what_others_could_overhear_needs_to_be_asked_for_and_is_named_in_the_report(text: str) -> None:
    address = PhoneAddress.parse(text)

    with pytest.raises(PlainTcpRefused, match="--plain-tcp"):
        address.require_allowed(plain_tcp=False)

    address.require_allowed(plain_tcp=True)
    assert address.transport == "plain-tcp"
