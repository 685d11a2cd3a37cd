"""What the server said last of holding rings: kept, so that it counts where the server cannot be asked (decision 0026).

    {"bundle_number": 3, "held_ring": 2, "told_at": "2027-03-15T11:00:00+00:00"}

Ring 2 and all behind it are held. A server of before rings of listed phones says instead from which share of all phones
on, and so does the file then: ``"held_from": 0.05``. There is no file while nothing is held. A hold only keeps phones
from being newly disabled; it ends with another bundle, with the server's next word, or once it is older than the policy
lets a station be offline: then nothing new is disabled in any ring.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agent_scripts.station_files.durable_file import remove_durably, write_durably
from policy.document import Bundle
from policy.stage import ring_of_share

_RENEWED_AFTER = timedelta(minutes=1)
"""The time on disk may lag behind by this much; writing it at every answer would wear the disk for nothing."""
_NAME = "hold.json"


_EVERYBODY = 1


@dataclass(frozen=True)
class ToldHold:
    """From where on the server holds rings: from ``ring`` on; of an older server, from ``share`` of all phones on."""

    ring: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no server says."""
        if (self.ring is None) == (self.share is None):
            raise ValueError("expected a ring or a share")
        if self.ring is not None and (type(self.ring) is not int or self.ring < 1):
            raise ValueError("expected held_ring as the number of a ring, 1 for the first")
        if self.share is not None and (type(self.share) not in (int, float) or not 0 <= self.share <= 1):
            raise ValueError("expected held_from as a share")


def read_hold(told: Mapping[str, Any]) -> ToldHold | None:
    """Return what an answer, or the file, says of a hold; None: nothing is held. Raises `ValueError`."""
    # Servers of before the one word say the other, and of before both hold nothing.
    ring, share = told.get("held_ring"), told.get("held_from")
    if ring is not None:
        return ToldHold(ring)
    return None if share is None else ToldHold(share=share)


@dataclass(frozen=True)
class _Hold:
    bundle_number: int
    told: ToldHold
    told_at: datetime


def note_hold(folder: Path, bundle_number: int, hold: ToldHold | None, now: datetime) -> None:
    """Remember what the server has just said, in the station's folder; None: it holds no ring of that bundle."""
    path = folder / _NAME
    if hold is None:
        if path.exists():
            remove_durably(path)
        return
    known = _read(path)
    same = known is not None and (known.bundle_number, known.told) == (bundle_number, hold)
    if known is not None and same and timedelta(0) <= now - known.told_at < _RENEWED_AFTER:
        return
    word = {"held_from": hold.share} if hold.ring is None else {"held_ring": hold.ring}
    written = {"bundle_number": bundle_number, **word, "told_at": now.isoformat()}
    write_durably(path, json.dumps(written).encode() + b"\n")


def held_ring(folder: Path, bundle: Bundle, now: datetime) -> int | None:
    """Return from which ring on those of this bundle are held now; None: none is."""
    path = folder / _NAME
    if not path.exists():
        return None
    hold = _read(path)
    if hold is None:
        # It said that something is held. Until the server says what, nobody is newly disabled.
        return _EVERYBODY
    if hold.bundle_number != bundle.number or now - hold.told_at > bundle.policy.offline_limit:
        return None
    # Only a policy without lists is ever held by a share.
    share = hold.told.share
    return hold.told.ring if share is None else ring_of_share(bundle.policy, share)


def _read(path: Path) -> _Hold | None:
    try:
        told = json.loads(path.read_bytes())
        hold, told_at = read_hold(told), datetime.fromisoformat(told["told_at"])
        if hold is None or told_at.tzinfo is None:
            return None
        return _Hold(int(told["bundle_number"]), hold, told_at)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
