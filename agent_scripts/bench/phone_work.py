"""What is done to one phone, from its cable to its report: the visits of the other commands, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.bench.due import Due, due
from agent_scripts.bench.events import Asks, Begun, Event, Finished, Recognised
from agent_scripts.bench.listed import Listed
from agent_scripts.bench.rows import BenchRow, Rows
from agent_scripts.bench.stage import Stage
from agent_scripts.errors import OwnerDeclined, PhoneNotProvisioned, ProvisioningFailed, ServerError
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.server_link.client import ServerClient
from agent_scripts.station_files.leaving import Leaving
from agent_scripts.station_files.station import KnownPhone
from agent_scripts.visits.asking import ask
from agent_scripts.visits.check import check_phone
from agent_scripts.visits.declined import note_declined, tell_declined
from agent_scripts.visits.handing_back import REVOKE, Found, found_where_left, hand_back
from agent_scripts.visits.leaving import left_before
from agent_scripts.visits.provision import Registration, provision_phone, who_is_there
from agent_scripts.visits.provision_visit import NO_SERVER, told_of
from agent_scripts.visits.run import Run, begin_run
from agent_scripts.visits.twins import Twins
from agent_scripts.visits.unprovision import forget_where_it_was, noted, unprovision_phone
from agent_scripts.visits.visiting import Visit, Visitor, connected, keep_failed_visit, kept
from policy.probe import Probe
from policy.report import Consent

_RUN_LASTS = timedelta(minutes=1)
"""So long the phones of a bench are judged by one bundle and one time; then the server is asked for news."""
_RUN_LASTS_ALONE = timedelta(minutes=5)
"""The same without a server: looking for it takes some tries each time."""


class PhoneWork:
    """Leads phones through their work; what happens is told to `take`, what a person must hear to `notice`."""

    def __init__(
        self,
        visitor: Visitor,
        listed: Listed,
        rows: Rows,
        take: Callable[[Event], None],
        notice: Callable[[str], None],
    ) -> None:
        """Ask nobody yet."""
        self._visitor = visitor
        self._station = visitor.station
        self._client = ServerClient(visitor.station)
        self._listed = listed
        self._rows = rows
        self._take = take
        self._notice = notice
        self._run: Run | None = None
        self._twins: Twins | None = None
        self._left: dict[str, Finished] = {}
        """Phones that were left, and whose debugging is still to be seen to."""
        self._beginning = asyncio.Lock()

    async def on(self, address: str) -> bool:
        """Do what is due for the phone at `address`, until it is done or a person is asked; raises `AgentError`.

        Returns whether it could not be read, or was lost half-way, so that another visit may find more.
        """
        run = await self._current_run()
        self._take(Begun(address, Stage.RECOGNISING))
        known = self._station.phone_at(address)
        if known is not None:
            self._take(Recognised(address, known.label, known.model))
        self._consult_list(address)
        # By what is known without the phone: one whose owner declined is not asked anything.
        now = self._due(address, known)
        declined = known is not None and known.consent is Consent.DECLINED
        found, leaving = None, self._station.leavings.at(address)
        if leaving is not None and now is not Due.PROVISION:
            found = await found_where_left(self._station, leaving, lambda: self._connect(address), run.limits)
            if found is Found.LEFT:
                await self._go_on_leaving(run, leaving, known, now)
                return False
            if found is Found.OURS and not declined:
                # It was not left, or is back: what is due for it is what is due for any other.
                self._station.leavings.forget(leaving.phone_id)
        # One whose owner took their consent back, and that could not be put back and left then, is to be so now.
        withdrawn = known is not None and (not declined or found is Found.OURS)
        unsettled = False
        if now is Due.NOTHING and not withdrawn:
            self._take(Finished(address, "declined", ExitCode.COMPLIANT))
        elif now is Due.DECLINE and not withdrawn:
            await self._decline(address, known)
        else:
            async with self._connect(address) as connection:
                unsettled = await self._lead(run, connection, address, known, now, withdrawn=withdrawn)
        # Not before its connection is closed: by USB a phone has one only.
        if (finished := self._left.pop(address, None)) is not None:
            await self._hand_back(run, finished)
        return unsettled

    async def _go_on_leaving(self, run: Run, leaving: Leaving, known: KnownPhone | None, now: Due) -> None:
        """Finish with a phone that was left, and not finished with."""
        address = leaving.address
        if now is Due.DECLINE:
            await self._decline(address, known, finish=False)
        forget_where_it_was(self._station, leaving.phone_id)
        phone = self._station.phone(leaving.phone_id)
        verdict = "declined" if phone is not None and phone.consent is Consent.DECLINED else "handed back"
        told = left_before(self._station, leaving)
        label = phone.label if phone else ""
        await self._hand_back(run, Finished(address, verdict, ExitCode.COMPLIANT, told, label=label))

    async def _hand_back(self, run: Run, finished: Finished) -> None:
        """Let a phone that was left have debugging as it is to be, and tell what came of all of it."""
        address = finished.address
        leaving = self._station.leavings.at(address)
        if leaving is not None:
            told = await hand_back(self._station, leaving, lambda: self._connect(address), run.limits)
            self._notice(REVOKE)
            finished = replace(
                finished,
                next_step=" ".join(filter(None, (finished.next_step, told.sentence))),
                exit_code=most_urgent([finished.exit_code, told.exit_code]),
                debugging=told.ending.value,
            )
        self._take(finished)

    async def show_number(self, address: str) -> bool:
        """Let the phone show its row's number; return whether it does. Raises `AgentError`."""
        known = self._station.phone_at(address)
        if known is not None and known.consent is Consent.DECLINED:
            raise OwnerDeclined(address)
        run = await self._current_run()
        async with self._connect(address) as connection:
            question = exchange.NumberQuestion(self._row(address).number)
            return await ask(connection, question, run.limits.acting_s, run.limits)

    async def failed(self, address: str, error: Exception) -> None:
        """Keep that a known phone was visited in vain, for the server to hear."""
        if self._run is not None:
            known = self._station.phone_at(address)
            await asyncio.to_thread(keep_failed_visit, self._run, address, known, error, self._notice)

    async def _lead(
        self,
        run: Run,
        connection: PhoneConnection,
        address: str,
        known: KnownPhone | None,
        now: Due,
        *,
        withdrawn: bool,
    ) -> bool:
        if now is Due.ASK:
            known, now = await self._recognise(run, connection, address, known)
            withdrawn = known is not None and known.consent is Consent.AGREED
        match now:
            case Due.ASK:
                self._take(Asks(address))
            case Due.NOTHING if withdrawn:
                return await self._visit(run, connection, address, unprovision_phone)
            case Due.NOTHING:
                self._take(Finished(address, "declined", ExitCode.COMPLIANT))
            case Due.DECLINE if known is not None and withdrawn:
                return await self._withdraw(run, connection, address, known)
            case Due.DECLINE:
                await self._decline(address, known)
            case Due.PROVISION:
                await self._provision(run, connection, address)
                return await self._visit(run, connection, address, check_phone)
            case Due.CHECK:
                return await self._check(run, connection, address)
        return False

    async def _withdraw(self, run: Run, connection: PhoneConnection, address: str, known: KnownPhone) -> bool:
        """Record that an owner agrees no more, and put back and leave the phone; raises `ServerError` after that."""
        # Killed from here on: it stays one that is being left, though its owner's word is recorded.
        leaving = noted(self._station, known, address, run.time.now)
        await asyncio.to_thread(self._station.leavings.keep, leaving)
        try:
            await self._decline(address, known, finish=False)
        except ServerError:
            # What the owner asked for needs no server. Debugging waits until it was told: the phone may go away then,
            # and its row could not be tried again.
            await self._visit(run, connection, address, unprovision_phone)
            self._left.pop(address, None)
            raise
        return await self._visit(run, connection, address, unprovision_phone)

    async def _recognise(
        self, run: Run, connection: PhoneConnection, address: str, known: KnownPhone | None
    ) -> tuple[KnownPhone | None, Due]:
        """Ask a phone who it is, and no more, and look again what is due."""
        reading, facts = await who_is_there(run, connection, address)
        carried = reading.memory.phone_id
        if carried is not None:
            known = known or self._station.phone(carried)
        if known is not None:
            self._take(Recognised(address, known.label))
        self._take(Recognised(address, model=facts.model, release=facts.release))
        self._consult_list(address, facts.serial)
        return known, self._due(address, known, carries_marker=carried is not None)

    def _consult_list(self, address: str, serial: str = "") -> None:
        row = self._row(address)
        listed = self._listed.find(address, serial, row.label)
        # What a technician has said of the phone goes before the list.
        if listed is not None and not row.holder:
            told = listed.registration
            self._take(
                Recognised(
                    address,
                    told.label,
                    holder=told.holder,
                    unit=told.unit,
                    consent=row.consent or listed.consent,
                )
            )

    def _due(self, address: str, known: KnownPhone | None, *, carries_marker: bool = False) -> Due:
        return due(self._row(address), known, self._station.registration_mark, carries_marker=carries_marker)

    def _row(self, address: str) -> BenchRow:
        return self._rows.by_address[address]

    async def _provision(self, run: Run, connection: PhoneConnection, address: str) -> None:
        self._take(Begun(address, Stage.PROVISIONING))
        # Before the phone is asked: the server has just been tried several times, and would be once more each.
        if run.server_away:
            # The next try looks for the server anew.
            self._run = None
            raise ProvisioningFailed(NO_SERVER)
        probes: list[Probe] = []
        phone, registered = await provision_phone(
            run,
            self._client,
            connection,
            address,
            self._registration(address),
            probes.append,
            self._twins_of(run),
        )
        for line in told_of(registered):
            self._notice(f"{address}: {line}")
        release = probes[0].release if probes else ""
        self._take(Recognised(address, phone.label, phone.model, release))

    def _registration(self, address: str) -> Registration:
        row = self._row(address)
        return Registration(row.label, row.holder, row.unit)

    async def _check(self, run: Run, connection: PhoneConnection, address: str) -> bool:
        try:
            return await self._visit(run, connection, address, check_phone)
        except PhoneNotProvisioned:
            row = self._row(address)
            if not row.holder or row.consent is not Consent.AGREED:
                # It was known, and is another one now, or was reset: whose is it?
                self._take(Asks(address))
                return False
            await self._provision(run, connection, address)
            return await self._visit(run, connection, address, check_phone)

    async def _visit(self, run: Run, connection: PhoneConnection, address: str, visit: Visit) -> bool:
        self._take(Begun(address, Stage.CHECKING))
        known = self._station.phone_at(address)
        counter = await asyncio.to_thread(run.counters.take)
        record = await visit(run, connection, address)
        row = await asyncio.to_thread(kept, run, record, counter, known)
        release = record.reading.facts.release if record.reading.facts else ""
        language = record.reading.facts.language if record.reading.facts else ""
        self._take(Recognised(address, release=release, language=language))
        unsettled = bool(record.lost) or row.exit_code is ExitCode.UNREADABLE
        told = (row.verdict, row.exit_code, row.next_step, row.report_id, row.model, row.label, row.meaning)
        finished = Finished(address, *told, unsettled)
        if record.leaving == "":
            self._left[address] = finished
        else:
            self._take(finished)
        return unsettled

    async def _decline(self, address: str, known: KnownPhone | None, *, finish: bool = True) -> None:
        """Record that the owner declined, here first and then at the server; raises `ServerError`."""
        self._take(Begun(address, Stage.PROVISIONING))
        registration, before = note_declined(self._station, self._registration(address), known)
        phone_id = await asyncio.to_thread(tell_declined, self._station, self._client, registration, before)
        phone = self._station.phone(phone_id)
        if phone is not None and not phone.address:
            # So that it is known again, and not asked who it is, when it is plugged in the next time.
            self._station.remember(replace(phone, address=address))
        if finish:
            self._take(Finished(address, "declined", ExitCode.COMPLIANT, label=registration.label))

    async def _current_run(self) -> Run:
        # One at a time: forty phones that are plugged in at once ask the server for its time once.
        async with self._beginning:
            run = self._run
            lasts = _RUN_LASTS_ALONE if run and run.server_away else _RUN_LASTS
            if run is None or run.lasted() > lasts:
                visitor = self._visitor
                run = self._run = await begin_run(
                    self._station, visitor.operator, visitor.language, self._notice, visitor.limits
                )
            return run

    def _twins_of(self, run: Run) -> Twins:
        if self._twins is None:
            self._twins = Twins(run, self._connect)
        return self._twins

    def _connect(self, address: str) -> AbstractAsyncContextManager[PhoneConnection]:
        patience = self._run.patience if self._run else None
        return connected(self._station, address, self._visitor.plain_tcp, patience)
