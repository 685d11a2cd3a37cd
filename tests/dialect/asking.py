"""Short ways to ask a sample phone, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from agent_scripts import exchange
from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.exchange import Reading
from agent_scripts.exchange.composing import ACTING, READING, composed
from agent_scripts.exchange.frame import read_frame
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import PackageReading, User
from tests.phones.fake_phone import FakePhone, Shell
from tests.phones.samples import OUTLOOK, OWNER, SKYPE, TIKTOK, TIKTOK_LITE, SamplePhone

NONCE = "0123456789abcdef" * 2
FILTERS = tuple(dict.fromkeys((*READING, *ACTING)))
"""The parts that hold every filter."""
PACKAGES = tuple(map(PackageName, (TIKTOK, TIKTOK_LITE, OUTLOOK, SKYPE)))
OWNERS = frozenset({PackageName(OWNER)})
PHONE_ID = PhoneId("11111111-2222-4333-8444-555555555555")
MARKER = "ab" * 16

MakePhone = Callable[[SamplePhone], FakePhone]


def answer_of(phone: FakePhone, packages: Sequence[PackageName] = PACKAGES) -> bytes:
    """Return the framed answer to a reading."""
    return phone.run(exchange.ReadingQuestion(packages, OWNERS, nonce=NONCE).command)


def reading_from(answer: bytes, packages: Sequence[PackageName] = PACKAGES) -> Reading:
    return exchange.ReadingQuestion(packages, OWNERS, PHONE_ID, nonce=NONCE).parse(answer)


def read(phone: FakePhone, packages: Sequence[PackageName] = PACKAGES) -> Reading:
    return reading_from(answer_of(phone, packages), packages)


def user(reading: Reading, number: int) -> User:
    assert reading.observation.unreadable == ()
    found = reading.observation.user(UserNumber(number))
    assert found is not None
    return found


def package(reading: Reading, name: str) -> PackageReading:
    assert reading.observation.unreadable == ()
    return reading.observation.packages[PackageName(name)]


def cut(
    shell: Shell, filter_name: str, text: str, package_name: str = TIKTOK, owners: Iterable[str] = ()
) -> list[str]:
    """Return what one filter lets through of a text, as lines without the exit line."""
    settings = (f"owners='{' '.join(owners)}'",)
    last = f'pattern {package_name}\nsection it {filter_name} printf %s "$text"'
    command = composed(NONCE, FILTERS, settings, last)
    lines = shell.run(command, env={"text": text}).decode().splitlines()
    assert lines[0] == f"{NONCE} open it"
    assert lines[-1].startswith(f"{NONCE} exit it ")
    return lines[1:-1]


def cut_all(
    shell: Shell,
    folder: Path,
    filter_name: str,
    texts: Sequence[str | bytes],
    package_name: str = TIKTOK,
    owners: Iterable[str] = (),
) -> list[CutAnswer]:
    """Return what one filter lets through of each of many texts, all in one start of the shell."""
    for number, text in enumerate(texts):
        (folder / f"{number}.text").write_bytes(text.encode() if isinstance(text, str) else text)
    asked = "\n".join(f"section {n} {filter_name} cat {folder}/{n}.text" for n in range(len(texts)))
    settings = (f"owners='{' '.join(owners)}'",)
    last = f"many() {{\npattern {package_name}\n{asked}\n}}\nframed many many"
    frame = read_frame(NONCE, "many", shell.run(composed(NONCE, FILTERS, settings, last)))
    assert frame.problem == ""
    return list(frame.sections.values())
