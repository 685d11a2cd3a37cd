"""``getprop``, the boot id and the clock, cut to what we need, as facts about the phone.

See docs/android/commands.md 12.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from agent_scripts.dialect.cut_answer import CutAnswer, sound_lines
from agent_scripts.dialect.errors import Unreadable

_API_LEVEL = re.compile(r"[0-9]{1,3}", re.ASCII)
_CLOCK = re.compile(r"(?P<s>[0-9]{1,11}):(?P<local>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8})", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}", re.ASCII)
_BOOT_ID = re.compile(r"[0-9a-f-]{8,64}", re.ASCII)


@dataclass(frozen=True)
class DeviceFacts:
    """What the phone says it is. The values are its own word: a modified phone may say anything."""

    manufacturer: str
    model: str
    device: str
    serial: str
    release: str
    api_level: int
    patch_level: str
    boot_state: str
    boot_id: str
    phone_clock: datetime | None
    virtual: bool
    local_clock: datetime | None = None
    """The same moment in the phone's own zone, in which its dumps print times."""
    language: str = ""
    """What the phone is set to, as ``fr-BE``; empty where it does not tell (docs/android/commands.md 12.4)."""

    @property
    def is_samsung(self) -> bool:
        """Whether Samsung's users may be expected (docs/android/commands.md 16)."""
        return self.manufacturer.casefold() == "samsung"


def read_device(
    properties: CutAnswer | None, boot_id: CutAnswer | None, clock: CutAnswer | None
) -> DeviceFacts:
    """Return the facts; raise `Unreadable` without an API level, on which every other reading rests.

    Boot id and clock are told, never judged by: where a phone does not give them they stay empty.
    """
    values: dict[str, str] = {}
    for line in sound_lines(properties, "getprop"):
        word, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        # The same value twice is harmless; of two values one is not the phone's, and nobody can tell which.
        if word != "property" or values.setdefault(key, value) != value:
            raise Unreadable(f"getprop tells {key or 'something'} twice or out of form")
    api_level = values.get("ro.build.version.sdk", "")
    if not _API_LEVEL.fullmatch(api_level):
        raise Unreadable("getprop does not tell the API level (ro.build.version.sdk)")
    phone_clock, local_clock = _clocks(_single(clock, "date", _CLOCK))
    return DeviceFacts(
        manufacturer=_printable(values.get("ro.product.manufacturer", "")),
        model=_printable(values.get("ro.product.model", "")),
        device=_printable(values.get("ro.product.device", "")),
        serial=_printable(values.get("ro.serialno", "")),
        release=_printable(values.get("ro.build.version.release", "")),
        api_level=int(api_level),
        patch_level=_printable(values.get("ro.build.version.security_patch", "")),
        boot_state=_printable(values.get("ro.boot.verifiedbootstate", "")),
        boot_id=_single(boot_id, "boot id", _BOOT_ID),
        phone_clock=phone_clock,
        # A real phone that says so harms itself: its reports are refused by a server in service (docs/design.md 8).
        virtual=values.get("ro.curfew.virtual") == "1",
        local_clock=local_clock,
        language=_language(values),
    )


def _language(values: Mapping[str, str]) -> str:
    # The first is what the owner chose, and not there until they chose; the second what the maker sold it with.
    told = (values.get(key, "") for key in ("persist.sys.locale", "ro.product.locale"))
    return next((tag for tag in told if _LANGUAGE.fullmatch(tag)), "")


def _single(answer: CutAnswer | None, command: str, form: re.Pattern[str]) -> str:
    try:
        lines = sound_lines(answer, command)
    except Unreadable:
        return ""
    value = lines[0].removeprefix("line ") if len(lines) == 1 else ""
    return value if form.fullmatch(value) else ""


def _clocks(text: str) -> tuple[datetime | None, datetime | None]:
    found = _CLOCK.fullmatch(text)
    if not found:
        return None, None
    # Never raises: eleven digits of seconds end in the year 5138, within the calendar.
    return datetime.fromtimestamp(int(found["s"]), UTC), local_time(found["local"])


def local_time(text: str) -> datetime | None:
    """Return a time as a phone prints it in its own zone; None for what is no time."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _printable(value: str) -> str:
    return "".join(character for character in value if character.isprintable()).strip()
