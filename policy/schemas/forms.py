r"""What the readers of `policy.schemas.values` take, as JSON Schema: the metadata of fields that an API describes.

Patterns are of ECMA-262 with its Unicode mode, as JSON Schema has them (draft 2020-12, core 6.4): `$` is the end alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from policy.names import USER_MAX
from policy.schemas.values import YEARS

Form = Mapping[str, Any]

BOOLEAN: Form = {"type": "boolean"}
PHONE_ID: Form = {
    "type": "string",
    "format": "uuid",
    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
}
_YEAR = f"({YEARS.start // 100}|{YEARS.stop // 100 - 1})[0-9]{{2}}"
UTC_TIME: Form = {
    "type": "string",
    "format": "date-time",
    "pattern": f"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}([.][0-9]{{6}})?Z$",
}
USER_NUMBER: Form = {"type": "integer", "minimum": 0, "maximum": USER_MAX}
TOKEN: Form = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$"}
# What Python calls printable: nothing of the categories Other and Separator but the space (`str.isprintable`).
PRINTABLE = r"^([^\p{C}\p{Z}]| )*$"
SAID = r"^( |\r?\n)*[^\p{C}\p{Z}]([^\p{C}\p{Z}]| |\r?\n)*$"


def line(longest: int, shortest: int = 0) -> Form:
    """Return the form of one line of printable text; its format is a name of ours, for those who know it."""
    lengths = {"minLength": shortest, "maxLength": longest}
    return {"type": "string", "format": "curfew-line", "pattern": PRINTABLE, **lengths}


def said(longest: int, *, lines: bool = False) -> Form:
    """Return the form of what somebody says, which is more than spaces; on one line or on several."""
    pattern = SAID if lines else SAID.replace(r"|\r?\n", "")
    return {
        "type": "string",
        "format": "curfew-words",
        "pattern": pattern,
        "minLength": 1,
        "maxLength": longest,
    }


def whole(smallest: int, largest: int) -> Form:
    """Return the form of an integer."""
    return {"type": "integer", "minimum": smallest, "maximum": largest}


def one_of(kind: type[Enum]) -> Form:
    """Return the form of a word of a closed enumeration."""
    return {"type": "string", "enum": [member.value for member in kind]}
