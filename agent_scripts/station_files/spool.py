"""Reports that wait for the server: one file each, oldest first, never lost.

A report is in exactly one place: here until the server has answered for it, then gone (the server has it for
good) or in ``aside/`` with the reason beside it (a person must look).
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_scripts.errors import FileDamaged
from agent_scripts.station_files.durable_file import make_folder, move_durably, remove_durably, write_durably

_NAME = re.compile(r"[0-9]{18}\.json")


@dataclass(frozen=True)
class SpooledReport:
    """One signed report on disk; ``envelope`` is the very bytes that were signed into it."""

    path: Path
    report_id: str
    envelope: bytes


class Spool:
    """The folder of reports that wait; ``aside/`` lies beside it."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, making it and its neighbour if they are not there."""
        self._folder = make_folder(folder)
        self.aside = make_folder(folder.parent / "aside")

    def keep(self, counter: int, envelope: bytes) -> Path:
        """Put a signed report on disk under its counter; raises `FileDamaged` if that counter is in use."""
        # Eighteen digits sort as numbers; nothing else keeps the order.
        path = self._folder / f"{counter:018d}.json"
        if path.exists():
            raise FileDamaged(f"{path} exists already; the counter of this station went back: enrol it anew")
        write_durably(path, envelope)
        return path

    def waiting(self) -> list[Path]:
        """Return the files that wait, oldest first."""
        # A part that is being written begins with a dot (`certs.durable`), and is no report yet.
        return sorted(path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))

    def read(self, path: Path) -> SpooledReport | None:
        """Return the report in `path`; a file that is no envelope is set aside and None returned."""
        try:
            envelope = path.read_bytes()
        except OSError as error:
            # Not set aside: the report may be whole, and only its rights be wrong.
            raise FileDamaged(
                f"{path} cannot be read ({error.strerror}); mend its rights and send again"
            ) from error
        report_id = _report_id(envelope)
        if not report_id:
            self.set_aside(path, "the file is damaged: it is no signed report any more")
            return None
        return SpooledReport(path, report_id, envelope)

    def remove(self, report: SpooledReport) -> None:
        """Forget a report that the server has stored for good."""
        remove_durably(report.path)

    def set_aside(self, path: Path, reason: str) -> Path:
        """Move a report to ``aside/`` with `reason` beside it, and return where it lies now.

        The reason is written first: a crash in between leaves the report waiting, with a note about it.
        """
        write_durably(self.aside / f"{path.stem}.reason.txt", reason.encode() + b"\n")
        return move_durably(path, self.aside)


def _report_id(envelope: bytes) -> str:
    """Return the id of the report in `envelope`, unverified; empty if it is no envelope with a report in it."""
    try:
        opened: Any = json.loads(envelope)
        report_id = json.loads(base64.b64decode(opened["payload"], validate=True))["report_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return report_id if isinstance(report_id, str) else ""
