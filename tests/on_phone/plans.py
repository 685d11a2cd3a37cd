"""Plans a phone must take, and plans broken in exactly one place."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from policy.document import JUDGEMENT_VERSION, Bundle, Message
from policy.names import UserNumber
from policy.observation import User, UserKind
from policy.plan import plan_of, plan_text
from tests.on_phone.script import part
from tests.on_phone.table import cases
from tests.policy.bench import LATER, PERSONAL, PHONE, POLICY, WORK, ledger, phone

CLOSED = User(UserNumber(11), UserKind.SECURE_FOLDER, open_to_shell=False)
GOOD = plan_text(
    plan_of(
        Bundle(3, replace(POLICY, on_phone=True, messages={"en": Message("a", "b\u00e9 'c' %s -n", "*")})),
        PHONE,
        phone(PERSONAL, WORK, CLOSED),
        ledger(),
        LATER,
        datetime(2037, 10, 1, tzinfo=UTC),
        "en",
    )
).decode()


def summed(lines: Sequence[str], count: int | None = None) -> bytes:
    """Return a plan of these lines with a right sum, so that nothing but a line of it is wrong."""
    body = "".join(f"{line}\n" for line in (*lines, f"end {len(lines) if count is None else count}"))
    return f"{body}sha256 {sha256(body.encode()).hexdigest()}\n".encode()


def broken() -> Iterator[tuple[str, bytes]]:
    """Each plan with one thing wrong, and what that is."""
    text = GOOD.encode()
    lines = GOOD.splitlines()[:-2]
    for size in (0, 10, len(text) // 2, len(text) - 1):
        yield f"cut after {size}", text[:size]
    yield "goes on after its end", text + b"x\n"
    yield "without its sum", text[: text.rindex(b"sha256 ")]
    yield "without its end", summed(lines).replace(f"end {len(lines)}\n".encode(), b"")
    for at in range(20, len(text) - 2, 97):
        flipped = bytes([text[at] ^ 1])
        yield f"a flipped bit at {at}", text[:at] + flipped + text[at + 1 :]
    yield "another count", summed(lines, len(lines) + 1)
    yield "a line after the end", text.replace(b"end ", b"end 1\nend ")
    yield "another version", summed(["curfew-plan 2", *lines[1:]])
    yield "no version", summed(lines[1:])
    yield "an unknown line", summed([*lines, "colour blue"])
    yield "no user 0", summed([line for line in lines if not line.startswith("user 0 ")])
    for at, line in enumerate(lines[1:], start=1):
        key, _, value = line.partition(" ")
        if key not in ("banned", "managed", "user", "remind", "disabled", "restored"):
            yield f"no {key}", summed(lines[:at] + lines[at + 1 :])
        if key == "remind":
            yield f"no {key}", summed(lines[:at] + lines[at + 1 :])
        if key not in ("banned", "managed"):
            yield f"{key} twice", summed([*lines, line])
        for wrong in _wrong(key, value):
            yield f"{key} {wrong}", summed([*lines[:at], f"{key} {wrong}", *lines[at + 1 :]])


_PLACE_OF_0 = re.compile(r"^0 counts alone open$")


def _wrong(key: str, value: str) -> Iterator[str]:
    if key in ("phone_id", "marker", "language"):
        yield from ("", "a b", "x/y", "$(id)")
    elif key == "banned":
        yield from (
            "",
            "nodots",
            "com.a b",
            "com.a;id",
            "com..a",
            ".com.a",
            "com.a.",
            "com.a/b",
            "com.*",
            "1.a",
        )
    elif key == "managed":
        package = value.split(" ")[0]
        yield from (package, f"{package} personal", "com.a;id work_profile", f"{package} work_profile x")
    elif key == "user":
        yield from ("x counts none open", "0 counts none", "00 counts none open", "0 maybe none open")
        yield from ("0 counts somewhere open", "0 counts none ajar", "1000000000 counts none open")
        if not _PLACE_OF_0.match(value):
            yield f"{value.split(' ')[0]} counts alone open"  # a second one
    elif key in ("on_phone", "lifted", "preinstalled_off_is_gone", "new_users_count"):
        yield from ("", "2", "yes", "01", "-1")
    elif key not in ("name", "remind", "disabled", "restored"):
        yield from ("", "-1", "1.5", "0x10", "010", "2140000000", "4294967297", "1e3", "1 2", "99999999999")
        if key == "judgement":
            yield from ("0", f"{JUDGEMENT_VERSION + 1}")
        if key == "interval_s":
            yield from ("59", "0")
        if key == "poll_s":
            yield "0"


def good() -> list[bytes]:
    """Plans of all kinds that must be taken."""
    made = [plan_text(case.plan) for case in cases(40, seed=8)]
    return [GOOD.encode(), *made]


DRIVER = """
set -f
while read -r case_file; do
    read_plan "$case_file"
    echo "$case_file ${p_bad:-good}"
done
"""


def shell_takes(shell: Sequence[str], folder: Path, plans: Sequence[bytes]) -> list[str]:
    """Return what the script says of each plan: ``good``, or what is wrong."""
    for number, text in enumerate(plans):
        (folder / f"plan-{number}").write_bytes(text)
    (folder / "list").write_text("".join(f"{folder}/plan-{number}\n" for number in range(len(plans))))
    texts = map(part, ("values", "plan"))
    with (folder / "list").open() as listed:
        done = subprocess.run(
            [*shell, "-c", "\n".join(("LC_ALL=C", *texts, DRIVER))],
            stdin=listed,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.stderr == "", done.stderr[:1000]
    return [line.split(" ", 1)[1] for line in done.stdout.splitlines()]
