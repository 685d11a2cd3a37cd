"""Every setting of the server, once: the table `SETTINGS`, and `Config`, read from a file and the environment.

docs/configuration.md is written from the table (`server.configuration_page`); a wrong value is refused before anything
starts, with where it stands, what was expected, what was found, and what to do.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from shlex import quote
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from policy.counted import counted
from policy.plain_text import said_by_others
from policy.report_results import BATCH_BYTES
from server.errors import ConfigurationRefused

BODY_LIMIT_BYTES = BATCH_BYTES
"""No request may carry more; a batch of reports is cut to this by the station (docs/design.md 6)."""

Network: TypeAlias = IPv4Network | IPv6Network
_ONLINE_KEYS = ("snapshot.pem", "timestamp.pem")
_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")
_SECRET_LENGTH = 32
_DAYS_MIN, _DAYS_MAX = 30, 99_999
_CELL_MAX = 1000


@dataclass(frozen=True)
class Config:
    """All that the server needs to know before it starts; made by `read_config` (or by a test)."""

    # Not shown where settings are printed: the URL of PostgreSQL may hold a password.
    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    holder_key: str = field(repr=False)
    audit_key: Path
    public_url: str
    tls_folder: Path
    trust_keys: Path | None = None
    story_clock: Path | None = None
    trusted_proxies: tuple[Network, ...] = ()
    replica_url: str | None = field(default=None, repr=False)
    keep_reports_days: int | None = None
    receipt_days: int = 30
    signing_days: int = 14
    extra_approval_percent: int = 20
    rehearsal_required: bool = True
    smallest_cell: int = 5
    exemption_days: int = 90
    token_days: int = 365
    ring_failure_percent: int = 20
    ring_smallest: int = 10


class _NotSo(ValueError):
    """A value is not as its setting wants it: what was found instead, in words that give no secret away."""


Reader: TypeAlias = Callable[[str, Path], Any]
"""Return the value of a text, relative paths taken from the folder; raises `_NotSo`."""


@dataclass(frozen=True)
class Setting:
    """One line of a ``server.env``: its name, the field of `Config` it fills, and all that there is to say of it."""

    name: str
    field: str
    unit: str
    """What kind of value it is, in the words of an error: "expected …"."""
    meaning: str
    read: Reader
    mend: str
    """What to do where it is not so."""
    default: str = ""
    """What holds where it is not set, as it is told; empty: it has to be set."""


def _database_url(text: str, _folder: Path) -> str:
    # Told by its parts alone: what somebody typed wrongly may hold the password in any place.
    try:
        driver = make_url(text).drivername
    except (ArgumentError, ValueError):
        raise _NotSo("no URL of a database") from None
    if driver not in _DRIVERS:
        raise _NotSo(f"one that begins with {said_by_others(driver, 30)}")
    return text


def _replica_url(text: str, folder: Path) -> str:
    if not _database_url(text, folder).startswith("postgresql"):
        raise _NotSo("one of SQLite, which has no replicas")
    return text


def _secret(text: str, _folder: Path) -> str:
    if len(text) < _SECRET_LENGTH:
        raise _NotSo(counted(len(text), "character"))
    return text


def _fernet_key(text: str, _folder: Path) -> str:
    try:
        Fernet(text)
    except ValueError:
        raise _NotSo(f"{counted(len(text), 'character')} that are none") from None
    return text


def _path(text: str, folder: Path) -> Path:
    # A path that is absolute stands as it is: joined to `folder`, it takes its place.
    return folder / text


def _https_url(text: str, _folder: Path) -> str:
    try:
        parts = urlsplit(text)
        is_address = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise _NotSo(said_by_others(text, 100))
    return text.rstrip("/")


def _networks(text: str, _folder: Path) -> tuple[Network, ...]:
    words = text.replace(",", " ").split()
    try:
        return tuple(ip_network(word) for word in words)
    except ValueError as error:
        raise _NotSo(said_by_others(str(error), 100)) from None


def _whole_number(least: int, most: int) -> Reader:
    def read(text: str, _folder: Path) -> int:
        # ASCII, since Python takes the digits of every script.
        if not text.isascii() or not text.isdecimal() or not least <= int(text[:9]) <= most or len(text) > 9:
            raise _NotSo(said_by_others(text, 30))
        return int(text)

    return read


def _yes_or_no(text: str, _folder: Path) -> bool:
    if text not in ("yes", "no"):
        raise _NotSo(said_by_others(text, 30))
    return text == "yes"


_BY_INIT = "`curfew-server init FOLDER` writes a server.env that has it"

SETTINGS = (
    Setting(
        "CURFEW_DATABASE_URL",
        "database_url",
        "the URL of a database, sqlite:////PATH or postgresql+psycopg://USER@HOST/NAME",
        "Where everything is stored. A path behind three slashes is taken from where the command is typed, behind four"
        " from the root; of PostgreSQL the URL may hold the password.",
        _database_url,
        "name the database that this server is to use",
        default="`curfew.sqlite` beside the file",
    ),
    Setting(
        "CURFEW_SECRET_KEY",
        "secret_key",
        f"at least {_SECRET_LENGTH} characters that nobody can guess",
        "Signs session cookies and forms. A new one ends every sign-in, and forgets which browsers had signed in.",
        _secret,
        _BY_INIT,
    ),
    Setting(
        "CURFEW_HOLDER_KEY",
        "holder_key",
        "a Fernet key, 32 bytes in URL-safe base64",
        "Holders are stored under it. Under another one, those that are stored cannot be read any more.",
        _fernet_key,
        _BY_INIT,
    ),
    Setting(
        "CURFEW_AUDIT_KEY",
        "audit_key",
        "the path of a P-256 key file",
        "Signs the head of the audit chain; stations keep what it signed.",
        _path,
        _BY_INIT,
    ),
    Setting(
        "CURFEW_PUBLIC_URL",
        "public_url",
        "an https address",
        "The address that stations use; it stands in every enrolment code.",
        _https_url,
        "stations accept no other; give the address under which they reach this server",
    ),
    Setting(
        "CURFEW_TLS_FOLDER",
        "tls_folder",
        "the path of a folder",
        "Holds `server.pem` and `server.key`, with which the server speaks TLS, and `authority.pem`, which stations"
        " pin.",
        _path,
        _BY_INIT,
    ),
    Setting(
        "CURFEW_TRUST_KEYS",
        "trust_keys",
        "the path of a folder",
        "Holds `snapshot.pem` and `timestamp.pem`, the online keys with which the server renews both by itself; no"
        " other key is read there.",
        _path,
        "name the folder with the online keys",
        default="none: nothing is renewed here",
    ),
    Setting(
        "CURFEW_STORY_CLOCK",
        "story_clock",
        "the path of a file with a number of seconds",
        "The seconds are added to the clock. For a demo: refused unless what is published stands under a demo root.",
        _path,
        "leave it out in service",
        default="none: the clock is the system's",
    ),
    Setting(
        "CURFEW_TRUSTED_PROXIES",
        "trusted_proxies",
        "addresses or networks such as 127.0.0.1, 10.1.0.0/16 or ::1, with blanks or commas between them",
        "Whose X-Forwarded-For is believed. Of a request from one of these, the client is the last address in the"
        " header that is none of these; from anybody else the header is not looked at.",
        _networks,
        "name the proxies in front of this server and nobody else",
        default="none: the client is whoever connects",
    ),
    Setting(
        "CURFEW_REPLICA_URL",
        "replica_url",
        "the URL of a replica in PostgreSQL, postgresql+psycopg://USER@HOST/NAME",
        "A standby of the database, from which the page of the fleet and the API's lists of phones and stations are"
        " read, with their age. While it is away or more than a minute behind, they are read from the database itself.",
        _replica_url,
        "name a standby of the database, or leave it out",
        default="none: everything is read from the database",
    ),
    Setting(
        "CURFEW_KEEP_REPORTS_DAYS",
        "keep_reports_days",
        f"a whole number of days, {_DAYS_MIN} or more",
        "For how long reports are kept: a purge deletes older ones, and leaves a signed certificate of it."
        " What a phone's standing rests on stays, and all of a phone on which something is still switched off or"
        " about which an alarm is open.",
        _whole_number(_DAYS_MIN, _DAYS_MAX),
        "give the number of days that your rules of retention name, or leave it out",
        default="none: reports are kept for ever, and nothing is purged",
    ),
    Setting(
        "CURFEW_RECEIPT_DAYS",
        "receipt_days",
        "a whole number of days from 1 to 365",
        "For so long after a check the code on its receipt opens the page of that phone to its owner.",
        _whole_number(1, 365),
        "give the number of days in which an owner may look and object",
        default="30",
    ),
    Setting(
        "CURFEW_SIGNING_DAYS",
        "signing_days",
        "a whole number of days from 1 to 35",
        "For so long approvers may sign a draft once it was proposed; then it has to be proposed anew.",
        _whole_number(1, 35),
        "a signature holds for 35 days at most",
        default="14",
    ),
    Setting(
        "CURFEW_EXTRA_APPROVAL_PERCENT",
        "extra_approval_percent",
        "a whole number of percent from 0 to 100",
        "Where a rehearsal says that a draft would block a larger share of the phones whose outcome is known, one"
        " approver more than the root demands has to sign it. 100: never.",
        _whole_number(0, 100),
        "give the share from which a mistake would be too dear for the usual approvers alone",
        default="20",
    ),
    Setting(
        "CURFEW_REHEARSAL_REQUIRED",
        "rehearsal_required",
        "yes or no",
        "Whether a draft can be proposed only once its very bytes were rehearsed; without any phone that is never"
        " asked.",
        _yes_or_no,
        "write yes or no",
        default="yes",
    ),
    Setting(
        "CURFEW_SMALLEST_CELL",
        "smallest_cell",
        f"a whole number from 1 to {_CELL_MAX}",
        "Of a unit no smaller number of phones is shown: in a small one, a count could be somebody.",
        _whole_number(1, _CELL_MAX),
        "give the least number of phones that may be told of a unit",
        default="5",
    ),
    Setting(
        "CURFEW_EXEMPTION_DAYS",
        "exemption_days",
        "a whole number of days from 1 to 366",
        "So far ahead the end of an exemption may lie that is asked for on this server; before it ends, it can be asked"
        " for anew. What the fleet key signs in a trust folder is not held to it.",
        _whole_number(1, 366),
        "give the longest time for which a phone may be left alone without anybody looking again",
        default="90",
    ),
    Setting(
        "CURFEW_TOKEN_DAYS",
        "token_days",
        "a whole number of days from 1 to 365",
        "For so long an API token can be good at most; whoever makes one chooses an end within.",
        _whole_number(1, 365),
        "give a year at most: a token that nobody renews is one that nobody remembers",
        default="365",
    ),
    Setting(
        "CURFEW_RING_FAILURE_PERCENT",
        "ring_failure_percent",
        "a whole number of percent from 0 to 100",
        "Where more of the phones of the ring under way that were checked since its start are not done, undone or"
        " unreadable, the next ring is held and an alarm raised. 100: never.",
        _whole_number(0, 100),
        "give the share of failures from which no further phones should be disabled",
        default="20",
    ),
    Setting(
        "CURFEW_RING_SMALLEST",
        "ring_smallest",
        f"a whole number from 1 to {_CELL_MAX}",
        "So many phones of a ring have to be checked before their failures hold the next: of three, one is no reason.",
        _whole_number(1, _CELL_MAX),
        "give the least number of checked phones that says something of a ring",
        default="10",
    ),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True)
class _Found:
    """A value as it was written, and where."""

    text: str
    place: str


def read_config(env_file: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Return the settings of `env_file`, each overridden by the environment; the first that is not right is named."""
    found = _read_env_file(env_file) if env_file else {}
    # Absolute, so that the three slashes become the four of an absolute SQLite path.
    folder = env_file.parent.resolve() if env_file else Path.cwd()
    surroundings = os.environ if environ is None else environ
    found |= {
        name: _Found(surroundings[name], f"the environment's {name}")
        for name in _BY_NAME
        if name in surroundings
    }
    values = {setting.field: _value(setting, found.get(setting.name), folder) for setting in SETTINGS}
    values["database_url"] = values["database_url"] or f"sqlite:///{folder / 'curfew.sqlite'}"
    if values["replica_url"] and not values["database_url"].startswith("postgresql"):
        raise ConfigurationRefused(
            f"{found['CURFEW_REPLICA_URL'].place}: expected CURFEW_DATABASE_URL to name a PostgreSQL, found SQLite,"
            " which has no replicas; name the PostgreSQL, or leave the replica out"
        )
    return Config(**{name: value for name, value in values.items() if value is not None})


def database_url_in(environ: Mapping[str, str]) -> str | None:
    """Return the database that the environment names, None if it names none; raises `ConfigurationRefused`."""
    setting = _BY_NAME["CURFEW_DATABASE_URL"]
    text = environ.get(setting.name)
    found = None if text is None else _Found(text, f"the environment's {setting.name}")
    url: str | None = _value(setting, found, Path.cwd())
    return url


def fingerprint_of_shared(config: Config) -> str:
    """Return what is the same for all servers that can serve one database together, and tells no secret.

    Of what `CURFEW_` settings name, the files' content counts: each machine may have them in a place of its own.
    """
    # A hash over more than 400 random bits: whoever reads it cannot try what they are.
    told = hashlib.sha256("\0".join((config.secret_key, config.holder_key, config.public_url)).encode())
    online = [config.trust_keys / name for name in _ONLINE_KEYS] if config.trust_keys else []
    # What holds for approvals has to hold on whichever machine the last signature arrives.
    told.update(
        f"\0{config.signing_days} {config.extra_approval_percent} {config.rehearsal_required}"
        f" {config.exemption_days}".encode()
    )
    for file in (config.audit_key, config.tls_folder / "authority.pem", *online):
        told.update(b"\0" + (file.read_bytes() if file.is_file() else b""))
    return told.hexdigest()[:12]


def written_settings(config: Config) -> str:
    """Return a ``server.env`` with these settings, whatever part of them came from the environment."""
    values = ((setting.name, getattr(config, setting.field)) for setting in SETTINGS)
    return "".join(f"{name}={_written(value)}\n" for name, value in values if value or value in (0, False))


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _value(setting: Setting, found: _Found | None, folder: Path) -> Any:
    """Return the value of a setting, None where it is not set and need not be."""
    if found is None or not found.text:
        if setting.default:
            return None
        raise ConfigurationRefused(f"{setting.name} is not set; {_BY_INIT}")
    try:
        return setting.read(found.text, folder)
    except _NotSo as error:
        raise ConfigurationRefused(
            f"{found.place}: expected {setting.unit}, found {error}; {setting.mend}"
        ) from error


def _read_env_file(path: Path) -> dict[str, _Found]:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigurationRefused(
                f"{path} holds secrets and others can read it; run: chmod 600 {quote(str(path))}"
            )
        written = path.read_bytes()
        lines = written.decode().splitlines()
    except UnicodeDecodeError as error:
        number = written.count(b"\n", 0, error.start) + 1
        raise ConfigurationRefused(
            f"{path} line {number}: expected UTF-8, found something else; write the line anew and save it as UTF-8"
        ) from error
    except OSError as error:
        raise ConfigurationRefused(
            f"cannot read {path}: {error.strerror}; `curfew-server init FOLDER` writes one"
        ) from error
    values: dict[str, _Found] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        # Taken literally, without quotes or expansion: a secret may hold any character that a shell would change.
        name, equals, text = line.partition("=")
        place = f"{path} line {number}"
        # A name that nobody knows is refused: misspelt, CURFEW_TRUST_KEYS would quietly leave the timestamp to expire.
        if not equals or name not in _BY_NAME:
            raise _unknown(place, name, bool(equals))
        values[name] = _Found(text, f"{place}, {name}")
    return values


def _unknown(place: str, name: str, has_value: bool) -> ConfigurationRefused:
    # The name alone: what stands behind it may be a secret, and a line without "=" may be one as a whole.
    if not has_value:
        known = name.strip() in _BY_NAME
        found = f"{name.strip()} without one" if known else f"a line of {counted(len(name), 'character')}"
        return ConfigurationRefused(
            f"{place}: expected NAME=VALUE, found {found} and no '='; complete or delete it"
        )
    near = get_close_matches(name.strip().upper(), _BY_NAME, n=1, cutoff=0.6)
    told = f"the nearest is {near[0]}" if near else f"there are {', '.join(_BY_NAME)}"
    return ConfigurationRefused(
        f"{place}: expected the name of a setting, found {said_by_others(name, 60)}; {told}. Correct or delete the line"
    )
