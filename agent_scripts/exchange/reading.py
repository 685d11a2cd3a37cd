"""Reading a phone: one exchange that asks for everything a check needs, and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from agent_scripts.dialect.cut_answer import brief_refusal
from agent_scripts.dialect.device import DeviceFacts, read_device
from agent_scripts.dialect.errors import Unreadable
from agent_scripts.dialect.owners import Owners, read_owners
from agent_scripts.dialect.packages import read_package
from agent_scripts.dialect.refusal import Refusal
from agent_scripts.dialect.users import read_users
from agent_scripts.exchange.composing import READING, composed
from agent_scripts.exchange.frame import Frame, new_nonce, read_frame
from agent_scripts.exchange.memory import PhoneMemory, read_memory
from agent_scripts.exchange.phone_script import PhoneScript, call_to_collect, parse_script
from agent_scripts.exchange.phone_spool import SpoolPosition
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import Observation, PackageReading, User
from policy.report import CommandExit

SHELL_APP = PackageName("com.android.shell")
"""The app whose uid we run under: it is in every user, and its dump names users by number alone."""

UNKNOWN_PHONE = PhoneId("00000000-0000-0000-0000-000000000000")
"""Stands in an observation of a phone that neither the phone nor the station has a name for."""


@dataclass(frozen=True)
class Reading:
    """All that one reading exchange brought. `facts` is None if the phone did not even say what it is.

    `answers_sha256` is over the bytes as they came, which the phone itself had cut. `script` is what the phone
    shows of its own script, None if that was not asked; `has_script` tells that there is one all the same. `brief`
    is why something could not be read that may be readable in a moment, `brief_packages` which packages that were.
    `cut` says that the answer ended too early.
    """

    facts: DeviceFacts | None
    memory: PhoneMemory
    observation: Observation
    commands: tuple[CommandExit, ...]
    answers_sha256: str
    script: PhoneScript | None = None
    has_script: bool = False
    brief: Refusal | None = None
    brief_packages: frozenset[PackageName] = frozenset()
    cut: bool = False

    @property
    def is_final(self) -> bool:
        """Whether asking again in a moment would bring no more."""
        return self.brief is None and not self.cut


@dataclass(frozen=True)
class Collecting:
    """That the script's record is to be collected as well, from the line behind `position` on."""

    position: SpoolPosition | None


@dataclass(frozen=True)
class ReadingQuestion:
    """Asks for users, owners, `packages`, properties and our own folder.

    Owners are named by the phone only if they are among `owners`; when an app was installed is told only of
    those in `dated`. The phone's own script is asked only if `collecting`. With `if_marked` a phone that was not
    provisioned is asked for nothing but our own folder: its owner did not agree to more. `known_as` is what the
    station takes the phone for, None if it does not know it.
    """

    packages: Sequence[PackageName]
    owners: Collection[PackageName]
    known_as: PhoneId | None = None
    dated: Collection[PackageName] = ()
    collecting: Collecting | None = None
    if_marked: bool = False
    nonce: str = field(default_factory=new_nonce)

    @property
    def command(self) -> str:
        """The shell text to run on the phone."""
        listed = " ".join(sorted({PackageName(owner) for owner in self.owners}))
        # Each once: a second section of one name breaks the frame, and with it the whole reading.
        names = list(dict.fromkeys(PackageName(package) for package in self.packages))
        with_times = " ".join(sorted({PackageName(package) for package in self.dated}))
        values = (f"owners='{listed}'", f"dated='{with_times}'")
        parts: tuple[str, ...] = READING
        call = " ".join(("read_phone", *names))
        if self.collecting is not None:
            parts, call = (*parts, "place"), call_to_collect(self.collecting.position, names)
        if self.if_marked:
            # Around everything else: a phone without our marker is not even asked for its script.
            parts, call = (*parts, "marked"), f"if_marked {call}"
        return composed(self.nonce, parts, values, f"framed read {call}")

    def parse(self, answer: bytes) -> Reading:
        """Return what the phone shows; never raises.

        Whatever is missing, doubled, contradictory or of an unknown form is unreadable with its reason.
        """
        frame = read_frame(self.nonce, "read", answer)
        answers_sha256 = hashlib.sha256(answer).hexdigest()
        if frame.problem:
            observation = _unreadable(self.packages, self.known_as, frame.problem)
            memory = PhoneMemory(problem=frame.problem)
            return Reading(None, memory, observation, frame.commands, answers_sha256, cut=frame.cut)
        memory = read_memory(frame.sections.get("folder"))
        facts, problem = _facts(frame)
        # The phone's own word first: an address may lead to another phone than last time.
        known_as = memory.phone_id or self.known_as
        if facts is None:
            observation = _unreadable(self.packages, known_as, problem)
        else:
            observation = _observation(frame, facts, self.packages, frozenset(self.owners), known_as)
            observation = replace(observation, told=memory.told)
        section = frame.sections.get("script")
        script = parse_script(section) if section is not None else None
        has_script = "script" in frame.notes or bool(script and script.script_sha256)
        found = Reading(facts, memory, observation, frame.commands, answers_sha256, script, has_script)
        return _with_brief_gaps(found, frame)


def _with_brief_gaps(reading: Reading, frame: Frame) -> Reading:
    gaps = [name for name, found in reading.observation.packages.items() if found.unreadable]
    # Where nothing is missing, a refusal in passing cost nothing, and waiting for it would bring nothing.
    if not gaps and not reading.observation.unreadable:
        return reading
    sections = frame.sections
    asked = {name: sections[f"package:{name}"] for name in gaps if f"package:{name}" in sections}
    return replace(
        reading,
        brief=brief_refusal(sections.values()),
        brief_packages=frozenset(name for name, answer in asked.items() if brief_refusal([answer])),
    )


def _facts(frame: Frame) -> tuple[DeviceFacts | None, str]:
    try:
        sections = frame.sections
        return read_device(sections.get("properties"), sections.get("boot-id"), sections.get("clock")), ""
    except Unreadable as error:
        return None, str(error)


def _observation(
    frame: Frame,
    facts: DeviceFacts,
    packages: Sequence[PackageName],
    listed: frozenset[PackageName],
    phone_id: PhoneId | None,
) -> Observation:
    try:
        numbers = _user_numbers(frame)
        owners = read_owners(frame.sections.get("owners"), listed, frame.sections.get("owner-list"))
        users, main_user = _users(frame, facts, numbers, owners)
    except Unreadable as error:
        # Without users or owners nothing can be judged; a package that cannot be read spoils itself alone.
        return _unreadable(packages, phone_id, str(error), facts.api_level)
    return Observation(
        phone_id=phone_id or UNKNOWN_PHONE,
        api_level=facts.api_level,
        users=users,
        packages={
            name: read_package(name, frame.sections.get(f"package:{name}"), numbers, facts.local_clock)
            for name in packages
        },
        has_device_owner=owners.has_device_owner,
        device_owner=owners.device_owner,
        device_owner_user=_number_of(owners.device_owner_user),
        main_user=main_user,
        company_owned=owners.company_owned,
    )


def _number_of(user: int | None) -> UserNumber | None:
    return None if user is None else UserNumber(user)


def _user_numbers(frame: Frame) -> frozenset[UserNumber]:
    # Compared with no users: this dump is the one that tells their numbers.
    shell_app = read_package(SHELL_APP, frame.sections.get(f"package:{SHELL_APP}"))
    if shell_app.unreadable:
        raise Unreadable(shell_app.unreadable)
    if not shell_app.states:
        raise Unreadable("the phone does not know the shell's own app, so its users cannot be counted")
    return frozenset(shell_app.states)


def _users(
    frame: Frame, facts: DeviceFacts, numbers: frozenset[UserNumber], owners: Owners
) -> tuple[tuple[User, ...], UserNumber]:
    return read_users(
        frame.sections.get("users"),
        frame.sections.get("user-list"),
        numbers,
        owners,
        api_level=facts.api_level,
        samsung=facts.is_samsung,
    )


def _unreadable(
    packages: Sequence[PackageName], phone_id: PhoneId | None, reason: str, api_level: int = 0
) -> Observation:
    return Observation(
        phone_id=phone_id or UNKNOWN_PHONE,
        api_level=api_level,
        packages={name: PackageReading(name, unreadable=reason) for name in packages},
        unreadable=(reason,),
    )
