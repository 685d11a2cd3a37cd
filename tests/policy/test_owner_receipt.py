"""What owners are told: every language says the same things, of every check that there can be."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from itertools import product
from string import Formatter
from typing import Any

import pytest

from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState, UserKind
from policy.owner_receipt import PAPER_ONLY, Part, languages, owner_receipt, spoken
from policy.ready_made import ready_made_policy
from policy.report import Consent, Report, ReportedUser
from policy.verdict import Finding, Stage, Verdict
from tests.reports import compliant_report

WORDS: dict[str, dict[str, Any]] = json.loads(files("policy").joinpath("owner_words.json").read_text("utf-8"))
NOW = datetime(2023, 3, 15, 11, tzinfo=UTC)
OUTLOOK, TIKTOK = PackageName("com.microsoft.office.outlook"), PackageName("com.zhiliaoapp.musically")


def report(**changes: Any) -> Report:
    made = compliant_report(station_id="s", phone_id=PhoneId.random(), counter=1, checked_at=NOW)
    users = tuple(ReportedUser(UserNumber(number), kind, True) for number, kind in enumerate(UserKind))
    return replace(made, users=users, **changes)


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", languages())
def test_a_language_has_every_sentence_with_the_same_places_to_fill_in(language: str) -> None:
    english, words = WORDS["en"], WORDS[language]
    assert words.keys() == english.keys()
    assert words["places"].keys() == {kind.value for kind in UserKind}
    assert {k: placeholders(v) for k, v in words.items() if k != "places"} == {
        k: placeholders(v) for k, v in english.items() if k != "places"
    }


@pytest.mark.parametrize("language", languages())
def test_every_check_can_be_told_in_every_language(language: str) -> None:
    for verdict, stage, consent, state in product(Verdict, Stage, Consent, EntryState):
        entry = LedgerEntry(UserNumber(1), OUTLOOK, EnabledState.DEFAULT, state, 1, NOW)
        told = report(
            verdict=verdict,
            stage=stage,
            consent=consent,
            ledger=Ledger("0" * 32, (entry,)),
        )
        found = (Finding("tiktok", UserNumber(0), TIKTOK),)
        for policy, findings in product((ready_made_policy(), None), ((), found)):
            receipt = owner_receipt(replace(told, findings=findings), policy, language)
            assert [section.part for section in receipt.sections] == list(Part)
            assert all(section.paragraphs for section in receipt.sections)


def test_only_the_packages_of_the_policy_are_named_and_none_where_its_owner_declined() -> None:
    policy = ready_made_policy()
    asked = owner_receipt(report(), policy, "en").sections[0]
    declined = owner_receipt(report(consent=Consent.DECLINED), policy, "en").sections[0]

    assert asked.items == policy.named_packages
    assert declined.items == ()


def test_an_unreadable_phone_is_told_as_unknown_and_not_that_there_is_nothing_to_do() -> None:
    sections = {
        one.part: one for one in owner_receipt(report(verdict=Verdict.UNREADABLE), None, "en").sections
    }

    assert "is not known" in sections[Part.FOUND].paragraphs[0]
    assert sections[Part.BACK].paragraphs == (WORDS["en"]["back_again"],)


@pytest.mark.parametrize(
    ("asked", "told"),
    [("fr-BE", "fr"), ("de_AT", "de"), ("NL", "nl"), ("pl", "en"), ("", "en"), ("x" * 99, "en")],
)
def test_a_region_does_not_matter_and_other_languages_get_english(asked: str, told: str) -> None:
    assert spoken(asked) == told


def test_what_is_for_paper_alone_is_the_way_to_the_page_and_out_of_the_bench() -> None:
    assert {Part.OBJECT, Part.LEAVE} == PAPER_ONLY
