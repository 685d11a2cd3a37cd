"""The last stage of the work on a phone: its label and its owner's receipt, as files and on printers.

A paper is made once for what it tells: a phone that is checked again gets a new receipt where it tells something else,
and no second label. What was printed is kept by the station (`paper_records`), so that a restart prints nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from agent_scripts.bench.events import Event, Labelled, Reprint
from agent_scripts.bench.printing import LIMIT_S, Printer, PrintFailed, PrintQueue
from agent_scripts.bench.rows import BenchRow, Rows
from agent_scripts.bench.stage import Paper
from agent_scripts.errors import StationError
from agent_scripts.station_files.durable_file import make_folder, remove_durably, write_durably
from agent_scripts.station_files.latest_reports import LatestReports
from agent_scripts.station_files.paper_records import PaperKind, PaperRecord, PaperRecords, Printed
from agent_scripts.station_files.station import KnownPhone, Station
from agent_scripts.visits.owners_paper import believed_policy, of_its_bundle, owners_page
from policy.counted import counted
from policy.names import PhoneId
from policy.owner_receipt import OwnerReceipt, owner_receipt, spoken
from policy.report import Consent, Report

LABEL_FORMATS = ("pdf", "svg", "zpl")
_LOOK = "look whether it came out, or select the row and type print for another"
_MEND = "mend that; print here, or the same command again, prints what waits"
_CODE_HOLDS = timedelta(days=7)
"""After that a check brings new papers, whatever they tell: the code on the old ones ends (decision 0031)."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_PAPERS = {Printed.NO: Paper.WAITS, Printed.BEGUN: Paper.UNSURE, Printed.YES: Paper.PRINTED}
_WORST_FIRST = (Paper.UNSURE, Paper.WAITS, Paper.PRINTED, Paper.READY)


@dataclass(frozen=True)
class PaperPlan:
    """Where papers go and how: a folder, what a label is written as, and the words of a command for each printer."""

    folder: Path
    label_format: str = "pdf"
    printers: Mapping[PaperKind, tuple[str, ...]] = field(default_factory=dict)
    limit_s: float = LIMIT_S


@dataclass(frozen=True)
class _Draft:
    """A paper that is drawn only where it is not there yet."""

    content: str
    file: str
    draw: Callable[[], bytes]


class PaperWork:
    """Makes papers and has them printed; what becomes of them is told to `take`, a printer's failure to `notice`."""

    def __init__(
        self,
        station: Station,
        plan: PaperPlan,
        language: str,
        rows: Rows,
        take: Callable[[Event], None],
        notice: Callable[[str], None],
    ) -> None:
        """Make nothing yet; receipts are in `language` where a phone's own is not one of theirs."""
        self._station = station
        self._plan = plan
        self._language = language
        self._rows = rows
        self._take = take
        self._notice = notice
        self._records = PaperRecords(station.folder)
        self._latest = LatestReports(station.folder)
        self._one_at_a_time = asyncio.Lock()
        self._queues = {
            kind: PrintQueue(self._printing(kind, Printer(words, plan.limit_s)), self._standing(kind))
            for kind, words in plan.printers.items()
        }

    @property
    def is_idle(self) -> bool:
        """Whether nothing goes on by itself."""
        return all(queue.is_idle for queue in self._queues.values())

    def printing(self) -> list[Coroutine[Any, Any, None]]:
        """Return what goes on beside the phones, one for each printer."""
        return [queue.run() for queue in self._queues.values()]

    async def make(self, address: str) -> None:
        """Make the papers of the phone at `address` that are not there, and let wait what is to be printed."""
        try:
            # One at a time: to draw takes a core, and forty phones that are done at once are still being served.
            async with self._one_at_a_time:
                waiting = await asyncio.to_thread(self._make, self._rows.by_address[address])
        except StationError as error:
            problem = (
                f"Its paper could not be made: {error}; mend that and type print, or again for another check."
            )
            self._take(Labelled(address, Paper.FAILED, problem))
            return
        self._tell(address)
        for kind in waiting:
            self._queues[kind].add(address)

    def go_on(self) -> str:
        """Try what waits for a printer that failed; returns a sentence that answers."""
        if not self._queues:
            return f"No printer is named; papers are in {self._plan.folder}."
        waiting = sum(queue.go_on() for queue in self._queues.values())
        for row in list(self._rows.by_address.values()):
            if row.paper is Paper.WAITS:
                self._take(Labelled(row.address, Paper.WAITS))
        return f"{counted(waiting, 'paper waits', 'papers wait')} for the printer."

    async def print_anew(self, address: str) -> None:
        """Print the papers of the phone at `address` once more; where one may have come out or not, that one alone."""
        known = self._station.phone_at(address)
        if known is not None:
            records = self._records.of(known.phone_id)
            unsure = [
                kind for kind in self._queues if kind in records and records[kind].printed is Printed.BEGUN
            ]
            try:
                for kind in unsure or self._queues:
                    await asyncio.to_thread(self._records.note, known.phone_id, kind, Printed.NO)
            except StationError as error:
                self._notice(str(error))
                return
        for queue in self._queues.values():
            queue.go_on()
        self._take(Reprint(address))

    def _make(self, row: BenchRow) -> list[PaperKind]:
        """Return what of the papers of a phone is to be printed."""
        make_folder(self._plan.folder)
        known = self._station.phone_at(row.address)
        report = self._latest.of(known.phone_id) if known else None
        if known is None or report is None:
            raise StationError("the report of its check is not on this station any more")
        before = self._records.of(known.phone_id)
        for kind, draft in self._drafts(known, report, row.language):
            self._make_one(known, report, kind, draft, before.get(kind))
        records = self._records.of(known.phone_id)
        return [
            k for k in PaperKind if k in self._queues and k in records and records[k].printed is Printed.NO
        ]

    def _make_one(
        self, known: KnownPhone, report: Report, kind: PaperKind, draft: _Draft, made: PaperRecord | None
    ) -> None:
        is_new = (
            made is None or made.content != draft.content or report.checked_at - made.checked_at > _CODE_HOLDS
        )
        if is_new or not (self._plan.folder / draft.file).exists():
            write_durably(self._plan.folder / draft.file, draft.draw())
        if made is None or is_new:
            record = PaperRecord(draft.content, draft.file, report.checked_at)
            self._records.keep(known.phone_id, kind, record)
        elif made.file != draft.file:
            self._records.keep(known.phone_id, kind, replace(made, file=draft.file))
        if made is not None and made.file != draft.file:
            # Nobody's papers are left lying under a name that the phone has no more.
            remove_durably(self._plan.folder / made.file)

    def _drafts(self, known: KnownPhone, report: Report, language: str) -> Iterator[tuple[PaperKind, _Draft]]:
        stem = f"{_UNSAFE.sub('_', known.name)[:60]}-{known.phone_id[:8]}"
        page = owners_page(self._station, report)
        # Whose owner declined has nothing more to do with us: no sticker stays on the phone.
        if report.consent is Consent.AGREED:
            content = _hash(known.name, report.model, known.phone_id, known.registered_as)
            file = f"{stem}-label.{self._plan.label_format}"
            yield PaperKind.LABEL, _Draft(content, file, lambda: self._label(known, report, page))
        spoken_here = language if spoken(language) == language.partition("-")[0] else self._language
        receipt = owner_receipt(report, of_its_bundle(believed_policy(self._station), report), spoken_here)
        # Without the time of the check: a receipt that tells the same as the one before is not made again. For another
        # holder it is: the code on the old one opens nothing any more.
        content = _hash(
            known.name,
            known.registered_as,
            receipt.language,
            *((s.heading, s.paragraphs, s.items) for s in receipt.sections),
        )
        draft = _Draft(content, f"{stem}-receipt.pdf", lambda: _receipt(receipt, report, known.name, page))
        yield PaperKind.RECEIPT, draft

    def _label(self, known: KnownPhone, report: Report, page: str) -> bytes:
        # Loaded with the first phone that is done: what draws PDFs takes longer to load than all the rest.
        from agent_scripts.paper.label import Label, label_svg, labels_pdf, labels_zpl

        label = Label(known.name, report.model, known.phone_id, report.checked_at, page)
        match self._plan.label_format:
            case "svg":
                return label_svg(label).encode()
            case "zpl":
                return labels_zpl([label]).encode()
            case _:
                return labels_pdf([label])

    def _printing(self, kind: PaperKind, printer: Printer) -> Callable[[str], Coroutine[Any, Any, None]]:
        async def one(address: str) -> None:
            known = self._station.phone_at(address)
            record = self._records.of(known.phone_id).get(kind) if known else None
            if known is None or record is None:
                raise PrintFailed("what was made of it is not known any more", sure=False)
            note = partial(self._note, known.phone_id, kind)
            try:
                # Before the printer has it: whoever is killed meanwhile does not know whether it came out.
                await note(Printed.BEGUN)
            except StationError as error:
                # The printer has nothing yet.
                raise PrintFailed(str(error)) from error
            try:
                await printer.put_out(self._plan.folder / record.file)
                await note(Printed.YES)
            except PrintFailed as failed:
                if failed.sure:
                    # Where that cannot be kept either, the next bench takes it for handed over, and a person looks.
                    with contextlib.suppress(StationError):
                        await note(Printed.NO)
                raise
            except StationError as error:
                raise PrintFailed(str(error), sure=False) from error
            self._tell(address)

        return one

    async def _note(self, phone_id: PhoneId, kind: PaperKind, printed: Printed) -> None:
        await asyncio.to_thread(self._records.note, phone_id, kind, printed)

    def _standing(self, kind: PaperKind) -> Callable[[str, PrintFailed], None]:
        def stands(address: str, failed: PrintFailed) -> None:
            row = self._rows.by_address[address]
            if failed.sure:
                self._take(Labelled(address, Paper.WAITS, f"{failed}; {_MEND}."))
            else:
                self._tell(address)
            self._notice(
                f"The {kind.value} of row {row.number} ({row.name}) is not printed: {failed}; {_MEND}."
            )

        return stands

    def _tell(self, address: str) -> None:
        known = self._station.phone_at(address)
        records = self._records.of(known.phone_id) if known else {}
        states = {
            _PAPERS[record.printed] if kind in self._queues else Paper.READY
            for kind, record in records.items()
        }
        worst = next((state for state in _WORST_FIRST if state in states), Paper.NONE)
        problem = (
            f"The printer did not say that its paper came out: {_LOOK}." if worst is Paper.UNSURE else ""
        )
        self._take(Labelled(address, worst, problem))


def _receipt(receipt: OwnerReceipt, report: Report, name: str, page: str) -> bytes:
    from agent_scripts.paper.receipt import PrintedReceipt, receipts_pdf

    return receipts_pdf([PrintedReceipt(receipt, report, name, page)])


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
