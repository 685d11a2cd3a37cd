"""JSON without its ambiguities: one reading per text, and one text per value."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from struct import iter_unpack
from typing import Any, NoReturn

import orjson

from policy.errors import InvalidDocument

DOCUMENT_MAX_BYTES = 1 << 20
"""No document of ours comes near it; a longer one is refused before it is parsed."""

# What a signed 64-bit column of SQLite and PostgreSQL can hold; longer literals are not even converted.
_INTEGER_MAX = (1 << 63) - 1
_INTEGER_MAX_DIGITS = 19
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_DELETE, _NOT_PRINTED = b"\x7f", re.compile("[^ -~]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_object(data: bytes, what: str) -> dict[str, Any]:
    """Return the one JSON object in `data`; `what` names the document in messages.

    Refused besides bad JSON: more than `DOCUMENT_MAX_BYTES`, a key written twice, integers beyond 64 bits,
    NaN, infinite numbers, half characters, NUL, and nesting that exhausts the parser.
    """
    if len(data) > DOCUMENT_MAX_BYTES:
        raise InvalidDocument(f"expected {what} of at most {DOCUMENT_MAX_BYTES} bytes, found {len(data)}")
    if (found := _canonical_object(data)) is not None:
        return found
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text,
            # NUL and half characters come in as escapes only: JSON refuses the one as it is, UTF-8 the other.
            object_pairs_hook=_object_of_whole_texts if "\\u" in text else _object_of_unique_keys,
            parse_int=_bounded_integer,
            parse_float=_finite_number,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise InvalidDocument(f"expected {what} in UTF-8, found other bytes; get it again") from error
    except RecursionError as error:
        raise InvalidDocument(f"expected {what}, found endless nesting; get it again") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise InvalidDocument(f"expected {what} as JSON, found an error at {where}; get it again") from error
    if not isinstance(value, dict):
        raise InvalidDocument(f"expected {what} as one JSON object, found {type(value).__name__}")
    return value


def _canonical_object(data: bytes) -> dict[str, Any] | None:
    """Return the object in these bytes if they are its canonical form, as nearly all are; None says nothing about them.

    What is written back as the same bytes has no key twice (it would be written once), nothing infinite, no half
    character and no byte too many. NUL would come back as it is, so it is looked for; numbers beyond 53 bits are not
    written at all.
    """
    if b"\\u" in data:
        return None
    try:
        value = orjson.loads(data)
        if type(value) is dict and orjson.dumps(value, option=_CANONICAL) == data:
            return value
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass
    return None


def quick_json(value: object) -> bytes:
    """Return a value that `parse_object` gave, or would take again, as `canonical_json` does, several times sooner.

    Raises `TypeError` for what it cannot write. Numbers with a fraction may come out in other words.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def quick_ascii_json(value: object) -> bytes:
    """Return what `json.dumps` makes of a value, compact and with sorted keys, several times sooner.

    The value is of objects, lists, texts without half characters, integers of at most 64 bits, booleans and None.
    Raises `TypeError` for what it cannot write; numbers with a fraction may come out in other words.
    """
    written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if written.isascii() and _DELETE not in written:
        return written
    return _NOT_PRINTED.sub(_escaped, written.decode()).encode()


def _escaped(found: re.Match[str]) -> str:
    # Beyond 16 bits a character is two of them (RFC 8259, 7).
    return "".join(f"\\u{unit:04x}" for (unit,) in iter_unpack(">H", found[0].encode("utf-16-be")))


def canonical_json(value: object) -> bytes:
    """Return `value` as sorted, compact UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def _object_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse_doubles(key for key, _ in pairs)
    return found


def _refuse_doubles(keys: Iterable[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            # Parsers disagree on which one wins, so what was signed could be read in two ways.
            raise InvalidDocument(f"expected each key once, found {key[:60]!r} twice; remove one")
        seen.add(key)


def _object_of_whole_texts(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = _object_of_unique_keys(pairs)
    _require_texts([*found.keys(), *found.values()])
    return found


# Objects inside are not entered: the parser calls the hook from the inside out, so theirs has looked already.
def _require_texts(values: list[Any]) -> None:
    for value in values:
        if isinstance(value, str):
            _require_text(value)
        elif isinstance(value, list):
            _require_texts(value)


def _require_text(text: str) -> None:
    if "\0" in text or _LONE_SURROGATE.search(text):
        raise InvalidDocument(f"expected whole characters without NUL, found {text[:60]!r}")


def _bounded_integer(literal: str) -> int:
    if len(literal) < _INTEGER_MAX_DIGITS:
        return int(literal)
    if len(literal.lstrip("-")) > _INTEGER_MAX_DIGITS or abs(int(literal)) > _INTEGER_MAX:
        raise InvalidDocument(f"expected integers of at most 64 bits, found {literal[:30]}…")
    return int(literal)


def _finite_number(literal: str) -> float:
    # 1e999 is good JSON and becomes infinity, which no JSON could write back.
    number = float(literal)
    if not math.isfinite(number):
        raise InvalidDocument(f"expected finite numbers, found {literal[:30]}")
    return number


def _refuse_constant(literal: str) -> NoReturn:
    raise InvalidDocument(f"expected numbers, found {literal}")
