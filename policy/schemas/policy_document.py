"""The JSON form of a policy: `rules`, where nothing may be unknown, and descriptive fields, which are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import INCLUDE, ValidationError, post_dump, post_load, pre_dump, validates_schema

from policy.document import (
    LISTED_MAX,
    DebuggingAtHandBack,
    Family,
    ManagedApp,
    Message,
    PlaceKind,
    Policy,
    Ring,
)
from policy.errors import InvalidDocument, InvalidTime
from policy.names import PhoneId
from policy.observation import UserKind
from policy.schemas.fields import Many, StrictSchema, Value, build, load_strictly, part
from policy.schemas.fleet_document import document_kind
from policy.schemas.ledger_document import NUMBER_MAX, package_name
from policy.schemas.strict_json import canonical_json, parse_object
from policy.schemas.values import (
    as_is,
    boolean,
    hours,
    integer,
    language,
    local_time,
    minutes,
    refusal,
    share,
    text,
    utc_time,
    word,
    write_hours,
    write_minutes,
    write_utc_time,
)

POLICY_KIND = "curfew-policy"
_KNOWN = ("kind", "number", "name", "rules", "messages")
_ADVICE = "Correct these fields and sign the policy again"
_YEAR_H = 24 * 366
_WEEK_MIN = 7 * 24 * 60


class _FamilySchema(StrictSchema):
    name = Value(text(100, shortest=1), as_is)
    active = Value(boolean, as_is)
    packages = Many(package_name(), 200, least=1)

    @post_load
    def family(self, values: Mapping[str, Any], **_options: Any) -> Family:
        return build(Family, values)


class _ManagedSchema(StrictSchema):
    package = package_name()
    places = Many(Value(word(PlaceKind), lambda place: place.value), 3, least=1, distinct=True)

    @post_load
    def managed_app(self, values: Mapping[str, Any], **_options: Any) -> ManagedApp:
        return build(ManagedApp, values)


class _RingSchema(StrictSchema):
    # A share of all phones, or the other three: which of them belong together `Ring` says.
    share = Value(share, as_is, load_default=None, allow_none=False)
    phones = Many(Value(PhoneId, str), LISTED_MAX, distinct=True, load_default=frozenset(), allow_none=False)
    name = Value(text(100, shortest=1), as_is, load_default="")
    unit = Value(text(100, shortest=1), as_is, load_default="")
    starts_at = Value(utc_time, write_utc_time)

    @post_load
    def ring(self, values: Mapping[str, Any], **_options: Any) -> Ring:
        return build(Ring, values)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def is_one_of_both(self, _values: Any, original: Any, **_options: Any) -> None:
        # Where it is read: beside the field of the share, whatever else is missing.
        if isinstance(original, dict) and not original.keys() & {"share", "phones", "name", "unit"}:
            raise ValidationError("missing; write a share of all phones, or phones and a name", "share")

    @pre_dump
    def said(self, ring: Ring, **_options: Any) -> dict[str, Any]:
        # What a ring does not have is not written: one of a share is the same bytes as before there were lists.
        return {
            name: value
            for name in self.fields
            if (value := getattr(ring, name)) not in (None, "", frozenset())
        }


class _RulesSchema(StrictSchema):
    families = Many(part(_FamilySchema), 100, least=1)
    managed = Many(part(_ManagedSchema), 200, least=1)
    owners = Many(package_name(), 100, distinct=True)
    kinds = Many(Value(word(UserKind), lambda kind: kind.value), 6, least=1, distinct=True)
    # What clocks on the wall show; only together with `time_zone` it is a moment (`_utc_deadline`).
    deadline = Value(local_time, as_is)
    time_zone = Value(text(100, shortest=1), as_is)
    review_at = Value(utc_time, write_utc_time)
    ends_at = Value(utc_time, write_utc_time)
    offline_limit_hours = Value(hours(_YEAR_H), write_hours, attribute="offline_limit")
    overdue_limit_hours = Value(hours(_YEAR_H), write_hours, attribute="overdue_limit")
    # A minute is also the least that a phone's plan may say (policy/plan.py).
    check_interval_minutes = Value(minutes(_WEEK_MIN, shortest=1), write_minutes, attribute="check_interval")
    check_jitter_minutes = Value(minutes(_WEEK_MIN), write_minutes, attribute="check_jitter")
    reminders_hours_before = Many(Value(hours(_YEAR_H), write_hours), 20, attribute="reminders")
    rings = Many(part(_RingSchema), 20)
    preinstalled_disabled_counts = Value(boolean, as_is)
    minimum_judgement = Value(integer(1, NUMBER_MAX), as_is)
    lifted = Value(boolean, as_is)
    # Came later: documents signed before it have not opted in.
    on_phone = Value(boolean, as_is, load_default=False)
    debugging_at_hand_back = Value(
        word(DebuggingAtHandBack), lambda left: left.value, load_default=DebuggingAtHandBack.AS_FOUND
    )

    @post_dump
    def _without_what_goes_without_saying(self, rules: dict[str, Any], **_options: Any) -> dict[str, Any]:
        # Stations from before this rule refuse a document that has it, and nothing must keep them from one that asks
        # for no more than they do.
        if rules.get("debugging_at_hand_back") == DebuggingAtHandBack.AS_FOUND.value:
            del rules["debugging_at_hand_back"]
        return rules


class _MessageSchema(StrictSchema):
    remind = Value(text(500, shortest=1), as_is)
    disabled = Value(text(500, shortest=1), as_is)
    restored = Value(text(500, shortest=1), as_is)

    # Messages bind nobody, so what a newer version says in them is kept and refuses nothing.
    class Meta:
        unknown = INCLUDE


def _read_messages(value: Any) -> dict[str, dict[str, Any]]:
    """Read messages by language; fields of a message that this version does not know stay in it."""
    if not isinstance(value, dict) or len(value) > 100:
        raise refusal("messages by language, 100 at most", value)
    schema = _MessageSchema()
    return {
        language(tag): load_strictly(schema, message, f"message in {tag}", "Write all three texts")
        for tag, message in value.items()
    }


class _PolicySchema(StrictSchema):
    kind = document_kind(POLICY_KIND)
    number = Value(integer(1, NUMBER_MAX), as_is)
    name = Value(text(200, shortest=1), as_is)
    rules = part(_RulesSchema)
    messages = Value(_read_messages, as_is)

    class Meta:
        unknown = INCLUDE


_SCHEMA = _PolicySchema()
_RULES_SCHEMA = _RulesSchema()


def load_policy_document(data: bytes) -> tuple[int, Policy]:
    """Return the number and the policy in `data`.

    Raises `UnknownRule` naming every rule this version does not know, `JudgementTooOld`, `InvalidTime` for a
    deadline that does not exist or exists twice in its time zone, `InvalidDocument` for all else.
    """
    values = load_strictly(_SCHEMA, parse_object(data, "a policy"), "policy", _ADVICE, rules="rules")
    rules = values["rules"]
    messages: dict[str, dict[str, Any]] = values["messages"]
    described = {key: value for key, value in values.items() if key not in _KNOWN}
    texts = tuple(_MessageSchema().fields)
    beside = {tag: rest for tag, message in messages.items() if (rest := _without(message, texts))}
    if beside:
        # The name is free: `messages` itself is one of ours, so no descriptive field can be called so.
        described["messages"] = beside
    policy = Policy(
        **{**rules, "deadline": _utc_deadline(rules["deadline"], rules["time_zone"])},
        name=values["name"],
        messages={
            tag: Message(**{name: message[name] for name in texts}) for tag, message in messages.items()
        },
        described=described,
    )
    return values["number"], policy


def dump_policy_document(number: int, policy: Policy) -> bytes:
    """Return the policy as canonical JSON under `number`.

    Raises `InvalidDocument` when the policy has no exact document form (parts of an hour, a deadline in an hour
    that clocks show twice, a descriptive field called like one of ours): what is signed must say what was meant.
    """
    beside = policy.described.get("messages", {})
    local = policy.deadline.astimezone(ZoneInfo(policy.time_zone)).replace(tzinfo=None)
    rules = {name: getattr(policy, field.attribute or name) for name, field in _RULES_SCHEMA.fields.items()}
    rules = {(_RULES_SCHEMA.fields[name].attribute or name): value for name, value in rules.items()}
    # Ours after the described ones, which cannot replace a rule so; reading it back then refuses the loss.
    document = {
        **policy.described,
        "kind": POLICY_KIND,
        "number": number,
        "name": policy.name,
        "rules": _RULES_SCHEMA.dump({**rules, "deadline": local.isoformat()}),
        "messages": {
            tag: {**beside.get(tag, {}), "remind": m.remind, "disabled": m.disabled, "restored": m.restored}
            for tag, m in policy.messages.items()
        },
    }
    data = canonical_json(document)
    if load_policy_document(data) != (number, policy):
        raise InvalidDocument(
            "expected a policy that its document can say exactly (whole hours and minutes, a deadline in whole"
            " seconds); round these values"
        )
    return data


def _without(message: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in names}


def _utc_deadline(local: datetime, time_zone: str) -> datetime:
    """Return the one moment at which clocks in `time_zone` show `local`."""
    try:
        # OSError: the name of a folder of zones (`Europe`), or one longer than a file's name may be.
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidTime(f"expected a time zone like Europe/Brussels, found {time_zone!r}") from error
    # The two folds differ only where clocks change: for a time that comes twice, or for one that never comes.
    moments = sorted({local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)})
    if len(moments) == 1:
        return moments[0]
    # A time that exists comes back from UTC as it was; one in the gap does not.
    if moments[0].astimezone(zone).replace(tzinfo=None) == local:
        raise InvalidTime(
            f"the deadline {local.isoformat()} comes twice in {time_zone}, where clocks go back;"
            " choose a time before or after that hour"
        )
    after = moments[-1].astimezone(zone).replace(tzinfo=None)
    raise InvalidTime(
        f"the deadline {local.isoformat()} does not exist in {time_zone}, where clocks go forward;"
        f" choose an earlier time, or {after.isoformat()} or later"
    )
