"""One ledger out of three, and what is left to a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from policy.errors import InvalidDocument
from policy.ledger import EntryState, Ledger
from policy.ledger_merge import MergedLedger, merge_ledgers
from policy.observation import EnabledState
from tests.policy.bench import DEADLINE, DEFAULT, ENABLED, LYNC, MARKER, OUTLOOK, U0, U10, entry, ledger

OTHER_MARKER = "a94e11"


def test_what_the_phone_remembers_comes_first_then_the_station_then_the_server() -> None:
    phone, station, server = (
        ledger(entry(state=state)) for state in (EntryState.DONE, EntryState.INTENDED, EntryState.RESTORED)
    )

    assert merge_ledgers(MARKER, phone, station, server).ledger == phone
    assert merge_ledgers(MARKER, None, station, server).ledger == station
    assert merge_ledgers(MARKER, None, None, server).ledger == server
    assert merge_ledgers(MARKER, None, None, None) == MergedLedger(Ledger(MARKER))


def test_an_entry_that_only_a_later_source_has_is_kept() -> None:
    merged = merge_ledgers(MARKER, ledger(entry()), ledger(entry(package=LYNC)), ledger(entry(user=U0)))

    assert [(held.user, held.package) for held in merged.ledger.entries] == [
        (0, OUTLOOK),
        (10, LYNC),
        (10, OUTLOOK),
    ]
    assert merged.contradictions == ()


def test_a_damaged_or_deleted_ledger_on_the_phone_is_made_good_by_the_others() -> None:
    assert merge_ledgers(MARKER, ledger(), ledger(entry()), None).ledger == ledger(entry())


def test_a_factory_reset_voids_what_was_remembered_before_it() -> None:
    old = ledger(entry())

    assert merge_ledgers(OTHER_MARKER, None, old, old) == MergedLedger(Ledger(OTHER_MARKER))


@pytest.mark.parametrize("position", [0, 1, 2], ids=["phone", "station", "server"])
def test_each_source_with_another_marker_is_void_by_itself(position: int) -> None:
    sources = [ledger(), ledger(), ledger()]
    sources[position] = replace(ledger(entry()), marker=OTHER_MARKER)

    assert merge_ledgers(MARKER, *sources).ledger.entries == ()


def test_a_phone_without_marker_voids_every_source() -> None:
    unmarked = Ledger("", (entry(),))

    assert merge_ledgers("", unmarked, unmarked, unmarked) == MergedLedger(Ledger(""))


def test_a_contradiction_is_left_out_and_listed_with_the_commands_to_type() -> None:
    merged = merge_ledgers(
        MARKER, ledger(entry(prior=DEFAULT), entry(package=LYNC)), ledger(entry(prior=ENABLED)), None
    )

    assert merged.ledger == ledger(entry(package=LYNC))
    [line] = merged.contradictions
    assert f"{OUTLOOK} in user 10" in line
    assert f"`adb shell pm default-state --user 10 {OUTLOOK}` (phone)" in line
    assert f"`adb shell pm enable --user 10 {OUTLOOK}` (station)" in line


@pytest.mark.parametrize(
    "pair", [(0, 1), (0, 2), (1, 2)], ids=["phone-station", "phone-server", "station-server"]
)
def test_any_two_sources_can_contradict_each_other(pair: tuple[int, int]) -> None:
    sources: list[Ledger | None] = [None, None, None]
    sources[pair[0]], sources[pair[1]] = ledger(entry(prior=DEFAULT)), ledger(entry(prior=ENABLED))

    merged = merge_ledgers(MARKER, *sources)

    assert merged.ledger.entries == ()
    assert len(merged.contradictions) == 1


def test_a_void_source_contradicts_nobody() -> None:
    old = Ledger(OTHER_MARKER, (entry(prior=ENABLED),))

    merged = merge_ledgers(MARKER, ledger(entry(prior=DEFAULT)), old, None)

    assert merged == MergedLedger(ledger(entry(prior=DEFAULT)))


def test_a_restored_entry_on_the_phone_ends_the_matter() -> None:
    done = ledger(entry(prior=DEFAULT, state=EntryState.RESTORED))

    merged = merge_ledgers(MARKER, done, ledger(entry(prior=ENABLED)), ledger(entry(prior=DEFAULT)))

    assert merged == MergedLedger(done)


def test_a_restored_entry_elsewhere_is_an_earlier_round_and_no_contradiction() -> None:
    now = ledger(entry(prior=DEFAULT))

    merged = merge_ledgers(MARKER, now, ledger(entry(prior=ENABLED, state=EntryState.RESTORED)), None)

    assert merged == MergedLedger(now)


def test_different_progress_is_no_contradiction() -> None:
    merged = merge_ledgers(MARKER, ledger(entry(state=EntryState.INTENDED)), ledger(entry()), ledger(entry()))

    assert merged == MergedLedger(ledger(entry(state=EntryState.INTENDED)))


class TestWhereThePhoneForgot:
    OLDER = replace(entry(state=EntryState.RESTORED), at=DEADLINE)
    NEWER = replace(entry(), at=DEADLINE + timedelta(days=1))

    def test_another_station_may_have_been_there_later(self) -> None:
        merged = merge_ledgers(MARKER, None, ledger(self.OLDER), ledger(self.NEWER))

        assert merged == MergedLedger(ledger(self.NEWER))

    def test_this_station_may_have_been_there_later(self) -> None:
        merged = merge_ledgers(MARKER, None, ledger(self.NEWER), ledger(self.OLDER))

        assert merged == MergedLedger(ledger(self.NEWER))

    def test_what_the_phone_remembers_is_believed_whatever_its_time(self) -> None:
        merged = merge_ledgers(MARKER, ledger(self.OLDER), ledger(self.NEWER), ledger(self.NEWER))

        assert merged == MergedLedger(ledger(self.OLDER))


class TestLedger:
    @pytest.mark.parametrize(
        "prior", [EnabledState.DISABLED, EnabledState.DISABLED_BY_USER, EnabledState.DISABLED_UNTIL_USED]
    )
    def test_a_state_that_is_never_touched_cannot_be_remembered(self, prior: EnabledState) -> None:
        with pytest.raises(InvalidDocument, match="only states 0 and 1"):
            entry(prior=prior)

    def test_two_entries_for_one_package_and_user_are_refused(self) -> None:
        with pytest.raises(InvalidDocument, match="one ledger entry per package and user"):
            ledger(entry(prior=DEFAULT), entry(prior=ENABLED))

    def test_a_new_entry_takes_the_place_of_the_old_one(self) -> None:
        held = ledger(entry(), entry(package=LYNC)).with_entry(entry(state=EntryState.RESTORED))

        assert held.entry(U10, OUTLOOK) == entry(state=EntryState.RESTORED)
        assert [open_entry.package for open_entry in held.open_entries] == [LYNC]
