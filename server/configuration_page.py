"""docs/configuration.md, written from the table of settings.

``python -m server.configuration_page docs/configuration.md`` writes it anew.

`tests/server/test_settings.py` holds that the page is what `configuration_page` returns.
"""

from __future__ import annotations

import sys
from pathlib import Path

from server.config import SETTINGS, Setting

_HEAD = """\
# The server's settings

Written from the table in `server/config.py`: change it there, and write this page anew with `python -m
server.configuration_page` and the path of this page.

The command `init` makes a `server.env` with all that has to be set; `--config FILE` names it, `./server.env`
unless given. It is one `NAME=VALUE` a line, taken literally: no quotes, no expansion, no comment behind a value. Empty
lines and lines that begin with `#` are passed over. Relative paths are taken from the file's own folder. It holds
secrets: a file that others can read is refused.

A variable of the environment with one of these names counts more than the line in the file; an empty value counts as
not set. What is wrong is refused before anything starts, with the file, the line, the setting, what was expected, what
was found and what to do; what was found of a secret is told by its length alone. A name that is none of these is
refused with the nearest that is one.

| setting | value | where it is not set | what it is for |
| --- | --- | --- | --- |
"""


def configuration_page() -> str:
    """Return the whole page."""
    return _HEAD + "".join(map(_row, SETTINGS))


def _row(setting: Setting) -> str:
    default = setting.default or "refused"
    return f"| `{setting.name}` | {setting.unit} | {default} | {setting.meaning} |\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(configuration_page(), encoding="utf-8")
