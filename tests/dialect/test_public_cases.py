"""Odd answers of phones that others told of in public, each with the one right reading.

The cases live outside the repository (`CURFEW_PUBLIC_CASES` names their folder): a header that says what was asked
and what is right, then the words. They go through the phone's own filters in its own shell; where only a part was
told, a sample phone says the rest.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent_scripts.adb.adb_server_phone import list_devices
from agent_scripts.adb.opening import open_connection
from agent_scripts.dialect.kinds import UserFacts, kind_of
from agent_scripts.dialect.refusal import Refusal
from agent_scripts.dialect.refusal_wordings import classify
from agent_scripts.errors import PhoneRefused
from agent_scripts.exchange import Reading
from agent_scripts.station_files.adb_key import station_adb_key
from policy.document import Bundle, Fleet, PlaceKind, Policy
from policy.judgement import judge
from policy.ledger import EntryState, Ledger
from policy.names import UserNumber
from policy.observation import EnabledState, PackageState, UserKind
from policy.ready_made import ready_made_policy
from policy.report import ActionResult
from policy.verdict import ActionKind, EvaluationTime, Judgement, Verdict
from tests.agent.small_adb_server import SmallAdbServer
from tests.agent.small_daemon import Service, SmallDaemon, Wire
from tests.dialect.asking import MakePhone, cut, package, read, user
from tests.dialect.conftest import PUBLIC_CASES
from tests.dialect.test_acting import DISABLE, NOTIFY, act, entry, ledger, only, provisioned
from tests.phones.fake_phone import FakePhone, Shell
from tests.phones.samples import (
    OUTLOOK,
    OWNER,
    SKYPE,
    TIKTOK,
    SampleApp,
    SamplePhone,
    SampleState,
    SampleUser,
    personal_phone,
)

U0, U10 = UserNumber(0), UserNumber(10)
POLICY = ready_made_policy()
ROOT = Path(__file__).parents[2]


@pytest.fixture
def text(request: pytest.FixtureRequest) -> str:
    """What the phone said in the case that the test is marked with."""
    if not PUBLIC_CASES.is_dir():
        pytest.skip(f"NO PUBLIC CASES: {PUBLIC_CASES} is missing; set CURFEW_PUBLIC_CASES to their folder")
    (name,) = request.node.get_closest_marker("public_case").args
    header, _, said = (PUBLIC_CASES / f"{name}.txt").read_text("utf-8").partition("\n---\n")
    assert "# right: " in header
    return said


def judged(reading: Reading, policy: Policy = POLICY) -> Judgement:
    """Judge a reading an hour after the deadline of the ready-made policy, which nothing was disabled under yet."""
    bundle = Bundle(1, policy, Fleet())
    return judge(
        bundle, reading.observation, Ledger("ab" * 16), EvaluationTime(POLICY.deadline + timedelta(hours=1))
    )


def asked_by_policy(fake: FakePhone) -> Reading:
    return read(fake, POLICY.named_packages)


def of_another_app(text: str, name: str) -> str:
    """The same dump of another package, with the states of users 0 and 10 exchanged."""
    exchanged = {"0": "10", "10": "0"}
    text = re.sub(r"^( +User )(0|10):", lambda m: f"{m[1]}{exchanged[m[2]]}:", text, flags=re.MULTILINE)
    return text.replace(TIKTOK, name)


def present_in(judgement: Judgement) -> list[tuple[int, str]]:
    assert (judgement.verdict is Verdict.VIOLATING) is bool(judgement.findings)
    return [(finding.user, finding.package) for finding in judgement.findings]


def disabled_by(judgement: Judgement) -> list[tuple[int, str]]:
    return [(a.user, a.package) for a in judgement.actions if a.kind is ActionKind.DISABLE]


# Apps ----------------------------------------------------------------------------------------------------------------


@pytest.mark.public_case("tiktok-lite-go-in-user-0")
def test_tiktok_lite_under_its_name_of_today_is_a_violation(phone: MakePhone, text: str) -> None:
    fake = phone(personal_phone(35))
    fake.print("dumpsys-package-com.tiktok.lite.go", text)

    assert present_in(judged(asked_by_policy(fake))) == [(0, "com.tiktok.lite.go")]


@pytest.mark.public_case("boox-freezes-new-apps")
def test_an_app_that_the_maker_froze_is_present_if_banned_and_not_ours_if_managed(
    phone: MakePhone, text: str
) -> None:
    fake = phone(personal_phone(31))
    fake.print(f"dumpsys-package-{TIKTOK}", text)
    fake.print(f"dumpsys-package-{OUTLOOK}", of_another_app(text, OUTLOOK))

    reading = asked_by_policy(fake)

    frozen = PackageState(True, enabled=EnabledState.DISABLED_BY_USER, disabled_by_shell=False)
    assert package(reading, TIKTOK).states[U0] == package(reading, OUTLOOK).states[U10] == frozen
    assert present_in(judged(reading)) == [(0, TIKTOK)]
    assert disabled_by(judged(reading)) == [(10, SKYPE)]


@pytest.mark.public_case("disabled-by-android-itself")
def test_an_app_that_android_disabled_is_not_ours(phone: MakePhone, text: str) -> None:
    fake = phone(personal_phone(31).with_app(SampleApp(TIKTOK, {0: SampleState()})))
    fake.print(f"dumpsys-package-{OUTLOOK}", text)

    reading = asked_by_policy(fake)

    by_android = PackageState(True, enabled=EnabledState.DISABLED, disabled_by_shell=False)
    assert package(reading, OUTLOOK).states == {U0: PackageState(False), U10: by_android}
    assert disabled_by(judged(reading)) == [(10, SKYPE)]


@pytest.mark.public_case("factory-copy-says-otherwise")
@pytest.mark.parametrize(("live", "factory", "present"), [(0, 2, [(0, TIKTOK)]), (2, 0, [])])
def test_the_live_block_counts_and_not_that_of_the_factory(
    phone: MakePhone, text: str, live: int, factory: int, present: list[tuple[int, str]]
) -> None:
    assert "live enabled=0, factory enabled=2 and the other way round" in text
    sample = personal_phone(31).with_app(
        SampleApp(TIKTOK, {0: SampleState(enabled=live)}, system=True, updated=True)
    )
    block, heading, copy = sample.dumpsys_package(TIKTOK).partition("Hidden system packages:")
    copy = re.sub(r"(User 0: .* enabled=)0", rf"\g<1>{factory}", copy)
    fake = phone(sample)
    fake.print(f"dumpsys-package-{TIKTOK}", block + heading + copy)

    reading = asked_by_policy(fake)

    assert package(reading, TIKTOK).states[U0].enabled == live
    assert present_in(judged(reading)) == present
    switched_off = [
        reason for reason in judged(reading).reasons if "preinstalled and switched off" in reason.detail
    ]
    assert bool(switched_off) is not bool(present)


@pytest.mark.public_case("renamed-copy-and-webapk")
def test_what_cannot_be_known_by_name_is_no_finding_and_said_among_the_limits(
    phone: MakePhone, text: str
) -> None:
    renamed, web_app = text.split()
    sample = personal_phone(34)
    for name in (renamed, web_app):
        sample = sample.with_app(SampleApp(name, {0: SampleState()}))

    assert judged(asked_by_policy(phone(sample))).verdict is Verdict.COMPLIANT

    limits = (
        (ROOT / "README.md").read_text("utf-8").split("## The limits that Android sets")[1].split("\n## ")[0]
    )
    unseen = (ROOT / "docs" / "android.md").read_text("utf-8").split("## What stays unreadable, or unseen")[1]
    for page in (limits, unseen):
        assert re.search(r"renamed\s+copy", page)
        assert re.search(r"web\s+app", page)
        assert "by name" in " ".join(page.split())


# Dumps that break off ------------------------------------------------------------------------------------------------


@pytest.mark.public_case("dumpsys-dies-exit-0")
def test_a_dump_whose_service_died_is_unreadable_whatever_its_exit_code(phone: MakePhone, text: str) -> None:
    # With one user nothing but the last line tells that the dump was cut.
    sample = SamplePhone(34, (SampleUser(0, 0x4C13, "full.SYSTEM"),))
    fake = phone(sample.with_app(SampleApp(OUTLOOK, {0: SampleState()})))
    fake.print(f"dumpsys-package-{TIKTOK}", text)

    reading = asked_by_policy(fake)

    assert re.search(r"died|DEAD_OBJECT", package(reading, TIKTOK).unreadable)
    in_user_0 = tuple(replace(app, places=frozenset({PlaceKind.USER_0})) for app in POLICY.managed)
    assert judged(reading, replace(POLICY, managed=in_user_0)).verdict is Verdict.UNREADABLE


@pytest.mark.public_case("dumpsys-device-policy-epipe-exit-0")
def test_owners_whose_dump_broke_off_are_unreadable_even_if_a_list_names_the_same(
    phone: MakePhone, text: str
) -> None:
    fake = phone(personal_phone(34))
    fake.print("dumpsys-device_policy", text)
    fake.print("list-owners", f"1 owner:\nUser 10: admin={OWNER}/.Admin,ProfileOwner\n")

    reading = asked_by_policy(fake)

    assert "device_policy" in " ".join(reading.observation.unreadable)
    assert judged(reading).verdict is Verdict.UNREADABLE


@pytest.mark.public_case("nubia-dump-timeout")
def test_a_dump_that_timed_out_is_unreadable_and_to_be_checked_again(phone: MakePhone, text: str) -> None:
    fake = phone(personal_phone(28))
    fake.print(f"dumpsys-package-{TIKTOK}", text)

    reading = asked_by_policy(fake)

    assert re.search(r"more than ten seconds.*check again", package(reading, TIKTOK).unreadable)
    assert classify(text, 0) is Refusal.TOO_SLOW
    assert judged(reading).verdict is Verdict.UNREADABLE


# Refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.public_case("pm-while-system-is-starting-android8")
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_system_that_still_starts_refuses_for_now(phone: MakePhone, text: str, which: int) -> None:
    said = text.split("--- another\n")
    assert len(said) == 3
    fake = provisioned(phone(personal_phone(26)))
    fake.print("verb-answer", "", stderr=said[which], exit_code=1)

    outcome = only(act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)), api=26))

    assert outcome.result is ActionResult.REFUSED
    assert outcome.refusal in (Refusal.SERVICE_MISSING, Refusal.SERVICE_FAILED)
    assert not outcome.refusal.is_lasting
    assert "check again" in outcome.refusal.sentence


@pytest.mark.public_case("no-shell-command-implementation")
@pytest.mark.parametrize("exit_code", [0, 255])
def test_a_service_without_shell_commands_did_nothing_whatever_its_exit_code(
    phone: MakePhone, text: str, exit_code: int
) -> None:
    fake = provisioned(phone(personal_phone(36)))
    fake.print("notify-answer", "", stderr=text, exit_code=exit_code)

    outcome = only(act(fake, [NOTIFY], ledger(), api=36))
    fake.print("dumpsys-device_policy", "Current Device Policy Manager state:\n")
    fake.print("list-owners", "", stderr=text, exit_code=exit_code)

    assert classify(text, exit_code) is not None
    assert outcome.result is ActionResult.REFUSED
    assert asked_by_policy(fake).observation.unreadable != ()


# Users and owners ----------------------------------------------------------------------------------------------------


@pytest.mark.public_case("clones-900-to-906")
def test_users_from_900_on_are_clones(phone: MakePhone, mksh: Shell, text: str) -> None:
    numbers = (900, 901, 902, 903, 904, 906)
    lines = cut(mksh, "cut_user_list", text)
    assert lines == ["header 0 4c13 running", *(f"header {n} 1010 running" for n in numbers)]
    for type_ in ("", "android.os.usertype.profile.CLONE", "com.maker.usertype.profile.DUAL"):
        kinds = {kind_of(UserFacts(n, 0x1010, type_, 0), samsung=False) for n in numbers}
        assert kinds == {UserKind.CLONE}, type_

    sample = personal_phone(34)
    for number in numbers:
        sample = sample.with_user(SampleUser(number, 0x1010, "profile.CLONE", parent=0))
    reading = asked_by_policy(phone(sample))

    assert [user(reading, number).kind for number in numbers] == [UserKind.CLONE] * 6


@pytest.mark.public_case("supervising-profile")
def test_a_profile_for_supervision_is_no_clone(phone: MakePhone, mksh: Shell, text: str) -> None:
    assert cut(mksh, "cut_users", text) == [
        "header 12 1010",
        "type android.os.usertype.profile.SUPERVISING",
    ]
    sample = personal_phone(36).with_user(SampleUser(12, 0x1010, "profile.SUPERVISING"))

    assert user(asked_by_policy(phone(sample)), 12).kind is UserKind.OTHER


@pytest.mark.public_case("secure-folder-owner-of-knox")
@pytest.mark.parametrize("flags", [0x10061030, 0x1030])
def test_a_secure_folder_with_an_owner_of_its_own_is_never_work(
    phone: MakePhone, text: str, flags: int
) -> None:
    knox = "com.samsung.knox.securefolder"
    folder = SampleUser(150, flags, "profile.MANAGED", parent=0, owner=knox, closed=True)
    owned = personal_phone(33, manufacturer="samsung")
    dump = owned.dumpsys_device_policy().replace(
        "  Enabled Device Admins", f"{text}\n  Enabled Device Admins", 1
    )
    fake = phone(owned.with_user(folder))
    fake.print("dumpsys-device_policy", dump)

    found = user(asked_by_policy(fake), 150)

    assert (found.kind, found.has_owner, found.owner) == (UserKind.SECURE_FOLDER, True, None)


@pytest.mark.public_case("nested-device-admins")
def test_administrators_below_their_user_end_the_owners(phone: MakePhone, text: str) -> None:
    fake = phone(SamplePhone(34, (SampleUser(0, 0x4C13, "full.SYSTEM"),)))
    fake.print("dumpsys-device_policy", text)

    reading = asked_by_policy(fake)

    assert reading.observation.unreadable == ()
    assert reading.observation.has_device_owner is False
    assert (user(reading, 0).has_owner, judged(reading).verdict) == (False, Verdict.COMPLIANT)
    assert not [call for call in fake.calls if "list-owners" in call]


@pytest.mark.public_case("user-id-below-local-restrictions")
@pytest.mark.parametrize("api", [30, 31, 32, 33])
def test_restrictions_below_the_number_of_a_user_close_that_user(
    phone: MakePhone, text: str, api: int
) -> None:
    sample = personal_phone(api)
    before, beginning, rest = sample.dumpsys_user().partition("  UserInfo{10:")
    local = r" +Device policy local restrictions:\n +null\n +Effective restrictions:\n +no_bluetooth_sharing\n +none\n"
    rest, replaced = re.subn(local, text, rest, count=1)
    assert replaced == 1
    fake = phone(sample)
    fake.print("dumpsys-user", before + beginning + rest)

    reading = asked_by_policy(fake)

    assert not user(reading, 10).open_to_shell
    assert user(reading, 0).open_to_shell


# adb -----------------------------------------------------------------------------------------------------------------


def asked_over_tcp(service: Service, keys_folder: Path) -> bytes:
    """Ask a daemon of these manners one thing, as a station does."""

    async def scenario() -> bytes:
        async with SmallDaemon(service).running() as address:
            connection = await open_connection(address, station_adb_key(keys_folder))
            try:
                return await connection.run("id", 60.0, 1000)
            finally:
                await connection.close()

    return asyncio.run(scenario())


@pytest.mark.public_case("adbd-rejects-stream-in-standby")
def test_a_phone_in_standby_is_to_be_woken_and_asked_again(tmp_path: Path, text: str) -> None:
    assert "OPEN shell: -> CLSE" in text

    async def reject(wire: Wire, local: int, remote: int, name: bytes) -> None:
        await wire.send(b"CLSE", 0, remote)

    with pytest.raises(PhoneRefused, match=r"(?i)(wake|screen|unlock).*again"):
        asked_over_tcp(reject, tmp_path)


@pytest.mark.public_case("okay-with-four-bytes")
def test_four_bytes_in_an_okay_are_passed_over(tmp_path: Path, text: str) -> None:
    window = bytes.fromhex(re.search(r"OKAY 7 1 ([0-9]{8}) -> WRTE hello -> CLSE", text)[1])  # type: ignore[index]

    async def answer(wire: Wire, local: int, remote: int, name: bytes) -> None:
        await wire.send(b"OKAY", local, remote, window)
        await wire.send(b"WRTE", local, remote, b"hello")
        await wire.expect(b"OKAY")
        await wire.send(b"CLSE", local, remote)

    assert asked_over_tcp(answer, tmp_path) == b"hello"


@pytest.mark.public_case("unauthorized-while-second-user-in-front")
def test_an_unauthorised_phone_may_have_a_second_user_in_front(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    serial, state, rest = re.fullmatch(r"(\S+) +(\S+)( .*)", text.strip()).groups()  # type: ignore[union-attr]
    with SmallAdbServer(((serial, state, rest),)).running() as server:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(server.port))
        (found,) = list_devices()

    assert (found.address, found.state) == ("adb:SERIAL1", "unauthorized")
    assert "owner" in found.next_step
    assert "user 0" in found.next_step


# All of them ---------------------------------------------------------------------------------------------------------


def test_every_case_of_the_folder_has_a_test() -> None:
    if not PUBLIC_CASES.is_dir():
        pytest.skip(f"NO PUBLIC CASES: {PUBLIC_CASES} is missing; set CURFEW_PUBLIC_CASES to their folder")
    marks = [nonce for test in list(globals().values()) for nonce in getattr(test, "pytestmark", ())]

    tested = {nonce.args[0] for nonce in marks if nonce.name == "public_case"}

    assert {path.stem for path in PUBLIC_CASES.iterdir()} == tested
