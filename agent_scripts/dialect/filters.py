"""A filter of ours that failed on a phone: what a technician tells the makers of Curfew."""

from __future__ import annotations

from dataclasses import dataclass, field

# The shell's own codes: 126 may not be run, 127 is not there, 128 and a number was ended by that signal.
_CLASSES = {126: "not allowed", 127: "missing"}
_FIRST_SIGNAL = 128


@dataclass(frozen=True)
class PhoneKind:
    """What the makers need to know of a phone; empty where it was not told, a model's own words otherwise."""

    model: str = ""
    release: str = ""
    api_level: str = ""

    def __str__(self) -> str:
        if not (self.model or self.release or self.api_level):
            return "model and Android release, which the phone did not tell (Settings, About phone)"
        release = f"{self.release or 'unknown'} (API {self.api_level or 'unknown'})"
        return f"model {self.model or 'unknown'}, Android {release}"


@dataclass(frozen=True)
class FailedFilter:
    """That the filter of one section ended with an exit code other than 0, so that nothing it let through counts."""

    section: str
    exit_code: int
    phone: PhoneKind = field(default_factory=PhoneKind)

    @property
    def kind(self) -> str:
        """The class of the failure, from a closed list."""
        killed = "killed" if self.exit_code > _FIRST_SIGNAL else "refused"
        return _CLASSES.get(self.exit_code, killed)

    @property
    def sentence(self) -> str:
        """What was expected, what was found, and what to do next."""
        return (
            f"this phone's own programs did not carry out our filter for {self.section} ({self.kind}), so nothing it"
            f" says can be read; reconnecting does not help: report it to the makers of Curfew with {self.phone},"
            f" section {self.section} and class {self.kind}"
        )
