"""The whole story in one terminal: trust, server, station, seven phones, a ban imposed and lifted.

Every step runs the commands a person would type; whether it went well is judged from the phones' own state.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen
from zoneinfo import ZoneInfo

from agent_scripts.virtual_phone.errors import PhoneCannotStart
from demo.commands import Commands, wait_until_listening
from demo.errors import StoryBroken
from demo.phones import Phones, started
from demo.story import CAST, Chapter
from policy.ready_made import ready_made_document

_MADE_BY_DEMO = "made-by-make-demo"
_VIOLATING_AND_NOT_DONE = (10, 11)
"""Exit codes of a check while some phones violate and one is closed to the shell (README, exit codes)."""


class Demo:
    """The state folder of one telling, and the steps of the story in their order."""

    def __init__(self, folder: Path, phones: Phones) -> None:
        self._phones = phones
        self._trust = folder / "trust"
        self._server = folder / "server"
        self._station = folder / "station"
        self._policy = folder / "policy.json"
        self._log = folder / "server.log"
        self._story_clock = folder / "story-clock"
        self._begun = datetime.now(UTC).replace(microsecond=0)
        self._port = _free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        self.password = secrets.token_urlsafe(9)
        self._set_clock(timedelta(0))
        self._commands = Commands(
            {
                "CURFEW_STATION": str(self._station),
                "CURFEW_OPERATOR": "demo",
                "CURFEW_STORY_CLOCK": str(self._story_clock),
            }
        )

    def make_trust(self) -> None:
        """Make root, approver, fleet and online keys, the TLS authority, and publish the first policy."""
        self._commands.run("curfew-certs", "init", str(self._trust), "--demo")
        self._publish(1, lifted=False)

    def make_server(self) -> None:
        """Prepare the server's folder, its first person, and hand it the publication."""
        run, config = self._commands.run, str(self._server / "server.env")
        run("curfew-server", "init", str(self._server), "--url", self.url, "--trust", str(self._trust))
        run("curfew-server", "--config", config, "migrate")
        run("curfew-server", "--config", config, "publish", str(self._trust))
        every_role = [
            word for role in ("author", "approver", "technician", "auditor") for word in ("--role", role)
        ]
        run("curfew-server", "--config", config, "person", "demo", *every_role, text=f"{self.password}\n")

    @contextmanager
    def serving(self) -> Iterator[Popen[bytes]]:
        """Run the server for the length of the block."""
        config = str(self._server / "server.env")
        process = self._commands.start(
            "curfew-server", "--config", config, "serve", "--port", str(self._port), log=self._log
        )
        try:
            wait_until_listening(process, self.url, self._trust / "tls" / "authority.pem", self._log)
            yield process
        finally:
            process.terminate()
            process.wait(timeout=30)

    def enrol_and_provision(self) -> None:
        """Enrol the station with a code, and make the seven phones known with their owners' consent."""
        config = str(self._server / "server.env")
        code = self._commands.run("curfew-server", "--config", config, "enrolment-code", secret=True)
        key = str(self._trust / "keys" / "organisation.key")
        self._commands.run(
            "curfew-agent",
            "enrol",
            code.splitlines()[-1],
            "--name",
            "bench 1",
            "--organisation-key",
            key,
            secret=True,
        )
        self._phones.owners_allow()
        for member, address in self._phones.addresses.items():
            self._commands.run(
                *("curfew-agent", "provision", address, "--consent", "agreed"),
                *("--label", member.label, "--holder", f"holder-{member.personality}"),
            )

    def check(self, chapter: Chapter, hours: float) -> None:
        """Check all phones `hours` into the story and compare each with what the story says."""
        self._set_clock(timedelta(hours=hours))
        print(f"\n--- {chapter.value} ---", flush=True)
        compliant = chapter is Chapter.LIFTED
        self._commands.run("curfew-agent", "check", "--all", may_exit=(0, *_VIOLATING_AND_NOT_DONE))
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
        self._publish(2, lifted=True)
        self._commands.run(
            "curfew-server", "--config", str(self._server / "server.env"), "publish", str(self._trust)
        )

    def _publish(self, number: int, *, lifted: bool) -> None:
        document = json.loads(ready_made_document())
        zone = ZoneInfo(document["rules"]["time_zone"])
        document["number"] = number
        document["messages"] = {"en": document["messages"]["en"]}  # nine languages would bury the story
        document["rules"] |= {
            "deadline": (self._begun + timedelta(hours=2)).astimezone(zone).replace(tzinfo=None).isoformat(),
            "review_at": _utc(self._begun + timedelta(days=30)),
            "ends_at": _utc(self._begun + timedelta(days=60)),
            "lifted": lifted,
        }
        self._policy.write_text(json.dumps(document, indent=2))
        key = str(self._trust / "keys" / "approver-1.pem")
        self._commands.run("curfew-certs", "sign", str(self._trust), str(self._policy), "--key", key, "--yes")
        self._commands.run("curfew-certs", "publish", str(self._trust))

    def _set_clock(self, offset: timedelta) -> None:
        self._story_clock.write_text(f"{int(offset.total_seconds())}\n")


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _fresh(folder: Path) -> Path:
    """Return the emptied state folder; one that a demo did not make is never touched."""
    if folder.exists():
        if any(folder.iterdir()) and not (folder / _MADE_BY_DEMO).exists():
            raise StoryBroken(
                f"{folder} holds something else than a demo; set CURFEW_FOLDER to an empty folder."
            )
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    (folder / _MADE_BY_DEMO).touch()
    return folder


def tell(folder: Path, *, once: bool) -> None:
    """Tell the whole story in `folder`; raises `StoryBroken` where a phone is not as it should be."""
    with started(folder / "phones") as phones:
        demo = Demo(folder, phones)
        print(f"Seven phones are listening: {', '.join(phones.addresses.values())}")
        demo.make_trust()
        demo.make_server()
        with demo.serving() as server:
            demo.enrol_and_provision()
            demo.check(Chapter.REMIND, hours=0)
            demo.check(Chapter.ENFORCE, hours=3)
            demo.remove_the_app()
            demo.check(Chapter.REMOVED, hours=4)
            demo.lift()
            demo.check(Chapter.LIFTED, hours=5)
            print(f"\nAll {len(CAST)} phones ended as the story says.")
            if not once:
                print(f"\nThe pages: {demo.url}/   name: demo   password: {demo.password}")
                print("(The certificate is the demo's own, so the browser warns.) Ctrl-C ends.", flush=True)
                server.wait()


def main() -> int:
    """Tell the story; the exit code is 0 only if every phone ended as it says."""
    once = os.environ.get("ONCE", "") not in ("", "0")
    begun = time.monotonic()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # A closed terminal must stop the server too, as Ctrl-C does.
        signal.signal(ending, signal.default_int_handler)
    try:
        tell(_fresh(Path(os.environ.get("CURFEW_FOLDER") or ".curfew").resolve()), once=once)
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
