"""Provisioning: our folder on the phone, with the phone's id and the random marker."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent_scripts.dialect.debugging import Debugging
from agent_scripts.dialect.refusal import Refusal
from agent_scripts.exchange.composing import composed, quoted
from agent_scripts.exchange.debugging import debugging_in
from agent_scripts.exchange.frame import new_nonce, read_frame
from agent_scripts.exchange.memory import read_memory
from agent_scripts.exchange.phone_ledger import MARKER, ledger_text
from policy.ledger import Ledger
from policy.names import PhoneId

NOTED_REFUSALS = {
    "busy": Refusal.BUSY,
    "changed": Refusal.LEDGER_CHANGED,
    "write": Refusal.LEDGER_NOT_WRITTEN,
    "marks": Refusal.LEDGER_NOT_WRITTEN,
    "folder": Refusal.FOLDER_OPEN,
}
"""What ``note refused WORD`` in the functions on the phone means."""


@dataclass(frozen=True)
class Provisioned:
    """What the phone keeps now. With a `problem` it is not provisioned, and the sentence says what to do.

    `marker` is the one the phone had already, if it had one: its old ledger stays valid. `cut` says that the answer
    ended too early; asking again changes nothing. `debugging` is as it was found, for handing the phone back.
    """

    phone_id: PhoneId | None = None
    marker: str = ""
    problem: str = ""
    cut: bool = False
    debugging: Debugging = field(default_factory=Debugging)


@dataclass(frozen=True)
class ProvisioningQuestion:
    """Makes our folder, readable by nobody else, puts id and marker into it, and asks what is there then.

    A folder that is there already keeps its marker and its ledger; the id becomes `phone_id`.
    """

    phone_id: PhoneId
    marker: str
    nonce: str = field(default_factory=new_nonce)

    @property
    def command(self) -> str:
        """The shell text to run on the phone. Raises `ValueError` for values that may not reach a shell."""
        if not MARKER.fullmatch(self.marker):
            raise ValueError("expected a marker of up to 64 hex digits")
        empty = quoted(ledger_text(Ledger(self.marker)))
        last = f"framed provision provision {PhoneId(self.phone_id)} {self.marker} {empty}"
        return composed(self.nonce, ("folder", "debugging", "provision"), (), last)

    def parse(self, answer: bytes) -> Provisioned:
        """Return what the phone keeps now, read back from its folder; never raises."""
        frame = read_frame(self.nonce, "provision", answer)
        if frame.problem:
            return Provisioned(problem=frame.problem, cut=frame.cut)
        if frame.failed_filter:
            return Provisioned(problem=frame.failed_filter.sentence)
        # Every note of this exchange is a refusal, so the first one decides.
        for note in frame.notes:
            refusal = NOTED_REFUSALS.get(note.removeprefix("refused "))
            return Provisioned(problem=refusal.sentence if refusal else Refusal.UNEXPLAINED.sentence)
        memory = read_memory(frame.sections.get("folder"))
        if memory.problem:
            return Provisioned(problem=memory.problem)
        if memory.phone_id is None or not memory.marker:
            return Provisioned(problem=Refusal.LEDGER_NOT_WRITTEN.sentence)
        return Provisioned(memory.phone_id, memory.marker, debugging=debugging_in(frame))
