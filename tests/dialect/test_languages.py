"""The phone's language is its own word, believed where it has the form of a language, and never a reason to stop."""

from __future__ import annotations

import pytest

from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.device import read_device
from tests.dialect.asking import cut
from tests.phones.fake_phone import Shell

API = "[ro.build.version.sdk]: [34]\n"


def language_of(shell: Shell, text: str) -> str:
    lines = tuple(cut(shell, "cut_properties", API + text))
    return read_device(CutAnswer("properties", lines, 0), None, None).language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("[persist.sys.locale]: [fr-BE]\n[ro.product.locale]: [en-GB]\n", "fr-BE"),
        ("[persist.sys.locale]: [zh-Hans-CN]\n", "zh-Hans-CN"),
        ("[persist.sys.locale]: [de]\r\n", "de"),
        ("[ro.product.locale]: [nl-NL]\n", "nl-NL"),
        ("[persist.sys.locale]: []\n[ro.product.locale]: [nl-NL]\n", "nl-NL"),
        ("[persist.sys.locale]: [../../etc]\n[ro.product.locale]: [nl-NL]\n", "nl-NL"),
        ("[persist.sys.locale]: [fr_BE]\n", ""),
        ("[persist.sys.locale]: [$(id)]\n", ""),
        ("[persist.sys.locale]: [французский]\n", ""),
        (f"[persist.sys.locale]: [{'fr' * 60}]\n", ""),
        ("[persist.sys.locale]: [fr-BE\n", ""),
        ("persist.sys.locale=fr-BE\n", ""),
        ("[persist.sys.language]: [fr]\n", ""),
        ("", ""),
    ],
)
def test_a_language_is_taken_where_it_has_the_form_of_one_and_the_phone_is_read_in_any_case(
    any_shell: Shell, text: str, language: str
) -> None:
    assert language_of(any_shell, text) == language
