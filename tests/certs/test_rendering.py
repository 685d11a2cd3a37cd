from __future__ import annotations

import re
from dataclasses import replace

import pytest

from certs.rendering import fleet_rows, policy_changes, policy_rows, with_changes
from policy.document import LISTING_JUDGEMENT, DebuggingAtHandBack, Exemption, Fleet, Policy, Ring
from policy.names import PhoneId
from policy.plain_text import mixed_words, printable
from policy.ready_made import ready_made_policy
from tests.certs.simulated_repository import NOW


def test_every_package_of_the_policy_is_shown() -> None:
    policy = ready_made_policy()
    shown = " ".join(text for _, text in policy_rows(1, policy))
    for package in policy.named_packages:
        assert package in shown


def test_an_inactive_family_is_shown_as_not_banned() -> None:
    labels = {label for label, text in policy_rows(1, ready_made_policy()) if "douyin" in text}
    assert labels == {"listed, not banned"}


def test_the_deadline_is_shown_in_its_zone_and_in_utc() -> None:
    deadline = dict(policy_rows(1, ready_made_policy()))["deadline"]
    assert "12:00 Europe/Brussels" in deadline
    assert "11:00 UTC" in deadline


def test_a_lift_is_shouted() -> None:
    assert "LIFTED" in dict(policy_rows(2, replace(ready_made_policy(), lifted=True)))["in force"]


def test_what_becomes_of_debugging_is_shown_also_where_the_document_does_not_say_it() -> None:
    silent = ready_made_policy()
    off = replace(silent, debugging_at_hand_back=DebuggingAtHandBack.OFF)

    told = [dict(policy_rows(1, one))["debugging at hand-back"] for one in (silent, off)]

    assert told == ["as it was found", "off"]


def listing(*phones: str, **names: str) -> Policy:
    ring = Ring(None, NOW, frozenset(map(PhoneId, phones)), **(names or {"name": "Pilot"}))
    return replace(ready_made_policy(), rings=(ring, Ring(1.0, NOW)), minimum_judgement=LISTING_JUDGEMENT)


ONE, TWO, THREE = (f"00000000-0000-4000-8000-{number:012x}" for number in (1, 2, 3))


def test_a_ring_that_lists_its_phones_is_shown_by_their_number_and_what_they_are_called() -> None:
    first, rest = (text for label, text in policy_rows(1, listing(ONE, TWO, unit="A")) if label == "ring")

    assert re.match(r"2 phones by list \(unit A; [0-9a-f]{12}\) from ", first)
    assert rest.startswith("up to 100.0% from ")
    assert ONE not in first


def test_two_lists_of_as_many_phones_are_shown_as_two() -> None:
    changes = policy_changes(2, listing(ONE, THREE), (1, listing(ONE, TWO)))

    assert [mark for label, _, mark in changes if label == "ring"] == ["new", "", "gone"]
    assert changes[-1] == ("phones of Pilot", "1 phone added, 1 phone removed", "new")


def test_a_list_that_stayed_is_no_change() -> None:
    same = policy_changes(2, listing(ONE, TWO), (1, listing(TWO, ONE)))

    assert {label for label, _, mark in same if mark} == {"policy"}
    assert policy_changes(1, listing(ONE), None) == with_changes(policy_rows(1, listing(ONE)), [])


def test_changes_are_marked_on_both_sides() -> None:
    before = [("deadline", "May"), ("name", "same")]
    after = [("deadline", "June"), ("name", "same")]
    assert with_changes(after, before) == [
        ("deadline", "June", "new"),
        ("name", "same", ""),
        ("deadline", "May", "gone"),
    ]


def test_texts_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\u202ec") == "a\\x1b[2Jb\\u202ec"


def test_exemptions_are_shown_with_phone_time_and_reason() -> None:
    phone = PhoneId.random()
    rows = fleet_rows(Fleet(4, (Exemption(phone, NOW, "repair"),)))
    assert rows[0] == ("fleet document", "number 4, 1 exemption")
    assert rows[1] == ("exempt", f"{phone} until 2023-03-01 09:00 UTC: repair")


def test_a_name_that_mixes_scripts_is_told_with_its_code_points() -> None:
    policy = ready_made_policy()
    forged = replace(policy.families[0], name="Tik\u0422ok")

    rows = policy_rows(1, replace(policy, families=(forged, *policy.families[1:])))

    assert [text for label, text in rows if label == "MIXED SCRIPTS"] == [
        "'Tik\u0422ok' has U+0422 CYRILLIC CAPITAL LETTER TE among LATIN letters"
    ]


def test_the_ready_made_policy_in_all_its_languages_mixes_none() -> None:
    assert "MIXED SCRIPTS" not in dict(policy_rows(1, ready_made_policy()))


@pytest.mark.parametrize(
    "text", ["Ελληνικά и български", "日本語のテキスト", "naïve Größe", "TikTok на телефона"]
)
def test_words_of_one_script_each_are_no_warning(text: str) -> None:
    assert list(mixed_words(text)) == []
