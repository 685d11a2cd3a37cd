"""Fuzz the readers for a while, guided by the branches that inputs reach: python -m tests.fuzz [SECONDS].

Ends with exit code 1 and the input at the first broken property. Without atheris it says how to get it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

_INSTALL = "atheris is not installed; it is not needed for anything else: .venv/bin/pip install -e '.[fuzz]'"
_WORDS = (
    *(
        "NONCE open package:",
        "NONCE exit package:",
        "package",
        "other-package",
        "unknown",
        "hidden",
        "hidden-package",
    ),
    *(
        "user 0 ",
        "user 10 ",
        "installed:true",
        "installed:false",
        "hidden:true",
        "suspended:",
        "enabled:3",
        "open:",
    ),
    *(
        "continued 0",
        "message",
        "flags system",
        "pkgFlags user",
        "archived",
        "caller shell",
        "folder",
        "timeout",
    ),
    *(
        "header 0 13",
        "header 10 1030 parent~0",
        "open 10",
        "tail 13",
        "type ",
        "owned true",
        "restrictions own",
    ),
    *(
        "restrictions effective",
        "no_debugging_features",
        "device",
        "profile 10",
        "name -",
        "id 0",
        "admins",
        "count 1",
    ),
)


def main() -> None:
    """Fuzz for the given number of seconds, 60 unless told otherwise."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    try:
        import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        raise SystemExit(_INSTALL) from None
    with atheris.instrument_imports(include=["agent_scripts.dialect", "agent_scripts.exchange", "policy"]):
        from tests.fuzz.target import check, seeds

    with tempfile.TemporaryDirectory() as folder:
        corpus, words = Path(folder) / "corpus", Path(folder) / "words"
        corpus.mkdir()
        for number, seed in enumerate(seeds()):
            (corpus / str(number)).write_bytes(seed)
        words.write_text("".join(f'"{word}"\n' for word in _WORDS))
        options = (f"-max_total_time={seconds}", f"-dict={words}", "-max_len=8192", "-artifact_prefix=fuzz-")
        atheris.Setup([sys.argv[0], *options, str(corpus)], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
