"""The agent's own path to one phone, without server and station folder: read, judge, act, over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent_scripts import exchange
from agent_scripts.adb.keys import AdbKeys
from agent_scripts.adb.opening import open_connection
from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.ledgers import steps
from agent_scripts.virtual_phone import AndroidModel, VirtualPhone
from agent_scripts.virtual_phone.blueprints import Person, Personality, flags_of
from policy.document import Bundle, Message, Policy
from policy.judgement import judge
from policy.ledger import Ledger
from policy.names import PhoneId
from policy.verdict import EvaluationTime, Judgement
from tests.fleet.phones import NOW

PHONE_ID = PhoneId("11111111-2222-4333-8444-555555555555")
MARKER = "ab" * 16
MESSAGE = Message("remind", "disabled", "restored")
_MIB = 1 << 20
_FOR_EVER_S = 60.0


@dataclass(frozen=True)
class Checked:
    """One check: what was read, judged and done."""

    reading: exchange.Reading
    judgement: Judgement
    acting: exchange.Acting | None = None


class TestBench:
    """One virtual phone of one release on one connection; each case puts another Android behind it."""

    __test__ = False

    def __init__(self, phone: VirtualPhone, runner: asyncio.Runner, connection: PhoneConnection) -> None:
        self.phone = phone
        self._runner = runner
        self._connection = connection
        question = exchange.ProvisioningQuestion(PHONE_ID, MARKER)
        assert question.parse(self._run(question.command)).problem == ""
        self._empty_ledger = self.ledger()

    @classmethod
    @contextmanager
    def opened(cls, api: int, folder: Path, keys: AdbKeys) -> Iterator[TestBench]:
        """Start a phone of that release and connect to it."""
        owner = Person(0, "Owner", "full.SYSTEM", flags_of(api, "full.SYSTEM"))
        kind = Personality("fleet", api, "Google", "Model", "device", (owner,))
        with VirtualPhone(kind, folder) as phone, asyncio.Runner() as runner:
            phone.authorise(keys.public_line)
            address = PhoneAddress.parse(f"tcp:127.0.0.1:{phone.port}")
            connection = runner.run(open_connection(address, keys))
            try:
                yield cls(phone, runner, connection)
            finally:
                runner.run(connection.close())

    def put(self, model: AndroidModel) -> None:
        """Put another Android behind the connection, provisioned and with nothing in its ledger."""
        self.phone.faults.clear()
        self.take_back(model.to_json())
        self.put_ledger(self._empty_ledger)

    @property
    def model(self) -> AndroidModel:
        return self.phone.model

    def take_back(self, state: str) -> None:
        """Put Android back into a state that `AndroidModel.to_json` gave."""
        with self.model.changing():
            self.model.data = AndroidModel.from_json(state).data

    def ledger(self) -> bytes:
        """Return the phone's ledger as a file."""
        return self._ledger_file.read_bytes()

    def put_ledger(self, data: bytes) -> None:
        self._ledger_file.write_bytes(data)

    @property
    def _ledger_file(self) -> Path:
        return self.phone.userland.root / "data/local/tmp/curfew/ledger"

    def check(self, policy: Policy, number: int = 1) -> Checked:
        """Read, judge and act as the agent does."""
        reading = self.read(policy)
        before = steps.settled(reading.memory.ledger or Ledger(MARKER), reading.observation)
        judgement = judge(Bundle(number, policy), reading.observation, before, EvaluationTime(NOW))
        if not judgement.actions or reading.facts is None:
            return Checked(reading, judgement)
        planned = steps.planned(before, judgement.actions, reading.observation, number, NOW)
        question = exchange.ActingQuestion(
            judgement.actions, planned, reading.memory.ledger_sha256, reading.facts.api_level, MESSAGE
        )
        return Checked(reading, judgement, question.parse(self._run(question.command)))

    def read(self, policy: Policy) -> exchange.Reading:
        """Read what a policy asks about."""
        question = exchange.ReadingQuestion(policy.named_packages, policy.owners, PHONE_ID)
        return question.parse(self._run(question.command))

    def _run(self, command: str) -> bytes:
        return self._runner.run(self._connection.run(command, _FOR_EVER_S, _MIB))
