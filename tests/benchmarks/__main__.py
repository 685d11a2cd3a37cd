"""All measures, one after the other, as the rows of one table; or those that are named.

python -m tests.benchmarks [exchanges | checks_per_core | reports_per_core | parsing | sizes | demo_seconds |
standstill | programs | under_attack | reading | stored_bytes | report_keeping]...

By hand only: script_costs, since it takes an hour; two_workers, return_after_a_day and quick_reading_agrees, since they
take minutes; bench_phones and bad_hub, which want a computer that does little else; failover, which wants root and
programs of Debian's.
"""

from __future__ import annotations

import subprocess
import sys

from tests.server.running import ROOT

_MEASURES = (
    "exchanges",
    "checks_per_core",
    "reports_per_core",
    "parsing",
    "sizes",
    "demo_seconds",
    "standstill",
    "programs",
    "under_attack",
    "reading",
    "stored_bytes",
    "report_keeping",
)
_BY_HAND = (
    "script_costs",
    "failover",
    "two_workers",
    "return_after_a_day",
    "quick_reading_agrees",
    "bench_phones",
    "bad_hub",
)


def main() -> None:
    """Run each measure in a process of its own, so that none is slowed by what another left behind."""
    named = sys.argv[1:] or _MEASURES
    if unknown := set(named) - {*_MEASURES, *_BY_HAND}:
        raise SystemExit(f"expected {', '.join((*_MEASURES, *_BY_HAND))}, found {', '.join(sorted(unknown))}")
    print("| measure | figure | ratio |\n| --- | --- | --- |", flush=True)
    for name in named:
        ran = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], cwd=ROOT, check=False)
        if ran.returncode:
            raise SystemExit(f"the measure {name} failed")


if __name__ == "__main__":
    main()
