"""What a virtual phone answers to each exchange of a check, and to the same commands given one by one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from agent_scripts.adb.phone_connection import LONGEST_EXCHANGE_S, PhoneConnection
from agent_scripts.exchange.composing import FOLDER
from agent_scripts.exchange.reading import SHELL_APP
from agent_scripts.visits.check import check_phone
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.run import Run
from agent_scripts.visits.visiting import connected
from policy.verdict import Action, ActionKind
from tests.benchmarks.measured_station import provisioned

_MEBIBYTE = 1 << 20


@dataclass
class Recording:
    """One phone on tape. `exchanges` are texts by kind of exchange, `commands` by the command itself.

    `mark` is written in place of the random mark of each exchange. `answer_s` is how long the phone takes for one.
    """

    phone_id: str
    exchanges: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    answer_s: float = 0.0

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Recording:
        return cls(**json.loads(path.read_text()))


NONCE = "NONCE-OF-THIS-EXCHANGE"


async def record(run: Run, personality: str, folder: Path) -> tuple[Recording, CheckRecord]:
    """Check a virtual phone once with the tape running; returns tape and the record of the check."""
    async with provisioned(run.station, personality, folder) as (phone, connection):
        address = f"tcp:127.0.0.1:{phone.port}"
        tape = _Taping(connection)
        done = await check_phone(run, tape, address)
    recording = Recording(str(done.phone.phone_id), tape.exchanges)
    # The same questions again on a phone that was not acted upon.
    async with provisioned(run.station, personality, folder.with_name(f"{folder.name}-again")) as (phone, _):
        for command in _one_by_one(run, done):
            async with connected(run.station, f"tcp:127.0.0.1:{phone.port}", plain_tcp=False) as connection:
                answer = await connection.run(command, 30, _MEBIBYTE)
            recording.commands[command] = answer.decode().replace("\r\n", "\n")
    return recording, done


class _Taping:
    """A connection that keeps what came back for each exchange."""

    def __init__(self, connection: PhoneConnection) -> None:
        self._connection = connection
        self.exchanges: dict[str, str] = {}

    async def run(
        self, command: str, timeout_s: float, max_bytes: int, longest_s: float = LONGEST_EXCHANGE_S
    ) -> bytes:
        answer = await self._connection.run(command, timeout_s, max_bytes, longest_s)
        nonce = command.partition("nonce=")[2][:32]
        self.exchanges[kind_of(command)] = answer.decode().replace(nonce, NONCE)
        return answer

    async def push(self, data: bytes, path: str, timeout_s: float = 30.0) -> None:
        await self._connection.push(data, path, timeout_s)

    async def pull(self, path: str, max_bytes: int, timeout_s: float = 30.0) -> bytes:
        return await self._connection.pull(path, max_bytes, timeout_s)

    async def close(self) -> None:
        await self._connection.close()


def kind_of(command: str) -> str:
    """Return which exchange a shell text is."""
    return "act" if "\nframed act " in command else "read"


def _one_by_one(run: Run, done: CheckRecord) -> list[str]:
    """Return what a person would type with `adb shell` to see and do the same."""
    assert run.bundle is not None
    packages = (SHELL_APP, *run.bundle.policy.named_packages)
    commands = [
        "getprop",
        "cat /proc/sys/kernel/random/boot_id",
        "date +%s",
        f"cat {FOLDER}/phone_id {FOLDER}/marker {FOLDER}/ledger",
        "dumpsys user",
        "pm list users",
        "dumpsys device_policy",
        *(f"dumpsys package {package}" for package in packages),
    ]
    if done.judgement.actions:
        keep = f"echo entry > {FOLDER}/ledger.new && sync && mv {FOLDER}/ledger.new {FOLDER}/ledger"
        commands += [
            keep,
            *(c for action in done.judgement.actions for c in _acting(action)),
            f"{keep} # done",
        ]
    return commands


def _acting(action: Action) -> list[str]:
    if action.kind is ActionKind.NOTIFY:
        return ["cmd notification post -t Curfew curfew 'Remove the app.'"]
    target = f"--user {action.user} {action.package}"
    before, after = (f"dumpsys package {action.package} # {when}" for when in ("before", "after"))
    return [before, f"cmd package disable-user {target}", after]
