"""The policy that Curfew ships is the one it promises."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from policy.document import PlaceKind
from policy.families import oldest_review
from policy.observation import UserKind
from policy.ready_made import ready_made_document, ready_made_policy
from policy.schemas import dump_policy_document, load_policy_document

TIKTOK = {
    "com.zhiliaoapp.musically",
    "com.ss.android.ugc.trill",
    "com.zhiliaoapp.musically.go",
    "com.ss.android.ugc.trill.go",
    "com.tiktok.lite.go",
    "com.ss.android.ugc.tiktok.lite",
    "com.tiktok.tv",
    "com.ss.android.ugc.now",
    "com.ss.android.ugc.spark",
}


def test_tiktok_is_banned_under_all_its_names_and_nothing_else_is() -> None:
    assert ready_made_policy().banned == TIKTOK


def test_douyin_is_shipped_switched_off() -> None:
    [douyin] = [family for family in ready_made_policy().families if family.name == "douyin"]

    assert not douyin.active
    assert "com.ss.android.ugc.aweme" in douyin.packages
    assert len(douyin.packages) == 6


def test_outlook_and_skype_for_business_are_managed_at_work_and_never_in_a_private_user_0() -> None:
    managed = {app.package: app.places for app in ready_made_policy().managed}

    at_work = frozenset({PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE})
    assert managed == {"com.microsoft.office.outlook": at_work, "com.microsoft.office.lync15": at_work}


def test_every_kind_of_user_counts() -> None:
    assert ready_made_policy().kinds == frozenset(UserKind)


def test_the_deadline_is_noon_in_brussels_and_the_measure_ends_by_itself() -> None:
    shipped = ready_made_policy()

    assert shipped.deadline == datetime(2023, 3, 15, 11, tzinfo=UTC)
    assert shipped.time_zone == "Europe/Brussels"
    assert shipped.deadline < shipped.review_at < shipped.ends_at
    assert not shipped.lifted


def test_people_read_it_in_several_languages() -> None:
    messages = ready_made_policy().messages

    assert {"en", "fr", "de", "nl"} <= set(messages)
    assert len({message.disabled for message in messages.values()}) == len(messages)


def test_its_document_carries_number_1_and_survives_being_written_again() -> None:
    number, loaded = load_policy_document(ready_made_document())

    assert number == 1
    assert load_policy_document(dump_policy_document(2, loaded)) == (2, loaded)
    assert loaded.described == {
        "description": json.loads(ready_made_document())["description"],
        "families_reviewed_on": oldest_review().isoformat(),
    }
