"""The bench: phones on cables as they come and go, each led from its cable to its report."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from pathlib import Path

import click

from agent_scripts.bench.lines import Lines, tell_end, tell_json, tell_lit
from agent_scripts.bench.listed import Listed
from agent_scripts.bench.paper_work import LABEL_FORMATS, PaperPlan
from agent_scripts.bench.printing import printing_words
from agent_scripts.bench.stage import Stage
from agent_scripts.bench.workbench import Workbench, tcp_addresses
from agent_scripts.commands.settings import Settings, batch_at
from agent_scripts.errors import WrongUse
from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.durable_file import held_alone
from agent_scripts.station_files.paper_records import PaperKind
from agent_scripts.visits.visiting import say
from policy.counted import counted


@click.command()
@click.argument("addresses", nargs=-1)
@click.option(
    "--batch",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV that says whose each phone is: serial, address or label; holder; unit; consent.",
)
@click.option("--once", is_flag=True, help="End when nothing goes on by itself any more.")
@click.option(
    "--new", "anew", is_flag=True, help="Begin anew, and do not go on with a bench that was not finished."
)
@click.option("--no-cables", is_flag=True, help="Look at the ADDRESSES only, not at what adb sees.")
@click.option("--lines", "as_lines", is_flag=True, help="Print lines even where there is a screen.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON per event.")
@click.option(
    "--paper",
    type=click.Path(path_type=Path, file_okay=False),
    help="Make each phone's label and its owner's receipt, as files in this folder.",
)
@click.option(
    "--print-label",
    metavar="COMMAND",
    help="Run this with the file of each label, as in 'lp -d labels'; makes paper in the station's folder paper.",
)
@click.option(
    "--print-receipt", metavar="COMMAND", help="The same with the file of each receipt, which is a PDF of A4."
)
@click.option(
    "--label-format",
    type=click.Choice(LABEL_FORMATS),
    default=LABEL_FORMATS[0],
    show_default=True,
    help="What labels are written as; zpl is for Zebra printers.",
)
@click.option(
    "--language",
    default="en",
    show_default=True,
    help="Of messages and receipts to owners whose phone's own language they have no words in.",
)
@click.pass_obj
def bench(
    settings: Settings,
    addresses: tuple[str, ...],
    batch: Path | None,
    once: bool,
    anew: bool,
    no_cables: bool,
    as_lines: bool,
    as_json: bool,
    paper: Path | None,
    print_label: str | None,
    print_receipt: str | None,
    label_format: str,
    language: str,
) -> int:
    """Serve many phones at once: each that is plugged in is recognised, made known, checked and reported.

    Phones on cables and by wireless debugging come by themselves; ADDRESSES are tcp:HOST:PORT, to look for besides.
    Rows are numbered in the order plugged. Type a row's number, a label or a serial to select it, then whose it is,
    and y or n for the owner's consent; a barcode scanner types the same. Ctrl-C ends; the same command goes on.

    With --paper or a printer, a phone that was checked gets its label and receipt, each once for what it tells. Type
    print to try again what a printer refused, or with a row selected to print its papers once more. Type which and
    press a phone's power key, or unplug it: its row stands out.
    """
    station = settings.station()
    printers = {
        kind: printing_words(option, command)
        for kind, option, command in (
            (PaperKind.LABEL, "--print-label", print_label),
            (PaperKind.RECEIPT, "--print-receipt", print_receipt),
        )
        if command is not None
    }
    folder = paper or (station.folder / "paper" if printers else None)
    listed = Listed(batch_at(batch) if batch else ())
    # One at a time: two would number the same phones, and both lead them.
    busy = WrongUse(
        "Another bench is open with this station: end that one, or give --station another folder."
    )
    with held_alone(station.folder / "bench.lock", busy=busy):
        workbench = Workbench(
            settings.visitor(station, as_json, language),
            tcp_addresses(addresses),
            listed,
            with_adb=not no_cables,
            anew=anew,
            paper=PaperPlan(folder, label_format, printers) if folder else None,
        )
        return _run(workbench, once=once, as_json=as_json, as_lines=as_lines)


def _run(workbench: Workbench, *, once: bool, as_json: bool, as_lines: bool) -> ExitCode:
    lines = Lines()
    workbench.notice = say
    workbench.changed = tell_json if as_json else lines.changed
    workbench.lit = (lambda row, how: tell_json(row, pressed=how)) if as_json else tell_lit
    try:
        if as_lines or as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            asyncio.run(_work(workbench, once=once))
            lines.tell_changes()
        elif _was_stopped(workbench, once=once):
            _tell_stopped(workbench)
    except asyncio.CancelledError:
        lines.tell_changes()
        _tell_stopped(workbench)
    if as_json:
        _tell_unsent(workbench)
    else:
        tell_end(workbench.rows)
    return workbench.exit_code


def _was_stopped(workbench: Workbench, *, once: bool) -> bool:
    """Show the bench on the whole screen until it ends, or somebody ends it."""
    # Loaded for a screen alone: it takes as long as all the rest of the command.
    from agent_scripts.bench.screen import BenchScreen

    screen = BenchScreen(workbench, once=once)
    # Without the mouse: who marks a serial with it wants to copy that.
    screen.run(mouse=False)
    screen.raise_for_work()
    return screen.was_stopped


async def _work(workbench: Workbench, *, once: bool) -> None:
    loop, work = asyncio.get_running_loop(), asyncio.current_task()
    assert work is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        # Even where SIGINT was ignored, as in a background job of a shell: who stops it wants to hear what is left.
        loop.add_signal_handler(number, work.cancel)
    if not once:

        def take(line: str) -> None:
            say(workbench.typed(line))

        def read() -> None:
            for line in sys.stdin:
                loop.call_soon_threadsafe(take, line)

        # Daemon, because nobody can end a thread that waits for a line.
        threading.Thread(target=read, daemon=True).start()
    await workbench.run(once=once)


def _tell_stopped(workbench: Workbench) -> None:
    left = workbench.rows.unfinished()
    if left:
        say(
            f"Stopped; {counted(left, 'phone')} not finished. What was done is on disk: the same command goes on."
        )
    else:
        say("Stopped; every phone is finished.")


def _tell_unsent(workbench: Workbench) -> None:
    """Tell once more, with that code, each phone that is well and whose report waits."""
    if workbench.sent is ExitCode.NOT_SENT:
        for row in workbench.rows.in_order:
            if row.stage is Stage.DONE and row.code is ExitCode.COMPLIANT:
                tell_json(row, ExitCode.NOT_SENT)
