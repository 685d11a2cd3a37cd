"""The bench on disk: which phones have which row and how far each came, so that a killed bench goes on where it was.

One file, written whole: it is small, and half of it would be worse than none. Nothing that makes a visit safe is in it
(that are ledgers and spool); losing it costs the order of the rows, and answers that were not carried out yet.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from agent_scripts.bench.rows import BenchRow, Rows
from agent_scripts.bench.stage import CHECKED, Paper, Stage
from agent_scripts.errors import FileDamaged
from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.durable_file import remove_durably, write_durably
from policy.report import Consent

_KIND = "curfew-bench-1"


class KeptBench:
    """The file ``bench.json`` of the station in `folder`."""

    def __init__(self, folder: Path) -> None:
        """Name the file; nothing is read yet."""
        self._path = folder / "bench.json"
        self._text = b""
        self._one_at_a_time = threading.Lock()

    def load(self, *, makes_paper: bool = False) -> Rows:
        """Return the rows of a bench that was not finished, each unplugged until it is seen; else none.

        With `makes_paper` the papers that were not finished are taken up. Raises `FileDamaged` for a file that is no
        such list.
        """
        if not self._path.exists():
            return Rows(makes_paper=makes_paper)
        try:
            told = json.loads(self._path.read_bytes())
            if told["kind"] != _KIND:
                raise ValueError("of another kind")
            rows = [_row(described) for described in told["rows"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FileDamaged(
                f"{self._path} does not describe a bench; remove it: phones are then numbered anew"
            ) from error
        return Rows({row.address: _with_paper(row, makes_paper) for row in rows}, makes_paper)

    def keep(self, text: bytes) -> None:
        """Put the rows on disk (`kept_form`), if they are others than those there."""
        # Ctrl-C comes while a thread writes what was before: the last that is said is what stays.
        with self._one_at_a_time:
            if text != self._text:
                write_durably(self._path, text)
                self._text = text

    def finish(self) -> None:
        """Forget the bench: the next one numbers its phones from 1."""
        remove_durably(self._path)
        self._text = b""


def kept_form(rows: Rows) -> bytes:
    """Return what is kept of `rows`."""
    described = [_described(row) for row in rows.by_address.values()]
    return json.dumps({"kind": _KIND, "rows": described}, sort_keys=True).encode() + b"\n"


def _with_paper(row: BenchRow, makes_paper: bool) -> BenchRow:
    """Return the row as it goes on: with papers that are not finished, or without any where none are made now."""
    unfinished = row.stage is Stage.LABEL or row.paper in (Paper.WAITS, Paper.UNSURE, Paper.FAILED)
    if row.stage not in CHECKED or not unfinished:
        return row
    if makes_paper:
        return replace(row, stage=Stage.LABEL)
    return replace(row, stage=Stage.DONE, paper=Paper.NONE, paper_problem="")


def _described(row: BenchRow) -> dict[str, Any]:
    # What goes on now begins anew at the next start; what changes with every step would be written for nothing. A phone
    # that was checked stays so: to make its papers, it is not needed.
    stage = row.stage if row.stage in CHECKED else Stage.PLUGGED
    kept = row if stage in CHECKED else replace(row, next_step="")
    return {
        **asdict(kept),
        "stage": stage.value,
        "plugged": False,
        "tries": 0,
        "consent": row.consent and row.consent.value,
        "exit_code": int(row.exit_code),
        "paper": row.paper.value,
    }


def _row(described: dict[str, Any]) -> BenchRow:
    consent = described["consent"]
    row = BenchRow(
        **{
            **described,
            "stage": Stage(described["stage"]),
            "consent": None if consent is None else Consent(consent),
            "exit_code": ExitCode(described["exit_code"]),
            # Of a bench that was begun before papers were made, nothing is said of them.
            "paper": Paper(described.get("paper", Paper.NONE.value)),
        }
    )
    texts = (row.address, row.label, row.model, row.release, row.holder, row.unit, row.verdict, row.next_step)
    paper = (row.language, row.paper_problem)
    if type(row.number) is not int or not all(isinstance(text, str) for text in (*texts, *paper)):
        raise TypeError("texts and a number expected")
    return row
