"""Shells and phones for the tests of the dialects and exchanges."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.phones.fake_phone import SHELLS, FakePhone, Shell, make_shell
from tests.phones.samples import SamplePhone

CAPTURES = Path(
    os.environ.get("CURFEW_CAPTURES", Path(__file__).parents[3] / "shared" / "android" / "transcripts")
)
PUBLIC_CASES = Path(os.environ.get("CURFEW_PUBLIC_CASES", CAPTURES.parent / "public-cases"))


@pytest.fixture(scope="session")
def shells(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Shell]:
    made: dict[str, Shell] = {}

    def make(name: str) -> Shell:
        if name not in made:
            made[name] = make_shell(name, tmp_path_factory.mktemp(name))
        return made[name]

    return make


@pytest.fixture
def mksh(shells: Callable[[str], Shell]) -> Shell:
    """The phone's own shell: mksh with toybox."""
    return shells("mksh-toybox")


@pytest.fixture(params=SHELLS)
def any_shell(request: pytest.FixtureRequest, shells: Callable[[str], Shell]) -> Shell:
    return shells(request.param)


@pytest.fixture
def phone(tmp_path: Path, mksh: Shell) -> Callable[[SamplePhone], FakePhone]:
    return lambda sample: FakePhone(tmp_path / "phone", sample, mksh)


@pytest.fixture
def captures() -> Path:
    if not CAPTURES.is_dir():
        pytest.skip(f"NO CAPTURES OF REAL PHONES: {CAPTURES} is missing; set CURFEW_CAPTURES to their folder")
    return CAPTURES
