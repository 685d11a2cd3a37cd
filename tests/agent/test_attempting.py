"""Which cause a visit in vain is told by; and what was no visit at all."""

from __future__ import annotations

import pytest

from agent_scripts.errors import (
    AnswerTooSlow,
    InvalidAddress,
    OwnerDeclined,
    PhoneError,
    PhoneNotProvisioned,
    PhoneNotReady,
    PhoneUnauthorised,
    PhoneUnreachable,
    PhoneWentAway,
    PlainTcpRefused,
    ServiceClosed,
    StationError,
)
from agent_scripts.visits.attempting import cause_of
from policy.attempt import AttemptCause

CAUSES = [
    (PhoneUnreachable("away"), AttemptCause.NOT_REACHED),
    (PhoneNotReady("offline"), AttemptCause.NOT_READY),
    (PhoneUnauthorised("no key"), AttemptCause.UNAUTHORISED),
    (PhoneWentAway("gone"), AttemptCause.ENDED),
    (AnswerTooSlow("silent"), AttemptCause.ENDED),
    (ServiceClosed(b"shell:"), AttemptCause.ENDED),
    (PhoneError("of a newer kind"), AttemptCause.ENDED),
    (PhoneNotProvisioned("tcp:127.0.0.1:1"), AttemptCause.UNMARKED),
    (OwnerDeclined("tcp:127.0.0.1:1"), AttemptCause.ANOTHER_PHONE),
    (StationError("a file"), AttemptCause.STATION),
]


@pytest.mark.parametrize(("error", "cause"), CAUSES)
def test_each_failure_has_its_cause(error: Exception, cause: AttemptCause) -> None:
    assert cause_of(error) is cause


def test_every_cause_is_told_by_some_failure() -> None:
    assert {cause for _, cause in CAUSES} == set(AttemptCause)


@pytest.mark.parametrize("error", [InvalidAddress("adb"), PlainTcpRefused("tcp:10.0.0.1:1")])
def test_a_phone_that_was_not_looked_for_was_not_visited(error: Exception) -> None:
    assert cause_of(error) is None
