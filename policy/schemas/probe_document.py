"""The JSON form of a probe: the fields of `policy.probe.Probe` under their own names, all of them required."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from marshmallow import post_load

from policy.document import PlaceKind
from policy.observation import UserKind
from policy.probe import Limit, LimitCode, Owner, Probe, ProbedPlace, ProbedUser, Reach
from policy.schemas import forms
from policy.schemas.fields import Many, StrictSchema, Value, build, load_strictly, part
from policy.schemas.ledger_document import user_number
from policy.schemas.strict_json import canonical_json, parse_object
from policy.schemas.values import as_is, boolean, integer, printable_text, word

_USERS_MAX = 100
_LIMITS_MAX = 500
_ADVICE = "Update the station and provision the phone again"


def _word(kind: type[Enum]) -> Value:
    return Value(word(kind), lambda member: member.value, metadata=forms.one_of(kind))


def _line(longest: int) -> Value:
    return Value(printable_text(longest), as_is, metadata=forms.line(longest))


class ProbedUserSchema(StrictSchema):
    """A user of a probed phone."""

    user = user_number()
    kind = _word(UserKind)
    running = Value(boolean, as_is, metadata=forms.BOOLEAN)
    open_to_shell = Value(boolean, as_is, metadata=forms.BOOLEAN)
    owner = _word(Owner)

    @post_load
    def probed_user(self, values: Mapping[str, Any], **_options: Any) -> ProbedUser:
        """Make the user."""
        return build(ProbedUser, values)


class ProbedPlaceSchema(StrictSchema):
    """A place of a probed phone."""

    user = user_number()
    kind = _word(PlaceKind)
    open_to_shell = Value(boolean, as_is, metadata=forms.BOOLEAN)
    enforce = Value(boolean, as_is, metadata=forms.BOOLEAN)
    restore = Value(boolean, as_is, metadata=forms.BOOLEAN)

    @post_load
    def probed_place(self, values: Mapping[str, Any], **_options: Any) -> ProbedPlace:
        """Make the place."""
        return build(ProbedPlace, values)


class LimitSchema(StrictSchema):
    """What cannot be promised, why, and what would change it."""

    code = _word(LimitCode)
    sentence = _line(500)
    source = _line(100)
    change = _line(500)
    hinders = Value(boolean, as_is, metadata=forms.BOOLEAN)

    @post_load
    def limit(self, values: Mapping[str, Any], **_options: Any) -> Limit:
        """Make the limit."""
        return build(Limit, values)


class ProbeSchema(StrictSchema):
    """A probe."""

    release = _line(100)
    api_level = Value(integer(0, 10_000), as_is, metadata=forms.whole(0, 10_000))
    manufacturer = _line(100)
    model = _line(100)
    reach = _word(Reach)
    users = Many(part(ProbedUserSchema), _USERS_MAX)
    device_owner = _word(Owner)
    company_owned = Value(boolean, as_is, allow_none=True, metadata=forms.BOOLEAN)
    places = Many(part(ProbedPlaceSchema), _USERS_MAX)
    limits = Many(part(LimitSchema), _LIMITS_MAX)

    @post_load
    def probe(self, values: Mapping[str, Any], **_options: Any) -> Probe:
        """Make the probe."""
        return build(Probe, values)


_SCHEMA = ProbeSchema()


def load_probe(data: bytes) -> Probe:
    """Return the probe in `data`."""
    probe: Probe = load_strictly(_SCHEMA, parse_object(data, "a probe"), "probe", _ADVICE)
    return probe


def dump_probe(probe: Probe) -> bytes:
    """Return `probe` as canonical JSON."""
    return canonical_json(_SCHEMA.dump(probe))
