"""Visits that came to no check, until the server was told: one file per phone, so that they stay few for ever."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agent_scripts.station_files.durable_file import held_alone, make_folder, remove_durably, write_durably
from certs.logs import Log
from policy.attempt import Attempt
from policy.errors import InvalidDocument
from policy.names import PhoneId
from policy.schemas import dump_attempt, load_attempt

_log = Log(__name__)


class Attempts:
    """The folder ``attempts/`` of the station in `folder`: of each phone the latest that is not told yet."""

    def __init__(self, folder: Path) -> None:
        """Use the folder, making it if it is not there."""
        self._folder = make_folder(folder / "attempts")
        self._lock = folder / "attempts.lock"

    def keep(self, attempt: Attempt) -> None:
        """Put an attempt on disk, in place of an earlier one of its phone."""
        with held_alone(self._lock):
            write_durably(self._path(attempt.phone_id), dump_attempt(attempt))

    def waiting(self) -> tuple[Attempt, ...]:
        """Return what the server was not told yet; a damaged file tells nothing and is left."""
        return tuple(filter(None, (self._read(path) for path in sorted(self._folder.glob("*.json")))))

    def remove(self, told: Iterable[Attempt]) -> None:
        """Forget what the server has; what was kept of the same phone meanwhile stays."""
        with held_alone(self._lock):
            for attempt in told:
                path = self._path(attempt.phone_id)
                if path.exists() and path.read_bytes() == dump_attempt(attempt):
                    remove_durably(path)

    def _read(self, path: Path) -> Attempt | None:
        try:
            return load_attempt(path.read_bytes())
        except FileNotFoundError:
            # Another process has told it just now.
            return None
        except (OSError, InvalidDocument) as error:
            # Whole files are written: this one was damaged later, and the next visit in vain writes it anew.
            _log.info("attempt not readable", path=str(path), because=str(error))
            return None

    def _path(self, phone_id: PhoneId) -> Path:
        return self._folder / f"{PhoneId(phone_id)}.json"
