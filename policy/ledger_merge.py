"""One ledger out of three: the phone's, the station's and the server's, and what a person has to settle."""

from __future__ import annotations

from dataclasses import dataclass

from policy.ledger import Ledger, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState

_VERBS = {EnabledState.DEFAULT: "default-state", EnabledState.ENABLED: "enable"}


@dataclass(frozen=True)
class MergedLedger:
    """The ledger to act on, and one line for a person per entry on which the sources contradict each other.

    A contradicted entry is left out of ``ledger``: what to put back is not ours to guess.
    """

    ledger: Ledger
    contradictions: tuple[str, ...] = ()


def merge_ledgers(
    marker: str, phone: Ledger | None, station: Ledger | None, server: Ledger | None
) -> MergedLedger:
    """Return one ledger: per entry the phone's word, else the newer one of station and server.

    `marker` is the one found on the phone now. A source with another one dates from before a factory reset
    and is void; without a marker every source is. Where the phone forgot an entry, another station may have been
    there after this one, so the later entry is believed, the station's if they are equally old. Only what is
    open can contradict: of an entry that the leading source calls restored, and of restored entries elsewhere,
    there is nothing left to put back.
    """
    # Without a marker no ledger can be dated, so none counts: what a reset phone lost is lost.
    sources = [
        (name, ledger)
        for name, ledger in (("phone", phone), ("station", station), ("server", server))
        if ledger is not None and marker and ledger.marker == marker
    ]
    pairs = sorted({(entry.user, entry.package) for _, ledger in sources for entry in ledger.entries})
    kept: list[LedgerEntry] = []
    contradictions: list[str] = []
    for pair in pairs:
        told = [(name, entry) for name, ledger in sources if (entry := ledger.entry(*pair)) is not None]
        # The phone's word even if it is older: it was written beside the change itself.
        # Of equally old ones `max` takes the first: the station stands before the server in `sources`.
        leading = told[0][1] if told[0][0] == "phone" else max((e for _, e in told), key=lambda e: e.at)
        still_open = [(name, entry) for name, entry in told if entry.is_open]
        # Of an entry that is restored nothing is to be put back, so a difference there harms nobody.
        if leading.is_open and len({entry.prior for _, entry in still_open}) > 1:
            contradictions.append(_contradiction(*pair, still_open))
        else:
            kept.append(leading)
    return MergedLedger(Ledger(marker, tuple(kept)), tuple(contradictions))


def _contradiction(user: UserNumber, package: PackageName, told: list[tuple[str, LedgerEntry]]) -> str:
    # `pm` knows these verbs in every release (docs/android/commands.md 6).
    choices = " or ".join(
        f"`adb shell pm {_VERBS[entry.prior]} --user {user} {package}` ({name})" for name, entry in told
    )
    return (
        f"{package} in user {user}: the ledgers remember different states before we came;"
        f" find out which is right and type {choices}"
    )
