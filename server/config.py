"""Every setting of the server, once: `Config`, read from a ``server.env`` file and the environment."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from policy.report_results import BATCH_BYTES
from server.errors import ConfigurationRefused

BODY_LIMIT_BYTES = BATCH_BYTES
"""No request may carry more; a batch of reports is cut to this by the station (docs/design.md 6)."""

_SECRETS = ("CURFEW_SECRET_KEY", "CURFEW_HOLDER_KEY", "CURFEW_AUDIT_KEY")
_KEYS = (
    *_SECRETS,
    "CURFEW_DATABASE_URL",
    "CURFEW_PUBLIC_URL",
    "CURFEW_TLS_FOLDER",
    "CURFEW_TRUST_KEYS",
    "CURFEW_STORY_CLOCK",
)


@dataclass(frozen=True)
class Config:
    """All that the server needs to know before it starts; made by `read_config` (or by a test).

    Relative paths in a ``server.env`` are taken from the folder it lies in.
    """

    # Not shown where settings are printed: the URL of PostgreSQL may hold a password.
    database_url: str = field(repr=False)
    """CURFEW_DATABASE_URL: ``sqlite:////path/curfew.sqlite`` or ``postgresql+psycopg://…``."""

    secret_key: str = field(repr=False)
    """CURFEW_SECRET_KEY: signs session cookies and forms."""

    holder_key: str = field(repr=False)
    """CURFEW_HOLDER_KEY: Fernet key under which holders are stored."""

    audit_key: Path
    """CURFEW_AUDIT_KEY: P-256 key file that signs the head of the audit chain."""

    public_url: str
    """CURFEW_PUBLIC_URL: the address stations use, ``https://curfew.example.org``."""

    tls_folder: Path
    """CURFEW_TLS_FOLDER: authority.pem, server.pem, server.key."""

    trust_keys: Path | None = None
    """CURFEW_TRUST_KEYS: folder with snapshot.pem and timestamp.pem; without it nothing is renewed here."""

    story_clock: Path | None = None
    """CURFEW_STORY_CLOCK: a file with seconds to add to the clock; refused unless the root is a demo root."""

    def __post_init__(self) -> None:
        """Refuse what would fail later and less clearly."""
        if len(self.secret_key) < 32:
            raise ConfigurationRefused(
                "CURFEW_SECRET_KEY is shorter than 32 characters; `curfew-server init FOLDER` writes a server.env"
                " with a good one"
            )
        try:
            Fernet(self.holder_key)
        except ValueError as error:
            raise ConfigurationRefused(
                "CURFEW_HOLDER_KEY is no Fernet key; `curfew-server init FOLDER` writes a server.env with one"
            ) from error
        if urlsplit(self.public_url).scheme != "https" or not urlsplit(self.public_url).hostname:
            raise ConfigurationRefused(
                f"CURFEW_PUBLIC_URL must be an https address, found {self.public_url!r}; stations accept no other"
            )


def read_config(env_file: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Return the settings of `env_file`, each overridden by the environment; the first missing one is named."""
    values = _read_env_file(env_file) if env_file else {}
    folder = env_file.parent.resolve() if env_file else Path.cwd()
    surroundings = os.environ if environ is None else environ
    values |= {key: surroundings[key] for key in _KEYS if key in surroundings}
    # `folder` is absolute, so that the three slashes become the four of an absolute SQLite path. A path that is
    # absolute in the file stands as it is: joined to `folder`, it takes its place.
    return Config(
        database_url=values.get("CURFEW_DATABASE_URL") or f"sqlite:///{folder / 'curfew.sqlite'}",
        secret_key=_required(values, "CURFEW_SECRET_KEY"),
        holder_key=_required(values, "CURFEW_HOLDER_KEY"),
        audit_key=folder / _required(values, "CURFEW_AUDIT_KEY"),
        public_url=_required(values, "CURFEW_PUBLIC_URL").rstrip("/"),
        tls_folder=folder / _required(values, "CURFEW_TLS_FOLDER"),
        trust_keys=folder / values["CURFEW_TRUST_KEYS"] if values.get("CURFEW_TRUST_KEYS") else None,
        story_clock=folder / values["CURFEW_STORY_CLOCK"] if values.get("CURFEW_STORY_CLOCK") else None,
    )


def _required(values: Mapping[str, str], key: str) -> str:
    if not values.get(key):
        raise ConfigurationRefused(
            f"{key} is not set; `curfew-server init FOLDER` writes a server.env that has it"
        )
    return values[key]


def _read_env_file(path: Path) -> dict[str, str]:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigurationRefused(
                f"{path} holds secrets and others can read it; run: chmod 600 {quote(str(path))}"
            )
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigurationRefused(
            f"cannot read {path}: {error.strerror}; `curfew-server init FOLDER` writes one"
        ) from error
    values: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        # Taken literally, without quotes or expansion: a secret may hold any character that a shell would change.
        key, equals, value = line.partition("=")
        # A name that nobody knows is refused: misspelt, CURFEW_TRUST_KEYS would quietly leave the timestamp to expire.
        if not equals or key not in _KEYS:
            raise ConfigurationRefused(
                f"{path} line {number}: expected one of {', '.join(_KEYS)} and a value"
            )
        values[key] = value
    return values
