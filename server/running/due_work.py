"""What a worker does by the clock: publish what waits for its time, count, and hold behind a failing ring."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from server.config import Config
from server.drafts.set_times import publish_due_proposals
from server.fleet.daily_counts import keep_daily_count
from server.fleet.ring_phones import keep_ring_counts
from server.fleet.stop_rule import LOOKED_AT_EVERY, hold_failing_ring
from server.storage.database import Database

_EVERY_S = 20.0
"""A set time is met within this: stations hear of a new bundle with their next report, and not by asking for it."""

_log = structlog.get_logger()


class _Seldom:
    """What is done less often than the thread looks."""

    def __init__(self, every: timedelta) -> None:
        self._every = every
        self._last: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        # A clock that was set back must not keep it from being due.
        if self._last is not None and timedelta(0) <= now - self._last < self._every:
            return False
        self._last = now
        return True


def do_what_is_due(
    database: Database, config: Config, clock: Callable[[], datetime], every_s: float = _EVERY_S
) -> threading.Event:
    """Look for what is due in a thread of its own until the event that is returned is set.

    Every worker of every server looks; whoever comes second finds it done.
    """
    stopped = threading.Event()
    rings = _Seldom(LOOKED_AT_EVERY)

    def run() -> None:
        while not stopped.wait(every_s):
            # The outermost loop of its thread: what nobody foresaw must not end all looking, nor the other's.
            try:
                publish_due_proposals(database, config, clock())
            except Exception:
                _log.exception("set_times_failed")
            try:
                keep_ring_counts(database, clock())
            except Exception:
                _log.exception("ring_counts_failed")
            try:
                if rings.is_due(clock()):
                    hold_failing_ring(database, config.ring_failure_percent, config.ring_smallest, clock())
            except Exception:
                _log.exception("stop_rule_failed")
            try:
                keep_daily_count(database, clock())
            except Exception:
                _log.exception("daily_count_failed")

    threading.Thread(target=run, name="due-work", daemon=True).start()
    return stopped
