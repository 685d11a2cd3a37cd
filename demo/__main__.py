"""The whole story in one terminal: trust, server, station, seven phones, a ban imposed and lifted.

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
from demo.story import Chapter

_VIOLATING_AND_NOT_DONE = (10, 11)
"""Exit codes of a check while some phones violate and one is closed to the shell (README, exit codes)."""


class Demo(Organisation):
    """The steps of the story in their order."""

    def __init__(self, folder: Path, phones: Phones) -> None:
        super().__init__(folder)
        self._phones = phones

    def enrol_and_provision(self) -> None:
        """Enrol the station, and make the seven phones known with their owners' consent."""
        self.enrol_station()
        self._phones.owners_allow()
        for member, address in self._phones.addresses.items():
            self.commands.run(
                *("curfew-agent", "provision", address, "--consent", "agreed"),
                *("--label", member.label, "--holder", f"holder-{member.personality}"),
            )

    def check(self, chapter: Chapter, hours: float) -> None:
        """Check all phones `hours` into the story and compare each with what the story says."""
        self.set_clock(timedelta(hours=hours))
        print(f"\n--- {chapter.value} ---", flush=True)
        compliant = chapter is Chapter.LIFTED
        self.commands.run("curfew-agent", "check", "--all", may_exit=(0, *_VIOLATING_AND_NOT_DONE))
        print(
            "\nWhat the phones themselves say:"
            if not compliant
            else "\nRead back from the phones themselves:"
        )
        for line in self._phones.judge(chapter):
            print(f"  {line}")

    def remove_the_app(self) -> None:
        """Some owners remove the app."""
        for member in self._phones.owners_remove_the_app():
            print(f"  The owner of {member.label.split()[0]} removes {member.banned}.")

    def lift(self) -> None:
        """Publish the same policy as lifted."""
        self.publish_policy(2, lifted=True)
        self.hand_over()


def tell(folder: Path, *, once: bool) -> None:
    """Tell the whole story in `folder`; raises `StoryBroken` where a phone is not as it should be."""
    with started(folder / "phones") as phones:
        demo = Demo(folder, phones)
        print(f"Seven phones are listening: {', '.join(phones.addresses.values())}")
        demo.make_trust()
        demo.make_server()
        with demo.serving() as server:
            demo.enrol_and_provision()
            # The deadline is two hours into the story (`publish_policy`): one check before it, three after.
            demo.check(Chapter.REMIND, hours=0)
            demo.check(Chapter.ENFORCE, hours=3)
            demo.remove_the_app()
            demo.check(Chapter.REMOVED, hours=4)
            demo.lift()
            demo.check(Chapter.LIFTED, hours=5)
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
