"""Provisioning phones at the bench, in parallel: what each can promise is shown first, then it is made known."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import AgentError
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.server_link.client import ServerClient
from agent_scripts.visits.probe_visit import in_a_line, show_probe
from agent_scripts.visits.provision import Registration, provision_phone
from agent_scripts.visits.run import begin_run
from agent_scripts.visits.twins import Twins
from agent_scripts.visits.visiting import Visitor, connected, say, visit_all
from policy.probe import Probe


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

    async def one(address: str) -> ExitCode:
        found = ""

        def show(probed: Probe) -> None:
            nonlocal found
            if len(registrations) == 1:
                show_probe(address, probed, as_json=False, err=True)
            else:
                found = f" {in_a_line(probed)}"

        try:
            async with connect(address) as connection:
                phone, holder_changed = await provision_phone(
                    run, client, connection, address, registrations[address], show, twins
                )
        except AgentError as error:
            say(f"{address}: {error}")
            return ExitCode.NOT_REACHED
        say(f"{address}: provisioned as {phone.phone_id} ({phone.model}).{found}")
        if holder_changed:
            say(
                f"{address}: this phone had another holder until now. If that is wrong, provision it with the old one."
            )
        return ExitCode.COMPLIANT

    return most_urgent(await visit_all(registrations, one))
