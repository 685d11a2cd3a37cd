"""What an owner's papers are made of besides a report: the address of their page, and the policy it was under."""

from __future__ import annotations

from agent_scripts.server_link.client import ServerClient
from agent_scripts.station_files.station import Station
from agent_scripts.visits.run import stored_bundle, trust_client
from policy.document import Policy
from policy.report import Report


def owners_page(station: Station, report: Report) -> str:
    """Return the address of the page where a phone's owner sees what is stored of its checks.

    The report's id is what opens it: 122 random bits that only paper and server know (decision 0031).
    """
    return f"{station.server_url.rstrip('/')}/my-phone/{report.report_id}"


def believed_policy(station: Station) -> tuple[int, Policy] | None:
    """Return the number and policy of the bundle that this station believes now, if it has one."""
    accepted, _ = stored_bundle(trust_client(station, ServerClient(station)))
    return None if accepted is None else (accepted.bundle.number, accepted.bundle.policy)


def of_its_bundle(believed: tuple[int, Policy] | None, report: Report) -> Policy | None:
    """Return the policy by which `report` was made, if that is the one believed; else None."""
    # Of an older bundle nothing is kept here: what was asked under it must not be told by another's names.
    return believed[1] if believed and believed[0] == report.bundle_number else None
