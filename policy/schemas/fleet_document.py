"""The JSON form of the fleet document.

``{"exemptions":[{"phone_id":"…","reason":"field_test","until":"2023-04-01T00:00:00Z"}],"kind":"curfew-fleet","number":3}``
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import post_load

from policy.document import Exemption, Fleet
from policy.names import PhoneId
from policy.schemas.fields import Many, StrictSchema, Value, build, load_strictly, part
from policy.schemas.ledger_document import NUMBER_MAX
from policy.schemas.strict_json import canonical_json, parse_object
from policy.schemas.values import as_is, integer, refusal, token, utc_time, write_utc_time

FLEET_KIND = "curfew-fleet"
# So many of the longest still fit into `DOCUMENT_MAX_BYTES`.
_EXEMPTIONS_MAX = 5000
_ADVICE = "Correct these fields and sign the fleet document again"


def document_kind(kind: str) -> Value:
    """Return the field that keeps one kind of document from passing for another."""

    def read(value: Any) -> str:
        if value != kind:
            raise refusal(f"the kind {kind}", value)
        return kind

    return Value(read, as_is)


class _ExemptionSchema(StrictSchema):
    phone_id = Value(PhoneId, str)
    until = Value(utc_time, write_utc_time)
    reason = Value(token, as_is)

    @post_load
    def exemption(self, values: Mapping[str, Any], **_options: Any) -> Exemption:
        return build(Exemption, values)


class _FleetSchema(StrictSchema):
    kind = document_kind(FLEET_KIND)
    number = Value(integer(0, NUMBER_MAX), as_is)
    exemptions = Many(part(_ExemptionSchema), _EXEMPTIONS_MAX)


_SCHEMA = _FleetSchema()


def load_fleet(data: bytes) -> Fleet:
    """Return the fleet document in `data`; any unknown field is an unknown rule, since it could widen an exemption."""
    document = parse_object(data, "a fleet document")
    values = load_strictly(_SCHEMA, document, "fleet document", _ADVICE, rules="*")
    return Fleet(values["number"], values["exemptions"])


def dump_fleet(fleet: Fleet) -> bytes:
    """Return `fleet` as canonical JSON."""
    values = {"kind": FLEET_KIND, "number": fleet.number, "exemptions": fleet.exemptions}
    return canonical_json(_SCHEMA.dump(values))
