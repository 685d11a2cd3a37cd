"""What the whole run says at its end."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import agent_scripts.patience
from agent_scripts.virtual_phone import VirtualPhone
from certs.typed_options import forget_options
from tests.quick_routes import keep_compiled_routes
from tests.quick_statements import keep_compiled_statements
from tests.server.databases import Databases, PostgresqlDatabases, SqliteDatabases, chosen
from tests.server.postgresql import Postgresql
from tests.slow import HEAVY_FIXTURES, is_slow

# Virtual phones start a hundred programs for each check: with this toybox, twice as quickly.
_QUICK_PROGRAMS = Path(__file__).resolve().parents[1] / ".phone-userland" / "bin"
if _QUICK_PROGRAMS.is_dir():
    os.environ["PATH"] = f"{_QUICK_PROGRAMS}:{os.environ['PATH']}"

keep_compiled_routes()
keep_compiled_statements()


def pytest_report_header() -> str:
    """Say how a random test that failed is run again."""
    return (
        "random tests: generated phones and tables go by fixed seeds, named in each failure; hypothesis prints"
        " the line @reproduce_failure that repeats its example"
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run say which kind of database its servers have."""
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="what a server's database is where a test does not say; with postgresql, only tests that have one run",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what `make test-fast` leaves out, and leave out what a run on PostgreSQL is not for."""
    for item in items:
        if is_slow(item):
            item.add_marker("slow")
    if config.getoption("--database") == "postgresql":
        items[:], others = chosen(items)
        config.hook.pytest_deselected(items=others)
        for item in items:
            for mark in item.iter_markers("about_sqlite"):
                item.add_marker(pytest.mark.skip(reason=f"about SQLite: {mark.args[0]}"))


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over thousands of tests and the modules behind them: all stay until the end."""
    gc.collect()
    gc.freeze()


def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """Fail a fast test that starts a browser or PostgreSQL all the same, by a way that its names do not show."""
    if fixturedef.argname in HEAVY_FIXTURES and request.config.getoption("markexpr") == "not slow":
        pytest.fail(f"a fast test asked for {fixturedef.argname}: name its file in tests/slow.py")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """One PostgreSQL for all tests that want it."""
    with Postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Databases:
    """Makes databases of the kind that this run was told."""
    if request.config.getoption("--database") == "sqlite":
        return SqliteDatabases()
    return PostgresqlDatabases(request.getfixturevalue("postgresql"))


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for a phone as long as a technician would: as often, but without pauses."""
    monkeypatch.setattr(agent_scripts.patience, "PAUSES_S", (0.0, 0.0, 0.0))


@pytest.fixture(autouse=True)
def _nothing_typed_before() -> Iterator[None]:
    """Forget which options the command of an earlier test had: each is a process of its own elsewhere."""
    yield
    forget_options()


@pytest.fixture(autouse=True)
def _as_wide_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget how wide the terminal is: xdist gives its workers COLUMNS, and tables would be narrower with it."""
    monkeypatch.delenv("COLUMNS", raising=False)


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks by which the summary counts, and let phones work in the system root that was asked for."""
    settings.register_profile("repeatable", print_blob=True, deadline=None)
    settings.load_profile("repeatable")
    root = os.environ.get("CURFEW_SYSTEM_ROOT")
    VirtualPhone.default_system_root = Path(root).resolve() if root else None
    config.addinivalue_line("markers", "slow: left out by `make test-fast` (tests/slow.py)")
    config.addinivalue_line("markers", "about_sqlite(what): a run with --database postgresql skips it")
    config.addinivalue_line("markers", "sample: reads what is written here from docs/android/commands.md")
    config.addinivalue_line("markers", "public_case(name): reads one odd answer that was told in public")
    config.addinivalue_line("markers", "advices(*advice): types these next steps (tests/next_steps)")
    config.addinivalue_line("markers", "capture: reads the output of one real phone")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many generated phones there were per release and maker, and how many were unreadable.

    The figures come with the tests' own reports, so that they also arrive from other processes.
    """
    counted: Counter[tuple[int, str, str]] = Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if getattr(report, "when", "") != "call":
            continue
        for name, value in report.user_properties:
            if name == "fleet":
                api, maker, what, count = value
                counted[api, maker, what] += count
    if counted:
        _print_fleet(terminalreporter, counted)
    _print_readings(terminalreporter)


def _print_readings(out: Any) -> None:
    """Print how many captures and samples were read rightly, of all; loudly so if there were no captures."""

    def count(outcome: str, mark: str) -> int:
        reports = (report for report in out.stats.get(outcome, ()) if hasattr(report, "keywords"))
        return sum(mark in report.keywords and report.when != "teardown" for report in reports)

    for mark, what, folder in (
        ("capture", "captures of real phones", "CURFEW_CAPTURES"),
        ("public_case", "public cases", "CURFEW_PUBLIC_CASES"),
        ("sample", "own samples", "CURFEW_CAPTURES"),
    ):
        right, skipped = count("passed", mark), count("skipped", mark)
        wrong = count("failed", mark) + count("error", mark)
        if right + wrong:
            without = f"; {skipped} without a written meaning" if skipped else ""
            out.write_sep("-", f"{what} read rightly: {right} of {right + wrong}{without}")
        elif skipped:
            out.write_sep("!", f"NOT TESTED: {what}; set {folder} to their folder", red=True)


def _print_fleet(out: Any, counted: Counter[tuple[int, str, str]]) -> None:
    makers = sorted({maker for _, maker, _ in counted})
    out.write_sep("-", "generated phones: cases of which unreadable; +cases that were cut, refused or forged")
    out.write_line("API " + "".join(f"{maker:>14}" for maker in makers))
    for api in sorted({api for api, _, _ in counted}):
        out.write_line(f"{api:3} " + "".join(f"{_cell(counted, api, maker):>14}" for maker in makers))
    totals = Counter[str]()
    for (_, _, what), count in counted.items():
        totals[what] += count
    out.write_line(
        f"{totals['sound']} sound, {totals['unreadable sound']} of them unreadable;"
        f" {totals['spoilt']} spoilt, {totals['unreadable spoilt']} of them unreadable;"
        f" compliant {totals['compliant']}, violating {totals['violating']}, ended exactly as before:"
        f" {totals['restored']}"
    )


def _cell(counted: Counter[tuple[int, str, str]], api: int, maker: str) -> str:
    sound, unread, spoilt, unread_too = (
        counted[api, maker, what] for what in ("sound", "unreadable sound", "spoilt", "unreadable spoilt")
    )
    return f"{sound}/{unread} +{spoilt}/{unread_too}" if sound or spoilt else "."
