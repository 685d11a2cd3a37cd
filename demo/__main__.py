"""The whole story in one terminal: trust, server, station, seven phones, a ban imposed ring by ring, and lifted.

Every step runs the commands a person would type; whether it went well is judged from the phones' own state.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from agent_scripts.virtual_phone.errors import PhoneCannotStart
from demo.errors import StoryBroken
from demo.organisation import Organisation, fresh
from demo.phones import Phones, started
from demo.policy_road import PolicyRoad
from demo.story import Chapter

_VIOLATING_AND_NOT_DONE = (10, 11)
"""Exit codes of a check while some phones violate and one is closed to the shell (README, exit codes)."""


_APPROVERS, _EACH_MUST_BE_SIGNED_BY = 3, 2
_FAR_AWAY = timedelta(days=20)
_DEADLINE, _RING_TWO = timedelta(hours=2), timedelta(hours=4)


class Demo(Organisation):
    """The steps of the story in their order."""

    def __init__(self, folder: Path, phones: Phones) -> None:
        super().__init__(folder, approvers=_APPROVERS)
        self._phones = phones
        self._road = PolicyRoad(self)
        self._certificates = folder / "certificates"

    def begin(self) -> None:
        """Make trust, a first policy whose deadline is far away, the server, its author and its approvers."""
        self.make_trust(deadline=_FAR_AWAY)
        self.make_server()
        self._road.staff(_APPROVERS)

    def enrol_and_provision(self) -> None:
        """Enrol the station, and make the seven phones known with their owners' consent."""
        self.enrol_station()
        self._phones.owners_allow()
        for member, address in self._phones.addresses.items():
            self.commands.run(
                *("curfew-agent", "provision", address, "--consent", "agreed"),
                *("--label", member.label, "--holder", f"holder-{member.personality}"),
            )

    def set_the_deadline(self) -> None:
        """Bring the deadline near, in two rings.

        The rehearsal blocks most of these phones, so the server asks for a signature more than usual.
        """
        rings = ((self._phones.divide(), _DEADLINE), (1.0, _RING_TWO))
        policy = self.write_policy(2, _DEADLINE, rings)
        self._road.publish_file(policy, "The deadline is near", signers=_EACH_MUST_BE_SIGNED_BY + 1)

    def check(self, chapter: Chapter, hours: float) -> None:
        """Check all phones `hours` into the story and compare each with what the story says."""
        self.set_clock(timedelta(hours=hours))
        print(f"\n--- {chapter.value} ---", flush=True)
        self.commands.run("curfew-agent", "check", "--all", may_exit=(0, *_VIOLATING_AND_NOT_DONE))
        print(
            "\nRead back from the phones themselves:"
            if chapter is Chapter.LIFTED
            else "\nWhat the phones themselves say:"
        )
        for line in self._phones.judge(chapter):
            print(f"  {line}")

    def show_rings(self) -> None:
        """Show how far each ring has come."""
        self.server("policy", "rings")

    def remove_the_app(self) -> None:
        """Some owners remove the app."""
        for member in self._phones.owners_remove_the_app():
            print(f"  The owner of {member.label.split()[0]} removes {member.banned}.")

    def lift(self) -> None:
        """Publish that the ban is lifted."""
        self._road.publish_lift(signers=_EACH_MUST_BE_SIGNED_BY)

    def certify(self) -> None:
        """Let the server sign that everything is restored, and verify that without it."""
        self.server("lift", "certify", "--by", "approver-1")
        self._certificates.mkdir()
        self.server("lift", "write", str(self._certificates))
        [certificate] = self._certificates.iterdir()
        self.server("verify-lift", str(certificate))


def tell(folder: Path, *, once: bool) -> None:
    """Tell the whole story in `folder`; raises `StoryBroken` where a phone is not as it should be."""
    with started(folder / "phones") as phones:
        demo = Demo(folder, phones)
        print(f"Seven phones are listening: {', '.join(phones.addresses.values())}")
        demo.begin()
        with demo.serving() as server:
            demo.enrol_and_provision()
            demo.check(Chapter.REMIND, hours=0)
            demo.set_the_deadline()
            demo.check(Chapter.RING_ONE, hours=3)
            demo.show_rings()
            demo.check(Chapter.RING_TWO, hours=5)
            demo.remove_the_app()
            demo.check(Chapter.REMOVED, hours=6)
            demo.lift()
            demo.check(Chapter.LIFTED, hours=7)
            demo.certify()
            print("\nEvery phone ended as the story says.")
            if not once:
                print(f"\nThe pages: {demo.url}/   name: demo   password: {demo.password}")
                print("(The certificate is the demo's own, so the browser warns.) Ctrl-C ends.", flush=True)
                server.wait()


def main() -> int:
    """Tell the story; the exit code is 0 only if every phone ended as it says."""
    once = os.environ.get("ONCE", "") not in ("", "0")
    begun = time.monotonic()
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A closed terminal must stop the server too, as Ctrl-C does.
        signal.signal(ending, signal.default_int_handler)
    try:
        tell(fresh(Path(os.environ.get("CURFEW_FOLDER") or ".curfew").resolve()), once=once)
    except PhoneCannotStart as missing:
        print(f"The story needs phones: {missing}.", file=sys.stderr)
        return 1
    except StoryBroken as broken:
        print(f"\nThe story broke:\n{broken}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nServer and phones are stopped.")
        return 0
    print(f"Told in {time.monotonic() - begun:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
