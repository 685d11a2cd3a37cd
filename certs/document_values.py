"""Values of the documents that go between a server and who signs: read strictly, `ValueError` for anything else."""

from __future__ import annotations

import base64
from typing import Any

_NUMBER_MAX = (1 << 31) - 1
"""The columns of a server that hold these numbers take no larger one."""


def number(value: Any) -> int:
    """Return a whole number from 0 on."""
    # `type`, since a truth value is an instance of int.
    if type(value) is not int or not 0 <= value <= _NUMBER_MAX:
        raise ValueError(value)
    return value


def line(value: Any) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def written_bytes(data: bytes) -> str:
    """Return bytes as a document carries them: ``b"{}"`` as ``e30=``."""
    return base64.b64encode(data).decode()


def read_bytes(text: Any) -> bytes:
    """Return the bytes that `written_bytes` wrote."""
    return base64.b64decode(line(text), validate=True)
