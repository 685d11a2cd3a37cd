"""What paper was made and printed of each phone here, so that neither a restart nor a second check makes it twice.

One file per phone, whatever bench it was at::

    {"label": {"content": "5f…", "file": "A-1042-0b6ad3c1-label.pdf", "checked_at": "2027-03-15T11:00:00+00:00",
               "printed": "yes"}, "receipt": {…}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from agent_scripts.station_files.durable_file import make_folder, write_durably
from certs.logs import Log
from policy.names import PhoneId

_log = Log(__name__)


class PaperKind(Enum):
    """What is made for a phone, in the order in which it is printed."""

    LABEL = "label"
    RECEIPT = "receipt"


class Printed(Enum):
    """How far the printing of one paper has come."""

    NO = "no"
    BEGUN = "begun"
    """It was handed to the printer, and whether it came out nobody here knows."""
    YES = "yes"


@dataclass(frozen=True)
class PaperRecord:
    """One paper: ``content`` is a hash of what it tells, ``file`` its name in the folder of papers.

    ``checked_at`` (UTC) is the time of the check whose code stands on it.
    """

    content: str
    file: str
    checked_at: datetime
    printed: Printed = Printed.NO


class PaperRecords:
    """The folder ``papers/`` of the station in `folder`."""

    def __init__(self, folder: Path) -> None:
        """Use the folder, making it if it is not there."""
        self._folder = make_folder(folder / "papers")

    def of(self, phone_id: PhoneId) -> Mapping[PaperKind, PaperRecord]:
        """Return what was made of a phone; nothing where that cannot be read."""
        path = self._path(phone_id)
        try:
            told = json.loads(path.read_bytes())
            return {PaperKind(kind): _record(one) for kind, one in told.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # A paper made once more costs a sheet.
            _log.info("record of papers not readable", path=str(path), because=str(error))
            return {}

    def keep(self, phone_id: PhoneId, kind: PaperKind, record: PaperRecord) -> None:
        """Put on disk what was made of a phone; raises `WriteFailed`."""
        kept = {**self.of(phone_id), kind: record}
        described = {one.value: _described(it) for one, it in kept.items()}
        write_durably(self._path(phone_id), json.dumps(described, sort_keys=True).encode() + b"\n")

    def note(self, phone_id: PhoneId, kind: PaperKind, printed: Printed) -> None:
        """Put on disk how far the printing of a paper has come that was made; raises `WriteFailed`."""
        record = self.of(phone_id).get(kind)
        if record is not None and record.printed is not printed:
            self.keep(phone_id, kind, replace(record, printed=printed))

    def _path(self, phone_id: PhoneId) -> Path:
        return self._folder / f"{PhoneId(phone_id)}.json"


def _record(told: dict[str, Any]) -> PaperRecord:
    at = datetime.fromisoformat(told["checked_at"])
    if at.tzinfo is None:
        raise ValueError("an aware time expected")
    # A name alone: whatever stands in the file, nothing outside the folder is named by it.
    return PaperRecord(str(told["content"]), Path(told["file"]).name, at, Printed(told["printed"]))


def _described(record: PaperRecord) -> dict[str, str]:
    return {
        "content": record.content,
        "file": record.file,
        "checked_at": record.checked_at.isoformat(),
        "printed": record.printed.value,
    }
