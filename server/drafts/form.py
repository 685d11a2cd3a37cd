"""A policy as a form: what its fields hold, and the document that filled-in fields make.

Pure. Nothing is judged here: what somebody typed goes into the document as it is, and `policy.schemas` says what is
wrong with it, under a path that leads back to the field. What the form has no field for stays as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from certs.drafting import written_document
from policy.document import DebuggingAtHandBack

Fields = Mapping[str, Sequence[str]]
"""What a browser sends: by the name of a field, the values it has."""

LANGUAGES: Mapping[str, str] = {
    "bg": "Bulgarian",
    "hr": "Croatian",
    "cs": "Czech",
    "da": "Danish",
    "nl": "Dutch",
    "en": "English",
    "et": "Estonian",
    "fi": "Finnish",
    "fr": "French",
    "de": "German",
    "el": "Greek",
    "hu": "Hungarian",
    "ga": "Irish",
    "it": "Italian",
    "lv": "Latvian",
    "lt": "Lithuanian",
    "mt": "Maltese",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "es": "Spanish",
    "sv": "Swedish",
}
"""The official languages of the European Union (Regulation No 1 of 1958, article 1, as amended), by their ISO codes."""

TEXTS = ("remind", "disabled", "restored")
"""The texts of a message, in the order in which a phone's owner meets them."""

_NUMBERS = (
    "offline_limit_hours",
    "overdue_limit_hours",
    "check_interval_minutes",
    "check_jitter_minutes",
    "minimum_judgement",
)
_SWITCHES = ("preinstalled_disabled_counts", "on_phone", "lifted")
_DEBUGGING = "debugging_at_hand_back"
_LIST = re.compile(r"[\s,;]+")
# What a field for a moment can hold; any other text is shown in a plain one.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?\Z", re.ASCII)


@dataclass(frozen=True)
class FamilyFields:
    """One family of banned apps, a package a line."""

    name: str = ""
    active: bool = True
    packages: str = ""


@dataclass(frozen=True)
class ManagedFields:
    """One managed app and its places."""

    package: str = ""
    places: Sequence[str] = ("work_profile", "managed_device")


@dataclass(frozen=True)
class RingFields:
    """One ring: up to which percent of all phones, or which phones, and from when (UTC).

    ``phones`` are labels and ids, a line each, of a ring that has a ``name``; of one that has a ``unit`` it is only
    known how many were ``taken`` from it.
    """

    percent: str = ""
    starts_at: str = ""
    unit: str = ""
    name: str = ""
    phones: str = ""
    taken: int = 0


@dataclass(frozen=True)
class FilledForm:
    """What the fields of the form hold; ``values`` are those with one text, by their names in the rules."""

    values: Mapping[str, str]
    switches: Mapping[str, bool]
    kinds: Sequence[str]
    families: Sequence[FamilyFields]
    managed: Sequence[ManagedFields]
    rings: Sequence[RingFields]
    messages: Mapping[str, Mapping[str, str]]
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What was refused, by the path in the document that the field stands for."""

    def refused(self, path: str) -> Sequence[str]:
        """Return what is wrong at `path` or below it."""
        below = (f"{path}.", f"{path}[")
        return [
            text for at, texts in self.faults.items() if at == path or at.startswith(below) for text in texts
        ]


def form_of(
    document: bytes, faults: Iterable[tuple[str, str]] = (), labels: Mapping[str, str] | None = None
) -> FilledForm:
    """Return the form as it stands for a document, with what was refused of it beside the fields.

    Phones that rings list are shown by `labels`, of their ids, where these have them.
    """
    whole = json.loads(document)
    rules = whole["rules"]
    by_path: dict[str, list[str]] = {}
    for path, text in faults:
        by_path.setdefault(path, []).append(text)
    values = {
        "name": str(whole["name"]),
        "deadline": str(rules["deadline"]),
        "time_zone": str(rules["time_zone"]),
    }
    values |= {name: str(rules[name]) for name in _NUMBERS}
    values |= {name: str(rules[name]).removesuffix("Z") for name in ("review_at", "ends_at")}
    values["owners"] = "\n".join(map(str, rules["owners"]))
    values["reminders_hours_before"] = ", ".join(map(str, rules["reminders_hours_before"]))
    return FilledForm(
        values,
        {name: rules.get(name) is True for name in _SWITCHES}
        | {_DEBUGGING: rules.get(_DEBUGGING) == DebuggingAtHandBack.OFF.value},
        rules["kinds"],
        [
            FamilyFields(str(one["name"]), one["active"] is True, "\n".join(one["packages"]))
            for one in rules["families"]
        ],
        [ManagedFields(str(one["package"]), one["places"]) for one in rules["managed"]],
        [_ring_fields(one, labels or {}) for one in rules["rings"]],
        {tag: {name: str(texts.get(name, "")) for name in TEXTS} for tag, texts in whole["messages"].items()},
        by_path,
    )


def document_of(fields: Fields, before: bytes) -> bytes:
    """Return the document `before` with what the fields say in place of what it said."""
    whole = json.loads(before)
    rules = whole["rules"]
    whole["name"] = _one(fields, "name")
    rules |= {name: _one(fields, name) for name in ("time_zone",)}
    rules["deadline"] = _moment(_one(fields, "deadline"))
    rules |= {name: _utc(_one(fields, name)) for name in ("review_at", "ends_at")}
    rules |= {name: _number(_one(fields, name)) for name in _NUMBERS}
    rules |= {name: name in fields for name in _SWITCHES if name in rules or name in fields}
    # Where it goes without saying it is left out: stations from before this rule refuse a document that has it.
    rules.pop(_DEBUGGING, None)
    if _DEBUGGING in fields:
        rules[_DEBUGGING] = DebuggingAtHandBack.OFF.value
    rules["kinds"] = list(fields.get("kinds", ()))
    rules["owners"] = _words(_one(fields, "owners"))
    rules["reminders_hours_before"] = [
        _number(word) for word in _words(_one(fields, "reminders_hours_before"))
    ]
    rules["families"] = [
        _family(fields, number) for number in _numbers(fields, "family", ("name", "packages"))
    ]
    rules["managed"] = [_managed(fields, number) for number in _numbers(fields, "managed", ("package",))]
    taken = {one["unit"]: one["phones"] for one in rules["rings"] if "unit" in one and "phones" in one}
    rings = _numbers(fields, "ring", ("percent", "starts_at", "unit", "name", "phones"))
    rings = sorted(rings, key=lambda number: _place_of_ring(fields, number))
    rules["rings"] = [_ring(fields, number, taken) for number in rings]
    whole["messages"] = _messages(fields, whole["messages"])
    return written_document(whole)


def _family(fields: Fields, number: int) -> dict[str, Any]:
    prefix = f"family-{number}-"
    return {
        "name": _one(fields, f"{prefix}name"),
        "active": f"{prefix}active" in fields,
        "packages": _words(_one(fields, f"{prefix}packages")),
    }


def _managed(fields: Fields, number: int) -> dict[str, Any]:
    prefix = f"managed-{number}-"
    return {
        "package": _one(fields, f"{prefix}package"),
        "places": list(fields.get(f"{prefix}places", ())),
    }


def _place_of_ring(fields: Fields, number: int) -> tuple[int, bool]:
    # One that was moved to a place comes before the one that stood there.
    typed = _number(_one(fields, f"ring-{number}-place"))
    place = typed if isinstance(typed, int) else number + 1
    return place, place == number + 1


def _ring(fields: Fields, number: int, taken: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return a ring; of a unit it has the phones that were `taken` before, until the server takes it anew."""
    said = {part: _one(fields, f"ring-{number}-{part}") for part in ("percent", "unit", "name", "phones")}
    ring: dict[str, Any] = {part: said[part] for part in ("unit", "name") if said[part]}
    if said["phones"] or said["name"]:
        ring["phones"] = [line.strip() for line in said["phones"].splitlines() if line.strip()]
    elif said["unit"] in taken:
        ring["phones"] = taken[said["unit"]]
    if said["percent"] or not ring:
        ring["share"] = _share(said["percent"])
    return {**ring, "starts_at": _utc(_one(fields, f"ring-{number}-starts_at"))}


def _ring_fields(ring: Mapping[str, Any], labels: Mapping[str, str]) -> RingFields:
    phones, is_unit = ring.get("phones", []), "unit" in ring
    return RingFields(
        percent=_percent(ring["share"]) if "share" in ring else "",
        starts_at=str(ring["starts_at"]).removesuffix("Z"),
        unit=str(ring.get("unit", "")),
        name=str(ring.get("name", "")),
        phones="" if is_unit else "\n".join(labels.get(str(one), str(one)) for one in phones),
        taken=len(phones) if is_unit else 0,
    )


def _messages(fields: Fields, before: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    # In their order, the new ones behind.
    for tag in dict.fromkeys([*before, *LANGUAGES]):
        texts = {name: _one(fields, f"message-{tag}-{name}") for name in TEXTS}
        # A language with no text at all is one that is not wanted; with some of them it is one that lacks the others.
        if any(texts.values()):
            found[tag] = {**before.get(tag, {}), **texts}
    return found


def _numbers(fields: Fields, what: str, parts: Sequence[str]) -> Sequence[int]:
    """Return the numbers of the rows in which one of `parts` was filled in; an empty row is none."""
    named = re.compile(rf"{what}-(\d{{1,3}})-(?:{'|'.join(parts)})\Z", re.ASCII)
    rows = [int(match[1]) for name in fields if (match := named.match(name)) and _one(fields, name)]
    return sorted(set(rows))


def _one(fields: Fields, name: str) -> str:
    return next(iter(fields.get(name, ())), "").strip()


def _words(text: str) -> list[str]:
    return [word for word in _LIST.split(text) if word]


def _number(text: str) -> int | str:
    # Left as it is, anything else is refused with what was typed.
    return int(text) if re.fullmatch(r"-?\d{1,18}", text, re.ASCII) else text


def _moment(text: str) -> str:
    # Browsers leave the seconds out where they are zero.
    return f"{text}:00" if _MOMENT.match(text) and text.count(":") == 1 else text


def _utc(text: str) -> str:
    return f"{_moment(text)}Z" if text else text


def _percent(share: Any) -> str:
    try:
        return f"{(Decimal(repr(share)) * 100).normalize():f}"
    except InvalidOperation:
        return str(share)


def _share(percent: str) -> float | str:
    # By decimals, so that what was 0.07 is 0.07 again and not 0.07000000000000001.
    try:
        share = Decimal(percent.removesuffix("%").strip()) / 100
        return float(share) if share.is_finite() else percent
    except InvalidOperation:
        return percent


def shows_as_moment(text: str) -> bool:
    """Whether a browser's field for a moment can hold `text`; else it would show nothing, and lose it."""
    return bool(_MOMENT.match(text)) or not text
