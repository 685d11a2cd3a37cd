"""The quick writing of a report writes what its schema writes, and refuses what it refuses in the same words."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from policy.errors import InvalidDocument
from policy.ledger import Ledger
from policy.report import Report
from policy.schemas import dump_ledger, dump_report
from policy.schemas.fields import Many, StrictSchema, Value
from policy.schemas.fleet_document import _FleetSchema
from policy.schemas.ledger_document import LedgerSchema
from policy.schemas.quick_writing import quick_writer
from policy.schemas.report_document import ReportSchema
from policy.schemas.strict_json import canonical_json
from policy.schemas.values import as_is, boolean
from tests.policy.documents import ledgers, reports
from tests.policy.test_quick_reading import FULL

SCHEMA = ReportSchema()
write_quickly = quick_writer(SCHEMA)

STRANGE: tuple[Any, ...] = (None, True, 1.0, -1, 1 << 63, "x\n", "\ud800", "é" * 3000, (), ("x",) * 5001)


def outcome(write: Any, value: Any) -> tuple[type[Any], str]:
    """Return what is written, or the error with its words; of errors of Python's own only the kind."""
    try:
        return dict, repr(write(value))
    except InvalidDocument as error:
        return InvalidDocument, str(error)
    except (TypeError, AttributeError, ValueError) as error:
        return type(error), ""


def changed(value: Any, name: str, strange: Any) -> Any:
    """Return a copy of `value` with something in the field that its own checks might refuse."""
    copy = replace(value)
    object.__setattr__(copy, name, strange)
    return copy


def parts_of(report: Report) -> list[tuple[str, Any]]:
    """Return each field that holds values of our own, with the first of them."""
    found = []
    for field in fields(report):
        value = getattr(report, field.name)
        first = value[0] if isinstance(value, tuple) and value else value
        if is_dataclass(first):
            found.append((field.name, first))
    return found


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reports)
def test_any_report_is_written_as_its_schema_writes_it(report: Report) -> None:
    assert write_quickly(report) == SCHEMA.dump(report)
    assert dump_report(report) == canonical_json(json.loads(dump_report(report)))


@settings(max_examples=100, deadline=None)
@given(ledgers)
def test_any_ledger_is_written_as_its_schema_writes_it(ledger: Ledger) -> None:
    assert quick_writer(LedgerSchema())(ledger) == LedgerSchema().dump(ledger)
    assert dump_ledger(ledger) == canonical_json(LedgerSchema().dump(ledger))


def test_a_report_with_every_kind_of_part_is_written_as_its_schema_writes_it() -> None:
    assert write_quickly(FULL) == SCHEMA.dump(FULL)
    assert write_quickly(FULL)["watched"]["spans"]


@pytest.mark.parametrize("name", [field.name for field in fields(Report)])
def test_one_strange_value_is_written_or_refused_alike(name: str) -> None:
    for strange in STRANGE:
        report = changed(FULL, name, strange)

        assert outcome(write_quickly, report) == outcome(SCHEMA.dump, report), repr(strange)[:60]


@pytest.mark.parametrize(("name", "part"), parts_of(FULL), ids=[name for name, _ in parts_of(FULL)])
def test_one_strange_value_in_a_part_is_written_or_refused_alike(name: str, part: Any) -> None:
    many = isinstance(getattr(FULL, name), tuple)
    for field in fields(part):
        for strange in STRANGE:
            wrong = changed(part, field.name, strange)
            report = changed(FULL, name, (wrong,) if many else wrong)

            assert outcome(write_quickly, report) == outcome(SCHEMA.dump, report), (field.name, strange)


def test_what_could_not_be_read_again_is_refused_with_its_field() -> None:
    with pytest.raises(InvalidDocument, match="cannot be written, operator: expected one line of 0 to 300"):
        write_quickly(changed(FULL, "operator", "x\n"))
    with pytest.raises(InvalidDocument, match="cannot be written, users: expected 0 to 5000 elements, found"):
        write_quickly(changed(FULL, "users", FULL.users * 5001))


def test_a_schema_with_hooks_or_sets_has_no_quick_writing() -> None:
    class _Loose(StrictSchema):
        anything = Many(Value(boolean, as_is), 5, distinct=True)

    for schema in (_Loose(), _FleetSchema()):
        with pytest.raises(TypeError, match="has no quick writing"):
            quick_writer(schema)
