"""The one way from a row of the database to the envelope that a station signed, byte for byte."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from server.errors import EvidenceDamaged
from server.reports.kept_bases import BaseTexts
from server.storage.packing import base_of, known_of, unpack


class StoredEnvelope(NamedTuple):
    """What a row tells of its envelope; ``stored`` is empty if the report was thinned out."""

    report_id: str
    counter: int
    checked_at: datetime
    payload_sha256: str
    stored: bytes


class StoredEnvelopes:
    """Reads stored envelopes; those of one phone share a base, which is read once."""

    def __init__(self, session: Session) -> None:
        self._base_texts = BaseTexts(session)

    def whole(self, row: StoredEnvelope) -> bytes:
        """Return the envelope as it came, empty if it was thinned out; raises `EvidenceDamaged`."""
        if base_of(row.stored) is None:
            return row.stored
        known = known_of(row.report_id, row.counter, row.checked_at)
        try:
            envelope = unpack(row.stored, known, self._base_texts)
        except KeyError as error:
            raise EvidenceDamaged(
                row.report_id, f"the base {error} that it is stored beside", "none"
            ) from error
        except (zlib.error, IndexError) as error:
            raise EvidenceDamaged(row.report_id, "an envelope", f"bytes that are none ({error})") from error
        # Read against another base or other columns, it would come out as another text.
        found = hashlib.sha256(payload_of(envelope)).hexdigest()
        if found != row.payload_sha256:
            raise EvidenceDamaged(row.report_id, f"the payload {row.payload_sha256:.12}", f"{found:.12}")
        return envelope


def payload_of(envelope: bytes) -> bytes:
    """Return the payload of an envelope that was verified before it was stored."""
    return base64.b64decode(json.loads(envelope)["payload"])
