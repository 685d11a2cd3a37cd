"""One line of the fleet's table: a phone, its latest check, and what both mean now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from policy.names import PhoneId
from policy.report import Consent
from policy.stage import stage_of
from policy.verdict import Stage
from server.fleet import phone_states
from server.fleet.blocks import BlockCause, cause_of
from server.fleet.phones import Phone, Retirement
from server.fleet.standing import LatestCheck, ListedCheck, Standing, is_retired, standing_of
from server.policies.situation import Situation
from server.stations import stations


@dataclass(frozen=True)
class PhoneRow:
    """One line of the fleet table."""

    phone_id: PhoneId
    manufacturer: str
    model: str
    label: str
    unit: str
    virtual: bool
    consent: Consent
    registered_at: datetime
    standing: Standing
    exempt: bool
    station_name: str
    """Of the latest check; empty when there was none."""
    latest: ListedCheck | None
    retirement: Retirement | None = None
    """Who said when and why that it does not come back, while that holds."""


@dataclass(frozen=True)
class PhoneNow(PhoneRow):
    """One phone's line, and what follows for it now: what no table shows, and a long list need not work out."""

    stage: Stage | None = field(kw_only=True)
    """How far the measure is for this phone; None without a bundle."""
    latest: LatestCheck | None
    mail: BlockCause = field(kw_only=True)
    """What the mail side is told because of this phone."""


def phone_rows(session: Session, found: Sequence[Phone], here: Situation) -> list[PhoneRow]:
    """Return the line of each of these phones, in their order."""
    latest = phone_states.listed_checks(session, [phone.phone_id for phone in found])
    names = stations.station_names(session, {check.station_id for check in latest.values()})
    return [PhoneRow(**_line(phone, latest.get(phone.phone_id), names, here)) for phone in found]


def phone_now(session: Session, phone: Phone, here: Situation) -> PhoneNow:
    """Return the line of one phone, and what follows for it."""
    latest = phone_states.latest_checks(session, [phone.phone_id]).get(phone.phone_id)
    names = stations.station_names(session, {latest.station_id} if latest else ())
    return PhoneNow(
        **_line(phone, latest, names, here),
        stage=stage_of(here.bundle.policy, phone.phone_id, here.now) if here.bundle else None,
        mail=cause_of(phone, latest, here)[0],
    )


def _line(
    phone: Phone, latest: ListedCheck | None, names: Mapping[str, str], here: Situation
) -> dict[str, Any]:
    told = phone.told
    return {
        "phone_id": phone.phone_id,
        "manufacturer": phone.manufacturer,
        "model": phone.model,
        "label": phone.label,
        "unit": phone.unit,
        "virtual": phone.virtual,
        "consent": phone.consent,
        "registered_at": phone.registered_at,
        "standing": standing_of(phone.phone_id, told, latest, here),
        "exempt": here.exempts(phone.phone_id),
        "station_name": names.get(latest.station_id, "") if latest else "",
        "latest": latest,
        "retirement": phone.retirement if is_retired(told, latest) else None,
    }
