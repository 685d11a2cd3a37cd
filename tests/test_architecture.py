"""Imports run one way, and each foreign library has its one module (docs/design.md 2)."""

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
# What the rooms of the server may import of each other, innermost first: each only rooms that stand above it here.
# docs/design.md draws the same arrows.
SERVER_ROOMS = {
    "errors": set(),
    "texts": set(),
    "clock": set(),
    "config": {"errors"},
    "storage": {"errors"},
    "evidence": {"errors", "storage"},
    "reports": {"storage"},
    "policies": {"clock", "config", "errors", "evidence", "storage"},
    "people": {"errors", "evidence", "storage"},
    "stations": {"config", "errors", "evidence", "policies", "reports", "storage", "texts"},
    "fleet": {"errors", "evidence", "policies", "reports", "stations", "storage"},
    "intake": {"errors", "evidence", "fleet", "policies", "reports", "stations", "storage", "texts"},
    "retention": {"evidence", "fleet", "reports", "storage"},
    "context": {"clock", "config", "evidence", "intake", "storage"},
    "pages": {"context", "errors", "evidence", "fleet", "people", "policies", "stations", "texts"},
    "running": {"config", "context", "errors", "evidence", "fleet", "pages", "policies", "stations"},
    "api": {
        *{"context", "errors", "evidence", "fleet", "people", "policies", "reports", "running"},
        *{"stations", "texts"},
    },
    "app": {
        *{
            "api",
            "clock",
            "config",
            "context",
            "errors",
            "evidence",
            "intake",
            "pages",
            "policies",
            "running",
        },
        "storage",
    },
    "serving": {"app", "config", "context", "errors", "running"},
    "commands": {
        *{"clock", "config", "errors", "evidence", "people", "policies", "retention", "serving", "stations"},
        "storage",
    },
    "cli": {"errors"},
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


def rooms_imported_by(module: Path) -> set[str]:
    """The rooms of the server that a module names in its imports, wherever in it they stand."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "server":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("server."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("server.")}
    return found


def room_of(module: Path) -> str:
    return module.relative_to(ROOT / "server").parts[0].removesuffix(".py")


def test_the_rooms_of_the_server_stand_in_an_order_without_circles() -> None:
    above: set[str] = set()
    for room, may_import in SERVER_ROOMS.items():
        assert may_import <= above, f"{room} may import {may_import - above}, which stand below it"
        above.add(room)


def test_every_import_between_rooms_of_the_server_is_one_of_the_arrows_drawn() -> None:
    seen: dict[str, set[str]] = {room: set() for room in SERVER_ROOMS}
    for module in modules("server"):
        if module.parent == ROOT / "server" and module.name == "__init__.py":
            continue
        room = room_of(module)
        seen[room] |= rooms_imported_by(module) - {room}
    assert seen == SERVER_ROOMS


@pytest.mark.parametrize("library", sorted(LIVES_IN))
def test_a_foreign_library_is_known_to_its_own_module_only(library: str) -> None:
    for package in OURS:
        for module in modules(package):
            if library in imported_names(module):
                place = module.relative_to(ROOT).as_posix()
                assert any(place == home or place.startswith(f"{home}/") for home in LIVES_IN[library]), place
