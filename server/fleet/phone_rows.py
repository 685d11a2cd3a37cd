"""One line of the fleet's table: a phone, its latest check, and what both mean now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from policy.names import PhoneId
from policy.report import Consent
from policy.stage import stage_of
from policy.verdict import Stage
from server.fleet import phone_states
from server.fleet.blocks import BlockCause, cause_of
from server.fleet.phones import Phone, Retirement
from server.fleet.standing import LatestCheck, Standing, is_retired, standing_of
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
    stage: Stage | None
    """How far the measure is for this phone now; None without a bundle."""
    mail: BlockCause
    """What the mail side is told because of this phone."""
    station_name: str
    """Of the latest check; empty when there was none."""
    latest: LatestCheck | None
    retirement: Retirement | None = None
    """Who said when and why that it does not come back, while that holds."""


def phone_rows(session: Session, found: Sequence[Phone], here: Situation) -> list[PhoneRow]:
    """Return the line of each of these phones, in their order."""
    latest = phone_states.latest_checks(session, [phone.phone_id for phone in found])
    names = stations.station_names(session, {check.station_id for check in latest.values()})
    return [_row(phone, latest.get(phone.phone_id), names, here) for phone in found]


def _row(phone: Phone, latest: LatestCheck | None, names: Mapping[str, str], here: Situation) -> PhoneRow:
    return PhoneRow(
        phone_id=phone.phone_id,
        manufacturer=phone.manufacturer,
        model=phone.model,
        label=phone.label,
        unit=phone.unit,
        virtual=phone.virtual,
        consent=phone.consent,
        registered_at=phone.registered_at,
        standing=standing_of(phone.phone_id, phone.told, latest, here),
        exempt=here.exempts(phone.phone_id),
        stage=stage_of(here.bundle.policy, phone.phone_id, here.now) if here.bundle else None,
        mail=cause_of(phone, latest, here)[0],
        station_name=names.get(latest.station_id, "") if latest else "",
        latest=latest,
        retirement=phone.retirement if is_retired(phone.told, latest) else None,
    )
