"""Acting: the ledger first, only where the state is as remembered, only with the closed set of verbs, read back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_scripts import exchange
from agent_scripts.exchange import Acting, ActionOutcome, Refusal
from agent_scripts.exchange.phone_ledger import ledger_text
from policy.document import Message
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, Notice
from policy.report import ActionResult
from policy.verdict import NOTICE_POSTER, Action, ActionKind
from tests.dialect.asking import MARKER, PHONE_ID, MakePhone, read
from tests.phones.fake_phone import FakePhone, Shell
from tests.phones.samples import OUTLOOK, SKYPE, TIKTOK, SampleApp, SampleState, personal_phone

NOW = datetime(2023, 3, 15, 11, 0, 0, 250, tzinfo=UTC)
WORK = UserNumber(10)
APP = PackageName(OUTLOOK)
MESSAGE = Message("remind", "disabled", "restored")
DISABLE = Action(ActionKind.DISABLE, WORK, APP, EnabledState.DEFAULT)
RESTORE = Action(ActionKind.RESTORE, WORK, APP, EnabledState.DEFAULT)
ALL_IS_BACK = Action(ActionKind.NOTIFY, UserNumber(0), NOTICE_POSTER)
NOTIFY = Action(ActionKind.NOTIFY, UserNumber(0), PackageName(TIKTOK))


def entry(
    state: EntryState, package: str = OUTLOOK, prior: EnabledState = EnabledState.DEFAULT
) -> LedgerEntry:
    return LedgerEntry(WORK, PackageName(package), prior, state, 3, NOW)


def ledger(*entries: LedgerEntry) -> Ledger:
    return Ledger(MARKER, entries)


def provisioned(fake: FakePhone) -> FakePhone:
    question = exchange.ProvisioningQuestion(PHONE_ID, MARKER)
    assert question.parse(fake.run(question.command)).problem == ""
    return fake


def work_phone(phone: MakePhone, state: SampleState | None = None, api: int = 34) -> FakePhone:
    """A provisioned phone with Outlook in that state in the work profile."""
    app = SampleApp(OUTLOOK, {10: state or SampleState()})
    return provisioned(phone(personal_phone(api).with_app(app)))


def kept_sum(fake: FakePhone) -> str:
    """Return what a reading tells of the ledger on the phone: its SHA-256, nothing where there is none."""
    kept = fake.our_folder / "ledger"
    return hashlib.sha256(kept.read_bytes()).hexdigest() if kept.exists() else ""


def act(
    fake: FakePhone,
    actions: Sequence[Action],
    intended: Ledger,
    *,
    api: int = 34,
    message: Message | None = MESSAGE,
    seen: str | None = None,
) -> Acting:
    old = kept_sum(fake) if seen is None else seen
    question = exchange.ActingQuestion(actions, intended, old, api, message)
    return question.parse(fake.run(question.command))


def only(acting: Acting) -> ActionOutcome:
    (outcome,) = acting.outcomes
    return outcome


def state_of(fake: FakePhone, package: str = OUTLOOK) -> tuple[int, bool]:
    state = read(fake).observation.packages[PackageName(package)].states[WORK]
    return state.enabled.value, state.disabled_by_shell


def test_disabling_writes_the_ledger_acts_and_reads_back(any_shell: Shell, tmp_path: Path) -> None:
    fake = provisioned(FakePhone(tmp_path, personal_phone(), any_shell))

    acting = act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)))

    outcome = only(acting)
    assert (outcome.result, outcome.refusal) == (ActionResult.DONE, None)
    assert outcome.before is not None
    assert outcome.after is not None
    assert (outcome.before.enabled, outcome.after.enabled) == (
        EnabledState.DEFAULT,
        EnabledState.DISABLED_BY_USER,
    )
    assert acting.complete
    assert acting.ledger == ledger(entry(EntryState.DONE))
    assert read(fake).memory.ledger == acting.ledger
    assert state_of(fake) == (3, True)


@pytest.mark.parametrize("prior", [EnabledState.DEFAULT, EnabledState.ENABLED])
def test_restoring_puts_back_exactly_what_was_there(
    any_shell: Shell, tmp_path: Path, prior: EnabledState
) -> None:
    app = SampleApp(OUTLOOK, {10: SampleState(enabled=3, caller="shell:1000")})
    fake = provisioned(FakePhone(tmp_path, personal_phone().with_app(app), any_shell))
    action = Action(ActionKind.RESTORE, WORK, APP, prior)

    acting = act(fake, [action], ledger(entry(EntryState.RESTORING, prior=prior)))

    assert only(acting).result is ActionResult.DONE
    assert acting.ledger == ledger(entry(EntryState.RESTORED, prior=prior))
    assert state_of(fake) == (prior.value, False)


@pytest.mark.parametrize(
    ("api", "verb"),
    [
        (26, "pm disable-user"),
        (27, "pm disable-user"),
        (28, "cmd package disable-user"),
        (36, "cmd package disable-user"),
    ],
)
def test_the_verb_goes_where_the_release_knows_it(phone: MakePhone, api: int, verb: str) -> None:
    fake = work_phone(phone, api=api)

    assert only(act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)), api=api)).result is ActionResult.DONE
    assert f"{verb} --user 10 {OUTLOOK}" in fake.calls


@pytest.mark.parametrize(
    ("state", "result"),
    [
        (SampleState(enabled=2, caller="com.a"), ActionResult.STATE_CHANGED),
        (SampleState(enabled=4), ActionResult.STATE_CHANGED),
        (SampleState(enabled=3, caller="com.a:0"), ActionResult.STATE_CHANGED),
        (SampleState(enabled=3), ActionResult.STATE_CHANGED),
        (SampleState(installed=False), ActionResult.STATE_CHANGED),
        (SampleState(enabled=3, caller="shell:1000"), ActionResult.ALREADY),
    ],
)
def test_disabling_leaves_alone_what_cannot_run(
    phone: MakePhone, state: SampleState, result: ActionResult
) -> None:
    fake = work_phone(phone, state)
    calls = fake.calls

    acting = act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)))

    assert only(acting).result is result
    assert fake.calls == calls
    assert acting.ledger is not None
    done = EntryState.DONE if result is ActionResult.ALREADY else EntryState.RESTORED
    assert acting.ledger.entries[0].state is done


@pytest.mark.parametrize(
    ("state", "result"),
    [
        (SampleState(enabled=2, caller="com.a"), ActionResult.STATE_CHANGED),
        (SampleState(enabled=4), ActionResult.STATE_CHANGED),
        (SampleState(enabled=1), ActionResult.STATE_CHANGED),
        (SampleState(enabled=3, caller="com.a:0"), ActionResult.STATE_CHANGED),
        (SampleState(installed=False), ActionResult.STATE_CHANGED),
        (SampleState(enabled=0), ActionResult.ALREADY),
    ],
)
def test_restoring_leaves_alone_what_we_did_not_disable(
    phone: MakePhone, state: SampleState, result: ActionResult
) -> None:
    fake = work_phone(phone, state)
    before = (fake.printed / f"dumpsys-package-{OUTLOOK}").read_text()

    acting = act(fake, [RESTORE], ledger(entry(EntryState.RESTORING)))

    assert only(acting).result is result
    assert (fake.printed / f"dumpsys-package-{OUTLOOK}").read_text() == before
    assert acting.ledger is not None
    assert acting.ledger.open_entries == ()


def test_an_app_that_left_the_phone_needs_no_restoring(phone: MakePhone) -> None:
    fake = work_phone(phone)
    fake.print(f"dumpsys-package-{OUTLOOK}", f"Unable to find package: {OUTLOOK}\n")

    acting = act(fake, [RESTORE], ledger(entry(EntryState.RESTORING)))

    assert only(acting).result is ActionResult.STATE_CHANGED
    assert acting.ledger is not None
    assert acting.ledger.open_entries == ()


@pytest.mark.parametrize("action", [DISABLE, RESTORE])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text + "\n*** SERVICE 'package' DUMP TIMEOUT (10000ms) EXPIRED ***\n",
        lambda text: text.replace("User 10: ", "User 10: installed=true "),
        lambda text: text.replace(
            "Queries:", "    User 10: installed=true hidden=false suspended=false enabled=0\nQueries:"
        ),
        lambda text: text.replace("User 10: ", "User 11: "),
        lambda text: text.replace("enabled=", "anabled="),
        lambda text: "",
        lambda text: "Unable to find package: com.other\n",
        lambda text: text + f"Unable to find package: {OUTLOOK}\n",
    ],
)
def test_nothing_is_touched_where_the_state_cannot_be_read(phone: MakePhone, action: Action, spoil) -> None:  # type: ignore[no-untyped-def]
    state = EntryState.INTENDED if action is DISABLE else EntryState.RESTORING
    fake = work_phone(phone)
    name = f"dumpsys-package-{OUTLOOK}"
    fake.print(name, spoil((fake.printed / name).read_text()))

    acting = act(fake, [action], ledger(entry(state)))

    assert only(acting).result is ActionResult.UNKNOWN
    assert not [call for call in fake.calls if "--user" in call]
    assert acting.ledger == ledger(entry(state))


def test_a_dump_that_failed_lets_nothing_be_touched(phone: MakePhone) -> None:
    fake = work_phone(phone)
    name = f"dumpsys-package-{OUTLOOK}"
    fake.print(name, (fake.printed / name).read_text(), exit_code=1)

    assert only(act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)))).result is ActionResult.UNKNOWN


def refused(fake: FakePhone, text: str, exit_code: int) -> Acting:
    fake.print("verb-answer", "", stderr=text, exit_code=exit_code)
    return act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)))


def test_a_refusal_is_told_by_its_words_and_leaves_nothing_open(phone: MakePhone) -> None:
    text = (
        "\nException occurred while executing 'disable-user':\n"
        "java.lang.SecurityException: Shell does not have permission to access user 10\n"
        " com.android.server.am.ActivityManagerService.handleIncomingUser:14983 \n\tat com.android.a.b(C.java:1)\n"
    )

    acting = refused(work_phone(phone), text, 255)

    assert (only(acting).result, only(acting).refusal) == (ActionResult.REFUSED, Refusal.USER_CLOSED)
    assert acting.ledger is not None
    assert acting.ledger.open_entries == ()
    assert ("verb:0", 255) in [(command.command, command.exit_code) for command in acting.commands]


def test_a_refused_restoring_stays_open(phone: MakePhone) -> None:
    fake = work_phone(phone, SampleState(enabled=3, caller="shell:1000"))
    fake.print(
        "verb-answer",
        "",
        stderr="Security exception: Shell does not have permission to access user 10\n",
        exit_code=255,
    )

    acting = act(fake, [RESTORE], ledger(entry(EntryState.RESTORING)))

    assert (only(acting).result, only(acting).refusal) == (ActionResult.REFUSED, Refusal.USER_CLOSED)
    assert acting.ledger == ledger(entry(EntryState.RESTORING))


def test_a_yes_without_effect_is_no_success(phone: MakePhone) -> None:
    fake = work_phone(phone)
    fake.print("verb-answer", f"Package {OUTLOOK} new state: disabled-user\n")

    outcome = only(act(fake, [DISABLE], ledger(entry(EntryState.INTENDED))))

    assert (outcome.result, outcome.refusal) == (ActionResult.REFUSED, Refusal.NO_EFFECT)


def test_a_no_with_effect_is_success(phone: MakePhone) -> None:
    """State decides, not exit codes: here the program fails after the change was made."""
    fake = work_phone(phone)
    cmd = (fake.programs / "cmd").read_text().replace("exit 0\n}", "exit 255\n}")
    fake.replace_program("cmd", cmd)

    assert only(act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)))).result is ActionResult.DONE


# The ledger ----------------------------------------------------------------------------------------------------------


def test_the_ledger_is_on_the_phone_before_anything_changes(phone: MakePhone) -> None:
    fake = work_phone(phone)
    kept = fake.our_folder / "ledger"
    cmd = (
        (fake.programs / "cmd")
        .read_text()
        .replace("verb package", f"cat {kept} >{fake.printed}/at-verb; verb package")
    )
    fake.replace_program("cmd", cmd)

    act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)))

    assert (fake.printed / "at-verb").read_text() == ledger_text(ledger(entry(EntryState.INTENDED)))


def test_a_ledger_that_changed_since_it_was_read_stops_everything(phone: MakePhone) -> None:
    fake = work_phone(phone)
    seen = read(fake).memory.ledger_sha256
    assert seen == kept_sum(fake)
    act(fake, [], ledger(entry(EntryState.DONE, SKYPE)))

    acting = act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)), seen=seen)

    assert (only(acting).result, only(acting).refusal) == (ActionResult.REFUSED, Refusal.LEDGER_CHANGED)
    assert not acting.complete
    assert state_of(fake) == (0, False)
    assert read(fake).memory.ledger == ledger(entry(EntryState.DONE, SKYPE))


def test_a_ledger_that_cannot_be_written_stops_everything(phone: MakePhone) -> None:
    fake = work_phone(phone)
    (fake.our_folder / "ledger.new").mkdir()

    acting = act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)))

    assert only(acting).refusal is Refusal.LEDGER_NOT_WRITTEN
    assert state_of(fake) == (0, False)


def test_a_ledger_that_arrives_short_on_a_full_disk_stops_everything(phone: MakePhone) -> None:
    fake = work_phone(phone)
    fake.replace_program("printf", '#!/bin/sh\n/usr/bin/printf "$@" | head -c 40\n')

    acting = act(
        fake,
        [DISABLE],
        ledger(entry(EntryState.INTENDED)),
        seen=hashlib.sha256(ledger_text(ledger()).encode()).hexdigest(),
    )

    assert [outcome.result for outcome in acting.outcomes] != [ActionResult.DONE]
    assert not [call for call in fake.calls if "--user" in call]


def test_a_deleted_ledger_can_be_written_again(phone: MakePhone) -> None:
    fake = work_phone(phone, SampleState(enabled=3, caller="shell:1000"))
    (fake.our_folder / "ledger").unlink()
    memory = read(fake).memory
    assert (memory.ledger, memory.ledger_sha256) == (None, kept_sum(fake))

    acting = act(fake, [RESTORE], ledger(entry(EntryState.RESTORING)))

    assert only(acting).result is ActionResult.DONE
    assert acting.ledger == ledger(entry(EntryState.RESTORED))


def test_a_ledger_alone_can_be_brought_to_the_phone(phone: MakePhone) -> None:
    fake = work_phone(phone)
    wanted = ledger(entry(EntryState.DONE), entry(EntryState.RESTORED, SKYPE, EnabledState.ENABLED))

    acting = act(fake, [], wanted)

    assert acting.complete
    assert acting.outcomes == ()
    assert read(fake).memory.ledger == wanted


def test_only_the_entry_of_the_app_and_user_is_marked(phone: MakePhone) -> None:
    others = (
        entry(EntryState.DONE, SKYPE),
        LedgerEntry(UserNumber(0), APP, EnabledState.ENABLED, EntryState.DONE, 1, NOW, 2),
    )
    fake = work_phone(phone)

    acting = act(fake, [DISABLE], ledger(*others, entry(EntryState.INTENDED)))

    assert acting.ledger == ledger(*others, entry(EntryState.DONE))


def test_several_actions_are_done_in_one_exchange(phone: MakePhone) -> None:
    fake = work_phone(phone)
    other = Action(ActionKind.DISABLE, WORK, PackageName(SKYPE), EnabledState.ENABLED)
    intended = ledger(entry(EntryState.INTENDED), entry(EntryState.INTENDED, SKYPE, EnabledState.ENABLED))

    acting = act(fake, [DISABLE, other, NOTIFY], intended)

    assert [outcome.result for outcome in acting.outcomes] == [ActionResult.DONE] * 3
    assert (state_of(fake), state_of(fake, SKYPE)) == ((3, True), (3, True))


def test_while_another_exchange_acts_nothing_is_done(phone: MakePhone) -> None:
    import fcntl

    fake = work_phone(phone)
    seen = read(fake).memory.ledger_sha256
    fake.replace_program("sleep", f"#!/bin/sh\necho 11040.00 11040.00 >'{fake.uptime}'\n")
    with (fake.our_folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        acting = act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)), seen=seen)

    assert only(acting).refusal is Refusal.BUSY
    assert state_of(fake) == (0, False)


def test_a_folder_that_others_may_write_to_is_not_acted_from(phone: MakePhone) -> None:
    fake = work_phone(phone)
    seen = read(fake).memory.ledger_sha256
    fake.our_folder.chmod(0o777)

    acting = act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)), seen=seen)

    assert (only(acting).result, only(acting).refusal) == (ActionResult.REFUSED, Refusal.FOLDER_OPEN)


def test_no_cut_of_an_acting_answer_claims_success(phone: MakePhone) -> None:
    fake = work_phone(phone)
    intended = ledger(entry(EntryState.INTENDED))
    old = read(fake).memory.ledger_sha256
    question = exchange.ActingQuestion([DISABLE], intended, old, 34, MESSAGE)
    answer = fake.run(question.command)

    for size in range(answer.rindex(b"end") + 3):
        acting = question.parse(answer[:size])
        assert (only(acting).result, acting.ledger, acting.complete) == (ActionResult.UNKNOWN, None, False)


def test_a_pulled_cable_does_not_stop_the_phone_half_way(phone: MakePhone) -> None:
    """The station hangs up while the phone acts; the phone finishes and keeps the ledger's last word."""
    import subprocess

    fake = work_phone(phone)
    slow = (fake.programs / "cmd").read_text().replace("verb package", "sleep 0.3; verb package")
    fake.replace_program("cmd", slow)
    intended = ledger(entry(EntryState.INTENDED))
    question = exchange.ActingQuestion([DISABLE], intended, read(fake).memory.ledger_sha256, 34, None)
    text = question.command.replace(exchange.composing.FOLDER, str(fake.our_folder))

    pulled = f"({text}) | head -c 200 >/dev/null"
    subprocess.run(
        [*fake.shell.command, "-c", pulled], env={"PATH": f"{fake.programs}:{fake.shell.path}"}, check=False
    )

    assert read(fake).memory.ledger == ledger(entry(EntryState.DONE))
    assert state_of(fake) == (3, True)


# Notifications -------------------------------------------------------------------------------------------------------

HOSTILE = "50% off'; reboot; '$(id)`id` \"x\"\nnext\\n line $HOME %s -t\ttab \x07 日本"


@pytest.mark.parametrize("text", ["Please remove it.", HOSTILE, "-t", "'", "\\", "''\\''", "a\x00b"])
def test_a_message_arrives_as_it_was_written(any_shell: Shell, tmp_path: Path, text: str) -> None:
    fake = provisioned(FakePhone(tmp_path, personal_phone(), any_shell))

    outcome = only(act(fake, [NOTIFY], ledger(), message=Message(text, "d", "r")))

    shown = re.sub(r"[\x00-\x09\x0b-\x1f]", " ", text)
    assert outcome.result is ActionResult.DONE
    assert (fake.printed / "notified").read_text() == f"-t\nCurfew\ncurfew\n{shown}\n"
    assert fake.misuse == []


def test_the_owner_is_told_what_was_done(phone: MakePhone) -> None:
    fake = work_phone(phone)

    act(fake, [DISABLE, NOTIFY], ledger(entry(EntryState.INTENDED)))
    assert "disabled" in (fake.printed / "notified").read_text().splitlines()

    act(fake, [RESTORE, ALL_IS_BACK], ledger(entry(EntryState.RESTORING)))
    assert "restored" in (fake.printed / "notified").read_text().splitlines()


def test_apps_that_come_back_before_the_deadline_leave_the_reminder_standing(phone: MakePhone) -> None:
    fake = work_phone(phone, SampleState(enabled=3, caller="com.android.shell"))

    act(fake, [RESTORE, NOTIFY], ledger(entry(EntryState.RESTORING)))

    assert "remind" in (fake.printed / "notified").read_text().splitlines()


def test_an_owner_who_enabled_the_app_already_reads_that_all_is_back(phone: MakePhone) -> None:
    fake = work_phone(phone)

    act(fake, [RESTORE, ALL_IS_BACK], ledger(entry(EntryState.RESTORING)))

    assert "restored" in (fake.printed / "notified").read_text().splitlines()


def test_where_nothing_came_back_nothing_is_told(phone: MakePhone) -> None:
    fake = work_phone(phone, SampleState(enabled=3, caller="com.android.shell"))
    fake.print("verb-answer", "", stderr="Security exception: not allowed\n", exit_code=255)

    act(fake, [RESTORE, ALL_IS_BACK], ledger(entry(EntryState.RESTORING)))

    assert not (fake.printed / "notified").exists()


def test_the_owner_is_not_told_of_what_was_refused(phone: MakePhone) -> None:
    fake = work_phone(phone)
    fake.print(
        "verb-answer", "", stderr="Security exception: Cannot disable system packages.\n", exit_code=255
    )

    act(fake, [DISABLE, NOTIFY], ledger(entry(EntryState.INTENDED)))

    assert "remind" in (fake.printed / "notified").read_text().splitlines()


def test_the_phone_remembers_what_its_owner_was_told_last(phone: MakePhone) -> None:
    fake = work_phone(phone)
    assert read(fake).memory.told is None

    act(fake, [NOTIFY], ledger())
    assert read(fake).observation.told is Notice.REMIND

    act(fake, [DISABLE, NOTIFY], ledger(entry(EntryState.INTENDED)))
    assert read(fake).observation.told is Notice.DISABLED

    fake.print("notify-answer", "Error occurred. Check logcat for details. x\n")
    act(fake, [RESTORE, ALL_IS_BACK], ledger(entry(EntryState.RESTORING)))
    assert read(fake).observation.told is Notice.DISABLED, "the phone did not take the newer one"


def test_who_was_only_reminded_is_told_though_nothing_came_back(phone: MakePhone) -> None:
    fake = work_phone(phone)

    act(fake, [ALL_IS_BACK], ledger())

    assert "restored" in (fake.printed / "notified").read_text().splitlines()
    assert read(fake).memory.told is Notice.RESTORED


@pytest.mark.parametrize("api", [26, 28])
def test_before_android_10_nothing_is_posted(phone: MakePhone, api: int) -> None:
    fake = work_phone(phone, api=api)

    outcome = only(act(fake, [NOTIFY], ledger(), api=api))

    assert (outcome.result, outcome.refusal) == (ActionResult.REFUSED, Refusal.NO_NOTIFICATIONS)
    assert not [call for call in fake.calls if "notification" in call]


def test_a_notification_that_failed_is_refused(phone: MakePhone) -> None:
    fake = work_phone(phone)
    fake.print("notify-answer", "Error occurred. Check logcat for details. x\n")

    outcome = only(act(fake, [NOTIFY], ledger()))

    assert (outcome.result, outcome.refusal) == (ActionResult.REFUSED, Refusal.SERVICE_FAILED)


def test_without_a_message_nobody_is_told(phone: MakePhone) -> None:
    assert only(act(work_phone(phone), [NOTIFY], ledger(), message=None)).result is ActionResult.UNKNOWN


# What can be asked at all --------------------------------------------------------------------------------------------


def test_a_filter_refused_while_acting_is_told_and_nothing_is_acted_twice(phone: MakePhone) -> None:
    fake = work_phone(phone)
    fake.refuse("sed", "said")

    acting = act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)))

    assert (only(acting).result, acting.refusal) == (ActionResult.DONE, Refusal.FILTER_REFUSED)
    assert not Refusal.FILTER_REFUSED.is_lasting
    assert sum("disable-user" in call for call in fake.calls) == 1


def test_a_state_whose_filter_is_refused_lets_nothing_be_touched(phone: MakePhone) -> None:
    fake = work_phone(phone)
    seen = read(fake).memory.ledger_sha256
    fake.refuse("sed", "Hidden")

    acting = act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)), seen=seen)

    assert (only(acting).result, acting.refusal) == (ActionResult.UNKNOWN, Refusal.FILTER_REFUSED)
    assert not any("disable-user" in call for call in fake.calls)


def test_a_sed_that_fails_leaves_the_ledger_as_it_was_written(phone: MakePhone) -> None:
    fake = work_phone(phone)
    fake.refuse("sed", "entry 10")

    acting = act(fake, [DISABLE], ledger(entry(EntryState.INTENDED)))

    assert acting.refusal is Refusal.LEDGER_NOT_WRITTEN
    assert acting.ledger == ledger(entry(EntryState.INTENDED))


@pytest.mark.parametrize(
    ("question", "refused"),
    [
        (exchange.ActingQuestion((), ledger(), "", 34, None, nonce="x; reboot"), "nonce"),
        (exchange.ActingQuestion((), ledger(), "'; reboot", 34, None), "SHA"),
        (exchange.ActingQuestion((), Ledger("'; reboot"), "", 34, None), "marker"),
        (
            exchange.ActingQuestion(
                [Action(ActionKind.DISABLE, WORK, "a;b")],  # type: ignore[arg-type]
                ledger(),
                "",
                34,
                None,
            ),
            "package name",
        ),
        (
            exchange.ActingQuestion(
                [Action(ActionKind.DISABLE, -1, APP)],  # type: ignore[arg-type]
                ledger(),
                "",
                34,
                None,
            ),
            "user number",
        ),
        (
            exchange.ActingQuestion(
                [Action(ActionKind.RESTORE, WORK, APP, EnabledState.DISABLED)], ledger(), "", 34, None
            ),
            "0 or 1",
        ),
        (exchange.ReadingQuestion(["a b"], ()), "package name"),  # type: ignore[list-item]
        (exchange.ReadingQuestion((), ["a'b"]), "package name"),  # type: ignore[list-item]
        (exchange.ProvisioningQuestion(PHONE_ID, "$(id)"), "marker"),
        (exchange.LeavingQuestion("$(id)"), "SHA"),
    ],
)
def test_only_checked_values_reach_the_shell(question: exchange.Question[object], refused: str) -> None:
    with pytest.raises(ValueError, match=refused):
        str(question.command)
