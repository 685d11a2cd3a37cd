"""What a worker does by the clock and by itself: publish what waits for its time, and count each day once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import structlog

from server.config import Config
from server.drafts.set_times import publish_due_proposals
from server.fleet.daily_counts import keep_daily_count
from server.storage.database import Database

_EVERY_S = 20.0
"""A set time is met within this: stations hear of a new bundle with their next report, and not by asking for it."""

_log = structlog.get_logger()


def do_what_is_due(
    database: Database, config: Config, clock: Callable[[], datetime], every_s: float = _EVERY_S
) -> threading.Event:
    """Look for what is due in a thread of its own until the event that is returned is set.

    Every worker of every server looks; whoever comes second finds it done.
    """
    stopped = threading.Event()

    def run() -> None:
        while not stopped.wait(every_s):
            # The outermost loop of its thread: what nobody foresaw must not end all looking, nor the other's.
            try:
                publish_due_proposals(database, config, clock())
            except Exception:
                _log.exception("set_times_failed")
            try:
                keep_daily_count(database, clock())
            except Exception:
                _log.exception("daily_count_failed")

    threading.Thread(target=run, name="due-work", daemon=True).start()
    return stopped
