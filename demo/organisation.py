"""The organisation's side of a story in one folder: trust, server, station, made by the commands a person types."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen
from zoneinfo import ZoneInfo

from certs.durable import replace_durably
from demo.commands import Commands, wait_until_listening
from demo.errors import StoryBroken
from policy.ready_made import ready_made_document

_MADE_BY_DEMO = "made-by-make-demo"


class Organisation:
    """The state folder of one telling, and the steps that every story begins with."""

    def __init__(self, folder: Path, port: int | None = None, approvers: int = 1) -> None:
        """Of more than one of the `approvers`, two have to sign each policy."""
        self.trust = folder / "trust"
        self._approvers = approvers
        self.config = str(folder / "server" / "server.env")
        self._server = folder / "server"
        self._policy = folder / "policy.json"
        self._log = folder / "server.log"
        self._story_clock = folder / "story-clock"
        # Policies say whole seconds, so the story begins with one.
        self.begun = datetime.now(UTC).replace(microsecond=0)
        self._port = port or _free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        self.password = secrets.token_urlsafe(9)
        self.set_clock(timedelta(0))
        self.commands = Commands(
            {
                "CURFEW_STATION": str(folder / "station"),
                "CURFEW_OPERATOR": "demo",
                "CURFEW_STORY_CLOCK": str(self._story_clock),
            }
        )

    def make_trust(self, deadline: timedelta = timedelta(hours=2)) -> None:
        """Make root, approver, fleet and online keys, the TLS authority, and publish the first policy.

        `deadline` is how far into the story its deadline is.
        """
        threshold = min(2, self._approvers)
        self.commands.run(
            *("curfew-certs", "init", str(self.trust), "--demo"),
            *("--approvers", str(self._approvers), "--threshold", str(threshold)),
        )
        policy = str(self.write_policy(1, deadline))
        for number in range(1, threshold + 1):
            key = str(self.approver_key(number))
            self.commands.run("curfew-certs", "sign", str(self.trust), policy, "--key", key, "--yes")
        self.commands.run("curfew-certs", "publish", str(self.trust))

    def make_server(self) -> None:
        """Prepare the server's folder, its first person, and hand it the publication."""
        self.commands.run(
            *("curfew-server", "init", str(self._server), "--url", self.url, "--trust", str(self.trust))
        )
        self.server("migrate")
        self.hand_over()
        self.person("demo", "author", "approver", "technician", "auditor", "admin")

    def person(self, name: str, *roles: str) -> None:
        """Make an account; all of a story have one password."""
        with_roles = [word for role in roles for word in ("--role", role)]
        self.server("person", name, *with_roles, text=f"{self.password}\n")

    @contextmanager
    def serving(self) -> Iterator[Popen[bytes]]:
        """Run the server for the length of the block."""
        process = self.start_server()
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=30)

    def start_server(self) -> Popen[bytes]:
        """Start the server and return it once it answers."""
        process = self.commands.start(
            "curfew-server", "--config", self.config, "serve", "--port", str(self._port), log=self._log
        )
        try:
            wait_until_listening(process, self.url, self.trust / "tls" / "authority.pem", self._log)
        # Ctrl-C too: the server has a session of its own and would outlive the story.
        except BaseException:
            process.terminate()
            process.wait(timeout=30)
            raise
        return process

    def enrol_station(self) -> None:
        """Enrol the station with a code."""
        code = self.server("enrolment-code", secret=True)
        key = str(self.trust / "keys" / "organisation.key")
        self.commands.run(
            "curfew-agent",
            "enrol",
            code.splitlines()[-1],
            "--name",
            "bench 1",
            "--organisation-key",
            key,
            secret=True,
        )

    def write_policy(
        self, number: int, deadline: timedelta, rings: Sequence[tuple[float, timedelta]] = ()
    ) -> Path:
        """Write the ready-made policy with a deadline that far into the story, and return its file.

        `rings` are their shares, each with how far into the story it starts.
        """
        document = json.loads(ready_made_document())
        zone = ZoneInfo(document["rules"]["time_zone"])
        document["number"] = number
        document["messages"] = {"en": document["messages"]["en"]}  # nine languages would bury the story
        document["rules"] |= {
            "deadline": (self.begun + deadline).astimezone(zone).replace(tzinfo=None).isoformat(),
            "review_at": utc(self.begun + timedelta(days=25)),
            # Before what approvers sign would end by itself: their clock is the real one, and not the story's.
            "ends_at": utc(self.begun + timedelta(days=30)),
            "rings": [{"share": share, "starts_at": utc(self.begun + start)} for share, start in rings],
        }
        self._policy.write_text(json.dumps(document, indent=2))
        return self._policy

    def approver_key(self, number: int) -> Path:
        """Return the key of an approver; a story has all of them in one folder."""
        return self.trust / "keys" / f"approver-{number}.pem"

    def retire(self, phone: str) -> None:
        """Let an admin say that a phone does not come back."""
        self.server("retire", phone, "--because", "stolen in a train", "--by", "demo")

    def hand_over(self) -> None:
        """Let the server take over what is published."""
        self.server("publish", str(self.trust))

    def server(
        self, *words: str, may_exit: Sequence[int] = (0,), secret: bool = False, text: str = ""
    ) -> str:
        """Type a command of the server with its settings; what it says is returned if it is `secret`."""
        return self.commands.run(
            "curfew-server", "--config", self.config, *words, may_exit=may_exit, secret=secret, text=text
        )

    def set_clock(self, offset: timedelta) -> None:
        """Let it be that much later for server and station."""
        replace_durably(self._story_clock, f"{int(offset.total_seconds())}\n".encode())


def utc(time: datetime) -> str:
    """Return a time as policies and commands write it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _free_port() -> int:
    # Free now, and perhaps taken before the server binds it: then it does not start, and the story says so.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fresh(folder: Path) -> Path:
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
