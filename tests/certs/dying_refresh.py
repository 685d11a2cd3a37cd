"""A station's refresh in a process of its own that is killed before its n-th touch of the station's folder.

Arguments: station folder, folder with the served files, n, the time. Started by test_crashes_while_accepting.py.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from certs.errors import FileMissing
from certs.trust_client import TrustClient


def main() -> None:
    station, served, left = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

    def fetch(url: str, max_length: int) -> bytes:
        file = served / url.removeprefix("https://server.test/trust/").replace("/", "_")
        if not file.exists():
            raise FileMissing(url)
        return file.read_bytes()

    def count_down(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        touches = event in ("open", "os.rename", "os.remove", "os.mkdir")
        if touches and str(arguments[0]).startswith(str(station)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    client = TrustClient(station, fetch, "https://server.test/trust")
    sys.addaudithook(count_down)
    client.refresh(datetime.fromisoformat(sys.argv[4]))


if __name__ == "__main__":
    main()
