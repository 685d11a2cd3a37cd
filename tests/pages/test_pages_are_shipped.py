"""An installed Curfew has its templates and styles, as a checkout has."""

from __future__ import annotations

from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_template_and_static_file_is_named_in_the_package_data() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    patterns = setup["options.package_data"]["server"].split(", ")

    for folder in ("templates", "static"):
        for file in (ROOT / "server" / folder).iterdir():
            name = f"{folder}/{file.name}"
            assert any(fnmatch(name, pattern) for pattern in patterns), (
                f"{name} would be missing once installed"
            )
