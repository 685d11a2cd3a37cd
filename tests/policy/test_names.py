"""Names that may reach a phone's shell: the accepted and the refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.errors import InvalidName
from policy.names import PackageName, PhoneId, UserNumber


@pytest.mark.parametrize("name", ["com.tiktok.tv", "a.b", "com.ss.android.ugc.trill", "Com.Example_1.app2"])
def test_a_package_name_is_accepted(name: str) -> None:
    assert PackageName(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "com",
        ".com.example",
        "com.example.",
        "com..example",
        "com.1example",
        "com.example\n",
        "\ncom.example",
        "com.example app",
        "com.example;reboot",
        "com.example$(id)",
        "com.example/.Main",
        "--user",
        "-k.b",
        "com.exämple",
        "com.example\u0301",
        "com.example.\uff41pp",
        "com.example\0",
        "a." + "b" * 222,
        None,
        7,
        b"com.example",
    ],
)
def test_anything_else_is_no_package_name(name: Any) -> None:
    with pytest.raises(InvalidName):
        PackageName(name)


@given(st.text())
def test_no_accepted_package_name_can_speak_to_a_shell(text: str) -> None:
    try:
        name = PackageName(text)
    except InvalidName:
        return
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._")


@pytest.mark.parametrize("number", [0, 10, 150, 999, 21473])
def test_a_user_number_is_accepted(number: int) -> None:
    assert UserNumber(number) == number


@pytest.mark.parametrize("number", [-1, -2, 21474, 1 << 70, True, False, "10", 10.0, None, "all"])
def test_anything_else_is_no_user_number(number: Any) -> None:
    with pytest.raises(InvalidName):
        UserNumber(number)


def test_a_phone_id_is_a_canonical_uuid() -> None:
    assert PhoneId(PhoneId.random())


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1F0C9A52-8A1E-4C57-9D0E-6F8F3F5C2B11",
        "1f0c9a528a1e4c579d0e6f8f3f5c2b11",
        "{1f0c9a52-8a1e-4c57-9d0e-6f8f3f5c2b11}",
        "1f0c9a52-8a1e-4c57-9d0e-6f8f3f5c2b11\n",
        "../1f0c9a52",
        None,
        7,
    ],
)
def test_anything_else_is_no_phone_id(value: Any) -> None:
    with pytest.raises(InvalidName):
        PhoneId(value)


def is_canonical(text: str) -> bool:
    """Say it by the standard library."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


SPELLED = st.uuids().flatmap(
    lambda one: st.sampled_from(
        [str(one), str(one).upper(), one.hex, one.urn, f"{{{one}}}", f"{one}\n", f" {one}"]
    )
)


@given(SPELLED | st.text("0123456789abcdefAF-\u0661", min_size=34, max_size=38))
def test_a_phone_id_is_what_the_standard_library_writes_for_a_uuid(text: str) -> None:
    try:
        taken = PhoneId(text) == text
    except InvalidName:
        taken = False

    assert taken == is_canonical(text)
