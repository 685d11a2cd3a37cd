"""The newest report of each phone that was checked here, for the papers its owner is given."""

from __future__ import annotations

import os
from pathlib import Path

from agent_scripts.station_files.durable_file import make_folder
from certs.logs import Log
from policy.errors import InvalidDocument
from policy.names import PhoneId
from policy.report import Report
from policy.schemas import load_report

_log = Log(__name__)


class LatestReports:
    """The folder ``checked/`` of the station in `folder`: one file per phone, its report as it was signed."""

    def __init__(self, folder: Path) -> None:
        """Use the folder, making it if it is not there."""
        self._folder = make_folder(folder / "checked")

    def keep(self, phone_id: PhoneId, report: bytes) -> None:
        """Put a phone's newest report in place of the one before."""
        path = self._path(phone_id)
        part = path.with_suffix(".part")
        try:
            # Not durably: the report itself is on disk in the spool, and what is lost here the next check brings back.
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(report)
            part.replace(path)
        except OSError as error:
            # No paper is worth a check: it goes on. An older report would pass for this one: without any, printing says
            # that the phone is to be checked first.
            path.unlink(missing_ok=True)
            _log.info("latest report not kept", path=str(path), because=str(error))

    def of(self, phone_id: PhoneId) -> Report | None:
        """Return the newest report of a phone; None if it was not checked here, or its file cannot be read."""
        path = self._path(phone_id)
        try:
            return load_report(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, InvalidDocument) as error:
            _log.info("latest report not readable", path=str(path), because=str(error))
            return None

    def _path(self, phone_id: PhoneId) -> Path:
        return self._folder / f"{PhoneId(phone_id)}.json"
