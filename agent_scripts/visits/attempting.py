"""What a visit in vain leaves behind: the server learns that a phone was looked for, by whom, when and why in vain.

No report: who was met at an address shows only by what the phone answers, and here nothing did (decision 0018).
"""

from __future__ import annotations

from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.errors import (
    InvalidAddress,
    OwnerDeclined,
    PhoneNotProvisioned,
    PhoneNotReady,
    PhoneUnauthorised,
    PhoneUnreachable,
    PlainTcpRefused,
    StationError,
)
from agent_scripts.station_files.attempts import Attempts
from agent_scripts.station_files.station import KnownPhone
from agent_scripts.visits.run import Run
from policy.attempt import Attempt, AttemptCause
from policy.names import PhoneId
from policy.report import Consent

_NOT_TRIED = (InvalidAddress, PlainTcpRefused)
# The narrower ones first: PhoneNotReady is a PhoneUnreachable, too.
_CAUSES = (
    (PhoneNotReady, AttemptCause.NOT_READY),
    (PhoneUnreachable, AttemptCause.NOT_REACHED),
    (PhoneUnauthorised, AttemptCause.UNAUTHORISED),
    (PhoneNotProvisioned, AttemptCause.UNMARKED),
    # Of a known phone whose owner agreed: it was another one, whose owner did not, that answered.
    (OwnerDeclined, AttemptCause.ANOTHER_PHONE),
    (StationError, AttemptCause.STATION),
)


def cause_of(error: Exception) -> AttemptCause | None:
    """Return why a visit that ended in `error` was in vain; None where no phone was looked for at all."""
    if isinstance(error, _NOT_TRIED):
        return None
    return next((cause for kind, cause in _CAUSES if isinstance(error, kind)), AttemptCause.ENDED)


def keep_failed(run: Run, address: str, known: KnownPhone | None, error: Exception) -> None:
    """Keep that `known` was visited at `address` in vain; nothing where nobody wanted to look for it there."""
    if known is None or (isinstance(error, OwnerDeclined) and known.consent is Consent.DECLINED):
        return
    cause = cause_of(error)
    if cause is not None:
        _keep(run, address, known.phone_id, cause)


def keep_missed(run: Run, address: str, known: KnownPhone | None, met: PhoneId) -> None:
    """Keep that `known` was looked for at `address` and the phone `met` was there instead, if that is so."""
    if known is not None and met != known.phone_id:
        _keep(run, address, known.phone_id, AttemptCause.ANOTHER_PHONE)


def _keep(run: Run, address: str, phone_id: PhoneId, cause: AttemptCause) -> None:
    transport = PhoneAddress.parse(address).transport
    attempt = Attempt(phone_id, run.time.now, run.time.trusted, transport, cause)
    Attempts(run.station.folder).keep(attempt)
