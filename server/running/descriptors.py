"""A worker that can open no file any more ends itself, and its parent starts another.

While accepting fails, granian's listener looks at nothing else: of the connections with which it has not shaken hands,
it lets none go, though all of them are closed meanwhile. The worker would be deaf for good.
"""

from __future__ import annotations

import errno
import os
import resource
import threading
import time

import structlog

_EVERY_S = 1.0
_IN_A_ROW = 3
"""A moment's crowd passes by itself."""
_EXIT_CODE = 1
_log = structlog.get_logger()


def end_when_none_is_left() -> None:
    """Let this process end once it has had no descriptor left for some seconds; one line of its log says so."""
    threading.Thread(target=_watch, name="descriptors", daemon=True).start()


def _watch() -> None:
    in_a_row = 0
    while in_a_row < _IN_A_ROW:
        time.sleep(_EVERY_S)
        in_a_row = in_a_row + 1 if _none_is_left() else 0
    _log.error(
        "no_descriptor_left",
        allowed=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        reason="too many connections are open; this worker ends and another one is started",
        next="see who opens them (ss -tn), and let a proxy bound how many each address may open",
    )
    # Not by an exception or a signal: the listener would not hear of either. What was acknowledged is stored.
    os._exit(_EXIT_CODE)


def _none_is_left() -> bool:
    try:
        os.close(os.dup(0))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False
