"""``dumpsys package PKG``, cut to words, as the states of one package in every user (docs/android/commands.md 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent_scripts.dialect.cut_answer import CutAnswer, sound_lines
from agent_scripts.dialect.device import local_time
from agent_scripts.dialect.errors import Unreadable
from policy.errors import InvalidName
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, PackageReading, PackageState

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_TRUTH = {"true": True, "false": False}
_KEYS = ("installed", "hidden", "suspended", "enabled")
_FORGED = "a text of the app or of whoever suspended it imitates other lines of the dump"


@dataclass
class _Block:
    """What the dump says of our package while it is walked through."""

    states: dict[UserNumber, PackageState] = field(default_factory=dict)
    package_lines: int = 0
    in_package: bool = False
    last: UserNumber | None = None
    # The words of the last user's line if a message broke it; while they hold `open`, its state is still to come.
    open_line: dict[str, str] | None = None
    callers: set[UserNumber] = field(default_factory=set)
    installed: list[datetime] = field(default_factory=list)
    installed_for: dict[UserNumber, list[datetime]] = field(default_factory=dict)
    system: dict[str, bool] = field(default_factory=dict)
    message: bool = False
    # Of what stands below `Hidden system packages:`: the heading, our package's copy there, lines of users.
    hidden: bool = False
    hidden_copy: bool = False
    hidden_users: bool = False
    unknown: int = 0


def read_package(
    package: PackageName,
    answer: CutAnswer | None,
    users: frozenset[UserNumber] | None = None,
    clock: datetime | None = None,
) -> PackageReading:
    """Return the states of `package`, or a reading whose ``unreadable`` says why there are none.

    With `users`, the numbers of all users of the phone, a dump that does not name each of them is unreadable:
    Android prints a line for every user (docs/android/commands.md 5.1). `clock` is the phone's local time then.
    """
    try:
        return _read(package, sound_lines(answer, f"dumpsys package {package}"), users, clock)
    except Unreadable as error:
        return PackageReading(package, unreadable=str(error))


def _read(
    package: PackageName,
    lines: tuple[str, ...],
    users: frozenset[UserNumber] | None,
    clock: datetime | None,
) -> PackageReading:
    block = _Block()
    for line in lines:
        word, _, rest = line.partition(" ")
        _take(block, word, rest)
    # After the last line too: a message may break the last user's line and end the dump.
    _require_closed(block)
    if block.unknown:
        # "Unable to find package" is also what a suspender's message can say: alone it counts, beside a package never.
        if block.package_lines or block.states or block.unknown > 1:
            raise Unreadable(f"the phone says both that it knows {package} and that it does not")
        return PackageReading(package, known=False)
    if block.package_lines != 1:
        raise Unreadable(f"the dump of {package} describes it {block.package_lines} times instead of once")
    # The hidden copy's users stand below the message, where its text can imitate them; without one they are Android's.
    if block.message and block.hidden_users:
        raise Unreadable(
            f"{package} is suspended with a message that could imitate other lines of the dump; have whoever"
            " suspended it lift that, then check again"
        )
    found = frozenset(block.states)
    # Android prints a line for every user, so a missing one was cut off, and one too many is somebody's text.
    if users is not None and found != users:
        raise Unreadable(_difference(package, found, users))
    states = {number: _dated(block, number, state, clock) for number, state in block.states.items()}
    return PackageReading(package, states, system=_came_with_phone(package, block))


def _dated(block: _Block, number: UserNumber, state: PackageState, clock: datetime | None) -> PackageState:
    """Return the state with the age of its installation: package-wide up to 32, per user from 33.

    See docs/android/commands.md 5.1.
    """
    times = [*block.installed, *block.installed_for.get(number, ())]
    if clock is None or not times or not state.installed:
        return state
    # The youngest counts: an older line beside it is what an imitation would add to hide that an app came back.
    return replace(state, installed_ago=clock - max(times))


def _take(block: _Block, word: str, rest: str) -> None:
    match word:
        case "unknown":
            block.unknown += 1
        case "package":
            block.package_lines += 1
            block.in_package, block.last = True, None
        case "other-package":
            block.in_package, block.last = False, None
        case "hidden":
            # Android prints this heading once, below all packages.
            if block.hidden:
                raise Unreadable(_FORGED)
            block.hidden = True
        case "hidden-flags":
            raise Unreadable(_FORGED)  # only what came with the phone stands there
        case "folder":
            # Our app's folder below another's heading: a text of our app made that heading, to move its states there.
            if block.package_lines and not block.in_package:
                raise Unreadable(_FORGED)
        case "hidden-package":
            block.hidden_copy = True
        case "hidden-user":
            block.hidden_users = True
        case "message":
            block.message = True
        case "continued" if block.in_package and block.last is not None:
            _take_continuation(block, block.last, rest)
        # Only above the first user: further down, the message of whoever suspended the app could imitate them.
        case "flags" | "pkgFlags" if block.in_package and not block.states:
            if word in block.system:
                raise Unreadable(f"{word} stands twice in the dump")
            block.system[word] = rest == "system"
        # Before the first package no line of a user is ours to read: texts of other services stand there.
        case "user" if block.package_lines:
            if block.in_package:
                _take_user(block, rest)
        case "archived" | "caller" if block.in_package and block.last is not None:
            _take_detail(block, block.last, word, rest)
        case "installed":
            _take_time(block, rest)
        case "flags" | "pkgFlags" | "archived" | "caller" | "continued":
            pass  # of another package, or an imitation in somebody's message
        case _:
            raise Unreadable(f"a line of the dump is of an unknown form: {word[:40]}")


def _take_user(block: _Block, rest: str) -> None:
    _require_closed(block)
    number_text, *words = rest.split(" ")
    number = _user_number(number_text)
    if number in block.states:
        raise Unreadable(f"the dump gives user {number} two states")
    # A key twice is an imitation: Android prints each once.
    values: dict[str, str] = {}
    for word in words:
        key, separator, value = word.partition(":")
        if not separator or key in values:
            raise Unreadable(f"the line of user {number} has {key[:20]} twice or out of form")
        values[key] = value
    block.message = block.message or "message" in values or "open" in values
    block.last = number
    if "open" in values:
        # Up to Android 10 a message stands in the middle of the line; the state comes after its last line.
        # Taken as not installed until its end comes: `_require_closed` refuses a reading that stays so.
        block.open_line = values
        block.states[number] = PackageState(installed=False)
        return
    block.open_line = None
    block.states[number] = _state(number, values)


def _require_closed(block: _Block) -> None:
    """Raise if a message broke a user's line and the rest of that line never came."""
    if block.open_line is not None and "open" in block.open_line:
        raise Unreadable(
            f"the line of user {block.last} breaks off in the message of whoever suspended the app"
        )


def _take_time(block: _Block, rest: str) -> None:
    time = local_time(rest)
    # A time with a zone, which no dump prints, could not be compared with the phone's local clock.
    if time is None or time.tzinfo is not None or not block.in_package:
        return  # what is told of times never spoils a reading: nothing is judged by them alone
    if block.last is None:
        block.installed.append(time)
    else:
        block.installed_for.setdefault(block.last, []).append(time)


def _take_continuation(block: _Block, number: UserNumber, enabled: str) -> None:
    values = block.open_line
    if values is None or "enabled" in values:
        raise Unreadable(f"a message beside the state of user {number} imitates other lines of the dump")
    # The last occurrence behind the message, as the filter on the phone took it (docs/android/commands.md 5.3).
    values["enabled"] = enabled
    del values["open"]
    block.states[number] = _state(number, values)


def _state(number: UserNumber, values: Mapping[str, str]) -> PackageState:
    unknown = values.keys() - {*_KEYS, "message"}
    if unknown:
        raise Unreadable(f"the line of user {number} has words of an unknown form")
    installed = _truth(number, values, "installed")
    # Nothing is decided by the other keys of an app that is not there, so they may be missing.
    if not installed and "enabled" not in values:
        return PackageState(installed=False)
    try:
        enabled = EnabledState(int(_form(number, values, "enabled", r"[0-4]")))
    except ValueError as error:
        raise Unreadable(f"the line of user {number} has an unknown enabled state") from error
    return PackageState(
        installed,
        hidden=_truth(number, values, "hidden"),
        suspended=_truth(number, values, "suspended"),
        enabled=enabled,
    )


def _take_detail(block: _Block, number: UserNumber, word: str, rest: str) -> None:
    state = block.states[number]
    if word == "archived":
        if state.installed:
            raise Unreadable(f"user {number} has the app both installed and archived")
        block.states[number] = replace(state, archived=True)
        return
    if number in block.callers or rest not in ("shell", "other"):
        raise Unreadable(f"user {number} has two last disablers")
    # Two callers for one user: the second is a text of the app, and which one is cannot be told.
    block.callers.add(number)
    block.states[number] = replace(state, disabled_by_shell=rest == "shell")


def _came_with_phone(package: PackageName, block: _Block) -> bool:
    """Whether the app came with the phone: its flags say so before any free text, an updated one has a copy."""
    said = set(block.system.values())
    if len(said) > 1 or (block.hidden_copy and said == {False}):
        raise Unreadable(f"the dump contradicts itself on whether {package} came with the phone")
    # Only a disabled app's verdict hangs on its origin (docs/design.md rule 2); elsewhere a dump may lack flags.
    disabled = any(state.installed and not state.enabled.can_run for state in block.states.values())
    if not said and not block.hidden_copy and disabled:
        raise Unreadable(f"the dump does not tell whether {package} came with the phone")
    return block.hidden_copy or said == {True}


def _difference(package: PackageName, found: frozenset[UserNumber], users: frozenset[UserNumber]) -> str:
    missing, extra = sorted(users - found), sorted(found - users)
    if missing:
        return f"the dump of {package} has no line for user {', '.join(map(str, missing))}"
    return f"the dump of {package} has a line for user {', '.join(map(str, extra))}, whom the phone does not have"


def _user_number(text: str) -> UserNumber:
    if not _NUMBER.fullmatch(text):
        raise Unreadable("a user line of the dump has no number")
    try:
        return UserNumber(int(text))
    except InvalidName as error:
        raise Unreadable(f"a user line of the dump has the impossible number {text}") from error


def _truth(number: UserNumber, values: Mapping[str, str], key: str) -> bool:
    return _TRUTH[_form(number, values, key, r"true|false")]


def _form(number: UserNumber, values: Mapping[str, str], key: str, form: str) -> str:
    value = values.get(key)
    if value is None:
        raise Unreadable(f"the line of user {number} has no {key}=")
    if not re.fullmatch(form, value, re.ASCII):
        raise Unreadable(f"the line of user {number} has {key}= without a known value")
    return value
