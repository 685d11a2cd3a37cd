"""Handing a phone back: whether USB and wireless debugging are on, and switching them off."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.debugging import Debugging, read_debugging
from agent_scripts.dialect.refusal import Refusal
from agent_scripts.dialect.refusal_wordings import classify
from agent_scripts.exchange.composing import composed
from agent_scripts.exchange.frame import Frame, new_nonce, read_frame


@dataclass(frozen=True)
class DebuggingQuestion:
    """Asks whether USB and wireless debugging are on, and changes nothing."""

    nonce: str = field(default_factory=new_nonce)

    @property
    def command(self) -> str:
        """The shell text to run on the phone."""
        return composed(self.nonce, ("debugging",), (), "framed debugging show_debugging")

    def parse(self, answer: bytes) -> Debugging:
        """Return both switches, unknown where the answer is not whole; never raises."""
        return debugging_in(read_frame(self.nonce, "debugging", answer))


@dataclass(frozen=True)
class EndedDebugging:
    """What the phone read back after switching off, and why it refused what it refused."""

    debugging: Debugging = field(default_factory=Debugging)
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class EndingDebuggingQuestion:
    """Switches off wireless debugging, USB debugging or both, and reads back.

    No answer, or half of one, is what a phone gives whose adbd was ended by it at once: what became of it is then to be
    found out by looking for the phone again.
    """

    usb: bool
    wireless: bool
    nonce: str = field(default_factory=new_nonce)

    @property
    def command(self) -> str:
        """The shell text to run on the phone."""
        last = f"framed end-debugging end_debugging {int(self.wireless)} {int(self.usb)}"
        return composed(self.nonce, ("act", "debugging"), (), last)

    def parse(self, answer: bytes) -> EndedDebugging:
        """Return what the phone read back, unknown where the answer is not whole; never raises."""
        frame = read_frame(self.nonce, "end-debugging", answer)
        if frame.problem:
            return EndedDebugging()
        refused = (_refusal(frame.sections.get(name)) for name in ("usb-off", "wireless-off"))
        return EndedDebugging(debugging_in(frame), tuple(filter(None, refused)))


def debugging_in(frame: Frame) -> Debugging:
    """Return the switches that stand in an answer; half an answer says nothing of either."""
    if frame.problem:
        return Debugging()
    return read_debugging(frame.sections.get("usb-debugging"), frame.sections.get("wireless-debugging"))


def _refusal(section: CutAnswer | None) -> Refusal | None:
    if section is None:
        return None
    said = "\n".join(line.removeprefix("said ") for line in section.lines)
    return classify(said, section.exit_code)
