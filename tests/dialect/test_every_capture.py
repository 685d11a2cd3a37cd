"""Every capture of a real phone that bears on us, with its meaning, written here by reading the capture.

The captures live outside the repository; `CURFEW_CAPTURES` names their folder. What adb says on a computer (g-*) is no
phone's answer; listings of packages (b-007 and others) answer a question that Curfew never asks, because users
closed to the shell are missing there: they must not be taken for an answer of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.errors import Unreadable
from agent_scripts.dialect.kinds import UserFacts, kind_of
from agent_scripts.dialect.owners import read_owners
from agent_scripts.dialect.packages import read_package
from agent_scripts.dialect.refusal import Refusal
from agent_scripts.dialect.refusal_wordings import classify
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, PackageState, UserKind
from tests.dialect.asking import cut_all
from tests.dialect.conftest import CAPTURES
from tests.phones.fake_phone import Shell

Cut = Callable[[str, str, str], CutAnswer]
"""Filter, text, package or owner -> what would leave the phone."""

_P, _W, _O = UserKind.PERSONAL, UserKind.WORK, UserKind.OTHER
_S, _C, _V = UserKind.SECURE_FOLDER, UserKind.CLONE, UserKind.PRIVATE
_MANAGED = "android.os.usertype.profile.MANAGED"


@dataclass(frozen=True)
class People:
    """``pm list users``: flags, kind and running of each user; `mine` has a listed owner."""

    users: dict[int, tuple[int, UserKind, bool]]
    mine: int | None = None

    def check(self, text: str, cut: Cut) -> None:
        lines = cut("cut_user_list", text, "").lines
        headers = [line.split(" ") for line in lines if line.startswith("header ")]
        assert [(int(n), int(flags, 16), "running" in rest) for _, n, flags, *rest in headers] == [
            (number, flags, running) for number, (flags, _, running) in self.users.items()
        ]
        for number, (flags, kind, _) in self.users.items():
            facts = UserFacts(number, flags, closed=number >= 150, owner_listed=number == self.mine)
            assert kind_of(facts, samsung=any(n >= 95 for n in self.users)) is kind, number


@dataclass(frozen=True)
class Dump:
    """``dumpsys user``: the words that may leave the phone."""

    lines: tuple[str, ...]

    def check(self, text: str, cut: Cut) -> None:
        assert cut("cut_users", text, "").lines == self.lines


@dataclass(frozen=True)
class App:
    """``dumpsys package``: the states of one package, or why it is unreadable."""

    name: str
    states: dict[int, PackageState] = field(default_factory=dict)
    known: bool = True
    unreadable: str = ""

    def check(self, text: str, cut: Cut) -> None:
        reading = read_package(PackageName(self.name), cut("cut_package", text, self.name))
        assert self.unreadable in reading.unreadable
        assert bool(self.unreadable) is bool(reading.unreadable)
        assert (reading.states, reading.known) == (self.states, self.known)


@dataclass(frozen=True)
class Owned:
    """``dumpsys device_policy``: device owner, profile owners; most captures end before the administrators."""

    owner: str
    device: bool = False
    profiles: tuple[int, ...] = ()
    whole: bool = False

    def check(self, text: str, cut: Cut) -> None:
        answer = cut("cut_owners", text, self.owner)
        listed = frozenset({PackageName(self.owner)})
        if not self.whole:
            with pytest.raises(Unreadable, match="ends before"):
                read_owners(answer, listed)
            answer = CutAnswer("whole", (*answer.lines, "admins"), 0)
        found = read_owners(answer, listed)
        assert (found.has_device_owner, found.device_owner) == (
            self.device,
            self.owner if self.device else None,
        )
        assert found.profiles == dict.fromkeys(self.profiles, PackageName(self.owner))


@dataclass(frozen=True)
class Listed:
    """``dpm list-owners``."""

    lines: tuple[str, ...]

    def check(self, text: str, cut: Cut) -> None:
        assert cut("cut_owner_list", text, "").lines == self.lines


@dataclass(frozen=True)
class Properties:
    """``getprop``: some of the values that may leave the phone; no other key does."""

    values: dict[str, str]

    def check(self, text: str, cut: Cut) -> None:
        lines = cut("cut_properties", text, "").lines
        found = dict(line.removeprefix("property ").split(" ", 1) for line in lines)
        assert self.values.items() <= found.items()
        assert all(
            key.startswith(("ro.product.", "ro.build.version.", "ro.serialno", "ro.boot.")) for key in found
        )


@dataclass(frozen=True)
class Said:
    """What a verb says; None is a success."""

    refusal: Refusal | None

    def check(self, text: str, cut: Cut) -> None:
        assert classify(text, 1 if self.refusal else 0) is self.refusal
        cut_text = "\n".join(
            line.removeprefix("said ") for line in cut("cut_verb", _unindented(text), "").lines
        )
        assert classify(cut_text, 1 if self.refusal else 0) is self.refusal


@dataclass(frozen=True)
class NotAsked:
    """An answer to a question that we never ask: no filter may take it for an answer of ours."""

    why: str

    def check(self, text: str, cut: Cut) -> None:
        assert classify(text, 0) is None
        _check_nothing_is_made_of_it(text, cut)


LISTING = NotAsked("a listing of packages; users closed to the shell are missing from it")
CLOSED = Said(Refusal.USER_CLOSED)
IN_10 = {10: PackageState(True)}

MEANING: dict[str, People | Dump | App | Owned | Listed | Properties | Said | NotAsked] = {
    # Samsung, Android 12-13: a work profile (11) and a Secure Folder (151)
    "a-001": People({0: (0xC13, _P, True), 11: (0x1030, _W, True), 151: (0x10061030, _S, True)}, mine=11),
    "a-002": People({0: (0xC13, _P, True), 10: (0x404, _O, False)}),
    "a-003": People({0: (0x4C13, _P, True), 12: (0x1030, _W, True), 150: (0x10061030, _S, True)}, mine=12),
    "a-004": People({0: (0x4C13, _P, True), 95: (0x20001010, _C, True), 150: (0x61010, _S, True)}),
    "a-005": People({0: (0x4C13, _P, True), 150: (0x10061030, _S, True)}),
    # Island, paused and stuck: a managed profile of the person's own
    "a-006": Dump(("header 10 1030 parent~0", f"type {_MANAGED}")),
    "a-007": Dump(("header 0 4c13", "header 10 1030 parent~0", "header 11 1090 parent~0")),
    "a-008": Dump(("header 11 1090 parent~0", "type android.os.usertype.profile.PRIVATE")),
    "a-009": People({0: (0x4C13, _P, True)}),
    "a-010": NotAsked("cmd user list -v; Curfew asks for pm list users and dumpsys user"),
    # A car: user 0 is nobody's, the driver is 10
    "a-011": People({0: (0x813, _P, True), 10: (0x412, _O, True)}),
    "a-012": Dump(("header 10 412", "type android.os.usertype.full.SECONDARY")),
    # A tablet whose user 0 has a profile owner: no work profile
    "a-013": Dump(("owned true", "restrictions own")),
    "a-014": People({0: (0x13, _P, True), 10: (0x11, _O, True), 11: (0x10, _O, True)}),
    **dict.fromkeys(("b-001", "b-002", "b-003", "b-004", "b-005", "b-006", "b-010"), CLOSED),
    **dict.fromkeys(("b-007", "b-009", "b-011", "b-014", "b-015", "b-016", "b-017"), LISTING),
    "b-008": Said(Refusal.SERVICE_FAILED),
    "b-012": Said(Refusal.UNKNOWN_COMMAND),
    "b-013": Said(Refusal.UNKNOWN_PACKAGE),
    "c-001": App("com.google.android.gms", {0: PackageState(True), 10: PackageState(True)}),
    # Lines of two packages without headings: nothing tells whose they are
    "c-002": App("com.google.android.gms", unreadable="unknown form"),
    # Ends above the users
    "c-003": App("theme.pas2001.TheDawn.II.appiconpack", {}),
    "c-004": App("mark.via", {0: PackageState(False), 22: PackageState(True, suspended=True)}),
    # Present in user 10 only, but whether it can run is not told: an excerpt without enabled=
    "c-005": App("com.example.crossprofile", unreadable="user 10 has no enabled="),
    "c-006": App("com.example.app", unreadable="0 times"),
    "c-007": App("app.zippie.companion", known=False),
    "c-008": App("com.google.android.apps.mediashell", unreadable="0 times"),
    **dict.fromkeys(("d-001", "d-002", "d-003"), CLOSED),
    "d-004": Said(Refusal.PERMISSION),
    "d-005": Said(Refusal.STATE_NOT_OURS),
    "d-006": Said(Refusal.STATE_NOT_OURS),
    "d-007": Said(Refusal.PROTECTED),
    "d-008": Said(Refusal.SYSTEM_PACKAGE),
    "d-009": Said(Refusal.UNKNOWN_PACKAGE),
    "d-010": Said(Refusal.DEVICE_ADMIN),
    "d-011": Said(Refusal.UNEXPLAINED),
    "d-012": Said(Refusal.RESTRICTED),
    "d-013": Said(Refusal.NEEDS_ROOT),
    "d-014": Said(None),
    # Another app still suspends it, and a user that does not exist "succeeds"
    "d-015": Said(Refusal.SUSPENDED_BY_OTHERS),
    "d-016": Said(Refusal.NOT_INSTALLED),
    "d-017": Said(Refusal.MAKER),
    "d-018": Said(Refusal.UNEXPLAINED),
    "d-019": Said(Refusal.PERMISSION),
    "d-020": Said(Refusal.NOT_INSTALLED),
    "d-021": Said(None),
    "d-022": Said(Refusal.UNKNOWN_COMMAND),
    "e-001": Said(Refusal.RESTRICTED),
    **dict.fromkeys(("e-002", "e-003", "e-004", "e-005", "e-009", "e-011"), Said(Refusal.EXCEPTION)),
    "e-006": Said(Refusal.RESTRICTED),
    "e-007": Said(Refusal.UNEXPLAINED),
    "e-008": Said(None),
    "e-010": Said(Refusal.SECURITY_SETTING),
    "e-012": Owned("com.afwsamples.testdpc", device=True),
    "e-013": Owned("com.afwsamples.testdpc", profiles=(10,)),
    "e-014": Owned("com.respondent.pro", device=True, whole=True),
    "e-015": Said(None),
    "e-016": Listed(("count 2", "device 0", "profile 10")),
    "f-001": Properties({"ro.build.version.sdk": "23", "ro.build.version.release": "6.0.1"}),
    "f-002": Properties({"ro.build.version.sdk": "22"}),
    "f-003": Said(Refusal.SECURITY_SETTING),
    "f-004": Said(Refusal.SECURITY_SETTING),
    "f-005": Said(Refusal.EXCEPTION),
    "f-006": Said(Refusal.UNEXPLAINED),
    "f-007": Said(Refusal.SERVICE_FAILED),
    "f-008": Said(Refusal.UNKNOWN_COMMAND),
    "f-009": Said(Refusal.UNEXPLAINED),
    "f-010": Said(None),
    **dict.fromkeys(("i-001", "i-002", "i-003", "i-006", "i-007", "i-008"), Said(Refusal.PROGRAM_MISSING)),
}
NO_ANSWER_OF_A_PHONE = {*(f"g-{n:03}" for n in range(1, 24)), "i-004", "i-005"}
"""What adb and libraries say on a computer, and lists of programs."""

NUMBERS = sorted(path.name[:5] for path in CAPTURES.glob("?-[0-9][0-9][0-9]-*.txt")) or ["absent"]


def text_of(captures: Path, number: str) -> str:
    (path,) = captures.glob(f"{number}-*.txt")
    return path.read_text("utf-8").split("\n---\n", 1)[1].replace("# [...]\n", "")


@pytest.fixture
def cut(mksh: Shell, tmp_path: Path) -> Cut:
    return lambda name, text, package: cut_all(
        mksh, tmp_path, name, [text], package or "com.not.there", owners=[package]
    )[0]


@pytest.mark.capture
@pytest.mark.parametrize("number", [n for n in NUMBERS if n not in NO_ANSWER_OF_A_PHONE])
def test_a_capture_is_read_rightly(captures: Path, cut: Cut, number: str) -> None:
    text = text_of(captures, number)

    if number not in MEANING:
        _check_nothing_is_made_of_it(text, cut)
        pytest.skip(f"nobody has written the meaning of {number} here yet; no filter broke on it")
    MEANING[number].check(text, cut)


@pytest.mark.parametrize("number", [n for n in NUMBERS if n[0] in "abcde"])
def test_carriage_returns_of_a_relay_change_nothing(captures: Path, cut: Cut, number: str) -> None:
    if number not in MEANING:
        pytest.skip("no meaning is written")
    MEANING[number].check(text_of(captures, number).replace("\n", "\r\n"), cut)


@pytest.mark.parametrize("number", [n for n in MEANING if isinstance(MEANING[n], App)])
def test_no_cut_of_a_captured_dump_makes_an_app_look_gone(
    captures: Path, mksh: Shell, tmp_path: Path, number: str
) -> None:
    """Cut after any line and inside every line that says something: present stays present or is unreadable."""
    app = MEANING[number]
    assert isinstance(app, App)
    data = text_of(captures, number).encode()
    ends = {0, len(data), *(at for at, byte in enumerate(data) if byte == 0x0A)}
    sizes = sorted(
        ends | {min(end + step, len(data)) for end in ends for step in (1, 9, 17, 60, 75, 110, 180)}
    )

    answers = cut_all(mksh, tmp_path, "cut_package", [data[:size] for size in sizes], app.name)

    users = frozenset(map(UserNumber, app.states))
    for answer in answers:
        reading = read_package(PackageName(app.name), answer, users)
        gone = {n for n, state in reading.states.items() if not state.installed}
        assert reading.unreadable or gone == {n for n, state in app.states.items() if not state.installed}
        assert reading.unreadable or reading.known is app.known


def _check_nothing_is_made_of_it(text: str, cut: Cut) -> None:
    package = PackageName("com.zhiliaoapp.musically")
    reading = read_package(package, cut("cut_package", text, package))
    assert reading.unreadable or not reading.states
    assert not [line for line in cut("cut_user_list", text, "").lines if line.startswith("header ")]


def _unindented(text: str) -> str:
    """Posters indent; on a phone only frames of a stack are indented, and those stay behind."""
    lines = [line for line in text.split("\n") if not line.startswith(("\t", "    at "))]
    return "\n".join(line.lstrip() for line in lines)


def test_enabled_states_of_a_capture_are_told_apart(captures: Path, cut: Cut) -> None:
    lines = text_of(captures, "c-002").splitlines()[:3]
    text = "\n".join(["  Package [com.google.android.gms] (1):", *lines])

    reading = read_package(
        PackageName("com.google.android.gms"), cut("cut_package", text, "com.google.android.gms")
    )

    assert [s.enabled for s in reading.states.values()] == [EnabledState.ENABLED, EnabledState.DEFAULT]
