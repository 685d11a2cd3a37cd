"""The accepting half of a schema, made of its own fields: what it takes becomes the same value, several times sooner.

Marshmallow spends most of its time on being ready to tell what is wrong, and nearly every document is right. What is
not taken here is left to marshmallow, which alone refuses and says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, missing

from policy.errors import PolicyError
from policy.schemas.fields import Many, Record, Value
from policy.schemas.strict_json import quick_json

Take = Callable[[Any], Any]

_REMEMBERED, _REMEMBERED_BYTES = 1024, 4096
"""Values that the reader of each list or object keeps, and the longest text of one."""


class FastPathDeclined(Exception):
    """The document is not of the common right form; marshmallow has to judge it."""


def quick_reader(schema: Schema) -> Take:
    """Return a function that makes of a document what `schema` would make of it, or raises `FastPathDeclined`."""
    take = _object(schema)

    def read(document: Any) -> Any:
        try:
            return take(document)
        except (ValueError, KeyError, PolicyError) as error:
            raise FastPathDeclined from error

    return read


def _object(schema: Schema) -> Take:
    # Hooks of other schemas would be skipped here unseen; a `Record` has none but the one that `makes` stands for.
    if not isinstance(schema, Record):
        raise TypeError(f"{type(schema).__name__} does not say what it makes")
    make = type(schema).makes
    takes = {name: _field(field) for name, field in schema.load_fields.items()}
    defaults = {
        name: field.load_default
        for name, field in schema.load_fields.items()
        if field.load_default is not missing
    }

    def take(document: Any) -> Any:
        if not isinstance(document, dict):
            raise FastPathDeclined
        values = {name: takes[name](value) for name, value in document.items()}
        if len(values) < len(takes):
            values = defaults | values
        # One name too many is a `KeyError` above; one too few ends here.
        if len(values) != len(takes):
            raise FastPathDeclined
        return make(**values)

    return take


def _remembering(make_of: Take) -> Take:
    """Return a function that makes the same value of the same list or object once, and hands it out again.

    Reports of one policy say nearly the same in their lists, and values are never changed.
    """
    known: dict[bytes, Any] = {}

    def take(value: Any) -> Any:
        try:
            # As text: 0, 0.0 and false are equal to Python, and only one of them is right.
            key = quick_json(value)
        except TypeError:
            return make_of(value)
        if key in known:
            return known[key]
        made = make_of(value)
        if len(key) <= _REMEMBERED_BYTES:
            # Emptied when full, so that who sends ever new values costs no more than he did without it.
            if len(known) >= _REMEMBERED:
                known.clear()
            known[key] = made
        return made

    return take


def _field(field: fields.Field[Any]) -> Take:
    if isinstance(field, Value):
        take: Take = field.read
    elif isinstance(field, Many):
        take = _remembering(_elements(field))
    elif isinstance(field, fields.Nested):
        take = _remembering(_object(field.schema))
    else:
        raise TypeError(f"{type(field).__name__} has no quick reading")
    return _or_none(take) if field.allow_none else take


def _or_none(take: Take) -> Take:
    return lambda value: None if value is None else take(value)


def _elements(many: Many) -> Take:
    inner = _field(many.inner)
    least, most = many.least, many.most
    if many.distinct:
        raise TypeError("a set has no quick reading")

    def take(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise FastPathDeclined
        return tuple([inner(element) for element in value])

    return take
