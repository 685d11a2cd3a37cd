"""Imports run one way, and each foreign library has its one module (DESIGN.md 2)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"policy", "certs", "server", "agent_scripts", "demo"}
MAY_IMPORT = {
    "policy": set(),
    "certs": {"policy"},
    "server": {"policy", "certs"},
    "agent_scripts": {"policy", "certs"},
    "demo": {"policy", "certs", "server", "agent_scripts"},
}
LIVES_IN = {
    "adb_shell": {"agent_scripts/adb/adb_shell_phone.py"},
    "adbutils": {"agent_scripts/adb/adb_server_phone.py"},
    "tuf": {"certs"},
    "securesystemslib": {"certs"},
    "flask": {"server"},
    "sqlalchemy": {"server"},
}


def imported_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", sorted(OURS))
def test_a_package_imports_only_what_stands_below_it(package: str) -> None:
    for module in modules(package):
        above = imported_names(module) & OURS - {package} - MAY_IMPORT[package]
        assert not above, f"{module.relative_to(ROOT)} imports {above}"


@pytest.mark.parametrize("library", sorted(LIVES_IN))
def test_a_foreign_library_is_known_to_its_own_module_only(library: str) -> None:
    for package in OURS:
        for module in modules(package):
            if library in imported_names(module):
                place = module.relative_to(ROOT).as_posix()
                assert any(place == home or place.startswith(f"{home}/") for home in LIVES_IN[library]), place
