"""What commands print for programs under ``--json``: one object a line, its form told in docs/json.md.

Each line tells what it is (`kind`), all fields of that kind, and the exit code it stands for: the command's own is
the most urgent of its lines (`agent_scripts.exit_codes`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agent_scripts.exit_codes import ExitCode
from agent_scripts.visits.deeds import Deed
from agent_scripts.visits.handing_back import HandedBack
from agent_scripts.visits.row import Row
from certs.terminal import tell
from certs.typed_options import as_typed_here
from policy.probe import Probe
from policy.report import Consent
from policy.schemas import dump_probe
from policy.schemas.values import write_utc_time


def print_line(values: Mapping[str, Any]) -> None:
    """Print `values` as one line of JSON on stdout."""
    # Before it is JSON: a path with a quotation mark would end a string of it.
    told = {name: as_typed_here(value) if isinstance(value, str) else value for name, value in values.items()}
    tell(json.dumps(told, sort_keys=True))


def visit_line(row: Row) -> dict[str, Any]:
    """Return what check, restore, unprovision and watch tell of one phone."""
    return {
        "kind": "visit",
        "address": row.address,
        "label": row.label,
        "model": row.model,
        "verdict": row.verdict.replace(" ", "_"),
        "found": [{"family": f.family, "package": f.package, "user": f.user} for f in row.found],
        "done": [_deed(deed) for deed in row.done],
        "next_step": row.next_step,
        "report_id": row.report_id or None,
        "exit_code": int(row.exit_code),
    }


def debugging_line(told: HandedBack) -> dict[str, Any]:
    """Return what unprovision tells of one phone whose debugging it was to switch off."""
    return {
        "kind": "debugging",
        "address": told.address,
        "ending": told.ending.value,
        "wanted": told.wanted.debugging.value,
        "said_by": told.wanted.said_by.value,
        "bundle": told.wanted.bundle,
        "text": told.sentence,
        "exit_code": int(told.exit_code),
    }


def probe_line(
    address: str, probed: Probe | None, exit_code: ExitCode, next_step: str = ""
) -> dict[str, Any]:
    """Return what probe tells of one phone; `next_step` where it could not be asked."""
    return {
        "kind": "probe",
        "address": address,
        "probe": _probe(probed),
        "next_step": next_step,
        "exit_code": int(exit_code),
    }


def provisioning_line(
    address: str,
    consent: Consent,
    exit_code: ExitCode,
    *,
    phone_id: str | None = None,
    label: str = "",
    model: str = "",
    probed: Probe | None = None,
    next_step: str = "",
) -> dict[str, Any]:
    """Return what provision tells of one phone; `phone_id` is None where it did not become known."""
    return {
        "kind": "provisioning",
        "address": address,
        "consent": consent.value,
        "phone_id": phone_id,
        "label": label,
        "model": model,
        "probe": _probe(probed),
        "next_step": next_step,
        "exit_code": int(exit_code),
    }


def _probe(probed: Probe | None) -> Any:
    return None if probed is None else json.loads(dump_probe(probed))


def _deed(deed: Deed) -> dict[str, Any]:
    return {
        "what": deed.what.value,
        "result": deed.result,
        "package": deed.package,
        "user": deed.user,
        "by": "phone" if deed.by_itself else "station",
        "at": deed.at and write_utc_time(deed.at),
        "until": deed.until and write_utc_time(deed.until),
        "text": deed.text,
    }
