"""Times at the ends of the calendar, with any zone: every document refuses or takes them, and none breaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policy.document import Bundle, Exemption, Fleet
from policy.errors import PolicyError
from policy.judgement import judge
from policy.ledger import Ledger
from policy.names import PhoneId
from policy.ready_made import ready_made_document
from policy.schemas import dump_fleet, dump_ledger, dump_report, load_fleet, load_policy_document, load_report
from policy.schemas.ledger_document import load_ledger
from policy.verdict import EvaluationTime
from tests.policy.bench import LATER, OUTLOOK, PERSONAL, WORK, entry, ledger, phone
from tests.policy.test_other_documents import REPORT
from tests.policy.test_watched import WATCHED

DOCUMENTS: dict[str, tuple[Callable[[bytes], Any], bytes]] = {
    "policy": (load_policy_document, ready_made_document()),
    "fleet": (load_fleet, dump_fleet(Fleet(1, (Exemption(PhoneId.random(), LATER, "repair"),)))),
    "ledger": (load_ledger, dump_ledger(ledger(entry(package=OUTLOOK)))),
    "report": (load_report, dump_report(replace(REPORT, watched=WATCHED))),
}


def places_of_times(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a document that is a time now."""
    if isinstance(part, dict | list):
        for key, below in part.items() if isinstance(part, dict) else enumerate(part):
            yield from places_of_times(below, (*path, key))
    elif isinstance(part, str) and len(part) > 15:
        try:
            datetime.fromisoformat(part)
        except ValueError:
            return
        yield path


PLACES = [(kind, path) for kind, (_, data) in DOCUMENTS.items() for path in places_of_times(json.loads(data))]
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ends = st.sampled_from([datetime.min, datetime.max, datetime(1970, 1, 1), datetime(2038, 1, 19)])  # noqa: DTZ001, DTZ901
times = st.one_of(
    st.datetimes(timezones=zones).map(datetime.isoformat),
    st.datetimes().map(datetime.isoformat),
    st.tuples(ends, zones).map(lambda pair: pair[0].replace(tzinfo=pair[1]).isoformat()),
    st.tuples(ends, st.sampled_from(["Z", "", "+00:00", "-23:59", "+23:59"])).map(
        lambda pair: pair[0].isoformat(timespec="seconds") + pair[1]
    ),
    st.from_regex(
        r"\A[0-9]{1,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?\Z"
    ),
)


def test_every_kind_of_document_has_times() -> None:
    assert {kind for kind, _ in PLACES} == set(DOCUMENTS)
    assert len(PLACES) >= 10


@given(st.sampled_from(PLACES), times)
@example(("fleet", ("exemptions", 0, "until")), "9999-12-31T23:59:59-23:59")
@example(("fleet", ("exemptions", 0, "until")), "0001-01-01T00:00:00+23:59")
@example(("policy", ("rules", "deadline")), "9999-12-31T23:59:59")
def test_a_time_is_taken_or_refused_and_what_is_taken_can_be_judged_by(
    place: tuple[str, tuple[Any, ...]], odd: str
) -> None:
    kind, path = place
    load, data = DOCUMENTS[kind]
    document = json.loads(data)
    part = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = odd
    try:
        loaded = load(json.dumps(document).encode())
    except PolicyError:
        return
    if kind == "policy":
        now = datetime(2026, 1, 1, tzinfo=UTC)
        found = judge(Bundle(1, loaded[1], Fleet()), phone(PERSONAL, WORK), Ledger(), EvaluationTime(now))
        assert "judgement_failed" not in {reason.code.value for reason in found.reasons}
    elif kind == "report":
        assert load_report(dump_report(loaded)) == loaded


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_sample_itself_is_taken(kind: str) -> None:
    load, data = DOCUMENTS[kind]
    load(data)
