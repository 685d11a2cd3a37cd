"""Probing phones at the bench: one reading each, shown as a table or as a line of JSON; nothing is changed."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

from rich.table import Table

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import OwnerDeclined, PhoneError
from agent_scripts.exchange import Reading
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.station_files.station import Station
from agent_scripts.visits.asking import ask
from agent_scripts.visits.json_lines import print_line, probe_line
from agent_scripts.visits.live_table import LiveTable
from agent_scripts.visits.probe import probe
from agent_scripts.visits.row import Row
from agent_scripts.visits.run import Run, begin_run
from agent_scripts.visits.visiting import Visitor, connected, say, title_of, visit_all
from certs.terminal import cell, show_table
from policy.names import PhoneId
from policy.probe import Limit, Owner, Probe, Reach
from policy.report import Consent

_REACH = {
    Reach.OPEN: "every place is open to adb",
    Reach.CLOSED: "cannot be enforced on the phone: the mail side would have to act",
    Reach.NONE: "no place of the policy: nothing to enforce",
    Reach.UNKNOWN: "what can be promised is not known",
}
_WORDS = {
    Reach.OPEN: "open",
    Reach.CLOSED: "closed",
    Reach.NONE: "no place",
    Reach.UNKNOWN: "not known",
}
_OWNERS = {Owner.NONE: "none", Owner.POLICY: "one of the policy's", Owner.OTHER: "another"}


def probe_phones(visitor: Visitor, addresses: list[str]) -> ExitCode:
    """Probe all phones in parallel, show each, and return 0 unless one could not be reached or read."""
    return asyncio.run(_probe_all(visitor, addresses))


async def _probe_all(visitor: Visitor, addresses: list[str]) -> ExitCode:
    run = await begin_run(visitor.station, visitor.operator, visitor.language, say, visitor.limits)
    # Of one phone all is told; of many what sets them apart, or nobody would see the closed ones among forty.
    alone = len(addresses) == 1
    table = LiveTable(title_of(run))

    async def one(address: str) -> Row:
        probed, problem = None, ""
        try:
            async with connected(visitor.station, address, visitor.plain_tcp, run.patience) as connection:
                probed = await _probe_one(run, connection, address)
        except PhoneError as error:
            problem = str(error)
        row = _row(visitor.station, address, probed, problem)
        if visitor.as_json:
            print_line(probe_line(address, probed, row.exit_code, problem))
        elif not alone:
            table.add(row)
        elif probed is not None:
            show_probe(address, probed)
        if problem and (alone or visitor.as_json):
            say(f"{address}: {problem}")
        return row

    with nullcontext() if alone or visitor.as_json else table.shown(addresses):
        rows = await visit_all(addresses, one)
    if table.rows:
        table.tell_count()
        say("`curfew-agent probe ADDRESS` tells all of one phone.")
    return most_urgent(row.exit_code for row in rows)


def _row(station: Station, address: str, probed: Probe | None, problem: str) -> Row:
    """Return what sets a phone apart from others on a bench: its reach, and what cannot be promised."""
    known = station.phone_at(address)
    label = known.label if known else ""
    if probed is None:
        return Row(address, label, "", "not reached", (), (), problem, ExitCode.NOT_REACHED)
    code = ExitCode.UNREADABLE if probed.reach is Reach.UNKNOWN else ExitCode.COMPLIANT
    hindering = [_sentences(limit) for limit in probed.limits if limit.hinders]
    # A phone on which all can be promised needs no sentence.
    told = [] if probed.reach is Reach.OPEN else [f"{_REACH[probed.reach].capitalize()}."]
    return Row(
        address, label, probed.model, _WORDS[probed.reach], (), (), "\n".join((*told, *hindering)), code
    )


async def _probe_one(run: Run, connection: PhoneConnection, address: str) -> Probe:
    """Ask one phone; about apps only if its owner agreed to that (docs/design.md rule 11)."""
    known = run.station.phone_at(address)
    if known is not None and known.consent is Consent.DECLINED:
        raise OwnerDeclined(address)
    reading = None
    if run.policy is not None and known is not None:
        reading = await _read(run, connection, known.phone_id)
    if reading is None or (reading.memory.phone_id is None and not reading.memory.problem):
        # Nobody agreed for a phone that does not carry our marker: who it is, and no app.
        reading = await _read(run, connection, None)
    return probe(reading, run.policy)


async def _read(run: Run, connection: PhoneConnection, known: PhoneId | None) -> Reading:
    """Return what the phone shows, of apps only if it is `known` and carries our marker."""
    policy = run.policy
    packages = policy.named_packages if policy is not None and known is not None else ()
    owners = policy.owners if policy is not None else frozenset()

    async def once() -> Reading:
        question = exchange.ReadingQuestion(packages, owners, known, if_marked=known is not None)
        return await ask(connection, question, run.limits.reading_s, run.limits)

    return await run.patience.until(lambda found: found.is_final, once)


def show_probe(address: str, probed: Probe, *, err: bool = False) -> None:
    """Print one probe as a table; `err` sends it beside a command's results."""
    show_table(_table(address, probed), err=err)


def in_a_line(probed: Probe) -> str:
    """Return what a bench of many phones is told of one; `curfew-agent probe` tells the whole."""
    return f"Probed: {_REACH[probed.reach]}."


def _table(address: str, probed: Probe) -> Table:
    table = Table(title=cell(f"{address}: {_REACH[probed.reach]}"), title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    release = f"Android {probed.release or 'not told'} (API {probed.api_level or 'not told'})"
    # Text, not markup: a phone's model name must not be able to paint the table.
    table.add_row("Phone", cell(f"{probed.manufacturer} {probed.model}, {release}"))
    table.add_row("Users", cell("\n".join(_users(probed)) or "not read"))
    table.add_row("Owner of the phone", cell(_device_owner(probed)))
    table.add_row("Places", cell("\n".join(_places(probed)) or "none"))
    for limit in probed.limits:
        table.add_row("Not promised" if limit.hinders else "To know", cell(_sentences(limit)))
    return table


def _users(probed: Probe) -> list[str]:
    return [
        f"{user.user}: {user.kind.value.replace('_', ' ')}, {'running' if user.running else 'not running'},"
        f" {'open' if user.open_to_shell else 'closed'} to adb, profile owner {_OWNERS[user.owner]}"
        for user in probed.users
    ]


def _device_owner(probed: Probe) -> str:
    if probed.company_owned is None:
        return _OWNERS[probed.device_owner]
    whose = "company-owned" if probed.company_owned else "personally owned"
    return f"{_OWNERS[probed.device_owner]}; {whose} with a work profile"


def _places(probed: Probe) -> list[str]:
    return [
        f"user {place.user} ({place.kind.value.replace('_', ' ')}): {'open' if place.open_to_shell else 'closed'};"
        f" {_promised('enforcing', place.enforce)}, {_promised('restoring', place.restore)}"
        for place in probed.places
    ]


def _promised(what: str, promised: bool) -> str:
    # No more than was seen: whether a phone refuses shows only when it is tried.
    return f"nothing seen against {what}" if promised else f"{what} cannot be promised"


def _sentences(limit: Limit) -> str:
    return f"{limit.sentence}{f' What would change it: {limit.change}.' if limit.change else ''}"
