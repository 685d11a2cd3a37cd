"""A signed envelope in the fewest bytes from which it comes back as it was, each of them. Pure.

What a phone's reports have in common is stored once, as a base; an envelope is stored as what it has beside its base
and the columns of its row. Both are handed to zlib as a dictionary, so that a report which says again what the base
says costs its signature, the hash of the answers and a few dozen bytes (docs/decisions/0023).
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from policy.report import REPORT_PAYLOAD_TYPE

_PACKED = 1
"""The first byte of what is packed. An envelope as it came begins with a brace, one that was thinned out is empty."""
_BASE_BYTES = 5
NAMED_WITHIN = 1 + _BASE_BYTES
"""So many bytes of a stored envelope name its base."""
_HEAD_BYTES = NAMED_WITHIN + 2
_RAW_DEFLATE = -15
_LEVEL = 9
_BEFORE_PAYLOAD = b'{"payload":"'
_BEFORE_KEYID = b'","payloadType":"%b","signatures":[{"keyid":"' % REPORT_PAYLOAD_TYPE.encode()
_BEFORE_SIGNATURE = b'","sig":"'
_BEHIND = b'"}]}'


@dataclass(frozen=True)
class Base:
    """What a phone's reports are packed against: its number, and the text that they have most of."""

    number: int
    text: bytes


@dataclass(frozen=True)
class Opened:
    """An envelope taken apart: its text, which can be a base, and its signature, which nothing makes smaller."""

    text: bytes
    signature: bytes


def taken_apart(envelope: bytes) -> Opened | None:
    """Return the parts of an envelope in the very form that stations write; None for any other, which stays whole."""
    payload, _, rest = envelope[len(_BEFORE_PAYLOAD) : -len(_BEHIND)].partition(_BEFORE_KEYID)
    keyid, _, signature = rest.partition(_BEFORE_SIGNATURE)
    try:
        opened = Opened(keyid + b"\n" + base64.b64decode(payload), base64.b64decode(signature))
    except ValueError:
        return None
    # What stands in other places, and base64 that is written in another way, is not written back as it came.
    return opened if len(opened.signature) < 256 and _put_together(opened) == envelope else None


def known_of(report_id: str, counter: int, checked_at: datetime) -> bytes:
    """Return what a row tells of its envelope by its own columns, as it likely stands in there."""
    # The database gives times back in UTC, or without a zone.
    at = checked_at.replace(tzinfo=checked_at.tzinfo or UTC).astimezone(UTC).isoformat()
    return (
        f'"checked_at":"{at.replace("+00:00", "Z")}""counter":{counter},""report_id":"{report_id}"'.encode()
    )


def pack(opened: Opened, base: Base, known: bytes, digest: str) -> bytes:
    """Return an envelope packed against `base`, and against what its row tells: `known`.

    `digest` is a hash in hex that stands in it (or is empty): as text it would take twice its bytes.
    """
    raw = bytes.fromhex(digest)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_DEFLATE, zdict=_dictionary(base.text, known, raw))
    head = bytes([_PACKED]) + base.number.to_bytes(_BASE_BYTES, "big")
    lengths = bytes([len(opened.signature), len(raw)])
    return b"".join((head, lengths, opened.signature, raw, packer.compress(opened.text), packer.flush()))


def unpack(stored: bytes, known: bytes, base_text: Callable[[int], bytes]) -> bytes:
    """Return the envelope as it came; `base_text` is asked for the text of the base that it names, if it names one."""
    number = base_of(stored)
    if number is None:
        return stored
    signature_end = _HEAD_BYTES + stored[_HEAD_BYTES - 2]
    raw_end = signature_end + stored[_HEAD_BYTES - 1]
    dictionary = _dictionary(base_text(number), known, stored[signature_end:raw_end])
    text = zlib.decompressobj(_RAW_DEFLATE, dictionary).decompress(stored[raw_end:])
    return _put_together(Opened(text, stored[_HEAD_BYTES:signature_end]))


def base_of(stored: bytes) -> int | None:
    """Return the number of the base that a stored envelope names, None if it needs none; its beginning is enough."""
    if not stored or stored[0] != _PACKED:
        return None
    return int.from_bytes(stored[1:NAMED_WITHIN], "big")


def delta_bytes(packed: bytes) -> int:
    """Return how many bytes a packed envelope takes for what neither its base nor its row tells."""
    return len(packed) - _HEAD_BYTES - packed[_HEAD_BYTES - 2] - packed[_HEAD_BYTES - 1]


def pack_base(text: bytes) -> bytes:
    """Return the text of a base as it is stored."""
    return zlib.compress(text, _LEVEL)


def unpack_base(stored: bytes) -> bytes:
    """Return the text of a base."""
    return zlib.decompress(stored)


def _dictionary(base_text: bytes, known: bytes, raw: bytes) -> bytes:
    return b"".join((base_text, known, raw.hex().encode()))


def _put_together(opened: Opened) -> bytes:
    keyid, _, payload = opened.text.partition(b"\n")
    parts = (_BEFORE_PAYLOAD, base64.b64encode(payload), _BEFORE_KEYID, keyid, _BEFORE_SIGNATURE)
    return b"".join((*parts, base64.b64encode(opened.signature), _BEHIND))
