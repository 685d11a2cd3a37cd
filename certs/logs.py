"""What a command does, step by step, as lines of JSON on stderr: with ``-v`` the steps, with ``-vv`` each exchange.

    {"at": "2026-03-15T12:00:00.123Z", "level": "info", "in": "agent_scripts.visits.run", "event": "report kept", …}

Never a key, a token, a code, a password, a holder or a body; what others said stands in JSON's own escapes, so that
no log can paint a terminal. The server's own log of requests is made of lines of JSON, too (`server.running.logs`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_PACKAGES = ("agent_scripts", "certs", "server")

Command = TypeVar("Command", bound=Callable[..., Any])


class Log:
    """The log of one module; silent unless somebody asked for it."""

    def __init__(self, module: str) -> None:
        self._logger = logging.getLogger(module)

    def info(self, event: str, **facts: str | float | None) -> None:
        """Tell a step of the command."""
        self._logger.info(event, extra={"facts": facts})

    def debug(self, event: str, **facts: str | float | None) -> None:
        """Tell a step of such a step."""
        self._logger.debug(event, extra={"facts": facts})


def verbose_option(command: Command) -> Command:
    """Give a group of commands ``-v``."""
    return click.option(
        "-v",
        "--verbose",
        count=True,
        expose_value=False,
        callback=lambda _context, _option, count: _write_to_stderr(count),
        help="Tell each step on stderr, as lines of JSON; twice: each exchange and request too.",
    )(command)


def _write_to_stderr(verbosity: int) -> None:
    level = _LEVELS[min(verbosity, len(_LEVELS) - 1)]
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    for name in _PACKAGES:
        logger = logging.getLogger(name)
        logger.setLevel(level)
        # Set and not added: a second command in one process would tell each line twice.
        logger.handlers = [handler] if verbosity else []
        # Other libraries' loggers are left alone: urllib3's would tell headers.
        logger.propagate = not verbosity


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told = {
            "at": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "in": record.name,
            "event": record.getMessage(),
        }
        # The line's own names last: no fact can pass for its time, its level or its place.
        return json.dumps({**getattr(record, "facts", {}), **told}, default=str)
