"""What the script makes of a package dump is what the station's dialect makes of it, also of spoilt ones."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.packages import read_package
from agent_scripts.virtual_phone.package_dump import dump_package
from agent_scripts.virtual_phone.personalities import LYNC, OUTLOOK, PERSONALITIES, TIKTOK
from policy.names import PackageName, UserNumber
from tests.on_phone.conftest import PhoneShell
from tests.on_phone.script import part
from tests.on_phone.table import words_of

CLOCK = "2024-05-02T10:00:00"
SPOILT_EACH = 2
SEED = 4

DRIVER = """
set -f
nonce=0123456789abcdef0123456789abcdef
dated="$managed"
seconds_of "$clock"
f_clock=$seconds
dumpsys() { cat "$case_file"; return "${case_exit%cut}"; }
while read -r case_file case_exit case_package f_users; do
    f_users=" $f_users "
    echo "case $case_file"
    read_package "package:$case_package" "$case_package" >"$case_file.cut"
    case $case_exit in
        *cut) sed -i '$d' "$case_file.cut" ;;
    esac
    cat "$case_file.cut"
    echo "words $(digest "package:$case_package" "$case_package" <"$case_file.cut")"
done
"""


def _spoilt(text: str, chance: random.Random) -> str:
    """Lose, double, swap or change a line of the part that is read."""
    lines = text.splitlines(keepends=True)
    telling = _telling(lines)
    at = chance.choice(telling) if telling else 0
    match chance.choice(_HARMS):
        case "lose":
            del lines[at]
        case "double":
            lines.insert(at, lines[at])
        case "cut":
            del lines[at:]
        case "word":
            lines[at] = lines[at].replace("=", "~", chance.choice((1, 2, 3)))
        case "value":
            wanted = chance.choice(
                ("installed=true", "hidden=false", "enabled=0", "SYSTEM", "shell:", "User 1")
            )
            lines[at] = lines[at].replace(
                wanted, chance.choice(("", "x", "installed=false", "enabled=9", "User 0"))
            )
        case "flags":
            lines = [line for line in lines if "lags=[" not in line]
        case "contradiction":
            flagged = [n for n, line in enumerate(lines) if "lags=[" in line and "SYSTEM" not in line]
            if flagged:
                lines[flagged[0]] = lines[flagged[0]].replace("=[ ", "=[ SYSTEM ")
        case "timeout":
            lines.insert(at, "*** SERVICE 'package' DUMP TIMEOUT (10000ms) EXPIRED ***\n")
        case "message":
            lines.insert(
                at, '      suspendingPackage=a.b dialogInfo=SuspendDialogInfo: {mDialogMessage = "User 0"}\n'
            )
        case "archive":
            lines.insert(at, "      archiveTime=2024-05-01 10:00:00\n")
    return "".join(lines)


def _telling(lines: Sequence[str]) -> list[int]:
    return [n for n, line in enumerate(lines) if any(word in line for word in _TELLING)]


_HARMS = (
    "lose",
    "double",
    "cut",
    "word",
    "value",
    "flags",
    "flags",
    "contradiction",
    "timeout",
    "message",
    "archive",
)
_TELLING = ("Package [", "User ", "flags=[", "pkgFlags=[", "lastDisabledCaller", "Hidden system", "Time=")


def _dumps() -> Iterator[tuple[str, str, str]]:
    """A package, its dump and the users of the phone, for every ready-made phone."""
    chance = random.Random(SEED)
    for name, kind in PERSONALITIES.items():
        model = kind.build(None)
        users = " ".join(str(user.number) for user in model.users())
        pairs = [
            (user, package) for package in model.data.packages for user in model.data.packages[package].users
        ]
        for user, package in chance.sample(pairs, min(8, len(pairs))):
            model.set_enabled(
                user, package, chance.choice((1, 2, 3, 4)), chance.choice((None, "shell:1000", "com.a"))
            )
        for package in (TIKTOK, OUTLOOK, "com.android.chrome"):
            text = dump_package(model, package)
            yield package, text, users
            if name == "clean":
                yield package, text, f"{users} 99"
                yield package, text, "0"
            for _ in range(SPOILT_EACH):
                yield package, _spoilt(text, chance), users
            if name == "clean":
                lines = text.splitlines(keepends=True)
                for at in _telling(lines):
                    yield package, "".join(lines[:at] + lines[at + 1 :]), users
                    yield package, "".join(lines[: at + 1] + lines[at:]), users


def _answers(phone_shell: PhoneShell, folder: Path, dumps: Sequence[tuple[str, str, str]]) -> list[str]:
    """What the script cuts each dump to, a line ``words ...`` with what it makes of that at the end."""
    lines = []
    for number, (package, text, users) in enumerate(dumps):
        (folder / str(number)).write_text(text)
        lines.append(f"{folder / str(number)} {_EXITS.get(number % 50, '0')} {package} {users}\n")
    (folder / "table").write_text("".join(lines))
    driver = "\n".join((
        f"nonce=0123456789abcdef0123456789abcdef clock={CLOCK} managed='{OUTLOOK} {LYNC}'",
        *(part(name) for name in ("frame", "cut", "values", "package", "digest")),
        DRIVER,
    ))  # fmt: skip

    with (folder / "table").open() as table:
        done = subprocess.run(
            [*phone_shell.words, "-c", driver],
            stdin=table,
            capture_output=True,
            text=True,
            env=phone_shell.environment,
            check=False,
        )

    assert done.stderr == ""
    answers = done.stdout.split(f"case {folder}/")[1:]
    assert len(answers) == len(dumps)
    return answers


def test_both_readers_make_the_same_of_every_dump(phone_shell: PhoneShell, tmp_path: Path) -> None:
    dumps = list(_dumps())
    differing, readable = [], []
    for (package, text, users), answer in zip(dumps, _answers(phone_shell, tmp_path, dumps), strict=True):
        cut, _, words = answer.partition("words ")
        expected = _expected(PackageName(package), cut.splitlines()[1:], users)
        if f"{package}=unreadable" not in expected:
            readable.append(package)
        if set(words.split()) != expected:
            differing.append(f"{package}: expected {expected}, found {words.split()}\n{cut}\n{text}")
    assert len(differing) == 0, f"{len(differing)} of {len(dumps)}: {differing[0][:3000]}"
    assert len(readable) > len(dumps) / 2


LAST_WORDS = (
    "Error with service 'package' while dumping: DEAD_OBJECT",
    "Error with service 'package' while dumping: -2147483646 (Unknown error)",
    "Error while reading data for service package: EPIPE",
    "Failed to read while dumping service package: I/O error",
    "Error in poll while dumping service package : Bad address",
)


def test_a_whole_dump_of_a_service_that_died_is_unreadable_to_both_readers(
    phone_shell: PhoneShell, tmp_path: Path
) -> None:
    model = PERSONALITIES["clean"].build(None)
    users = " ".join(str(user.number) for user in model.users())
    whole = dump_package(model, OUTLOOK)
    at = whole.index("gids=") + 3  # what goes to stderr may come in the middle of a line
    died = [text for last in LAST_WORDS for text in (f"{whole}{last}\n", f"{whole[:at]}{last}\n{whole[at:]}")]

    sound, *answers = _answers(phone_shell, tmp_path, [(OUTLOOK, text, users) for text in (whole, *died)])

    assert f"{OUTLOOK}=user" in sound
    for answer in answers:
        cut, _, words = answer.partition("words ")
        assert words.split() == [f"{OUTLOOK}=unreadable"]
        assert _expected(PackageName(OUTLOOK), cut.splitlines()[1:], users) == {f"{OUTLOOK}=unreadable"}


_EXITS = {7: "1", 9: "0cut"}
"""Some commands fail, some are interrupted before their exit code."""


def _expected(package: PackageName, section: list[str], users: str) -> set[str]:
    ended = " exit " in section[-1]
    answer = CutAnswer(
        f"package:{package}",
        tuple(section[1:-1] if ended else section[1:]),
        int(section[-1].split()[-1]) if ended else None,
    )
    numbers = frozenset(UserNumber(int(number)) for number in users.split())
    reading = read_package(package, answer, numbers, datetime.fromisoformat(CLOCK))
    return set(words_of(reading))
