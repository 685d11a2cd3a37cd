"""What the phone remembers of us in its own folder."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from agent_scripts.dialect.cut_answer import CutAnswer, sound_lines
from agent_scripts.dialect.errors import Unreadable
from agent_scripts.exchange.composing import FOLDER
from agent_scripts.exchange.phone_ledger import MARKER, parse_ledger
from policy.errors import InvalidName
from policy.ledger import Ledger
from policy.names import PhoneId
from policy.observation import Notice

_WITHOUT_IT = (
    f"remove it (adb shell rm {FOLDER}/ledger) and check again: the station's ledger and"
    " the server's are used then"
)
_REPORT_IT = (
    "; leave the folder as it is, and report it to the makers of Curfew with model and Android release"
)
_SUM = re.compile(r"(?:[0-9a-f]{64})?", re.ASCII)


@dataclass(frozen=True)
class PhoneMemory:
    """The contents of our folder on the phone; all empty on a phone that is not provisioned.

    `ledger_sha256` is the phone's own sum of its ledger file, empty if there is none. `problem` tells in a
    technician's words why the folder cannot be believed; ids and ledger are then left out. `told` is the notice
    that the owner saw last, None for none or one of a newer Curfew.
    """

    phone_id: PhoneId | None = None
    marker: str = ""
    ledger: Ledger | None = None
    ledger_sha256: str = ""
    problem: str = ""
    told: Notice | None = None


def read_memory(answer: CutAnswer | None) -> PhoneMemory:
    """Return what the phone remembers; what cannot be believed becomes the `problem`, never an error."""
    try:
        return _memory(sound_lines(answer, "our folder"))
    except Unreadable as error:
        return PhoneMemory(problem=str(error))


def _memory(lines: tuple[str, ...]) -> PhoneMemory:
    values: dict[str, str] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        if (
            word in ("folder", "phone_id", "marker", "notice", "ledger")
            and values.setdefault(word, rest) != rest
        ):
            raise Unreadable(f"our folder tells its {word} twice")
    state = values.get("folder")
    if state == "absent":
        return PhoneMemory()
    if state == "untold":
        raise Unreadable(f"this phone's own program stat failed for {FOLDER}{_REPORT_IT}")
    if state != "closed":
        raise Unreadable(
            f"{FOLDER} on the phone is open to other apps, so nothing in it can be believed; remove it"
            f" (adb shell rm -r {FOLDER}) and provision the phone again"
        )
    # None in a closed folder is a provisioning that was interrupted, and no damage: provisioning again finishes it.
    marker = values.get("marker", "")
    if marker and not MARKER.fullmatch(marker):
        raise Unreadable("the marker in our folder on the phone is damaged")
    ledger, ledger_sum, problem = _ledger(lines, values.get("ledger", ""))
    told = next((notice for notice in Notice if notice.value == values.get("notice")), None)
    return PhoneMemory(_phone_id(values.get("phone_id")), marker, ledger, ledger_sum, problem, told)


def _phone_id(text: str | None) -> PhoneId | None:
    if text is None:
        return None
    try:
        return PhoneId(text)
    except InvalidName as error:
        raise Unreadable("the phone id in our folder on the phone is damaged") from error


def _ledger(lines: tuple[str, ...], told_sum: str) -> tuple[Ledger | None, str, str]:
    """Return the ledger, its sum and what is wrong with it; a damaged ledger does not hide who the phone is."""
    # `untold` means that the program failed, an empty sum that there is no ledger: one must not pass for the other.
    if not _SUM.fullmatch(told_sum):
        return None, "", f"this phone's own program sha256sum failed for its ledger{_REPORT_IT}"
    if not told_sum:
        return None, "", ""
    # Over what arrived: a line that we never wrote is held back on the phone, and then the sum does not fit.
    text = "".join(f"{line[1:]}\n" for line in lines if line.startswith("="))
    if hashlib.sha256(text.encode()).hexdigest() != told_sum:
        return None, told_sum, f"the ledger on the phone is damaged; {_WITHOUT_IT}"
    try:
        return parse_ledger(text), told_sum, ""
    except Unreadable as error:
        return None, told_sum, f"{error}; {_WITHOUT_IT}"
