"""Reports as stations write them: of a phone that complies, with whatever a test wants otherwise."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from policy.ledger import Ledger
from policy.report import Consent, Report
from policy.verdict import Stage, Verdict


def compliant_report(**changes: Any) -> Report:
    """Return the report of a phone on which everything was read and nothing found, with `changes`.

    These must name ``station_id``, ``phone_id``, ``counter`` and ``checked_at``.
    """
    facts: dict[str, Any] = {
        "report_id": str(uuid4()),
        "operator": "desk-1",
        "agent_version": "0.1.0",
        "judgement_version": 1,
        "transport": "tcp",
        "virtual": False,
        "consent": Consent.AGREED,
        "model": "Pixel 7",
        "manufacturer": "Google",
        "release": "14",
        "api_level": 34,
        "patch_level": "2024-03-05",
        "boot_state": "green",
        "bundle_number": 1,
        "stage": Stage.ENFORCE,
        "time_trusted": True,
        "phone_skew_s": 0,
        "verdict": Verdict.COMPLIANT,
        "enforceable": True,
        "ledger": Ledger("marker"),
    }
    return Report(**(facts | changes))
