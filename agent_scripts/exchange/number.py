"""Which phone is it: a notification on its screen with the number of its row at the bench."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent_scripts.exchange.composing import composed
from agent_scripts.exchange.frame import new_nonce, read_frame


@dataclass(frozen=True)
class NumberQuestion:
    """Shows "Row NUMBER" and asks nothing; Android has notifications from the shell from 10 on, for user 0.

    It stays until somebody swipes it away: the shell has no verb for that (docs/android/commands.md 12.1).
    """

    number: int
    nonce: str = field(default_factory=new_nonce)

    @property
    def command(self) -> str:
        """The shell text to run on the phone."""
        return composed(self.nonce, ("act", "number"), (), f"framed number show_number {int(self.number)}")

    def parse(self, answer: bytes) -> bool:
        """Return whether the phone shows it; never raises."""
        frame = read_frame(self.nonce, "number", answer)
        section = frame.sections.get("number")
        # By the words: the exit code is 0 whatever happened (docs/android/commands.md 12.1).
        said = () if frame.problem or section is None else section.lines
        return any(line.startswith("said posting:") for line in said)
