"""Settings: each missing or contradicting one stops the start with one sentence that names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from server.app import create_app
from server.config import Config, read_config
from server.errors import ConfigurationRefused
from tests.server.authority import TrustFolder, make_config

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


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused, match="line 8"):
        read_config(env_file(tmp_path, COMPLETE | {"CURFEW_DATABSE_URL": "x"}), environ={})


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
