"""The JSON form of an attempt: the fields of `policy.attempt.Attempt` under their own names, all of them required."""

from __future__ import annotations

from policy.attempt import Attempt, AttemptCause
from policy.names import PhoneId
from policy.schemas import forms
from policy.schemas.fields import Record, Value, load_strictly
from policy.schemas.strict_json import canonical_json, parse_object
from policy.schemas.values import as_is, boolean, token, utc_time, word, write_utc_time


class AttemptSchema(Record):
    """A visit that came to no check."""

    makes = Attempt

    phone_id = Value(PhoneId, str, metadata=forms.PHONE_ID)
    tried_at = Value(utc_time, write_utc_time, metadata=forms.UTC_TIME)
    time_trusted = Value(boolean, as_is, metadata=forms.BOOLEAN)
    transport = Value(token, as_is, metadata=forms.TOKEN)
    cause = Value(word(AttemptCause), lambda cause: cause.value, metadata=forms.one_of(AttemptCause))


_SCHEMA = AttemptSchema()


def load_attempt(data: bytes) -> Attempt:
    """Return the attempt in `data`."""
    advice = "Move it away; the next visit tells anew"
    attempt: Attempt = load_strictly(_SCHEMA, parse_object(data, "an attempt"), "attempt", advice)
    return attempt


def dump_attempt(attempt: Attempt) -> bytes:
    """Return `attempt` as canonical JSON."""
    return canonical_json(_SCHEMA.dump(attempt))
