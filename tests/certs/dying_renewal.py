"""A renewal of the server's certificate in a process of its own, killed before its n-th touch of the folder.

Arguments: TLS folder, n. Started by test_tls.py.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from certs.tls import issue_server_certificate


def main() -> None:
    folder, left = Path(sys.argv[1]), int(sys.argv[2])

    def count_down(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in ("open", "os.rename", "os.remove") and str(arguments[0]).startswith(str(folder)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count_down)
    issue_server_certificate(folder, ["new.test"])


if __name__ == "__main__":
    main()
