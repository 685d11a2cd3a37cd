"""Tables and sentences where no terminal shows them: as wide as told, in characters that the output can carry."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from certs.cli import main as curfew_certs
from tests.terminal import Terminal
from tests.test_command_lines import clean_environment, typed

UTF_8 = {"LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trust whose second approver has a name that ASCII cannot carry."""
    folder = tmp_path_factory.mktemp("tables")
    assert curfew_certs(["key", str(folder / "prüferin.pem")]) == 0
    init = ["init", str(folder / "trust"), "--demo", "--approvers", "1"]
    assert curfew_certs([*init, "--approver-key", str(folder / "prüferin.pub")]) == 0
    return folder / "trust"


def width(told: str) -> int:
    """Return how wide the table is, by its frame."""
    return max(len(line) for line in told.splitlines() if line.startswith(("┏", "└")))


def test_a_piped_table_is_as_wide_as_columns_says_and_no_word_is_lost(trust: Path) -> None:
    narrow = typed("certs.cli", "show", str(trust), COLUMNS="72", **UTF_8)
    wide = typed("certs.cli", "show", str(trust), **UTF_8)

    assert width(narrow) <= 72 < width(wide) <= 160
    assert "prüferin" in wide
    assert "snapshot" in narrow
    assert "timestamp" in narrow


def test_what_goes_through_a_pipe_is_as_wide_as_the_terminal_it_was_typed_in(trust: Path) -> None:
    terminal = Terminal(columns=72, rows=24)
    show = shlex.join([sys.executable, "-m", "certs.cli", "show", str(trust)])

    assert terminal.run(["/bin/sh", "-c", f"{show} | cat"], {**clean_environment(), **UTF_8}) == 0

    assert 60 < width(terminal.text) <= 72


@pytest.mark.parametrize("columns", ["0", "", "wide", "-5"])
def test_a_width_that_is_none_is_not_taken(trust: Path, columns: str) -> None:
    assert typed("certs.cli", "show", str(trust), COLUMNS=columns, **UTF_8) == typed(
        "certs.cli", "show", str(trust), **UTF_8
    )


@pytest.mark.parametrize(
    "surroundings", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_where_the_output_cannot_carry_more_than_ascii_tables_and_names_are_ascii(
    trust: Path, surroundings: dict[str, str]
) -> None:
    told = typed("certs.cli", "show", str(trust), **surroundings)

    assert told.isascii()
    assert "+--" in told
    assert r"pr\xfcferin" in told


def test_where_the_output_can_carry_them_tables_have_lines_of_their_own(trust: Path) -> None:
    assert "┏" in typed("certs.cli", "show", str(trust), **UTF_8)
    assert "┏" in typed("certs.cli", "show", str(trust), LC_ALL="C", PYTHONIOENCODING="utf-8")


def test_sentences_too_are_written_in_what_the_output_can_carry(trust: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "certs.cli", "show", str(trust / "prüfung")],
        env={**clean_environment(), "LC_ALL": "C"},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.isascii()
    assert rb"pr\xfcfung" in done.stderr or rb"pr\udcc3" in done.stderr


def test_one_place_alone_decides_how_wide_and_in_which_characters() -> None:
    sources = Path(__file__).parents[1]
    makers = [
        file.relative_to(sources).as_posix()
        for package in ("agent_scripts", "certs", "demo", "policy", "server")
        for file in (sources / package).rglob("*.py")
        if re.search(r"\bConsole\(|\bLive\((?!self\.table\(\), console=)", file.read_text(encoding="utf-8"))
    ]
    assert makers == ["certs/terminal.py"]
