"""How much room this station's disk has for reports, so that it is said before the disk is full."""

from __future__ import annotations

import os
from pathlib import Path

from policy.counted import counted

REPORT_BYTES = 64 * 1024
"""What a visit may leave on disk: the signed report, its copy for the owner's papers, the ledger, a script's record."""
REPORT_FILES = 4
_AT_LEAST = 100
"""Reports for which there must be room: a day at the bench while the server is away."""


def reports_that_fit(folder: Path) -> int:
    """Return how many reports still fit on the disk of `folder`, by its free bytes and its free files.

    What the user may write counts, not what is kept back for root (statvfs(3)). A quota is not seen by this.
    """
    disk = os.statvfs(folder)
    by_bytes = disk.f_bavail * disk.f_frsize // REPORT_BYTES
    # Some file systems make files as they are needed, and count none.
    return min(by_bytes, disk.f_favail // REPORT_FILES) if disk.f_files else by_bytes


def little_room(folder: Path, phones: int) -> str:
    """Return a sentence with what to do where not all of the station's phones could be checked; else nothing."""
    wanted, fit = max(_AT_LEAST, phones), reports_that_fit(folder)
    if fit >= wanted:
        return ""
    return (
        f"The disk of {folder} is nearly full: it has room for about {counted(fit, 'report')}, {wanted} should fit."
        " Free some space there, or send what waits with `curfew-agent send`; on a full disk no phone is checked."
    )
