"""The phones that were provisioned: who they are to us, who holds them, what the owner agreed to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, cast

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import ForeignKey, LargeBinary, String, Table, Text, bindparam, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.ledger import marker_sha256
from policy.names import PhoneId
from policy.probe import Probe, Reach
from policy.report import Consent
from policy.schemas import dump_probe, load_probe
from server.errors import InConflict
from server.fleet import holders, phone_states
from server.fleet.block_changes import note_changes
from server.fleet.entries import entries_of, entry_of, gone_phones, note_entries
from server.fleet.meetings import meet
from server.fleet.search import note_names
from server.fleet.standing import GONE, Told, fresh_standing
from server.reports import kept_reports
from server.storage.database import Base, UtcTime, stored_by_nobody_else
from server.storage.prepared import Prepared, among

UNIT_MAX_LENGTH = 60
HOLDER_MAX_LENGTH = 200
RETIRED_WHY_MAX_LENGTH = 300


class _PhoneTable(Base):
    __tablename__ = "phone"

    phone_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    identity: Mapped[str] = mapped_column(String(64), unique=True)
    manufacturer: Mapped[str] = mapped_column(String(100))
    model: Mapped[str] = mapped_column(String(100))
    label: Mapped[str] = mapped_column(String(100), index=True)
    # Sealed anew it is another text each time: it can be neither searched nor joined, only opened.
    sealed_holder: Mapped[bytes] = mapped_column(LargeBinary)
    consent: Mapped[str] = mapped_column(String(10))
    consent_since: Mapped[datetime] = mapped_column(UtcTime, index=True)
    api_level: Mapped[int]
    virtual: Mapped[bool]
    registered_at: Mapped[datetime] = mapped_column(UtcTime)
    station_id: Mapped[str] = mapped_column(ForeignKey("station.station_id"))
    probe: Mapped[str | None] = mapped_column(Text)
    reach: Mapped[str | None] = mapped_column(String(10))
    probed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    marker_sha256: Mapped[str | None] = mapped_column(String(64))
    # What can be compared of a sealed holder. NULL: sealed before there were tags (`server.fleet.holders`).
    holder_tag: Mapped[str | None] = mapped_column(String(64), index=True)
    unit: Mapped[str] = mapped_column(String(UNIT_MAX_LENGTH), default="", server_default="")
    # NULL: nobody else held it before.
    held_since: Mapped[datetime | None] = mapped_column(UtcTime)
    # NULL: nobody said that it does not come back, or it was taken back (`server.fleet.retiring`).
    retired_at: Mapped[datetime | None] = mapped_column(UtcTime)
    retired_by: Mapped[str | None] = mapped_column(String(200))
    retired_why: Mapped[str | None] = mapped_column(String(RETIRED_WHY_MAX_LENGTH))


@dataclass(frozen=True)
class Registration:
    """What a station tells when it provisions a phone.

    ``identity`` is the HMAC over manufacturer, device and serial under a key the server never has (docs/design.md 6).
    ``probe`` is None where nothing was asked of the phone: what an earlier one found is kept then. So it is with
    ``marker_sha256``, the hash of the marker that the phone is to carry, and with an empty ``unit``.
    """

    identity: str
    phone_id: PhoneId
    manufacturer: str
    model: str
    label: str
    holder: str
    consent: Consent
    api_level: int
    virtual: bool
    probe: Probe | None = None
    marker_sha256: str | None = None
    unit: str = ""


@dataclass(frozen=True)
class Retirement:
    """Who said when and why that a phone does not come back."""

    by: str
    at: datetime
    why: str


@dataclass(frozen=True)
class Phone:
    """One provisioned phone, without its holder."""

    phone_id: PhoneId
    manufacturer: str
    model: str
    label: str
    virtual: bool
    consent: Consent
    consent_since: datetime
    registered_at: datetime
    unit: str = ""
    """A label that groups phones, never a person; empty: none."""
    probed_at: datetime | None = None
    """When something was last asked of it to provision it; None: never."""
    retirement: Retirement | None = None
    """An admin's word that it does not come back; whether that still holds says `server.fleet.standing`."""

    @property
    def told(self) -> Told:
        """What its standing follows from beside its latest check."""
        retired_at = self.retirement.at if self.retirement else None
        return Told(self.consent, _met_anew(self.probed_at, self.consent_since), retired_at)


def register_phone(
    session: Session, registration: Registration, station_id: str, holder_key: str, now: datetime
) -> tuple[PhoneId, bool]:
    """Return the phone's id, and whether it is new here; the station has met the phone from now on.

    A known identity keeps the id it has; what the station tells of it replaces what was stored. Raises `InConflict`
    when the proposed id belongs to another phone.
    """
    stored = session.scalar(
        select(_PhoneTable).where(_PhoneTable.identity == registration.identity).with_for_update()
    )
    is_new = stored is None
    if stored is None:
        # The id is the station's proposal; one that is taken would mix two phones' histories.
        if session.get(_PhoneTable, registration.phone_id) is not None:
            raise InConflict(
                "phone_id_taken",
                "another phone has this phone id",
                "Provision again: a new id is made. If it repeats, two phones share one folder.",
            )
        stored = _PhoneTable(
            phone_id=registration.phone_id,
            identity=registration.identity,
            registered_at=now,
            consent_since=now,
            label="",
        )
        session.add(stored)
    before = (stored.consent, stored.holder_tag, stored.sealed_holder)
    told_before = None if is_new else _told(stored)
    # Only a change moves the time: the mail side counts from it.
    if stored.consent != registration.consent.value:
        stored.consent, stored.consent_since = registration.consent.value, now
    stored.manufacturer, stored.model = registration.manufacturer, registration.model
    # A station that is not told the label again has none: that is no word against the one of before.
    stored.label, stored.api_level = registration.label or stored.label, registration.api_level
    stored.unit = registration.unit or stored.unit or ""
    stored.virtual, stored.station_id = registration.virtual, station_id
    stored.sealed_holder = holders.seal(holder_key, registration.holder)
    stored.holder_tag = holders.holder_tag(holder_key, registration.holder)
    if not is_new and stored.holder_tag != before[1]:
        stored.held_since = now
    if registration.probe is not None:
        stored.probe = dump_probe(registration.probe).decode()
        stored.reach, stored.probed_at = registration.probe.reach.value, now
    stored.marker_sha256 = registration.marker_sha256 or stored.marker_sha256
    with stored_by_nobody_else():
        session.flush()
    phone_id = PhoneId(stored.phone_id)
    meet(session, station_id, phone_id, now)
    note_names(session, phone_id, (stored.label, stored.model, stored.manufacturer))
    facts = phone_states.check_facts(session, [phone_id]).get(phone_id)
    entry = entry_of(_told(stored), _reach(stored.reach), stored.unit, stored.registered_at, facts)
    note_entries(session, {phone_id: entry})
    # Handed back or retired, and now with us again.
    was_gone = told_before is not None and fresh_standing(told_before, facts) in GONE
    is_back = was_gone and entry.fresh not in GONE
    _note_block(session, stored, before, holder_key, now, is_back=is_back)
    return phone_id, is_new


def _note_block(
    session: Session,
    stored: _PhoneTable,
    before: tuple[str, str | None, bytes],
    holder_key: str,
    now: datetime,
    *,
    is_back: bool,
) -> None:
    consent, tag, sealed = before
    is_as_it_was = (consent, tag) == (stored.consent, stored.holder_tag) and not is_back
    if is_as_it_was or stored.holder_tag is None:
        return
    left = {tag: sealed} if tag not in (None, stored.holder_tag) and holders.opens(holder_key, sealed) else {}
    note_changes(session, [stored.holder_tag], now, left)


def held_since(session: Session, phone_id: PhoneId) -> datetime | None:
    """Return since when a registered phone is its holder's; None where nobody else held it before."""
    return session.scalars(select(_PhoneTable.held_since).where(_PhoneTable.phone_id == phone_id)).one()


def agreed_between(session: Session, since: datetime, until: datetime) -> Sequence[PhoneId]:
    """Return the phones whose owners agreed at ``since`` or later, and before ``until``."""
    within = (_PhoneTable.consent_since >= since, _PhoneTable.consent_since < until)
    query = select(_PhoneTable.phone_id).where(_PhoneTable.consent == Consent.AGREED.value, *within)
    return cast("Sequence[PhoneId]", session.scalars(query).all())


def registered_since(session: Session, since: datetime) -> Sequence[tuple[PhoneId, datetime]]:
    """Return the phones that were registered at ``since`` or later, and when."""
    # An owner's word is never from before the registration, and has the index.
    at = (_PhoneTable.consent_since >= since, _PhoneTable.registered_at >= since)
    found = session.execute(select(_PhoneTable.phone_id, _PhoneTable.registered_at).where(*at))
    return [(PhoneId(row[0]), row[1]) for row in found]


def is_marker_of(session: Session, phone_id: str, marker: str) -> bool:
    """Whether a phone carries this marker, as far as stations that met it have told."""
    if not marker:
        return False
    known = session.scalar(select(_PhoneTable.marker_sha256).where(_PhoneTable.phone_id == phone_id))
    if known is None:
        # Registered before stations told it: the newest report that knew the phone's ledger does.
        ledger = kept_reports.newest_ledger(session, PhoneId(phone_id))
        known = marker_sha256(ledger.marker) if ledger else None
    return known == marker_sha256(marker)


def changed_by(session: Session, registration: Registration, holder_key: str) -> tuple[str, ...]:
    """Return which of ``holder``, ``label``, ``unit``, ``consent``, ``marker`` are replaced, of a known phone."""
    stored = session.scalar(select(_PhoneTable).where(_PhoneTable.identity == registration.identity))
    if stored is None:
        return ()
    try:
        holder: str | None = Fernet(holder_key).decrypt(stored.sealed_holder).decode()
    except InvalidToken:
        # Sealed under a key that was lost: registering anew is how such a holder becomes readable again.
        holder = None
    replaced = {
        "holder": registration.holder != holder,
        "label": registration.label not in ("", stored.label),
        "unit": registration.unit not in ("", stored.unit),
        "consent": registration.consent.value != stored.consent,
        # It was reset, or is another phone with the same serial.
        "marker": stored.marker_sha256 is not None
        and registration.marker_sha256 not in (None, stored.marker_sha256),
    }
    return tuple(name for name, is_replaced in replaced.items() if is_replaced)


class Agreed(NamedTuple):
    """What was agreed with a phone's owner and told of it since, and what was found possible when it was probed."""

    told: Told
    reach: Reach
    unit: str


# Of the table's columns: asking by the mapper costs more than the answer, and every report asks.
_PHONES = cast(Table, _PhoneTable.__table__)
_AGREED = (
    select(
        _PHONES.c.phone_id,
        _PHONES.c.consent,
        _PHONES.c.reach,
        _PHONES.c.probed_at,
        _PHONES.c.consent_since,
        _PHONES.c.retired_at,
        _PHONES.c.unit,
    )
    .where(among(_PHONES.c.phone_id, "phone_ids"))
    .order_by(_PHONES.c.phone_id)
)
# FOR NO KEY UPDATE: who only refers to these phones by a foreign key is not held up.
_AGREED_NOW, _AGREED_LOCKED = Prepared(_AGREED), Prepared(_AGREED.with_for_update(key_share=True))


def agreed_with(session: Session, phone_ids: Collection[str], lock: bool = False) -> dict[str, Agreed]:
    """Return those of `phone_ids` that are registered; with `lock`, their states wait for this transaction."""
    found = (_AGREED_LOCKED if lock else _AGREED_NOW).rows(session, {"phone_ids": phone_ids})
    return {
        row[0]: Agreed(Told(Consent(row[1]), _met_anew(row[3], row[4]), row[5]), _reach(row[2]), row[6])
        for row in found
    }


def _told(stored: _PhoneTable) -> Told:
    met_anew = _met_anew(stored.probed_at, stored.consent_since)
    return Told(Consent(stored.consent), met_anew, stored.retired_at)


def _met_anew(probed_at: datetime | None, consent_since: datetime) -> datetime:
    return max(probed_at, consent_since) if probed_at else consent_since


def _reach(stored: str | None) -> Reach:
    return Reach(stored) if stored else Reach.UNKNOWN


def phone_ids(session: Session) -> Sequence[PhoneId]:
    """Return the id of every phone."""
    # Checked when they were registered.
    return cast("Sequence[PhoneId]", session.scalars(select(_PhoneTable.phone_id)).all())


_FOUND = select(
    _PHONES.c.phone_id,
    _PHONES.c.manufacturer,
    _PHONES.c.model,
    _PHONES.c.label,
    _PHONES.c.virtual,
    _PHONES.c.consent,
    _PHONES.c.consent_since,
    _PHONES.c.registered_at,
    _PHONES.c.unit,
    _PHONES.c.probed_at,
    _PHONES.c.retired_by,
    _PHONES.c.retired_at,
    _PHONES.c.retired_why,
)
_FIND_ALL, _FIND = Prepared(_FOUND), Prepared(_FOUND.where(among(_PHONES.c.phone_id, "phone_ids")))
_OF_HOLDERS = Prepared(_FOUND.add_columns(_PHONES.c.holder_tag).where(among(_PHONES.c.holder_tag, "tags")))
_CONSENTS = {consent.value: consent for consent in Consent}


def find_phones(session: Session, phone_ids: Collection[str] | None = None) -> Sequence[Phone]:
    """Return all phones, or those of `phone_ids`."""
    found = _FIND_ALL.rows(session) if phone_ids is None else _FIND.rows(session, {"phone_ids": phone_ids})
    return [_as_phone(row) for row in found]


def phones_of_holders(session: Session, tags: Collection[str]) -> Mapping[str, Sequence[Phone]]:
    """Return the phones of each of these holders, by their tags (`server.fleet.holders`)."""
    found: dict[str, list[Phone]] = {}
    for row in _OF_HOLDERS.rows(session, {"tags": tags}):
        found.setdefault(row[-1], []).append(_as_phone(row))
    return found


def _as_phone(row: Sequence[Any]) -> Phone:
    """Return the phone that a row begins with (`_FOUND`); its id was checked when it was registered."""
    return Phone(
        *(row[0], row[1], row[2], row[3], row[4], _CONSENTS[row[5]]),
        *(row[6], row[7], row[8], row[9]),
        Retirement(row[10], row[11], row[12]) if row[11] else None,
    )


class Pictured(NamedTuple):
    """The little of a phone that a rehearsal asks: the picture of its newest check, and when that was."""

    phone_id: PhoneId
    unit: str
    consent: str
    picture: str | None
    checked_at: datetime | None


_PICTURED = Prepared(
    phone_states.with_picture(_PHONES)
    .with_only_columns(
        _PHONES.c.phone_id,
        _PHONES.c.unit,
        _PHONES.c.consent,
        *phone_states.with_picture(_PHONES).selected_columns,
        maintain_column_froms=True,
    )
    .where(_PHONES.c.phone_id > bindparam("after"), _PHONES.c.phone_id.not_in(gone_phones()))
    .order_by(_PHONES.c.phone_id)
    .limit(bindparam("limit"))
)


def pictured(session: Session, after: str, limit: int) -> Sequence[Pictured]:
    """Return the next phones behind one that are with us, in order of their ids."""
    return cast(
        "Sequence[Pictured]",
        list(map(Pictured._make, _PICTURED.rows(session, {"after": after, "limit": limit}))),
    )


def phones_named(session: Session, names: Collection[str]) -> Mapping[str, Mapping[PhoneId, str]]:
    """Return for each of these ids and labels that is known its phones, with the unit of each."""
    found: dict[str, dict[PhoneId, str]] = {}
    for column in (_PHONES.c.phone_id, _PHONES.c.label):
        named = select(column, _PHONES.c.phone_id, _PHONES.c.unit).where(among(column, "names"))
        for name, phone_id, unit in Prepared(named).rows(session, {"names": list(names)}):
            found.setdefault(name, {})[PhoneId(phone_id)] = unit
    return found


def put_units(session: Session, units: Mapping[PhoneId, str]) -> None:
    """Let these phones belong to these units."""
    # In one order: two transactions that move the same phones must not wait for each other.
    rows = [{"of_phone": phone_id, "new_unit": unit} for phone_id, unit in sorted(units.items())]
    moved = update(_PHONES).where(_PHONES.c.phone_id == bindparam("of_phone"))
    session.connection().execute(moved.values(unit=bindparam("new_unit")), rows)
    kept = entries_of(session, units)
    moved_entries = {one: replace(entry, unit=units[PhoneId(one)]) for one, entry in kept.items()}
    note_entries(session, moved_entries, kept)


def put_retirement(session: Session, phone_id: PhoneId, retirement: Retirement | None) -> None:
    """Keep an admin's word that a phone does not come back; None: it is taken back."""
    at, by, why = (retirement.at, retirement.by, retirement.why) if retirement else (None, None, None)
    put = update(_PHONES).where(_PHONES.c.phone_id == phone_id)
    session.execute(put.values(retired_at=at, retired_by=by, retired_why=why))


def count_phones(session: Session) -> int:
    """Return how many phones there are that were neither handed back nor retired."""
    query = select(func.count()).select_from(_PHONES).where(_PHONES.c.phone_id.not_in(gone_phones()))
    return session.scalars(query).one()


@dataclass(frozen=True)
class KeptProbe:
    """What a station found that can be promised on a phone, and when."""

    probe: Probe
    probed_at: datetime


def kept_probe(session: Session, phone_id: PhoneId) -> KeptProbe | None:
    """Return the newest probe of a phone, or None if it was never probed."""
    query = select(_PhoneTable.probe, _PhoneTable.probed_at).where(_PhoneTable.phone_id == phone_id)
    for text, probed_at in session.execute(query):
        if text is not None and probed_at is not None:
            return KeptProbe(load_probe(text.encode()), probed_at)
    return None


def has_phones(session: Session) -> bool:
    """Whether any phone was ever registered."""
    return session.scalar(select(_PhoneTable.phone_id).limit(1)) is not None
