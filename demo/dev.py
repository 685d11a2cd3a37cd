"""For whoever works on Curfew: a server that starts anew at each change, and phones in every standing.

Everything is made by the commands a person types and by real virtual phones, as in the demo; what is watched are the
files that the server is made of.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from agent_scripts.virtual_phone.errors import PhoneCannotStart
from agent_scripts.virtual_phone.phone import VirtualPhone
from demo.errors import StoryBroken
from demo.organisation import Organisation, fresh, utc

_ANY_VERDICT = (0, 10, 11, 12)
_BEFORE_IT_IS_SILENT, _NOW = timedelta(hours=3), timedelta(days=8)
"""The policy calls a phone silent after seven days."""
_WATCHED = ("server", "policy", "certs")
_SUFFIXES = (".py", ".html", ".css", ".js", ".json")
_LOOK_EVERY_S = 0.5

CAST = {
    "compliant": "clean",
    "violating": "tiktok-personal",
    "not enforceable": "closed-work-profile",
    "unreadable": "tiktok-work",
    "silent": "fully-managed",
    "waiting for lift": "tiktok-clone",
    "unseen": "samsung-secure-folder",
    "nothing due": "pixel-14",
    "handed back": "pixel-13",
    "retired": "pixel-12",
}
"""Which phone ends in which standing; one more, declined, is known by its label alone."""


class Bench:
    """The phones by the standing they are to end in."""

    def __init__(self, organisation: Organisation, phones: dict[str, VirtualPhone]) -> None:
        self._organisation = organisation
        self._phones = phones
        self._addresses = {name: f"tcp:127.0.0.1:{phone.start()}" for name, phone in phones.items()}

    def bring_into_every_standing(self) -> None:
        """Provision all, check some long ago and some now, exempt one that is switched off and one that is not, and let
        two go."""
        self._organisation.enrol_station()
        for name, address in self._addresses.items():
            self._phones[name].authorise_all = True
            self._provision(
                address, "--consent", "agreed", "--label", f"D-{name}", "--holder", f"holder-{name}"
            )
        self._provision("--consent", "declined", "--label", "D-declined", "--holder", "holder-declined")
        self._organisation.set_clock(_BEFORE_IT_IS_SILENT)
        self._check("silent", "waiting for lift")
        self._organisation.set_clock(_NOW)
        # While it is not checked any more: what was switched off stays so, and the phone waits to hear of it.
        self._exempt("waiting for lift")
        self._exempt("nothing due")
        # After so few characters no dump is whole, and a cut one is unreadable (docs/android/commands.md 2.2).
        self._phones["unreadable"].faults.cut_dump_after(60)
        self._check("compliant", "violating", "not enforceable", "unreadable")
        self._phones["unreadable"].faults.clear()
        address = self._addresses["handed back"]
        self._organisation.commands.run(
            "curfew-agent", "unprovision", address, "--yes", may_exit=_ANY_VERDICT
        )
        self._organisation.retire("D-retired")

    def _provision(self, *words: str) -> None:
        self._organisation.commands.run("curfew-agent", "provision", *words)

    def _check(self, *names: str) -> None:
        addresses = [self._addresses[name] for name in names]
        self._organisation.commands.run("curfew-agent", "check", *addresses, may_exit=_ANY_VERDICT)

    def _exempt(self, name: str) -> None:
        trust, until = self._organisation.trust, utc(self._organisation.begun + timedelta(days=30))
        phone_id = (self._phones[name].userland.root / "data/local/tmp/curfew/phone_id").read_text().strip()
        self._organisation.commands.run(
            *("curfew-certs", "exempt", str(trust), phone_id, "--until", until, "--reason", "field_test"),
            *("--key", str(trust / "keys" / "fleet.pem"), "--yes"),
        )
        self._organisation.commands.run("curfew-certs", "publish", str(trust))
        self._organisation.hand_over()


@contextmanager
def _phones(folder: Path) -> Iterator[dict[str, VirtualPhone]]:
    with ExitStack() as stack:
        # They are started by `Bench`, which may fail half-way; those that run by then are stopped all the same.
        phones = {name: VirtualPhone(model, folder / model) for name, model in CAST.items()}
        for phone in phones.values():
            stack.callback(phone.stop)
        yield phones


def newest_change(root: Path) -> float:
    """Return when a file that the server is made of was last changed, in seconds since 1970."""
    files = (path for name in _WATCHED for path in (root / name).rglob("*") if path.suffix in _SUFFIXES)
    # Editors replace files: one may be gone between the listing and the look.
    return max(changed for path in files if (changed := _changed_at(path)) is not None)


def _changed_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def serve_and_reload(
    organisation: Organisation, root: Path, go_on: Callable[[], bool] = lambda: True
) -> None:
    """Serve until Ctrl-C, starting anew whenever a source or a template changes."""
    while go_on():
        # Before the server starts: what is changed while it starts must not be missed.
        seen = newest_change(root)
        try:
            with organisation.serving() as server:
                print(
                    f"The pages: {organisation.url}/   name: demo   password: {organisation.password}",
                    flush=True,
                )
                # Not "later than": where the newest file was removed, the newest change is an older one.
                while newest_change(root) == seen and server.poll() is None:
                    time.sleep(_LOOK_EVERY_S)
        except StoryBroken as broken:
            print(f"{broken}\nWaiting for the next change.", flush=True)
            while newest_change(root) == seen:
                time.sleep(_LOOK_EVERY_S)
        print("Something changed: the server starts anew.", flush=True)


def main() -> int:
    """Make the data, then serve; with ONCE=1 only make it, which proves that it can be made."""
    # SIGINT by name: started in the background, a process ignores it, and so would this one.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    root = Path(__file__).resolve().parents[1]
    try:
        folder = fresh(Path(os.environ.get("CURFEW_FOLDER") or ".curfew-dev").resolve())
        organisation = Organisation(folder, int(os.environ.get("PORT") or 0) or None)
        with _phones(folder / "phones") as phones:
            organisation.make_trust()
            organisation.make_server()
            with organisation.serving():
                Bench(organisation, phones).bring_into_every_standing()
            if os.environ.get("ONCE", "") in ("", "0"):
                serve_and_reload(organisation, root)
    except (PhoneCannotStart, StoryBroken) as broken:
        print(f"\n{broken}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nServer and phones are stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
