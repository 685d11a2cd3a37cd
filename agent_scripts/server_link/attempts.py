"""Telling the server which phones were visited in vain (docs/design.md 6)."""

from __future__ import annotations

from agent_scripts.server_link.client import ServerClient
from agent_scripts.station_files.attempts import Attempts
from agent_scripts.station_files.station import Station
from policy.attempt import ATTEMPTS_AT_ONCE


def tell_attempts(station: Station, client: ServerClient) -> tuple[str, ...]:
    """Tell all that waits and forget it; return a line for a person per phone of which the server takes no word.

    Raises `ServerError` when the server did not answer; what it was not told waits.
    """
    kept = Attempts(station.folder)
    waiting = kept.waiting()
    lines: list[str] = []
    for begin in range(0, len(waiting), ATTEMPTS_AT_ONCE):
        part = waiting[begin : begin + ATTEMPTS_AT_ONCE]
        refused = client.tell_attempts(part)
        # What it refuses goes as well: it would refuse it for ever, and the technician hears of it.
        kept.remove(part)
        lines += [
            f"Phone {phone_id} was visited in vain, which was not taken: {why}"
            for phone_id, why in refused.items()
        ]
    return tuple(lines)
