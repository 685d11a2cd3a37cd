"""Everything that is ever asked of one phone, from provisioning to leaving, with what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from agent_scripts import exchange
from agent_scripts.exchange.phone_ledger import ledger_text
from agent_scripts.exchange.phone_script import script_sum
from agent_scripts.exchange.watch_script import SCRIPT_NAME, watch_script
from agent_scripts.virtual_phone import VirtualPhone
from agent_scripts.virtual_phone.personalities import LYNC, OUTLOOK, TIKTOK
from policy.document import Message
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState
from policy.plan import plan_text
from policy.report import ActionResult
from policy.verdict import Action, ActionKind
from tests.on_phone.bench import MARKER, NOW, PHONE_ID, WORK_POLICY, WatchedPhone, eventually

TIME = datetime.fromtimestamp(NOW, UTC)
WORK = UserNumber(10)
APP = PackageName(OUTLOOK)
MESSAGE = Message("Remove it; it's $HOME `time`", "Work apps are off", "Work apps are back")


@dataclass
class Life:
    """One phone that a banned app is on. `told` may change a text before it reaches the phone."""

    phone: VirtualPhone
    told: Callable[[str], str] = str

    def __post_init__(self) -> None:
        self.bench = WatchedPhone(self.phone)
        self.nonce = exchange.new_nonce()
        self.script = self.told(watch_script().decode()).encode()
        self.phone.model.install(0, TIKTOK)
        self.before = self.states()

    def states(self) -> tuple[int, int]:
        return self.bench.state(OUTLOOK), self.bench.state(LYNC)

    def ask(self, text: str) -> bytes:
        """Run an exchange."""
        own_sum = sha256(self.script).hexdigest()
        return self.bench.shell(self.told(text).replace(script_sum(), own_sum)).encode()

    def whole(self) -> None:
        """Live through all of it."""
        self.is_provisioned()
        self.is_read()
        self.is_looked_for()
        self.is_acted_on()
        self.gets_the_script()
        self.is_collected_from()
        self.answers_by_hand()
        self.mends_its_record()
        self.is_left()
        self.is_handed_back()

    def is_provisioned(self) -> None:
        question = exchange.ProvisioningQuestion(PHONE_ID, MARKER, nonce=self.nonce)
        assert question.parse(self.ask(question.command)) == exchange.Provisioned(
            PHONE_ID, MARKER, debugging=exchange.Debugging(exchange.Switch.ON, exchange.Switch.OFF)
        )

    def read(
        self, collecting: exchange.Collecting | None = None, *, marked: bool = False
    ) -> exchange.Reading:
        packages, owners = WORK_POLICY.named_packages, WORK_POLICY.owners
        dated = [app.package for app in WORK_POLICY.managed]
        question = exchange.ReadingQuestion(
            packages, owners, PHONE_ID, dated, collecting, if_marked=marked, nonce=self.nonce
        )
        return question.parse(self.ask(question.command))

    def is_read(self) -> None:
        reading = self.read(marked=True)
        assert reading.facts is not None
        assert (reading.memory.ledger, reading.observation.unreadable) == (Ledger(MARKER), ())
        assert WORK in reading.observation.packages[APP].states
        # A dump that ends early is the one that the counted list of owners is asked beside.
        self.phone.faults.cut_dump_after(60)
        assert self.read().observation.unreadable != ()
        self.phone.faults.clear()

    def act(self, kind: ActionKind, state: EntryState, seen: Ledger) -> Ledger:
        prior = EnabledState(self.before[0])
        ledger = Ledger(MARKER, (LedgerEntry(WORK, APP, prior, state, 3, TIME),))
        actions = (
            Action(kind, WORK, APP, prior),
            Action(ActionKind.NOTIFY, UserNumber(0), PackageName(TIKTOK)),
        )
        api = self.phone.model.release.api
        seen_sum = sha256(ledger_text(seen).encode()).hexdigest()
        question = exchange.ActingQuestion(actions, ledger, seen_sum, api, MESSAGE, nonce=self.nonce)
        acting = question.parse(self.ask(question.command))
        notified = ActionResult.DONE if api >= 29 else ActionResult.REFUSED
        assert [outcome.result for outcome in acting.outcomes] == [ActionResult.DONE, notified]
        assert acting.ledger is not None
        return acting.ledger

    def is_acted_on(self) -> None:
        ledger = self.act(ActionKind.DISABLE, EntryState.INTENDED, Ledger(MARKER))
        assert self.states()[0] == 3
        self.act(ActionKind.RESTORE, EntryState.RESTORING, ledger)
        assert self.states() == self.before

    def gets_the_script(self) -> None:
        made = self.bench.plan()
        (self.bench.folder / f"{SCRIPT_NAME}.pushed").write_bytes(self.script)
        question = exchange.PlacingQuestion(plan_text(made), TIME, nonce=self.nonce)
        handled = question.parse(self.ask(question.command))
        assert (handled.problem, handled.script.running) == ("", True)
        eventually(lambda: self.states() == (3, 3), "the script disabled nothing")
        eventually(lambda: "alive" in str(self.bench.spool), "the script's first check did not end")

    def is_collected_from(self) -> None:
        reading = self.read(exchange.Collecting(None))
        script = reading.script
        assert script is not None
        assert (script.problem, script.running) == ("", True)
        found = exchange.collected(script.lines, MARKER, None, TIME, script.now)
        assert (found.watched.damage, len(found.watched.actions)) == ((), 2)
        again = self.read(exchange.Collecting(found.position)).script
        assert again is not None
        assert exchange.collected(again.lines, MARKER, found.position, TIME, again.now).watched.damage == ()

    def answers_by_hand(self) -> None:
        self.bench.curfew("restore")
        assert self.states() == self.before
        self.bench.curfew(f"once {NOW + 60}")
        assert self.states() == (3, 3)
        self.bench.curfew(f"start {NOW + 120}", {"CURFEW_SPOOL_MAX": "4"})
        self.bench.curfew("stop")
        assert not self.bench.runs
        assert len(self.bench.spool) <= 4

    def mends_its_record(self) -> None:
        spool = self.bench.folder / "spool"
        spool.write_text(f"{spool.read_text()}somebody else's line\n")
        self.bench.curfew("collect")
        assert "somebody" not in spool.read_text()
        (self.bench.folder / SCRIPT_NAME).write_text("echo another\n")
        script = self.read(exchange.Collecting(None)).script
        assert script is not None
        assert (script.is_ours, len(script.lines) > 2) == (False, True)

    def is_looked_for(self) -> None:
        question = exchange.ScreenQuestion(nonce=self.nonce)
        self.phone.model.press_power_key()
        screen = question.parse(self.ask(question.command))
        self.phone.model.press_power_key()
        assert screen is not None
        assert not screen.is_on

    def is_left(self) -> None:
        (self.bench.folder / SCRIPT_NAME).write_bytes(self.script)
        self.bench.curfew("restore")
        assert self.states() == self.before
        withdrawing = exchange.WithdrawingQuestion(None, nonce=self.nonce)
        handled = withdrawing.parse(self.ask(withdrawing.command))
        assert (handled.problem, SCRIPT_NAME in handled.left) == ("", False)
        ledger_sum = sha256((self.bench.folder / "ledger").read_bytes()).hexdigest()
        leaving = exchange.LeavingQuestion(ledger_sum, nonce=self.nonce)
        assert leaving.parse(self.ask(leaving.command)).left == ()

    def is_handed_back(self) -> None:
        asked = exchange.DebuggingQuestion(nonce=self.nonce)
        assert asked.parse(self.ask(asked.command)).usb is exchange.Switch.ON
        self.phone.ends_debugging_at_once = False
        ending = exchange.EndingDebuggingQuestion(usb=True, wireless=False, nonce=self.nonce)
        ended = ending.parse(self.ask(ending.command))
        assert (ended.debugging.usb, ended.refusals) == (exchange.Switch.OFF, ())
