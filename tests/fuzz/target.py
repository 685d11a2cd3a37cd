"""One step of fuzzing: the lines of an answer in, a judgement out, and what must hold of it whatever the lines were.

Inputs are the lines between frame and frame, so that mutations reach the readers; the frame has tests of its own.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from agent_scripts import exchange
from agent_scripts.exchange import Reading
from policy.document import Bundle
from policy.judgement import judge
from policy.ledger import Ledger
from policy.names import PhoneId
from policy.ready_made import ready_made_policy
from policy.verdict import EvaluationTime, Judgement, Verdict
from tests.phones.fake_phone import FakePhone, make_shell
from tests.phones.samples import TIKTOK, SampleApp, SamplePhone, SampleState, SampleUser, personal_phone

NONCE = "0123456789abcdef" * 2
PHONE_ID = PhoneId("11111111-2222-4333-8444-555555555555")
# Without managed apps there is only one way to comply: each banned app is gone for everybody.
POLICY = replace(ready_made_policy(), managed=())
PACKAGES, BANNED = POLICY.named_packages, tuple(POLICY.named_packages)
NOW = EvaluationTime(datetime(2023, 4, 1, tzinfo=UTC))


def framed(lines: Sequence[str]) -> bytes:
    """Return lines in a whole frame, as the phone's own functions would put it around them."""
    body = (f"{NONCE} curfew read 1", *(line.replace("NONCE", NONCE) for line in lines), f"{NONCE} end")
    return "".join(f"{number}:{line}\n" for number, line in enumerate(body, start=1)).encode(
        "utf-8", "replace"
    )


def lines_of(data: bytes) -> list[str]:
    """Return the lines that an input stands for."""
    return data.decode("utf-8", "replace").replace("\r", "?").split("\n")


def read(answer: bytes) -> Reading:
    return exchange.ReadingQuestion(PACKAGES, POLICY.owners, PHONE_ID, nonce=NONCE).parse(answer)


def judged(answer: bytes) -> Judgement:
    return judge(Bundle(1, POLICY), read(answer).observation, Ledger(), NOW)


def check(data: bytes) -> Verdict:
    """Read and judge one input; nothing may raise, and compliance needs a proof that is found in another way."""
    lines = lines_of(data)
    judgement = judged(framed(lines))
    assert not any("JUDGEMENT_FAILED" in str(reason) for reason in judgement.reasons), judgement.reasons
    if judgement.verdict is Verdict.COMPLIANT:
        assert all(_is_proved_gone(lines, package) for package in BANNED), "compliant without proof"
    return judgement.verdict


def _is_proved_gone(lines: Sequence[str], package: str) -> bool:
    """Whether every user that the shell's own app has is positively without `package`."""
    section = _section(lines, package)
    if "unknown" in section and "package" not in section:
        return True
    users = [line.split(" ")[1] for line in _section(lines, "com.android.shell") if line.startswith("user ")]
    return bool(users) and all(_is_gone_for(section, user) for user in users)


def _is_gone_for(section: Sequence[str], user: str) -> bool:
    for at, line in enumerate(section):
        if f"{line} ".startswith(f"user {user} "):
            here = [line, *_until_next_user(section[at + 1 :])]
            return bool(
                re.search(r" installed:false( |$)| hidden:true( |$)", line)
                or "archived" in here
                or (
                    any(re.search(r"enabled:[234]$|^continued [234]$", text) for text in here)
                    and _came(section)
                )
            )
    return False


def _until_next_user(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("user "):
            return
        yield line


def _came(section: Sequence[str]) -> bool:
    return "hidden-package" in section or any(line.endswith("lags system") for line in section)


def _section(lines: Sequence[str], package: str) -> list[str]:
    """Return the lines of a package's section that ended by itself with exit code 0; none otherwise."""
    opening, closing = f"NONCE open package:{package}", f"NONCE exit package:{package} 0"
    if opening not in lines or closing not in lines:
        return []
    return list(lines[lines.index(opening) + 1 : lines.index(closing)])


@cache
def seeds() -> tuple[bytes, ...]:
    """Return the lines of whole answers, made by the functions on the phone from sample phones."""
    with tempfile.TemporaryDirectory() as folder:
        shell = make_shell("mksh-toybox", Path(folder))
        fake = FakePhone(Path(folder) / "phone", personal_phone(), shell)
        answers = []
        for sample in _samples():
            fake.show(sample)
            answers.append(fake.run(exchange.ReadingQuestion(PACKAGES, POLICY.owners, nonce=NONCE).command))
    return tuple(map(_body, answers))


def _body(answer: bytes) -> bytes:
    lines = [line.partition(":")[2] for line in answer.decode().splitlines()]
    return "\n".join(line.replace(NONCE, "NONCE") for line in lines[1:-1]).encode()


def _samples() -> Iterator[SamplePhone]:
    yield personal_phone(26)
    yield personal_phone(36).with_app(SampleApp(TIKTOK, {10: SampleState()}))
    clone = SampleUser(11, 0x1010, "profile.CLONE", parent=0, name="a\nb:c13} serialNo=3")
    message = SampleState(suspended_by="a.b", message="x\ny stopped=true notLaunched=true enabled=2 z")
    app = SampleApp(TIKTOK, {0: message, 11: SampleState(enabled=3, caller="shell:1000")}, system=True)
    yield personal_phone(29).with_user(clone).with_app(app)
    gone = SampleApp(TIKTOK, {0: SampleState(False), 10: SampleState(hidden=True)}, system=True, updated=True)
    yield personal_phone(34, manufacturer="samsung").with_app(gone)
