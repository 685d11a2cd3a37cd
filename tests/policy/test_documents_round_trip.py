"""What is written is read back as the same value, and equal values are written as the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.document import Fleet, Policy
from policy.errors import PolicyError
from policy.ledger import Ledger
from policy.report import Report
from policy.schemas import (
    dump_fleet,
    dump_ledger,
    dump_policy_document,
    dump_report,
    load_fleet,
    load_ledger,
    load_policy_document,
    load_report,
)
from tests.policy.documents import fleets, json_values, ledgers, numbers, policies, reports

quick = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def assert_canonical(data: bytes) -> None:
    compact = json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert data == compact.encode()


@quick
@given(numbers, policies())
def test_a_policy_comes_back_as_it_was(number: int, policy: Policy) -> None:
    data = dump_policy_document(number, policy)

    assert load_policy_document(data) == (number, policy)
    assert_canonical(data)


@quick
@given(fleets)
def test_a_fleet_document_comes_back_as_it_was(fleet: Fleet) -> None:
    data = dump_fleet(fleet)

    assert load_fleet(data) == fleet
    assert_canonical(data)


@quick
@given(ledgers)
def test_a_ledger_comes_back_as_it_was(ledger: Ledger) -> None:
    data = dump_ledger(ledger)

    assert load_ledger(data) == ledger
    assert_canonical(data)


@quick
@given(reports)
def test_a_report_comes_back_as_it_was(report: Report) -> None:
    data = dump_report(report)

    assert load_report(data) == report
    assert_canonical(data)


@quick
@given(reports)
def test_the_ledger_inside_a_report_is_a_ledger_document(report: Report) -> None:
    inside = json.loads(dump_report(report))["ledger"]

    assert load_ledger(json.dumps(inside).encode()) == report.ledger


LOADERS = st.sampled_from([load_policy_document, load_fleet, load_ledger, load_report])


@quick
@given(LOADERS, st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_other_bytes_are_refused_in_our_own_words(load: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(PolicyError, match=r"\w"):
        load(data)
