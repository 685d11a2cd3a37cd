"""What to do when the server says no: by the code of its refusal, in our words alone.

A stolen server can say whatever it likes. Its own sentence is shown as what it is, somebody else's words in quotation
marks; what to do next, and above all what to type, never comes from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from policy.plain_text import said_by_others

# A code is shown outside the quotation marks, so only one of this form is: no room for a server's advice.
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_NEW_CODE = (
    "ask the server's admin for a new enrolment code and run:"
    " curfew-agent enrol CODE --name NAME --organisation-key FILE"
)
# The folder stays a station's: its ledgers and reports are not to be mixed with another's.
_NEW_STATION = (
    "ask the server's admin for a new enrolment code and run:"
    " curfew-agent --station NEW_FOLDER enrol CODE --name NAME --organisation-key FILE"
)
_ONE_VERSION = "check that server and station have one version, and tell the server's admin"
_LATER = "try again later; what waits on this station is kept"
_ADVICE: Mapping[str, str] = {
    **dict.fromkeys(("code_unknown", "code_used", "code_expired", "key_known"), _NEW_CODE),
    **dict.fromkeys(("station_revoked", "station_unknown"), _NEW_STATION),
    **dict.fromkeys(("storage_busy", "storage_full", "other_schema"), _LATER),
    **dict.fromkeys(("busy", "too_many_requests", "internal"), _LATER),
    "phone_unknown": "provision the phone again",
    "phone_not_met": "connect the phone here and check it again; if that is refused too, provision it at this station",
    "phone_id_taken": "provision the phone again: a new id is made; if it repeats, two phones share one folder",
    "virtual_refused": "use virtual phones against a server with demo trust",
    "wrong_time": "set this computer's clock and try again",
    "nonce_used": "try again",
    "bundle_unknown": "run: curfew-agent check --all",
}


def refused_sentence(status: int, code: str, message: str) -> str:
    """Return why the server said no, in quotation marks, and what to do about it.

    the server says "this enrolment code was used already" (code_used); ask the server's admin for a new …
    """
    return f"the server says {said(message, code, status)}; {_ADVICE.get(code, _ONE_VERSION)}"


def rejected_sentence(message: str, code: str) -> str:
    """Return why the server did not take one report, in quotation marks, and what to do where we know that."""
    told = said(message, code, "no code")
    return f"{told}; {_ADVICE[code]}" if code in _ADVICE else told


def said(message: str, code: str, status: int | str) -> str:
    """Return the server's words in quotation marks, with its code, or `status` where that is no code of ours."""
    return f"{said_by_others(message)} ({code if _CODE.fullmatch(code) else status})"
