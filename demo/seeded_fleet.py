"""A fleet of any size written straight into a database: to look at, and to measure what reading it costs.

Phones and their latest checks only: no report is signed, and none can be opened (their envelopes are thinned out).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from cryptography.fernet import Fernet

import server.app  # noqa: F401 - with it every table is declared
from policy.document import JUDGEMENT_VERSION
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PhoneId, UserNumber
from policy.observation import EnabledState, UserKind
from policy.picture import picture_of
from policy.probe import Reach
from policy.ready_made import ready_made_policy
from policy.report import Consent, Report, ReportedApp, ReportedUser
from policy.verdict import Finding, Reason, ReasonCode, Stage, Verdict
from server.fleet.failures import Failure
from server.fleet.holders import holder_tag
from server.fleet.pictures import digest_of, keep_pictures
from server.fleet.recounting import make_anew
from server.fleet.search import folded
from server.fleet.turns import Turn
from server.storage.database import Base, Database

_AT_ONCE = 10_000
_PHONES_A_STATION = 64
_MODELS = {
    "Google": ("Pixel 6a", "Pixel 7", "Pixel 8", "Pixel 8 Pro"),
    "samsung": ("SM-A546B", "SM-G991B", "SM-S911B", "SM-X200"),
    "Xiaomi": ("2201117TY", "M2101K6G", "Redmi Note 12"),
    "Fairphone": ("FP4", "FP5"),
}
_KINDS = {
    "compliant": 880,
    "violating": 20,
    "not enforceable": 10,
    "unreadable": 20,
    "silent": 50,
    "declined": 10,
    "unseen": 10,
}
"""How many of a thousand phones are to end so."""
_VERDICTS = {"compliant": Verdict.COMPLIANT, "silent": Verdict.COMPLIANT, "unreadable": Verdict.UNREADABLE}
_REASONS = {
    "violating": ReasonCode.BANNED_APP_PRESENT,
    "not enforceable": ReasonCode.BANNED_APP_PRESENT,
    "unreadable": ReasonCode.PHONE_UNREADABLE,
}


_UNITS = ("", "DIGIT", "DIGIT", "COMM", "HR", "ECFIN", "AGRI")


def seed_fleet(database: Database, holder_key: str, phones: int, now: datetime, seed: int = 1) -> None:
    """Write so many phones, and a station for each 64 of them, into a database that has none; the same for one seed."""
    drawn = random.Random(seed)  # noqa: S311 - no secret is drawn
    stations = [_station(number, now) for number in range(-(-phones // _PHONES_A_STATION))]
    with database.writing() as session:
        session.execute(_insert("station"), stations)
    box = Fernet(holder_key)
    for start in range(0, phones, _AT_ONCE):
        part = range(start, min(start + _AT_ONCE, phones))
        rows = [_phone(number, stations, box, now, drawn) for number in part]
        for number, row in zip(part, rows, strict=True):
            row["phone"]["holder_tag"] = holder_tag(holder_key, f"mailbox-{number}")
        with database.writing() as session:
            keep_pictures(session, {digest_of(body): body for row in rows for body in row.pop("picture", ())})
            for name in ("phone", "report", "phone_state", "phone_names"):
                session.execute(_insert(name), [row[name] for row in rows if name in row])
            states = [row["phone_state"] for row in rows if "phone_state" in row]
            session.execute(_insert("phone_turn"), [turn for state in states for turn in _turns(state)])
    with database.writing() as session:
        session.execute(_insert("station_activity"), list(_activities(phones, stations, now)))
        make_anew(session)


def _insert(table: str) -> Any:
    return Base.metadata.tables[table].insert()


def _station(number: int, now: datetime) -> dict[str, Any]:
    return {
        "station_id": str(uuid5(NAMESPACE_OID, f"station {number}")),
        "name": f"bench {number:05}",
        # Nobody can sign for it: whatever such a station sends is refused.
        "public_key_pem": b"",
        "key_fingerprint": sha256(f"station {number}".encode()).hexdigest(),
        "enrolled_at": now - timedelta(days=200),
    }


def _phone(
    number: int, stations: list[dict[str, Any]], box: Fernet, now: datetime, drawn: random.Random
) -> dict[str, Any]:
    phone_id = str(UUID(int=drawn.getrandbits(128), version=4))
    [kind] = drawn.choices(list(_KINDS), list(_KINDS.values()))
    maker = drawn.choice(list(_MODELS))
    model, label = drawn.choice(_MODELS[maker]), f"CW-{number:07}"
    station_id = stations[number // _PHONES_A_STATION]["station_id"]
    phone = {
        "phone_id": phone_id,
        "identity": f"{number:064x}",
        "manufacturer": maker,
        "model": model,
        "label": label,
        "sealed_holder": box.encrypt(f"mailbox-{number}".encode()),
        "consent": (Consent.DECLINED if kind == "declined" else Consent.AGREED).value,
        "consent_since": now - timedelta(days=100),
        "api_level": 34,
        "virtual": True,
        "registered_at": now - timedelta(days=100),
        "station_id": station_id,
        "reach": drawn.choice(list(Reach)).value,
        "unit": drawn.choice(_UNITS),
    }
    names = {"phone_id": phone_id, "names": folded("\n".join((phone_id, label, model, maker)))}
    if kind in ("declined", "unseen"):
        return {"phone": phone, "phone_names": names}
    at = now - timedelta(
        seconds=drawn.uniform(0, 3600) + (86_400 * drawn.uniform(8, 90) if kind == "silent" else 0)
    )
    report = _report(phone_id, number, station_id, kind, at)
    picture = picture_of(_told(phone_id, kind, at, drawn))
    state = _state(report, kind) | {"picture_sha256": digest_of(picture)}
    return {
        "phone": phone,
        "phone_names": names,
        "report": report,
        "phone_state": state,
        "picture": [picture],
    }


def _report(phone_id: str, number: int, station_id: str, kind: str, at: datetime) -> dict[str, Any]:
    return {
        "report_id": f"seeded-{number}",
        "payload_sha256": f"{number:064x}",
        "station_id": station_id,
        "counter": number % _PHONES_A_STATION + 1,
        "phone_id": phone_id,
        "checked_at": at,
        "effective_at": at,
        "received_at": at,
        "late": False,
        "verdict": _VERDICTS.get(kind, Verdict.VIOLATING).value,
        "enforceable": kind != "not enforceable",
        "bundle_number": 1,
        "actions": 0,
        "has_ledger": False,
        "watched": False,
        "envelope": b"",
    }


_FAILURES = {"not enforceable": Failure.PLACE_CLOSED, "unreadable": Failure.PHONE_UNREADABLE}
_TURNS = {
    "violating": (Turn.VIOLATING, Turn.SWITCHED_OFF),
}
_CAME_BACK = 20
"""One of so many that comply has complied again, and was put back, within two weeks."""


def _turns(state: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield when a phone turned: at one of its checks of the last two weeks."""
    drawn = int(sha256(state["phone_id"].encode()).hexdigest()[:8], 16)
    kinds = _TURNS.get(state["verdict"], ())
    if state["verdict"] == Verdict.COMPLIANT.value and drawn % _CAME_BACK == 0:
        kinds = (Turn.COMPLYING, Turn.RESTORED)
    at = state["effective_at"] - timedelta(hours=drawn // _CAME_BACK % (14 * 24))
    yield from ({"phone_id": state["phone_id"], "kind": kind.value, "at": at} for kind in kinds)


def _state(report: dict[str, Any], kind: str) -> dict[str, Any]:
    shared = ("phone_id", "report_id", "station_id", "counter", "effective_at", "received_at", "verdict")
    found = kind in ("violating", "not enforceable")
    return {name: report[name] for name in (*shared, "enforceable", "bundle_number")} | {
        "time_trusted": True,
        "unchanged_since": report["effective_at"] - timedelta(days=30),
        "not_enforceable_since": report["effective_at"] if kind == "not enforceable" else None,
        "stage": Stage.ENFORCE.value,
        "release": "14",
        "api_level": 34,
        "patch_level": "2026-11-05",
        "boot_state": "green",
        "failure": _FAILURES[kind].value if kind in _FAILURES else None,
        "open_entries": 2 if kind == "violating" else 0,
        "families": '["tiktok"]' if found else "[]",
        "reasons": '[["phone_unreadable", ""]]' if kind == "unreadable" else "[]",
    }


def _told(phone_id: str, kind: str, at: datetime, drawn: random.Random) -> Report:
    """Return what a station would have told of such a phone, as far as it is kept: people have their own profiles."""
    work, policy = UserNumber(drawn.choice((10, 10, 10, 11, 12, 13))), ready_made_policy()
    others = drawn.choice(((), (), (), ((UserKind.CLONE, 95),), ((UserKind.SECURE_FOLDER, 150),)))
    users = [
        ReportedUser(UserNumber(0), UserKind.PERSONAL, True),
        ReportedUser(work, UserKind.WORK, kind != "not enforceable"),
        *(ReportedUser(UserNumber(number), other, False) for other, number in others),
    ]
    found = kind in ("violating", "not enforceable")
    states = {app.package: EnabledState(drawn.choice((0, 0, 0, 1, 2))) for app in policy.managed}
    ours = found and kind == "violating" and drawn.random() < 0.5
    family = policy.families[0]
    return Report(
        report_id="",
        station_id="",
        operator="",
        agent_version="",
        transport="",
        model="",
        manufacturer="",
        release="",
        patch_level="",
        boot_state="",
        counter=0,
        judgement_version=JUDGEMENT_VERSION,
        virtual=True,
        phone_id=PhoneId(phone_id),
        consent=Consent.AGREED,
        api_level=34,
        bundle_number=1,
        stage=Stage.ENFORCE,
        checked_at=at,
        time_trusted=True,
        phone_skew_s=0,
        verdict=_VERDICTS.get(kind, Verdict.VIOLATING),
        enforceable=kind not in ("not enforceable", "unreadable"),
        reasons=(Reason(_REASONS.get(kind, ReasonCode.BANNED_APP_GONE)),),
        users=tuple(users),
        findings=(Finding(family.name, UserNumber(0), family.packages[0]),) if found else (),
        managed=tuple(
            ReportedApp(work, package, state, EnabledState.DISABLED_BY_USER if ours else state)
            for package, state in states.items()
            if kind != "unreadable"
        ),
        ledger=Ledger(
            "marker",
            tuple(
                LedgerEntry(work, package, EnabledState.DEFAULT, EntryState.DONE, 1, at)
                for package in states
                if ours
            ),
        ),
    )


def _activities(phones: int, stations: list[dict[str, Any]], now: datetime) -> Iterator[dict[str, Any]]:
    for number, station in enumerate(stations):
        sent = min(_PHONES_A_STATION, phones - number * _PHONES_A_STATION)
        yield {
            "station_id": station["station_id"],
            "reports": sent,
            "last_report_at": now,
            "highest_counter": sent,
            "checked_at": now,
            "effective_at": now,
            "bundle_number": 1,
        }
