"""For whoever works on pages: a server with a fleet of any size in it, to look at and to measure."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from demo.errors import StoryBroken
from demo.organisation import Organisation, fresh
from demo.seeded_fleet import seed_fleet
from server.config import read_config
from server.storage.database import Database


def main() -> int:
    """Make the fleet, then serve until Ctrl-C; with ONCE=1 only make it."""
    # SIGINT by name: started in the background, a process ignores it, and so would this one.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    wanted = os.environ.get("PHONES") or "32000"
    if not wanted.isdecimal() or int(wanted) < 1:
        print(f"expected a number of phones such as PHONES=32000, found {wanted!r}", file=sys.stderr)
        return 2
    phones = int(wanted)
    try:
        folder = fresh(Path(os.environ.get("CURFEW_FOLDER") or ".curfew-dev-fleet").resolve())
        organisation = Organisation(folder, int(os.environ.get("PORT") or 0) or None)
        organisation.make_trust()
        organisation.make_server()
        print(f"Writing {phones} phones: a minute for each 50 000 or so.", flush=True)
        config = read_config(Path(organisation.config))
        database = Database(config.database_url)
        seed_fleet(database, config.holder_key, phones, datetime.now(UTC))
        database.close()
        if os.environ.get("ONCE", "") in ("", "0"):
            _serve(organisation)
    except StoryBroken as broken:
        print(f"\n{broken}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe server is stopped.")
    return 0


def _serve(organisation: Organisation) -> None:
    with organisation.serving() as server:
        print(f"The pages: {organisation.url}/   name: demo   password: {organisation.password}", flush=True)
        while server.poll() is None:
            time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
