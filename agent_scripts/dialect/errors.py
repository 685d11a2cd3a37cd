"""What can be wrong with an answer.

DialectError
└── Unreadable    an answer is missing, cut, doubled, contradictory or of an unknown form
"""

from __future__ import annotations


class DialectError(Exception):
    """Something about a phone's answer is wrong."""


class Unreadable(DialectError):
    """An answer cannot be believed; the message says which one and why."""
