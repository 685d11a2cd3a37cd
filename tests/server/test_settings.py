"""Settings: each missing or contradicting one stops the start with one sentence that names it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from server.app import create_app
from server.config import SETTINGS, Config, read_config
from server.configuration_page import configuration_page
from server.errors import ConfigurationRefused
from tests.server.authority import TrustFolder, make_config
from tests.server.running import ROOT

COMPLETE = {
    "CURFEW_SECRET_KEY": "s" * 43,
    "CURFEW_HOLDER_KEY": Fernet.generate_key().decode(),
    "CURFEW_AUDIT_KEY": "audit.key",
    "CURFEW_PUBLIC_URL": "https://curfew.example.org/",
    "CURFEW_TLS_FOLDER": "tls",
}


def env_file(folder: Path, values: dict[str, str]) -> Path:
    path = folder / "server.env"
    path.write_text("# settings\n\n" + "".join(f"{key}={value}\n" for key, value in values.items()))
    path.chmod(0o600)
    return path


def test_settings_are_read_from_the_file_and_paths_from_its_folder(tmp_path: Path) -> None:
    config = read_config(env_file(tmp_path, COMPLETE), environ={})

    assert config.public_url == "https://curfew.example.org"
    assert config.tls_folder == tmp_path / "tls"
    assert config.database_url == f"sqlite:///{tmp_path / 'curfew.sqlite'}"
    assert (config.trust_keys, config.story_clock) == (None, None)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    environ = {"CURFEW_PUBLIC_URL": "https://other.example.org", "UNRELATED": "x"}

    assert read_config(env_file(tmp_path, COMPLETE), environ).public_url == "https://other.example.org"


@pytest.mark.parametrize("key", sorted(COMPLETE))
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_missing_setting_is_named_with_the_command_that_makes_it(
    tmp_path: Path, key: str, how: str
) -> None:
    values = {name: value for name, value in COMPLETE.items() if name != key}
    if how == "empty":
        values[key] = ""

    with pytest.raises(ConfigurationRefused, match=f"{key} is not set; `curfew-server init"):
        read_config(env_file(tmp_path, values), environ={})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CURFEW_SECRET_KEY", "short"),
        ("CURFEW_HOLDER_KEY", "no Fernet key"),
        ("CURFEW_HOLDER_KEY", "ä"),
        ("CURFEW_PUBLIC_URL", "http://curfew.example.org"),
        ("CURFEW_PUBLIC_URL", "https://"),
    ],
)
def test_a_setting_that_cannot_work_is_named(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(ConfigurationRefused, match=key):
        read_config(env_file(tmp_path, COMPLETE | {key: value}), environ={})


def refusal(path: Path, environ: dict[str, str] | None = None) -> str:
    """Return the words in which the settings are refused."""
    with pytest.raises(ConfigurationRefused) as refused:
        read_config(path, environ or {})
    return str(refused.value)


# Of each setting that is not just any text: a wrong value, and what is told of it.
WRONG = {
    "CURFEW_DATABASE_URL": [
        ("mysql://root:geheim@db/curfew", 'found one that begins with "mysql"; name the database'),
        (
            "postgresql://curfew:geheim@db/curfew",
            'found one that begins with "postgresql"; name the database',
        ),
        (
            "postgresql+psycopg://curfew:geheim@db:port/curfew",
            "found no URL of a database; name the database",
        ),
        ("curfew.sqlite", "found no URL of a database; name the database"),
    ],
    "CURFEW_SECRET_KEY": [
        ("geheim", "expected at least 32 characters that nobody can guess, found 6 characters;")
    ],
    "CURFEW_HOLDER_KEY": [
        ("geheim", "expected a Fernet key, 32 bytes in URL-safe base64, found 6 characters that are")
    ],
    "CURFEW_PUBLIC_URL": [
        (
            "http://curfew.example.org",
            'expected an https address, found "http://curfew.example.org"; stations',
        ),
        ("https://[::1", 'found "https://[::1"; stations accept no other'),
        ("https://x:99999", 'found "https://x:99999"; stations accept no other'),
    ],
    "CURFEW_REPLICA_URL": [
        (
            "standby.example.org",
            "expected the URL of a replica in PostgreSQL, postgresql+psycopg://USER@HOST/NAME,",
        ),
        (
            "sqlite:///copy.sqlite",
            "found one of SQLite, which has no replicas; name a standby of the database",
        ),
        ("postgresql+psycopg://standby/curfew", "to name a PostgreSQL, found SQLite, which has no replicas"),
    ],
    "CURFEW_KEEP_REPORTS_DAYS": [
        ("29", 'expected a whole number of days, 30 or more, found "29"; give the number of days'),
        ("1 year", 'found "1 year"; give the number of days'),
        ("-400", 'found "-400"; give the number of days'),
        ("1000000", 'found "1000000"; give the number of days'),
    ],
    "CURFEW_RECEIPT_DAYS": [
        ("0", 'expected a whole number of days from 1 to 365, found "0"; give the number of days in which'),
        ("366", 'found "366"'),
        ("a month", 'found "a month"'),
    ],
    "CURFEW_SMALLEST_CELL": [
        ("0", 'expected a whole number from 1 to 1000, found "0"; give the least number'),
        ("five", 'found "five"; give the least number of phones'),
        ("1001", 'found "1001"'),
    ],
    "CURFEW_EXEMPTION_DAYS": [
        ("0", 'expected a whole number of days from 1 to 366, found "0"; give the longest time'),
        ("367", 'found "367"'),
        ("for ever", 'found "for ever"'),
    ],
    "CURFEW_TRUSTED_PROXIES": [
        ("proxy.example.org", "'proxy.example.org' does not appear to be an IPv4 or IPv6 network"),
        ("127.0.0.1 10.1.2.3/16", "10.1.2.3/16 has host bits set"),
    ],
    "CURFEW_SIGNING_DAYS": [
        ("36", 'expected a whole number of days from 1 to 35, found "36"; a signature holds for 35 days'),
        ("0", 'found "0"'),
        ("two weeks", 'found "two weeks"'),
        ("\u0661\u0664", "found"),
        ("9" * 5000, "found"),
    ],
    "CURFEW_EXTRA_APPROVAL_PERCENT": [("101", 'from 0 to 100, found "101"'), ("-1", 'found "-1"')],
    "CURFEW_TOKEN_DAYS": [
        ("366", 'expected a whole number of days from 1 to 365, found "366"'),
        ("0", 'found "0"'),
    ],
    "CURFEW_RING_FAILURE_PERCENT": [("101", 'from 0 to 100, found "101"'), ("some", 'found "some"')],
    "CURFEW_RING_SMALLEST": [("0", 'from 1 to 1000, found "0"; give the least number of checked phones')],
    "CURFEW_REHEARSAL_REQUIRED": [("true", 'expected yes or no, found "true"; write yes or no')],
}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        pytest.param(name, *case, id=f"{name}-{number}")
        for name, cases in WRONG.items()
        for number, case in enumerate(cases)
    ],
)
def test_a_wrong_value_is_refused_with_its_line_and_what_was_expected_found_and_is_to_be_done(
    tmp_path: Path, name: str, value: str, told: str
) -> None:
    path = env_file(tmp_path, {name: value} | {key: text for key, text in COMPLETE.items() if key != name})

    said = refusal(path)

    assert said.startswith(f"{path} line 3, {name}: expected ")
    assert told in said
    assert "geheim" not in said


def test_every_setting_that_is_no_path_has_a_wrong_value_above() -> None:
    assert set(WRONG) == {setting.name for setting in SETTINGS if "path of" not in setting.unit}


def test_a_wrong_value_of_the_environment_is_said_to_be_there(tmp_path: Path) -> None:
    said = refusal(env_file(tmp_path, COMPLETE), {"CURFEW_PUBLIC_URL": "http://x"})

    assert said.startswith("the environment's CURFEW_PUBLIC_URL: expected an https address")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("CURFEW_DATABSE_URL=geheim", 'found "CURFEW_DATABSE_URL"; the nearest is CURFEW_DATABASE_URL.'),
        ("curfew_trust_keys=geheim", 'found "curfew_trust_keys"; the nearest is CURFEW_TRUST_KEYS.'),
        ("PATH=geheim", 'found "PATH"; there are CURFEW_DATABASE_URL, CURFEW_SECRET_KEY, '),
        ("CURFEW_SECRET_KEY", "expected NAME=VALUE, found CURFEW_SECRET_KEY without one and no '='"),
        ("geheim", "expected NAME=VALUE, found a line of 6 characters and no '='"),
    ],
)
def test_a_line_that_sets_nothing_known_is_refused_with_the_nearest_name(
    tmp_path: Path, line: str, told: str
) -> None:
    path = env_file(tmp_path, COMPLETE)
    path.write_text(f"{path.read_text()}{line}\n")

    said = refusal(path)

    assert f"{path} line 8: " in said
    assert told in said
    assert "geheim" not in said


def test_a_file_that_is_no_text_is_refused_with_its_line(tmp_path: Path) -> None:
    path = env_file(tmp_path, COMPLETE)
    path.write_bytes(path.read_bytes() + b"# caf\xe9\n")

    assert f"{path} line 8: expected UTF-8" in refusal(path)


def test_proxies_are_addresses_and_networks_of_both_kinds(tmp_path: Path) -> None:
    values = COMPLETE | {"CURFEW_TRUSTED_PROXIES": "127.0.0.1, 10.1.0.0/16 ::1"}

    told = read_config(env_file(tmp_path, values), environ={}).trusted_proxies

    assert [str(network) for network in told] == ["127.0.0.1/32", "10.1.0.0/16", "::1/128"]
    assert read_config(env_file(tmp_path, COMPLETE), environ={}).trusted_proxies == ()


def test_the_table_has_every_field_of_the_settings_once() -> None:
    fields = [setting.field for setting in SETTINGS]

    assert sorted(fields) == sorted(field.name for field in dataclasses.fields(Config))
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


def test_the_page_of_settings_is_what_the_table_says() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    assert page == configuration_page(), (
        "write it anew: .venv/bin/python -m server.configuration_page docs/configuration.md"
    )


def test_settings_that_others_can_read_are_refused(tmp_path: Path) -> None:
    path = env_file(tmp_path, COMPLETE)
    path.chmod(0o640)

    with pytest.raises(ConfigurationRefused, match="chmod 600"):
        read_config(path, environ={})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused, match=r"cannot read .*server\.env"):
        read_config(tmp_path / "server.env", environ={})


def test_a_missing_audit_key_stops_the_start(demo_trust: TrustFolder, tmp_path: Path) -> None:
    config = make_config(tmp_path / "server", demo_trust, "sqlite://", audit_key=tmp_path / "nothing.key")

    with pytest.raises(ConfigurationRefused, match="CURFEW_AUDIT_KEY"):
        create_app(config)


def test_secrets_do_not_show_when_settings_are_printed(tmp_path: Path) -> None:
    config: Config = read_config(env_file(tmp_path, COMPLETE), environ={})

    assert COMPLETE["CURFEW_SECRET_KEY"] not in repr(config)
    assert COMPLETE["CURFEW_HOLDER_KEY"] not in repr(config)
