"""The JSON form of policies, fleet documents, ledgers and reports; strict at the door, canonical on the way out.

Every ``load_…`` takes bytes and raises `InvalidDocument` (or one of its kinds) with all fields at fault, what was
expected there, what was found and what to do next. Every ``dump_…`` returns canonical UTF-8: sorted keys, no
blanks, so that equal values give equal bytes.
"""

from __future__ import annotations

from policy.schemas.attempt_document import dump_attempt, load_attempt
from policy.schemas.fleet_document import dump_fleet, load_fleet
from policy.schemas.ledger_document import dump_ledger, load_ledger
from policy.schemas.policy_document import dump_policy_document, load_policy_document
from policy.schemas.probe_document import dump_probe, load_probe
from policy.schemas.report_document import dump_report, load_report, parse_report, read_report

__all__ = [
    "dump_attempt",
    "dump_fleet",
    "dump_ledger",
    "dump_policy_document",
    "dump_probe",
    "dump_report",
    "load_attempt",
    "load_fleet",
    "load_ledger",
    "load_policy_document",
    "load_probe",
    "load_report",
    "parse_report",
    "read_report",
]
