"""The one line that makes a computer a station: where, under which root and authority, and a one-time token."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import asdict, dataclass
from typing import Self
from urllib.parse import urlsplit

from certs.errors import InvalidCode

_PREFIX = "curfew1:"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_ASK_AGAIN = "copy the whole line, or ask for a new code"


@dataclass(frozen=True)
class EnrolmentCode:
    """What a station needs to know before it trusts anything.

    Its line is ``curfew1:`` and base64url (no padding) of
    ``{"url":"https://…","root_sha256":"…","authority_sha256":"…","token":"…"}``.
    """

    url: str
    root_sha256: str
    authority_sha256: str
    token: str

    def line(self) -> str:
        """Return the one line that a technician copies."""
        text = json.dumps(asdict(self), separators=(",", ":")).encode()
        return _PREFIX + base64.urlsafe_b64encode(text).decode().rstrip("=")

    @classmethod
    def parse(cls, line: str) -> Self:
        """Return what `line` says; raises `InvalidCode` for anything that is not a whole code."""
        text = line.strip()
        if not text.startswith(_PREFIX):
            raise InvalidCode(f"expected a code that starts with {_PREFIX}; {_ASK_AGAIN}")
        encoded = text.removeprefix(_PREFIX)
        try:
            # Without `validate`, b64decode skips what is no base64, and a code that was damaged in copying would still
            # be read.
            fields = json.loads(
                base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
            )
        except (ValueError, RecursionError) as error:
            raise InvalidCode(f"the code is damaged; {_ASK_AGAIN}") from error
        names = {"url", "root_sha256", "authority_sha256", "token"}
        if not isinstance(fields, dict) or set(fields) != names:
            raise InvalidCode(f"expected {', '.join(sorted(names))} in the code; {_ASK_AGAIN}")
        if not all(isinstance(value, str) for value in fields.values()) or not _fits(fields):
            raise InvalidCode(f"the code's address, fingerprints or token are malformed; {_ASK_AGAIN}")
        return cls(**fields)


def is_server_url(url: str) -> bool:
    """Whether `url` names an HTTPS server and nothing else (no user, no query)."""
    try:
        # The port is parsed only when it is asked for, so it has to be asked for inside of `try`.
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme == "https" and bool(parts.hostname) and port != 0 and plain and url.isascii()


def _fits(fields: dict[str, str]) -> bool:
    hashes = (fields["root_sha256"], fields["authority_sha256"])
    return (
        is_server_url(fields["url"])
        and all(_SHA256.fullmatch(value) for value in hashes)
        and bool(_TOKEN.fullmatch(fields["token"]))
    )
