"""The shipped families, and what a policy lacks of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

from policy.document import Family, Policy
from policy.families import (
    REVIEW_HOLDS_FOR,
    FamilyReview,
    KnownName,
    ReadyMadeFamily,
    oldest_review,
    ready_made_families,
    review_families,
)
from policy.names import PackageName
from policy.ready_made import ready_made_document, ready_made_policy

REVIEWED_ON = date(2026, 3, 1)
OLD, NEW = (KnownName(PackageName(f"com.example.{name}"), name, "seen on phones") for name in ("old", "new"))
SHIPPED = (
    ReadyMadeFamily("example", True, REVIEWED_ON, (OLD, NEW)),
    ReadyMadeFamily("other", False, REVIEWED_ON, (KnownName(PackageName("com.other"), "other", "store"),)),
)


def policy(*families: Family, lifted: bool = False) -> Policy:
    return replace(ready_made_policy(), families=families, lifted=lifted)


def review(drafted: Policy, today: date = REVIEWED_ON) -> tuple[FamilyReview, ...]:
    return review_families(drafted, today, SHIPPED)


def test_every_name_is_there_once_with_its_app_and_source_and_every_family_with_its_review_day() -> None:
    names = [known for family in ready_made_families() for known in family.names]

    assert len({known.package for known in names}) == len(names) == 15
    assert all(known.app and known.source for known in names)
    assert min(family.reviewed_on for family in ready_made_families()) >= date(2026, 11, 26)


def test_sources_and_review_days_stay_out_of_the_rules_which_older_stations_take_whole() -> None:
    families = json.loads(ready_made_document())["rules"]["families"]

    assert [set(family) for family in families] == [{"name", "active", "packages"}] * 2


def test_the_ready_made_policy_lacks_nothing() -> None:
    [tiktok] = review_families(ready_made_policy(), oldest_review())

    assert (tiktok.family.name, tiktok.missing, tiktok.is_old) == ("tiktok", (), False)


def test_a_name_that_came_later_is_missing() -> None:
    [found] = review(policy(Family("example", (OLD.package,))))

    assert (found.banned_as, found.missing) == ("example", (NEW,))


def test_a_family_is_known_by_its_packages_under_any_name() -> None:
    [found] = review(policy(Family("video apps", (PackageName("com.unrelated"), OLD.package))))

    assert (found.banned_as, found.missing) == ("video apps", (NEW,))


def test_a_name_that_another_switched_on_family_bans_is_not_missing() -> None:
    [found] = review(policy(Family("Example", (OLD.package,)), Family("more", (NEW.package,))))

    assert (found.banned_as, found.missing) == ("Example", ())


def test_a_name_in_a_family_that_is_off_is_not_banned_and_so_missing() -> None:
    [found] = review(policy(Family("example", (OLD.package,)), Family("off", (NEW.package,), active=False)))

    assert found.missing == (NEW,)


def test_of_a_family_that_is_off_nothing_is_missing() -> None:
    off = Family("example", (OLD.package,), active=False)

    assert review(policy(off, Family("mine", (PackageName("com.mine"),)))) == ()


def test_of_a_lifted_policy_nothing_is_missing() -> None:
    assert review(policy(Family("example", (OLD.package,)), lifted=True)) == ()


def test_a_list_is_old_when_nobody_looked_at_it_for_half_a_year() -> None:
    banning = policy(Family("example", (OLD.package,)))
    last_day = REVIEWED_ON + REVIEW_HOLDS_FOR

    assert [one.is_old for one in review(banning, last_day)] == [False]
    assert [one.is_old for one in review(banning, last_day + timedelta(days=1))] == [True]
