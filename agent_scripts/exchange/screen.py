"""Which phone is it, in reverse: whether a phone's screen is on, so that a pressed key can be noticed."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent_scripts.dialect.screen import Screen, read_screen
from agent_scripts.exchange.composing import composed
from agent_scripts.exchange.frame import new_nonce, read_frame


@dataclass(frozen=True)
class ScreenQuestion:
    """Asks whether the screen is on and whether a key put it off; the rest of the dump stays on the phone."""

    nonce: str = field(default_factory=new_nonce)

    @property
    def command(self) -> str:
        """The shell text to run on the phone."""
        return composed(self.nonce, ("screen",), (), "framed screen show_screen")

    def parse(self, answer: bytes) -> Screen | None:
        """Return what the phone says of its screen, None where that cannot be read; never raises."""
        frame = read_frame(self.nonce, "screen", answer)
        return None if frame.problem else read_screen(frame.sections.get("screen"))
