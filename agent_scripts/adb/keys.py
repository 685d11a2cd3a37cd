"""Where the RSA key lies by which phones know this station."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AdbKeys:
    """A private key in PEM at ``private_path`` and its public half in Android's form beside it (``.pub``).

    The same two files serve the platform's adb (``ADB_VENDOR_KEYS``), so a phone says yes to a station once.
    """

    private_path: Path

    @property
    def public_path(self) -> Path:
        """The file that holds the line a phone stores."""
        return self.private_path.with_name(self.private_path.name + ".pub")

    @property
    def public_line(self) -> str:
        """The line that a phone stores once its owner taps Allow."""
        return self.public_path.read_text("ascii").strip()
