"""Marshmallow in our manner: strict fields, refusals in our words, errors of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from marshmallow import RAISE, Schema, ValidationError, fields, post_load

from policy.errors import InvalidDocument, PolicyError, UnknownRule

T = TypeVar("T")

UNKNOWN = "unknown field"
_MISSING = "missing"
_NO_OBJECT = "expected an object, found something else"
_SCHEMA_KEY = "_schema"


class StrictSchema(Schema):
    """A schema that refuses unknown fields and says what it expected."""

    error_messages = {"unknown": UNKNOWN, "type": _NO_OBJECT}  # noqa: RUF012 - marshmallow reads it so

    class Meta:
        """Refuse what we do not know."""

        unknown = RAISE


class Record(StrictSchema):
    """A strict schema whose fields are the parts of one value: `makes` makes it of them."""

    makes: ClassVar[Callable[..., Any]]

    @post_load
    def _made(self, values: Mapping[str, Any], **_options: Any) -> Any:
        return build(type(self).makes, values)


class Value(fields.Field[Any]):
    """One scalar: `read` makes the domain's value from JSON (`ValueError` refuses), `write` goes back.

    What is written is read once more, so that no document leaves us that the other side would refuse.
    """

    default_error_messages = {  # noqa: RUF012
        "required": _MISSING,
        "null": "expected a value, found null",
    }

    def __init__(self, read: Callable[[Any], Any], write: Callable[[Any], Any], **options: Any) -> None:
        # marshmallow takes a field for optional unless told otherwise; here only one with a default is.
        super().__init__(required="load_default" not in options, **options)
        self.read = read
        self._write = write

    def written(self, value: Any, name: str | None) -> Any:
        """Return what JSON holds for `value`; raises `InvalidDocument` for what could not be read again."""
        if value is None and self.allow_none:
            return None
        written = self._write(value)
        try:
            self.read(written)
        except ValueError as error:
            raise InvalidDocument(f"cannot be written, {name}: {error}") from error
        return written

    def _serialize(self, value: Any, attr: str | None, *_place: Any, **_options: Any) -> Any:
        return self.written(value, attr)

    def _deserialize(self, value: Any, *_place: Any, **_options: Any) -> Any:
        try:
            return self.read(value)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class Many(fields.List[Any]):
    """A list of bounded length that becomes a tuple, or a set when `distinct`; a set is written sorted."""

    default_error_messages = {  # noqa: RUF012
        "required": _MISSING,
        "null": "expected a list, found null",
        "invalid": "expected a list, found something else",
    }

    def __init__(
        self, inner: fields.Field[Any], most: int, *, least: int = 0, distinct: bool = False, **options: Any
    ) -> None:
        told = {"minItems": least, "maxItems": most, **({"uniqueItems": True} if distinct else {})}
        super().__init__(inner, required="load_default" not in options, metadata=told, **options)
        self.most = most
        self.least = least
        self.distinct = distinct

    def require_bounds(self, value: Any, name: str | None) -> None:
        """Raise `InvalidDocument` for more or fewer elements than could be read again."""
        if not self.least <= len(value) <= self.most:
            raise InvalidDocument(
                f"cannot be written, {name}: expected {self.least} to {self.most} elements, found {len(value)}"
            )

    def _serialize(self, value: Any, attr: str | None, obj: Any, **options: Any) -> list[Any] | None:
        # marshmallow validates nothing that it writes, so the bounds are asked here once more.
        self.require_bounds(value, attr)
        written = super()._serialize(list(value), attr, obj, **options)
        return sorted(written or []) if isinstance(value, frozenset) else written

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        # Before the elements are: an endless list is refused without reading one of them.
        if isinstance(value, list) and not self.least <= len(value) <= self.most:
            raise ValidationError(f"expected {self.least} to {self.most} elements, found {len(value)}")
        loaded = super()._deserialize(value, attr, data, **options)
        if not self.distinct:
            return tuple(loaded)
        if len(set(loaded)) != len(loaded):
            raise ValidationError("expected each element once, found a double")
        return frozenset(loaded)


def part(schema: type[Schema], **options: Any) -> fields.Nested:
    """Return a field that holds one object of `schema`."""
    messages: dict[str, Any] = {
        "required": _MISSING,
        "null": "expected an object, found null",
        "type": _NO_OBJECT,
    }
    return fields.Nested(schema, required=True, error_messages=messages, **options)


def optional_part(schema: type[Schema]) -> fields.Nested:
    """Return a field that holds one object of `schema`, or is not there and becomes None; null is refused."""
    messages: dict[str, Any] = {"null": "expected an object, found null", "type": _NO_OBJECT}
    return fields.Nested(schema, load_default=None, allow_none=False, error_messages=messages)


def build(make: Callable[..., T], values: Mapping[str, Any]) -> T:
    """Return the domain's value, its own refusal turned into one of the schema."""
    try:
        return make(**values)
    except PolicyError as error:
        raise ValidationError(str(error)) from error


def load_strictly(
    schema: Schema, document: Mapping[str, Any], what: str, advice: str, rules: str = ""
) -> Any:
    """Return what `schema` makes of `document`, or raise `InvalidDocument` naming every field at fault.

    An unknown field under the path `rules` raises `UnknownRule` instead, whatever else is wrong.
    """
    try:
        return schema.load(document)
    except ValidationError as error:
        faults = sorted(_faults(error.messages))
        # Whatever else is wrong: a newer document may look wrong in many fields, and "update" is then the right
        # advice.
        unknown = [path for path, message in faults if message == UNKNOWN and _is_under(path, rules)]
        if unknown:
            raise UnknownRule(
                f"expected rules that this version knows, found {', '.join(unknown)};"
                " update Curfew, or sign a document without them",
                faults,
            ) from error
        listed = "; ".join(f"{path}: {message}" for path, message in faults)
        raise InvalidDocument(f"not a valid {what}: {listed}. {advice}", faults) from error


def _is_under(path: str, rules: str) -> bool:
    return bool(rules) and (path.startswith(f"{rules}.") or rules == "*")


def _shown(key: object) -> str:
    # A key is foreign text on its way to a terminal.
    return str(key)[:60].encode("unicode_escape").decode()


def _faults(messages: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _faults(inner, path if key == _SCHEMA_KEY else f"{path}.{_shown(key)}".lstrip("."))
    elif isinstance(messages, list):
        for message in messages:
            yield from _faults(message, path)
    else:
        yield path or "document", str(messages)
