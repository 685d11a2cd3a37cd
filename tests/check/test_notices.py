"""What the phone's owner reads: the notice follows what holds for the phone, in the phone's own language."""

from __future__ import annotations

from policy.ready_made import ready_made_policy
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office

WORDS = ready_made_policy().messages


def shown(office: Office, bench: Bench, language: str = "") -> list[str]:
    """Return what a phone shows its owner from a violating check over one without TikTok to a third."""
    with office.phone("tiktok-personal") as phone:
        notices: list[str] = []
        phone.on_notice = lambda _, text: notices.append(text)
        if language:
            phone.model.choose_language(language)
        address = bench.provision(phone)
        bench.check(address)
        phone.model.uninstall(0, TIKTOK)
        bench.check(address)
        assert all(phone.model.state(10, app).enabled in (0, 1) for app in (OUTLOOK, LYNC))
        bench.check(address)
        return notices


def test_once_the_app_is_gone_the_notice_says_so_and_is_not_repeated(enforcing: Office) -> None:
    english = WORDS["en"]
    assert shown(enforcing, enforcing.new_bench()) == [english.disabled, english.restored]


def test_the_owner_reads_the_language_of_the_phone_and_of_the_station_where_the_policy_lacks_it(
    enforcing: Office,
) -> None:
    bench = enforcing.new_bench()
    french = WORDS["fr"]
    assert shown(enforcing, bench, "fr-BE") == [french.disabled, french.restored]
    assert shown(enforcing, bench, "xh-ZA")[0] == WORDS["en"].disabled


def test_restoring_by_hand_replaces_the_notice_too(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.check(address)
        bench.agent("restore", address, "--yes")
        (notice,) = phone.model.data.notifications.values()
    assert notice["text"] == WORDS["en"].restored


def test_who_follows_a_reminder_before_the_deadline_reads_once_that_nothing_is_left_to_do(
    office: Office,
) -> None:
    office.at(hours=1)
    bench = office.new_bench()
    with office.phone("tiktok-personal") as phone:
        notices: list[str] = []
        phone.on_notice = lambda _, text: notices.append(text)
        address = bench.provision(phone)
        bench.check(address)
        phone.model.uninstall(0, TIKTOK)
        bench.check(address)
        bench.check(address)
    assert notices == [WORDS["en"].remind, WORDS["en"].restored]


def test_a_phone_that_is_left_keeps_no_reminder_and_one_restored_by_order_does(office: Office) -> None:
    office.at(hours=1)
    bench = office.new_bench()
    with office.phone("tiktok-personal") as phone:
        notices: list[str] = []
        phone.on_notice = lambda _, text: notices.append(text)
        address = bench.provision(phone)
        bench.check(address)
        bench.agent("restore", address, "--yes")
        assert notices == [WORDS["en"].remind]
        bench.agent("unprovision", address, "--yes")
    assert notices == [WORDS["en"].remind, WORDS["en"].restored]
