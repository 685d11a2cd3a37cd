"""Measures how many exchanges a check takes: the shell commands that arrived at a virtual phone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agent_scripts.visits.check import check_phone
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while, make_run, make_station, provisioned

_TIKTOK = "com.zhiliaoapp.musically"


def main() -> None:
    """Check one phone through its whole story and print the exchanges of each check."""
    with folder_for_a_while() as folder:
        counts = asyncio.run(_count(folder))
    show([Figure(f"exchanges of a check: {what}", str(count), "2 at most") for what, count in counts.items()])


async def _count(folder: Path) -> dict[str, int]:
    station = make_station(folder / "station")
    run = make_run(station)
    counts: dict[str, int] = {}
    async with provisioned(station, "tiktok-personal", folder / "phone") as (phone, connection):

        async def check(what: str, verdict: str) -> None:
            before = len(phone.commands)
            record = await check_phone(run, connection, f"tcp:127.0.0.1:{phone.port}")
            if record.judgement.verdict.value != verdict:
                raise SystemExit(f"{what}: expected {verdict}, found {record.judgement}")
            counts[what] = len(phone.commands) - before

        await check("violating, apps disabled", "violating")
        await check("violating still, nothing to do", "violating")
        phone.model.uninstall(0, _TIKTOK)
        await check("compliant again, apps restored", "compliant")
        await check("compliant, nothing to do", "compliant")
    return counts


if __name__ == "__main__":
    main()
