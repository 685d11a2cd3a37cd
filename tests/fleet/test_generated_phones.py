"""Over generated phones, what the agent says and does equals what is true of the model behind them, in every case.

Each case goes the whole way: the command text in the phone's shell, over its adbd; the dialects; the judgement;
acting; then the banned app goes, or the measure is lifted, and everything must be as it was. CURFEW_FLEET_CASES sets
how many phones there are per release.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_scripts.adb.keys import AdbKeys
from agent_scripts.virtual_phone.releases import RELEASES
from tests.fleet.drawing import drawn
from tests.fleet.phones import BANNED, MANAGED, Case, Later, Mishap
from tests.fleet.station import Checked, TestBench
from tests.fleet.truth import UNREADABLE, Truth, managed_states, snapshot

CASES = int(os.environ.get("CURFEW_FLEET_CASES", "20"))
_MAY_BE_UNREAD = (Mishap.CUT, Mishap.TIMEOUT, Mishap.FORGED, Mishap.NAME)

_SPOIL_READING = (*_MAY_BE_UNREAD, Mishap.USERS, Mishap.LIST, Mishap.OWNERS, Mishap.BANNED, Mishap.MANAGED)


@pytest.mark.parametrize("api", list(RELEASES))
def test_verdict_enforceability_and_end_state_are_the_truth(
    api: int, tmp_path: Path, adb_keys: AdbKeys, record_property: Callable[[str, object], None]
) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    failures = []
    with TestBench.opened(api, tmp_path / "phone", adb_keys) as bench:
        for number in range(CASES):
            case = drawn(api, number)
            try:
                life = Life(bench, case)
                verdict = life.lived()
            except Exception as error:  # whatever it is: the case is named, and the others are lived
                what = f"{case.maker}, {case.layout}, {case.mishap.name}, {case.later.name}"
                failures.append(f"drawn({api}, {number}) repeats it ({what}): {error!r}")
                continue
            spoilt = case.mishap is not Mishap.NONE
            seen[case.maker, "spoilt" if spoilt else "sound"] += 1
            seen[case.maker, f"unreadable {'spoilt' if spoilt else 'sound'}"] += verdict == UNREADABLE
            seen[case.maker, verdict] += 1
            seen[case.maker, "restored"] += life.ended
    for (maker, what), count in seen.items():
        record_property("fleet", [api, maker, what, count])
    assert not failures, f"{len(failures)} of {CASES}:\n" + "\n".join(failures)
    assert not {maker: n for (maker, what), n in seen.items() if what == "unreadable sound" and n}


class Life:
    """One case from its first check to the end of the measure."""

    def __init__(self, bench: TestBench, case: Case) -> None:
        self.bench = bench
        self.case = case
        bench.put(case.model)
        self.model = bench.model
        self.truth = Truth(self.model, case.policy, case.mishap, case.spoilt)
        self.ended = False
        """Whether anything was disabled and both ends of the measure came."""

    def lived(self) -> str:
        """Live it, and return the first verdict."""
        self.case.order(self.bench.phone.faults)
        if self.case.mishap in _MAY_BE_UNREAD:
            return self._spoilt()
        first = self._checked("first check")
        if self.truth.disabled:
            self._happen()
            self._ended_both_ways()
        return first

    def _spoilt(self) -> str:
        """What is cut or forged is right or unreadable, and nothing is done that would not be done otherwise."""
        before, verdict = snapshot(self.model), self.truth.verdict
        wanted = self.truth.after_enforcing()
        checked = self.bench.check(self.case.policy)
        said = checked.judgement.verdict.value
        assert said in (verdict, UNREADABLE), f"{self.case.mishap.name}: said {said}, is {verdict}"
        now = snapshot(self.model)
        assert now in ((before, wanted) if said == verdict else (before,)), "changed what it could not read"
        return said

    def _checked(self, when: str) -> str:
        verdict, enforceable = self.truth.verdict, self.truth.enforceable
        users = self.truth.users()
        states = {package: self.truth.states(package) for package in (*BANNED, *MANAGED)}
        wanted = self.truth.after_enforcing()
        checked = self.bench.check(self.case.policy)
        judged = checked.judgement
        if self.case.mishap not in _SPOIL_READING:
            assert _users_read(checked) == users, f"{when}: read {_users_read(checked)}"
            assert _states_read(checked) == states, f"{when}: read {_states_read(checked)}"
        why = f"{when}: {[f'{r.code.value} {r.detail}' for r in judged.reasons]}"
        assert judged.verdict.value == verdict, f"said {judged.verdict.value}, is {verdict}; {why}"
        assert judged.enforceable == enforceable, f"said enforceable={judged.enforceable}; {why}"
        self._is(wanted, why, checked)
        return verdict

    def _is(self, wanted: dict[str, Any], why: str, checked: Checked) -> None:
        now = snapshot(self.model)
        done = (
            [(o.action.kind.value, o.result.value, o.refusal) for o in checked.acting.outcomes]
            if checked.acting
            else []
        )
        assert now == wanted, f"is {managed_states(now)}, should be {managed_states(wanted)}; {why}; {done}"
        assert not self.model.data.force_stops

    # The end of the measure ----------------------------------------------------------------------------------

    def _ended_both_ways(self) -> None:
        state, ledger, disabled = self.model.to_json(), self.bench.ledger(), dict(self.truth.disabled)
        self._lifted()
        self.bench.take_back(state)
        self.bench.put_ledger(ledger)
        self.truth.disabled = disabled
        self._banned_apps_go()
        self._checked("after removal")
        self.ended = True

    def _lifted(self) -> None:
        wanted = self.truth.after_lifting()
        checked = self.bench.check(replace(self.case.policy, lifted=True), number=2)
        self._is(wanted, "after the lift", checked)

    def _banned_apps_go(self) -> None:
        for package in BANNED:
            known = self.model.package(package)
            for number in [n for n, s in known.users.items() if s.installed] if known else []:
                self.model.uninstall(number, package)

    def _happen(self) -> None:
        """Let happen to one of the apps we disabled what the case says."""
        (number, package), later = min(self.truth.disabled), self.case.later
        model = self.model
        if later is Later.REBOOT:
            model.reboot()
        elif later in (Later.ENABLED, Later.OFF_BY_PERSON):
            model.press_enable(number, package)
            if later is Later.OFF_BY_PERSON:
                model.press_disable(number, package)
        elif later is Later.UPDATED:
            model.update(number, package)
        elif later is Later.DISABLED_BY_OWNER:
            model.set_enabled(number, package, 2, "com.microsoft.windowsintune.companyportal")
        elif later is Later.REMOVED:
            model.uninstall(number, package)
        elif later is Later.CLOSED:
            model.restrict(number, "no_debugging_features")
        elif later is Later.PAUSED and number:
            model.pause(number)
        if self.case.checked_between:
            self._checked(f"after {later.value}")


def _users_read(checked: Checked) -> dict[int, tuple[object, ...]]:
    users = checked.reading.observation.users
    return {user.number: (user.kind, user.has_owner, user.open_to_shell, user.running) for user in users}


def _states_read(checked: Checked) -> dict[str, dict[int, tuple[object, ...]]]:
    return {
        package: {
            number: (s.installed, s.hidden, s.archived, s.suspended, s.enabled, s.disabled_by_shell)
            for number, s in reading.states.items()
        }
        for package, reading in checked.reading.observation.packages.items()
    }
