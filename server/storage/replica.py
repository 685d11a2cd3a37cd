"""A replica to read lists from, where one is named: what it shows is a little old, and how old is told with it.

Lists and counts alone: whatever decides something, and whatever somebody has just changed and looks at, is read from
the primary.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.errors import StorageUnavailable
from server.storage.database import Database

TOO_OLD = timedelta(minutes=1)
"""A replica that is further behind is not read from."""
_AGAIN_S = 10.0
"""For so long one that could not be read from is left alone: each try may take as long as a connection does."""

# Of the last commit that it has repeated. Where nothing was stored since, it is less old than this says; it cannot tell
# that from having been cut off.
_AGE = text(
    "SELECT pg_is_in_recovery(), pg_last_xact_replay_timestamp(),"
    " clock_timestamp() - pg_last_xact_replay_timestamp()"
)
_log = structlog.get_logger()


@dataclass(frozen=True)
class Seen:
    """Up to which commit of the primary a replica shows the database, and how long ago that is."""

    as_of: datetime
    behind: timedelta

    @property
    def behind_s(self) -> int:
        """Whole seconds, rounded up: never less than it is."""
        return max(-int(-self.behind.total_seconds() // 1), 0)


class Lists:
    """Where lists are read: from the replica while it can be, else from the primary. Made once per process."""

    def __init__(self, primary: Database, replica_url: str | None) -> None:
        self._primary = primary
        self._replica = None if replica_url is None else Database(replica_url, read_only=True)
        self._rests_until: float | None = None

    @contextmanager
    def reading(self) -> Iterator[tuple[Session, Seen | None]]:
        """Lend a session for one consistent look, with its age; None: it shows what is stored now."""
        try:
            with ExitStack() as stack:
                yield self._from_replica(stack) or (stack.enter_context(self._primary.reading()), None)
        except StorageUnavailable:
            # Whichever it was: the next look is at the primary.
            self._rest()
            raise

    def close(self) -> None:
        """Give back every connection to the replica."""
        if self._replica is not None:
            self._replica.close()

    def _from_replica(self, stack: ExitStack) -> tuple[Session, Seen] | None:
        if self._replica is None or self._is_resting():
            return None
        try:
            with ExitStack() as opened:
                session = opened.enter_context(self._replica.reading())
                if seen := _seen(session):
                    self._rests_until = None
                    stack.push(opened.pop_all())
                    return session, seen
            reason = "too old, or no replica"
        except StorageUnavailable as error:
            reason = str(error)
        _log.warning("replica_not_read", reason=reason)
        self._rest()
        return None

    def _is_resting(self) -> bool:
        if self._rests_until is None:
            return False
        if time.monotonic() < self._rests_until:
            return True
        # One tries whether it is back; the others do not wait for the outcome.
        self._rest()
        return False

    def _rest(self) -> None:
        self._rests_until = time.monotonic() + _AGAIN_S


def _seen(session: Session) -> Seen | None:
    """Return how old the replica is, None if it is too old or none: it was promoted, or is another's primary."""
    is_replica, as_of, behind = session.execute(_AGE).one()
    if not is_replica or as_of is None or behind > TOO_OLD:
        return None
    return Seen(as_of, behind)
