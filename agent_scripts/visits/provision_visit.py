"""Provisioning phones at the bench, in parallel: what each can promise is shown first, then it is made known."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import AgentError, ProvisioningFailed
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.server_link.client import Registered, ServerClient
from agent_scripts.station_files.station import KnownPhone
from agent_scripts.visits.groups import counted_by_verdict, grouped, log_line
from agent_scripts.visits.json_lines import print_line, provisioning_line
from agent_scripts.visits.live_table import table_of
from agent_scripts.visits.probe_visit import in_a_line, show_probe
from agent_scripts.visits.provision import Registration, provision_phone
from agent_scripts.visits.row import Row
from agent_scripts.visits.run import begin_run
from agent_scripts.visits.twins import Twins
from agent_scripts.visits.visiting import Visitor, connected, say, visit_all
from certs.terminal import show_table
from policy.counted import counted
from policy.probe import Probe
from policy.report import Consent

NO_SERVER = (
    "The server registers each phone first, and it does not answer. Give the same command again once it does."
)


def provision_phones(
    visitor: Visitor, client: ServerClient, registrations: Mapping[str, Registration]
) -> ExitCode:
    """Make phones known, registered by address; one that fails is told and does not cost the others theirs."""
    return asyncio.run(_provision_all(visitor, client, registrations))


async def _provision_all(
    visitor: Visitor, client: ServerClient, registrations: Mapping[str, Registration]
) -> ExitCode:
    run = await begin_run(visitor.station, visitor.operator, visitor.language, say, visitor.limits)

    def connect(address: str) -> AbstractAsyncContextManager[PhoneConnection]:
        return connected(run.station, address, visitor.plain_tcp, run.patience)

    twins = Twins(run, connect)
    alone = len(registrations) == 1

    async def one(address: str) -> Row:
        # A place for what `show` is given: where provisioning fails later, the probe is told all the same.
        found: list[Probe] = []

        def show(probed: Probe) -> None:
            found.append(probed)
            if alone and not visitor.as_json:
                show_probe(address, probed, err=True)

        try:
            # Before the phone is asked: the server has just been tried several times, and would be once more each.
            if run.server_away:
                raise ProvisioningFailed(NO_SERVER)
            async with connect(address) as connection:
                # Each phone by itself: a refused one must not cost the others of the batch theirs.
                phone, registered = await provision_phone(
                    run, client, connection, address, registrations[address], show, twins
                )
        except AgentError as error:
            return _refused(visitor, address, registrations[address], found, str(error))
        for line in told_of(registered):
            say(f"{address}: {line}")
        return _provisioned(visitor, phone, found[0], alone=alone)

    rows = await visit_all(registrations, one)
    _tell_result(rows)
    return most_urgent(row.exit_code for row in rows)


def told_of(registered: Registered) -> Iterator[str]:
    """Yield a sentence for each thing that the server knew otherwise before, and a person should look at."""
    if registered.holder_changed:
        yield "this phone had another holder until now. If that is wrong, provision it with the old one."
    if registered.marker_changed:
        # Two at one station are told apart before (`Twins`); at another one this is all there is to see.
        yield (
            "the phone of this make, model and serial was provisioned before, and this one does not carry its marker."
            " If it was reset, lost our folder, or was cut off while it was provisioned, all is well. If not, there are"
            " two phones with one serial, which cannot both be managed: tell your admin."
        )


def _refused(
    visitor: Visitor, address: str, registration: Registration, found: list[Probe], problem: str
) -> Row:
    """Return how it is told that a phone did not become known; one that was known before stays so."""
    verdict = "not provisioned anew" if visitor.station.phone_at(address) else "not provisioned"
    row = Row(address, registration.label, "", verdict, (), (), problem, ExitCode.NOT_REACHED)
    if visitor.as_json:
        probed, told = (found[0] if found else None), {"label": row.label, "next_step": problem}
        print_line(provisioning_line(address, Consent.AGREED, row.exit_code, **told, probed=probed))
    return row


def _provisioned(visitor: Visitor, phone: KnownPhone, probed: Probe, *, alone: bool) -> Row:
    found = "" if alone else f" {in_a_line(probed)}"
    say(f"{phone.address}: provisioned as {phone.phone_id} ({phone.model}).{found}")
    row = Row(phone.address, phone.label, phone.model, "provisioned", (), (), "", ExitCode.COMPLIANT)
    if visitor.as_json:
        told = {"phone_id": str(phone.phone_id), "label": phone.label, "model": phone.model}
        print_line(provisioning_line(phone.address, Consent.AGREED, row.exit_code, **told, probed=probed))
    return row


def _tell_result(rows: Sequence[Row]) -> None:
    """Tell each cause once with the phones it holds for, and of several phones how many became known."""
    problems = grouped(row for row in rows if row.exit_code is not ExitCode.COMPLIANT)
    if len(rows) == 1:
        for problem in problems:
            say(log_line(problem))
        return
    if problems:
        show_table(table_of(problems), err=True)
    say(f"{counted(len(rows), 'phone')}: {counted_by_verdict(rows)}.")
