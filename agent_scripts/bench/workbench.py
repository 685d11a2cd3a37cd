"""The bench at work: phones come and go, each has a task of its own, and what happens goes into the rows.

Everything that decides is in `rows`, `due` and `typed`; what is done to a phone is in `phone_work`. This module only
keeps the order: a task per phone that is ready, a pause before a failed one is tried again, one sending for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from agent_scripts.adb.opening import open_connection
from agent_scripts.adb.phone_address import PhoneAddress, Way
from agent_scripts.adb.phone_connection import TAP_ALLOW
from agent_scripts.bench.events import Again, Asks, Event, Failed, Gone, Print, Seen, Show, Which
from agent_scripts.bench.kept_bench import KeptBench, kept_form
from agent_scripts.bench.key_watch import EVERY_S, LASTS_S, KeyWatch, Pressed
from agent_scripts.bench.listed import Listed
from agent_scripts.bench.paper_work import PaperPlan, PaperWork
from agent_scripts.bench.phone_work import PhoneWork
from agent_scripts.bench.rows import BenchRow
from agent_scripts.bench.stage import CHECKED, Stage
from agent_scripts.bench.typed import Typing
from agent_scripts.errors import AgentError, PhoneError, PhoneUnauthorised, WrongUse
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.patience import Patience
from agent_scripts.visits.leaving import unfinished_leaving
from agent_scripts.visits.visiting import AT_ONCE, Visitor, connected, send_from

PAUSES_S = (2.0, 5.0, 10.0)
"""Before a failed step is tried again; as many tries as pauses, and the first."""
_LOOK_AGAIN_S = 2.0
"""Between two looks for a phone at a TCP address, or for an adb server that is gone."""
_SEND_AGAIN_S = 30.0
_TOGETHER_S = 0.3
"""Reports that are finished within this go to the server together."""
_STATES = {"device": Stage.PLUGGED, "unauthorized": Stage.UNAUTHORISED}
_ADB = "adb"
_NO_PAPER = "This bench makes no paper: begin it with --paper FOLDER or --print-label COMMAND."


def _tell_nobody(*_told: Any) -> None:
    pass


@dataclass
class Workbench:
    """One bench. ``changed`` is called with each row that changed, ``notice`` with what concerns all of them.

    ``lit`` is called with the row of a phone whose power key was pressed while somebody had asked which it is.
    """

    visitor: Visitor
    addresses: tuple[str, ...] = ()
    """TCP addresses to look for, beside what adb sees."""
    listed: Listed = field(default_factory=Listed)
    with_adb: bool = True
    anew: bool = False
    """Whether a bench that was not finished is forgotten: phones are numbered from 1, and each is visited."""
    paper: PaperPlan | None = None
    """Where the papers of phones that are done go; None: none are made."""
    pauses_s: tuple[float, ...] = PAUSES_S
    key_lasts_s: float = LASTS_S
    key_every_s: float = EVERY_S
    changed: Callable[[BenchRow], None] = _tell_nobody
    lit: Callable[[BenchRow, Pressed], None] = _tell_nobody
    notice: Callable[[str], None] = _tell_nobody

    def __post_init__(self) -> None:
        """Take up the bench that was not finished, if there is one; raises `FileDamaged`."""
        station = self.visitor.station
        self._kept = KeptBench(station.folder)
        if self.anew:
            self._kept.finish()
        self.rows = self._kept.load(makes_paper=self.paper is not None)
        self.typing = Typing(self.rows, self.listed)
        self._work = PhoneWork(self.visitor, self.listed, self.rows, self.take, self._notice)
        self._papers = self._paper_work(self.paper) if self.paper else None
        self._keys = self._key_watch()
        self._is_asked_which = False
        self._to_show: set[str] = set()
        self._to_print: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._not_looked_at = {*self.addresses, *((_ADB,) if self.with_adb else ())}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._stir = asyncio.Event()
        self._unsent = asyncio.Event()
        self._noticed: set[str] = set()
        self._is_open = True
        """Asked by all that goes on without an end: what a task waits for at that moment can lose a cancellation."""
        self.sent = ExitCode.COMPLIANT
        """Whether the reports of what is done have gone."""

    @property
    def exit_code(self) -> ExitCode:
        """What the bench ends with, as it stands."""
        return most_urgent([self.rows.exit_code, self.sent])

    @property
    def is_looking(self) -> bool:
        """Whether it has looked everywhere once; before that an empty bench says nothing."""
        return not self._not_looked_at

    def take(self, event: Event) -> None:
        """Take in what happened, and begin what follows from it."""
        row = self.rows.take(event)
        if row is None:
            return
        if isinstance(event, Asks) and (answer := self.typing.answer_for(row)):
            self.take(answer)
            return
        if row.stage in CHECKED:
            self._unsent.set()
        self.changed(row)
        self._stir.set()

    def typed(self, line: str) -> str:
        """Take in a typed line and return the answer to it."""
        event, answer = self.typing.take(line)
        if isinstance(event, Show):
            self._to_show.add(event.address)
            self._stir.set()
        elif isinstance(event, Which):
            self._is_asked_which = True
            self._stir.set()
        elif isinstance(event, Print):
            return (self._print(event.address) if event.address else self.print_waiting()) or answer
        elif event is not None:
            self.take(event)
        return answer

    async def run(self, *, once: bool = False) -> None:
        """Work until cancelled; with `once`, until nothing goes on by itself. Raises `StationError`."""
        if begun := unfinished_leaving(self.visitor.station):
            self._notice(begun)
        try:
            async with asyncio.TaskGroup() as group:
                looks = [self._look_at(address) for address in self.addresses]
                background: list[Coroutine[Any, Any, None]] = [*looks, self._send_reports()]
                if self.with_adb:
                    background.append(self._look_at_cables())
                if self._papers is not None:
                    background += self._papers.printing()
                tasks = [group.create_task(one) for one in background]
                try:
                    await self._keep_going(group, once=once)
                finally:
                    self._is_open = False
                for task in tasks:
                    task.cancel()
        except ExceptionGroup as failures:
            # One cause is enough for a person; the others follow from it, or show at the next start.
            raise failures.exceptions[0] from None
        finally:
            # After Ctrl-C, too: the next bench goes on from here.
            self._kept.keep(kept_form(self.rows))
        await self._send()
        if not self.rows.unfinished():
            self._kept.finish()

    async def _keep_going(self, group: asyncio.TaskGroup, *, once: bool) -> None:
        while self._is_open:
            for row in self.rows.ready():
                if row.address not in self._tasks:
                    self._tasks[row.address] = group.create_task(self._work_on(row.address))
            if self._papers is not None:
                for row in self.rows.checked():
                    if row.address not in self._tasks:
                        work = self._make_paper(self._papers, row.address)
                        self._tasks[row.address] = group.create_task(work)
                while self._to_print:
                    group.create_task(self._papers.print_anew(self._to_print.pop()))
            if self._is_asked_which:
                self._is_asked_which = False
                if self._keys.begin():
                    group.create_task(self._keys.run())
            while self._to_show:
                group.create_task(self._show(self._to_show.pop()))
            # Its form is made here and now, for the rows change; to write it takes a thread's time.
            await asyncio.to_thread(self._kept.keep, kept_form(self.rows))
            if self._stir.is_set():
                self._stir.clear()
                continue
            if once and self.is_looking and not self._tasks and self._is_settled:
                return
            await self._stir.wait()
            self._stir.clear()

    async def _work_on(self, address: str) -> None:
        try:
            # One question at a time: whether its screen is on is nobody's concern while it is worked on.
            await self._keys.leave(address)
            async with self._gate:
                unsettled = await self._work.on(address)
            row = self.rows.by_address[address]
            if unsettled and row.plugged and row.tries < len(self.pauses_s):
                self._try_again(row, row.next_step)
        except AgentError as error:
            await self._failed(address, error)
        finally:
            del self._tasks[address]
            self._stir.set()

    async def _make_paper(self, papers: PaperWork, address: str) -> None:
        try:
            await papers.make(address)
        finally:
            del self._tasks[address]
            self._stir.set()

    def _paper_work(self, plan: PaperPlan) -> PaperWork:
        station, language = self.visitor.station, self.visitor.language
        # Each time: a printer that fails once more for the same cause is to be heard of once more.
        return PaperWork(station, plan, language, self.rows, self.take, lambda text: self.notice(text))

    def _key_watch(self) -> KeyWatch:
        station, plain_tcp = self.visitor.station, self.visitor.plain_tcp
        return KeyWatch(
            station,
            self.rows,
            # Without patience: a phone that cannot answer now is told by other means.
            lambda address: connected(station, address, plain_tcp, Patience(())),
            lambda row, how: self.lit(row, how),
            lambda text: self.notice(text),
            lasts_s=self.key_lasts_s,
            every_s=self.key_every_s,
        )

    def print_waiting(self) -> str:
        """Try once more what waits for a printer that failed; returns a sentence that answers."""
        return self._papers.go_on() if self._papers else _NO_PAPER

    def _print(self, address: str) -> str:
        if self._papers is None:
            return _NO_PAPER
        self._to_print.add(address)
        self._stir.set()
        return ""

    @property
    def _is_settled(self) -> bool:
        return self.rows.is_settled and (self._papers is None or self._papers.is_idle)

    async def _show(self, address: str) -> None:
        row = self.rows.by_address[address]
        try:
            shown = await self._work.show_number(address)
        except AgentError as error:
            self.notice(f"Row {row.number}: {error}")
            return
        if not shown:
            self.notice(f"Row {row.number} shows no notice; unplug a phone, and its row stands out.")

    async def _failed(self, address: str, error: AgentError) -> None:
        row = self.rows.by_address[address]
        if isinstance(error, PhoneUnauthorised) and address in self.addresses:
            # Nobody tells when its owner taps Allow: it is looked at until then.
            self.take(Seen(address, Stage.UNAUTHORISED, TAP_ALLOW))
            return
        if row.plugged and row.tries < len(self.pauses_s):
            self._try_again(row, str(error))
            return
        self.take(Failed(address, str(error)))
        await self._work.failed(address, error)

    def _try_again(self, row: BenchRow, problem: str) -> None:
        self.take(Failed(row.address, problem, again=True))
        pause_s = self.pauses_s[row.tries]
        asyncio.get_running_loop().call_later(pause_s, self.take, Again(row.address))

    async def _look_at_cables(self) -> None:
        # Loaded here: a bench of TCP addresses starts a third of a second sooner.
        from agent_scripts.adb.adb_server_phone import track_devices

        here: set[str] = set()
        while self._is_open:
            try:
                async for phones in track_devices(self.visitor.station.adb_keys):
                    found = {phone.address for phone in phones}
                    for address in here - found:
                        self.take(Gone(address))
                    here = found
                    for phone in phones:
                        state = _STATES.get(phone.state, Stage.NOT_READY)
                        told = phone.next_step and f"{phone.state}: {phone.next_step}"
                        self.take(Seen(phone.address, state, told))
                    self._looked(_ADB)
            except PhoneError as error:
                self._notice(str(error))
            for address in here:
                self.take(Gone(address))
            here = set()
            self._looked(_ADB)
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _look_at(self, address: str) -> None:
        """Look for a phone at a TCP address whenever nothing is done to it: no server tells when it comes."""
        while self._is_open:
            row = self.rows.by_address.get(address)
            if (
                row is None
                or not row.plugged
                or (row.needs_hand and row.stage not in (Stage.ASKING, Stage.DONE))
            ):
                self.take(await self._seen(address))
            self._looked(address)
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _seen(self, address: str) -> Event:
        keys, plain_tcp = self.visitor.station.adb_keys, self.visitor.plain_tcp
        try:
            connection = await open_connection(PhoneAddress.parse(address), keys, plain_tcp=plain_tcp)
        except PhoneUnauthorised:
            return Seen(address, Stage.UNAUTHORISED, TAP_ALLOW)
        except PhoneError as error:
            return Seen(address, Stage.NOT_READY, str(error))
        await connection.close()
        return Seen(address)

    def _looked(self, where: str) -> None:
        self._not_looked_at.discard(where)
        self._stir.set()

    async def _send_reports(self) -> None:
        while self._is_open:
            await self._unsent.wait()
            await asyncio.sleep(_TOGETHER_S)
            self._unsent.clear()
            await self._send()
            if self.sent is not ExitCode.COMPLIANT:
                await asyncio.sleep(_SEND_AGAIN_S)
                self._unsent.set()

    async def _send(self) -> None:
        self.sent = await send_from(self.visitor.station, self._notice)

    def _notice(self, text: str) -> None:
        # Each once: a server that is away is told at every phone otherwise.
        if text not in self._noticed:
            self._noticed.add(text)
            self.notice(text)


def tcp_addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return `addresses` as they are written elsewhere, each once; raises `WrongUse` for one that is not of TCP."""
    parsed = [PhoneAddress.parse(address) for address in addresses]
    others = [str(one) for one in parsed if one.way is not Way.TCP]
    if others:
        raise WrongUse(f"Phones on cables come by themselves: leave out {', '.join(others)}.")
    return tuple(dict.fromkeys(map(str, parsed)))
