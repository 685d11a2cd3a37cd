"""Which tests `make test-fast` leaves out: those that start a browser, PostgreSQL or many processes.

Measured with `--durations`: what is left takes some minutes on two cores.
"""

from __future__ import annotations

import pytest

_FOLDERS = ("check", "fleet", "next_steps", "on_phone", "pages", "sabotage", "sentences", "system_root")
_FILES = (
    *("agent/test_adb_shell_phone", "agent/test_phones_both_ways", "agent/test_server_client"),
    "agent/test_counters",
    *("agent/test_spool_and_sender", "certs/test_crashes_while_accepting", "certs/test_rotating_keys"),
    "certs/test_tls",
    *(
        "dialect/test_acting",
        "dialect/test_captures",
        "dialect/test_every_capture",
        "dialect/test_failed_filters",
    ),
    *("dialect/test_frame", "dialect/test_on_phone_scripts", "dialect/test_owners", "dialect/test_packages"),
    *("dialect/test_provisioning", "dialect/test_public_cases", "dialect/test_samples_by_row"),
    *("dialect/test_users", "fuzz/test_properties", "phone_words/test_every_word"),
    *("policy/test_documents_round_trip", "policy/test_judgement_properties", "policy/test_quick_reading"),
    *(
        "server/test_backups",
        "server/test_bad_days",
        "server/test_block_changes",
        "server/test_deploy_tried",
        "server/test_purging",
        "server/test_client_address",
        "server/test_deploy_several_nodes",
        "server/test_everybody_back_at_once",
        "server/test_fleet_lists",
        "server/test_loadtest",
        "server/test_metrics",
        "server/test_migrations",
        "server/test_replica",
        "server/test_reports",
        "server/test_running_server",
        "server/test_schemathesis",
        "server/test_stalled_requests",
        "server/test_station_requests",
    ),
    *(
        "server/test_since_when_blocked",
        "server/test_storage",
        "server/test_thinning",
        "server/test_two_workers",
        "server/test_whole_lists",
        "server/test_trust_files",
    ),
    *("server/test_verify_witness", "test_readme"),
    *(
        "virtual_phone/test_phone_connection",
        "virtual_phone/test_phone_faults",
        "virtual_phone/test_phone_files",
    ),
    *("virtual_phone/test_phone_platform_adb", "virtual_phone/test_phone_shell"),
    *("virtual_phone/test_slow_programs", "phone_words/test_limited_userland", "fuzz/test_linear_time"),
    *("test_build_set_up", "test_fast_tests", "test_tables_in_pipes", "dialect/test_reading_healthy_phones"),
)
HEAVY_FIXTURES = frozenset({"chromium", "postgresql", "published_postgresql"})
_PLACES = (*(f"tests/{folder}/" for folder in _FOLDERS), *(f"tests/{file}.py" for file in _FILES))


def is_slow(item: pytest.Item) -> bool:
    """Whether a test is left out, by where it stands or by what it needs."""
    parameters = getattr(getattr(item, "callspec", None), "params", {}).values()
    needed = {*getattr(item, "fixturenames", ()), *(value for value in parameters if isinstance(value, str))}
    return item.nodeid.startswith(_PLACES) or bool(needed & HEAVY_FIXTURES)
