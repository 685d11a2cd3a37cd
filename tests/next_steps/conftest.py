"""A desk for each test, trust that was made once, and an office with a server that runs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import adbutils
import pytest

import certs.cli
from policy.ready_made import ready_made_document
from tests.cheap_hashes import _cheap_hashes
from tests.check.office import Bench, Office
from tests.next_steps.desk import Desk
from tests.pages.conftest import compiled_templates, migrated
from tests.server.databases import Databases

__all__ = ["_cheap_hashes", "compiled_templates", "migrated"]


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk at which every advice that the test announces is found in print and typed."""
    desk = Desk(tmp_path)
    yield desk
    marked = request.node.get_closest_marker("advices")
    announced = {command for _, command in marked.args} if marked else set()
    report = getattr(request.node, "passed", True)
    assert not report or announced <= set(desk.told), f"never typed: {announced - set(desk.told)}"


def policy_file(path: Path, number: int = 1, **rules: object) -> Path:
    """Write the ready-made policy with dates of these days."""
    now = datetime.now(UTC).replace(microsecond=0)
    document = json.loads(ready_made_document())
    document["number"] = number
    document["rules"] |= {
        "deadline": (now - timedelta(days=2)).replace(tzinfo=None).isoformat(),
        "time_zone": "UTC",
        "review_at": f"{now + timedelta(days=60):%Y-%m-%dT%H:%M:%SZ}",
        "ends_at": f"{now + timedelta(days=90):%Y-%m-%dT%H:%M:%SZ}",
        **rules,
    }
    path.write_text(json.dumps(document))
    return path


def _quietly(*arguments: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert certs.cli.main(arguments) == 0


@pytest.fixture(scope="session")
def _demo_trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("next-steps") / "trust"
    _quietly("init", str(folder), "--demo")
    return folder


@pytest.fixture(scope="session")
def _published_trust(_demo_trust: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(_demo_trust, tmp_path_factory.mktemp("next-steps") / "published")
    policy = policy_file(folder.parent / "policy.json")
    _quietly("sign", str(folder), str(policy), "--key", str(folder / "keys" / "approver-1.pem"), "--yes")
    _quietly("publish", str(folder))
    return folder


@pytest.fixture
def trust(desk: Desk, _demo_trust: Path) -> Path:
    """Trust for practice in the desk's folder, under nothing yet; the folder's name has a blank."""
    return shutil.copytree(_demo_trust, desk.folder / "my trust")


@pytest.fixture
def published(desk: Desk, _published_trust: Path) -> Path:
    """Trust with a policy in force, and that policy beside it as policy.json."""
    shutil.copy(_published_trust.parent / "policy.json", desk.folder)
    return shutil.copytree(_published_trust, desk.folder / "my trust")


@pytest.fixture
def server(desk: Desk, published: Path) -> Path:
    """The settings of a server that serves what is published; it does not run."""
    desk.runs("curfew-server init 'my server' --trust 'my trust'")
    desk.runs("curfew-server --config 'my server/server.env' publish 'my trust'")
    return desk.folder / "my server" / "server.env"


@pytest.fixture(scope="session")
def office(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office whose server runs, an hour after the deadline."""
    with Office.opened(tmp_path_factory.mktemp("office"), databases) as office:
        office.at(hours=3)
        yield office


@pytest.fixture
def bench(office: Office, desk: Desk) -> Bench:
    """A station of that office, which the desk's shell has as its own."""
    bench = office.new_bench()
    desk.variables |= {"CURFEW_STATION": str(bench.folder), "CURFEW_STORY_CLOCK": str(office.story_clock)}
    return bench


@pytest.fixture
def platform_adb(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[adbutils.AdbClient]:
    """The adb server that the desk's programs start: on a port and with a home of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = {"ANDROID_ADB_SERVER_PORT": str(free.getsockname()[1]), "ADB_MDNS": "0"}
    # The program itself comes with the library, and lies on nobody's PATH.
    programs = Path(adbutils.adb_path()).parent
    desk.variables |= {**own, "PATH": f"{Path(sys.executable).parent}:{programs}:{os.environ['PATH']}"}
    for name, value in {**own, "HOME": str(desk.folder)}.items():
        monkeypatch.setenv(name, value)
    client = adbutils.AdbClient()
    yield client
    client.server_kill()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let the desk know whether the test passed: of one that failed it asks nothing more."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call":
        item.passed = report.passed  # type: ignore[attr-defined]
