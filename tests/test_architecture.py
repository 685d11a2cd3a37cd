"""Imports run one way, and each foreign library has its one module (docs/design.md 2)."""

from __future__ import annotations

import ast
import re
from functools import cache
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
# What the rooms of a package may import of each other, innermost first: each only rooms that stand above it here.
# docs/design.md draws the same arrows.
AGENT_ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "patience": set(),
    "exit_codes": set(),
    "on_phone": set(),
    "virtual_phone": set(),
    "adb": {"errors", "patience"},
    "dialect": set(),
    "exchange": {"dialect"},
    "station_files": {"adb", "errors", "exchange"},
    "server_link": {"errors", "station_files"},
    "ledgers": {"errors", "exchange", "station_files"},
    "paper": set(),
    "visits": {
        *{"adb", "errors", "exchange", "exit_codes", "ledgers", "patience", "server_link", "station_files"},
    },
    "bench": {
        *{
            "adb",
            "dialect",
            "errors",
            "exchange",
            "exit_codes",
            "paper",
            "patience",
            "server_link",
            "station_files",
        },
        "visits",
    },
    "commands": {
        *{"adb", "bench", "errors", "exit_codes", "paper", "server_link", "station_files", "virtual_phone"},
        "visits",
    },
    "cli": {"commands", "errors", "exit_codes"},
}
SERVER_ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "texts": set(),
    "tables": set(),
    "clock": set(),
    "times": set(),
    "config": {"errors"},
    "configuration_page": {"config"},
    "storage": {"errors"},
    "evidence": {"errors", "storage"},
    "reports": {"clock", "errors", "storage"},
    "policies": {"clock", "config", "errors", "evidence", "storage", "times"},
    "people": {"errors", "evidence", "storage", "texts"},
    "stations": {"clock", "config", "errors", "evidence", "policies", "reports", "storage", "texts"},
    "fleet": {"errors", "evidence", "policies", "reports", "stations", "storage", "texts", "times"},
    "intake": {"errors", "evidence", "fleet", "policies", "reports", "stations", "storage", "texts"},
    "rehearsal": {"errors", "evidence", "fleet", "policies", "reports", "storage"},
    "owners": {"errors", "evidence", "fleet", "policies", "reports", "storage", "texts"},
    "retention": {"evidence", "fleet", "reports", "storage"},
    "exemptions": {"config", "errors", "evidence", "fleet", "people", "policies", "storage", "texts"},
    "drafts": {
        *{
            "config",
            "errors",
            "evidence",
            "exemptions",
            "fleet",
            "people",
            "policies",
            "rehearsal",
            "storage",
            "texts",
        },
    },
    "listed": {"clock", "evidence", "exemptions", "fleet", "people", "stations"},
    "loadtest": {"config", "errors", "exemptions", "fleet", "policies", "reports", "stations", "storage"},
    "maintenance": {"config", "errors", "evidence", "fleet", "people", "policies", "reports", "storage"},
    "context": {"clock", "config", "evidence", "intake", "storage"},
    "refused_people": {"context", "errors", "evidence"},
    "pages": {
        *{"context", "drafts", "errors", "evidence", "exemptions", "fleet", "listed", "owners", "people"},
        *{
            "policies",
            "refused_people",
            "rehearsal",
            "reports",
            "stations",
            "storage",
            "tables",
            "texts",
            "times",
        },
    },
    "running": {
        *{"clock", "config", "context", "drafts", "errors", "evidence", "fleet", "pages", "policies"},
        *{"stations", "storage"},
    },
    "api": {
        *{"clock", "context", "drafts", "errors", "evidence", "exemptions", "fleet", "intake", "listed"},
        *{
            "owners",
            "people",
            "policies",
            "refused_people",
            "rehearsal",
            "reports",
            "running",
            "stations",
            "storage",
        },
        *{"tables", "texts"},
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
            "refused_people",
            "running",
        },
        "storage",
    },
    "serving": {"api", "app", "config", "context", "errors", "running"},
    "commands": {
        *{
            "clock",
            "config",
            "drafts",
            "errors",
            "evidence",
            "exemptions",
            "fleet",
            "listed",
            "loadtest",
            "maintenance",
        },
        "people",
        *{"policies", "rehearsal", "reports", "retention", "serving", "stations", "storage"},
    },
    "cli": {"errors"},
}
ROOMS = {"agent_scripts": AGENT_ROOMS, "server": SERVER_ROOMS}
LIVES_IN = {
    "yaml": {"policy/schemas/yaml_form.py"},
    "adb_shell": {"agent_scripts/adb/adb_shell_phone.py"},
    "adbutils": {"agent_scripts/adb/adb_server_phone.py"},
    "tuf": {"certs"},
    "securesystemslib": {"certs"},
    "flask": {"server"},
    "sqlalchemy": {"server"},
    "textual": {"agent_scripts/bench/screen.py"},
    "orjson": {"policy/schemas/strict_json.py"},
    "fpdf": {"agent_scripts/paper/drawing.py"},
    "zebrafy": {"agent_scripts/paper/label.py"},
}


@cache
def parsed(module: Path) -> ast.Module:
    return ast.parse(module.read_text())


def imported_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
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


def rooms_imported_by(module: Path, package: str) -> set[str]:
    """The rooms of `package` that a module names in its imports, wherever in it they stand."""
    found: set[str] = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.ImportFrom) and node.module == package:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith(f"{package}.")}
    return found


def room_of(module: Path, package: str) -> str:
    return module.relative_to(ROOT / package).parts[0].removesuffix(".py")


@pytest.mark.parametrize("package", sorted(ROOMS))
def test_the_rooms_of_a_package_stand_in_an_order_without_circles(package: str) -> None:
    above: set[str] = set()
    for room, may_import in ROOMS[package].items():
        assert may_import <= above, f"{room} may import {may_import - above}, which stand below it"
        above.add(room)


@pytest.mark.parametrize("package", sorted(ROOMS))
def test_every_import_between_rooms_is_one_of_the_arrows_drawn(package: str) -> None:
    seen: dict[str, set[str]] = {room: set() for room in ROOMS[package]}
    for module in modules(package):
        if module.parent == ROOT / package and module.name == "__init__.py":
            continue
        room = room_of(module, package)
        seen[room] |= rooms_imported_by(module, package) - {room}
    assert seen == ROOMS[package]


SHOWS = re.compile(r"click\.echo\(|(?<![\w.])print\(|rich\.text|Console\(")


def test_a_text_reaches_a_terminal_by_the_one_gate_that_lets_no_control_through() -> None:
    """A virtual phone is its own terminal, and so is the demo; both show what they made themselves."""
    shown = [
        module.relative_to(ROOT).as_posix()
        for package in ("certs", "server", "agent_scripts")
        for module in modules(package)
        if "virtual_phone" not in module.parts and SHOWS.search(module.read_text())
    ]
    assert shown == ["certs/terminal.py"]


def modules_imported_by(module: Path, names: dict[str, Path]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & set(names)
            found |= inner or {node.module}
    return found & set(names)


def test_no_modules_import_each_other_in_a_circle_however_late() -> None:
    paths = {path: path.relative_to(ROOT).with_suffix("") for package in OURS for path in modules(package)}
    names = {".".join(short.parts).removesuffix(".__init__"): path for path, short in paths.items()}
    arrows = {name: modules_imported_by(path, names) - {name} for name, path in names.items()}
    # Take away whoever imports nothing that is left; what remains imports itself in a circle, or such a module.
    while leaves := {name for name, imported in arrows.items() if not imported & set(arrows)}:
        for name in leaves:
            del arrows[name]
    assert not arrows


@pytest.mark.parametrize("library", sorted(LIVES_IN))
def test_a_foreign_library_is_known_to_its_own_module_only(library: str) -> None:
    for package in OURS:
        for module in modules(package):
            if library in imported_names(module):
                place = module.relative_to(ROOT).as_posix()
                assert any(place == home or place.startswith(f"{home}/") for home in LIVES_IN[library]), place
