"""Compares the quick reading of reports with marshmallow's on generated documents, far more of them than a test takes.

python -m tests.benchmarks.quick_reading_agrees [DOCUMENTS]      (default: 100000 of each kind, ten minutes or so)

Right reports, as stations write them, have to be taken by both as the value that was written. Reports with something
wrong or odd put into them have to be the same value to both, or to neither. They are read as the server reads them,
from bytes, and the parsing is compared with the standard library's. What stands in a field is drawn by hypothesis; each
document is put together anew of such fields. It ends with the first document that they differ about, and shows it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from random import Random, SystemRandom
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from policy.errors import InvalidDocument
from policy.report import Report
from policy.schemas import dump_report
from policy.schemas.strict_json import canonical_json, parse_object
from tests.benchmarks.figures import Figure, show
from tests.policy.documents import json_values, reports
from tests.policy.test_quick_reading import FULL, STRANGE, holder_of, judged, places

T = TypeVar("T")

_DRAWN = 2000
"""Reports whose fields the documents are made of: two documents alike will not come up."""


def main() -> None:
    """Print how many documents of each kind were compared, and what became of them."""
    wanted = int(sys.argv[1]) if sys.argv[1:] else 100_000
    number = SystemRandom().getrandbits(64)
    print(f"seed {number}", file=sys.stderr, flush=True)
    made = _Made(number)
    for name, compare in (
        ("right reports", made.written),
        ("reports with something put into them", made.changed),
    ):
        outcomes = Counter(compare() for _ in range(wanted))
        told = ", ".join(f"{outcome} {count}" for outcome, count in sorted(outcomes.items()))
        show([Figure(f"both readings agree, {name}", f"{wanted} documents", told)])


class _Made:
    """Documents of one seed, compared as they are made."""

    def __init__(self, number: int) -> None:
        self._choose = Random(number)
        # One with a script's record and a marker of its own, which the generated ones lack.
        self._reports = [FULL, *_drawn(reports, number)]
        self._values = [*STRANGE, *_drawn(json_values, number)]
        self._fields = [field.name for field in fields(Report)]

    def written(self) -> str:
        """Compare the readings of a right report."""
        report = self._report()
        data = dump_report(report)
        parsed = _parsed(data)
        _require(parsed, json.loads(data), data)
        _require(judged(parsed), (report, report), data)
        return "taken"

    def changed(self) -> str:
        """Compare the readings of a report that something was done to; most are wrong then, and some are not."""
        document = json.loads(dump_report(self._report()))
        self._put_in(document)
        data = canonical_json(document)
        parsed = _parsed(data)
        # Where the parser refuses, as it does NUL, no reading begins.
        if parsed is None:
            return "not parsed"
        _require(parsed, json.loads(data), data)
        by_schema, quickly = judged(parsed)
        _require(quickly, by_schema, data)
        return "refused" if by_schema is None else "taken"

    def _report(self) -> Report:
        return Report(**{name: getattr(self._choose.choice(self._reports), name) for name in self._fields})

    def _put_in(self, document: Any) -> None:
        """Change, take away or add a value somewhere; often one from another place, which is nearly right."""
        everywhere = list(places(document))
        path = self._choose.choice(everywhere)
        holder = holder_of(document, path)
        elsewhere = self._choose.choice(everywhere)
        near = holder_of(document, elsewhere)[elsewhere[-1]]
        value = deepcopy(self._choose.choice((near, self._choose.choice(self._values))))
        how = self._choose.choice(("other", "other", "other", "without", "more"))
        if how == "other":
            holder[path[-1]] = value
        elif how == "without":
            del holder[path[-1]]
        elif isinstance(holder, list):
            holder.append(value)
        else:
            holder[self._choose.choice(("", "more", "kind", "marker", "watched"))] = value


def _drawn(strategy: st.SearchStrategy[T], number: int) -> list[T]:
    drawn: list[T] = []

    def keep(value: T) -> None:
        drawn.append(value)

    only_drawn = settings(
        max_examples=_DRAWN,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    run: Callable[[], None] = seed(number)(only_drawn(given(strategy)(keep)))
    run()
    return drawn


def _require(found: Any, expected: Any, data: bytes) -> None:
    # As text: 1, 1.0 and true are equal to Python.
    if repr(found) != repr(expected):
        raise SystemExit(f"two readings of {data!r} differ:\n{found!r}\n{expected!r}")


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        return parse_object(data, "a report")
    except InvalidDocument:
        return None


if __name__ == "__main__":
    main()
