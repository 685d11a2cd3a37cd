"""What of a report a later judgement can depend on: no ids, no times, no texts. Many phones have the same picture.

A report tells less than its station saw: which users there are and what was found in them, not who owns a profile nor
what was never asked about. `policy.rehearsal` judges on a picture without guessing the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policy.document import JUDGEMENT_VERSION
from policy.ledger import EntryState
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, UserKind
from policy.report import Report
from policy.schemas.strict_json import parse_object, quick_json
from policy.verdict import Reason, ReasonCode, Verdict

Pair = tuple[UserNumber, PackageName]
_SAME_VERDICTS = frozenset({2, 3, JUDGEMENT_VERSION})
"""Versions of the judgement that say the same of what was seen: the third may only disable less (decision 0026), the
fourth knows another kind of ring (decision 0039)."""
HIDDEN = "hidden"
"""Why a banned app counts as gone that a listed owner has hidden, in the words of `policy.coverage`."""


@dataclass(frozen=True)
class PicturedEntry:
    """An open entry of the ledger, without its time."""

    prior: EnabledState
    state: EntryState
    bundle_number: int
    rounds: int


@dataclass(frozen=True)
class Picture:
    """What the newest report of a phone says, by pairs of user and package.

    ``users`` tells of each user its kind and whether it is open to the shell. ``managed`` has the managed apps that
    were in use in their places, with the state they were left in, None where that could not be read. ``set_aside`` has
    the banned apps that were there and counted as gone, with the reason. ``entries`` is None where the check did not
    know the phone's ledger. ``is_whole`` is False where the check says that nothing it saw can be relied on, or says
    something that is not understood here.
    """

    bundle_number: int
    judgement_version: int
    verdict: Verdict
    enforceable: bool
    users: Mapping[UserNumber, tuple[UserKind, bool]]
    findings: frozenset[Pair]
    managed: Mapping[Pair, EnabledState | None]
    set_aside: Mapping[Pair, str]
    unread: frozenset[PackageName]
    no_line: frozenset[Pair]
    unlisted: frozenset[Pair]
    unplaced: bool
    refused: bool
    entries: Mapping[Pair, PicturedEntry] | None
    not_ours: frozenset[Pair]
    is_whole: bool


# Making one: for every report that comes in, so of plain lists and texts -----------------------------------------

# In the words of `policy.coverage` and `policy.judgement`; a test holds that what they write is read here.
_PACKAGE = r"(?P<package>[A-Za-z0-9_.]+)"
_IN_USER = re.compile(rf"{_PACKAGE} in user (?P<user>\d+)")
_ABOUT = {
    ReasonCode.BANNED_APP_GONE: (
        ("gone", re.compile(rf"{_PACKAGE}: (?P<why>[a-z ]+) in user (?P<user>\d+)")),
    ),
    ReasonCode.PACKAGE_UNREADABLE: (("unread", re.compile(rf"{_PACKAGE}: .*", re.DOTALL)),),
    ReasonCode.USER_MISSING: (
        ("no_line", re.compile(rf"{_PACKAGE}: no line for user (?P<user>\d+)")),
        (
            "unlisted",
            re.compile(rf"{_PACKAGE}: installed in user (?P<user>\d+), which the phone did not list"),
        ),
    ),
    ReasonCode.PHONE_UNREADABLE: (
        ("unplaced", re.compile(r"the owner of user \d+ is ours, and that user is no place")),
        ("unplaced", re.compile(r"the phone does not tell which user its owner is in")),
    ),
    ReasonCode.JUDGEMENT_FAILED: (),
}


def picture_of(report: Report) -> bytes:
    """Return the picture of a report in its one written form: equal pictures are equal bytes."""
    told: dict[str, list[Any]] = {}
    for reason in report.reasons:
        _tell(told, reason)
    known = bool(report.ledger.marker) and "ledger_missing" not in told
    gone = {tuple(pair) for pair in told.pop("user_gone", ())}
    told.pop("ledger_missing", None)
    entries = [
        [e.user, e.package, e.prior.value, e.state.value, e.bundle_number, e.rounds]
        for e in report.ledger.entries
        if e.is_open and (e.user, e.package) not in gone
    ]
    held = {(entry[0], entry[1]) for entry in entries}
    # Of what nobody holds an entry for, it follows from the state alone that it is not ours.
    told["not_ours"] = [pair for pair in told.get("not_ours", ()) if tuple(pair) in held]
    return quick_json(
        {
            "bundle": report.bundle_number,
            "judgement": report.judgement_version,
            "verdict": report.verdict.value,
            "enforceable": report.enforceable,
            "users": sorted([u.user, u.kind.value, u.open_to_shell] for u in report.users),
            "findings": sorted({(f.user, f.package): None for f in report.findings}),
            "managed": sorted(
                [app.user, app.package, None if app.after is None else app.after.value]
                for app in report.managed
            ),
            "told": {name: sorted(found) for name, found in told.items() if found},
            "entries": sorted(entries) if known else None,
        }
    )


def _tell(told: dict[str, list[Any]], reason: Reason) -> None:
    code, detail = reason.code, reason.detail
    if code in (ReasonCode.NOT_OURS, ReasonCode.USER_GONE):
        _add(told, code.value, _IN_USER.match(detail))
    elif code in (ReasonCode.DISABLING_REFUSED, ReasonCode.LEDGER_MISSING):
        told[code.value] = [True]
    elif code in _ABOUT and (detail or code is not ReasonCode.BANNED_APP_GONE):
        for name, pattern in _ABOUT[code]:
            if found := pattern.fullmatch(detail):
                _add(told, name, found)
                return
        told["spoiled"] = [True]


def _add(told: dict[str, list[Any]], name: str, found: re.Match[str] | None) -> None:
    if found is None:
        told["spoiled"] = [True]
        return
    groups = found.groupdict()
    if "user" in groups:
        pair = [int(groups["user"]), groups["package"]]
        told.setdefault(name, []).append([*pair, groups["why"]] if "why" in groups else pair)
    elif "package" in groups:
        told.setdefault(name, []).append(groups["package"])
    else:
        told[name] = [True]


# Reading one: once for all the phones that have it ----------------------------------------------------------------


def read_picture(written: bytes) -> Picture:
    """Return the picture that `picture_of` wrote."""
    body = parse_object(written, "a picture")
    told: Mapping[str, Any] = body["told"]
    verdict = Verdict(body["verdict"])
    unread = frozenset(map(PackageName, told.get("unread", ())))
    return Picture(
        bundle_number=body["bundle"],
        judgement_version=body["judgement"],
        verdict=verdict,
        enforceable=body["enforceable"],
        users={UserNumber(number): (UserKind(kind), is_open) for number, kind, is_open in body["users"]},
        findings=_pairs(body["findings"]),
        managed={
            _pair(user, package): None if state is None else EnabledState(state)
            for user, package, state in body["managed"]
        },
        set_aside={_pair(user, package): why for user, package, why in told.get("gone", ())},
        unread=unread,
        no_line=_pairs(told.get("no_line", ())),
        unlisted=_pairs(told.get("unlisted", ())),
        unplaced="unplaced" in told,
        refused="disabling_refused" in told,
        entries=None if body["entries"] is None else dict(map(_entry, body["entries"])),
        not_ours=_pairs(told.get("not_ours", ())),
        is_whole=_is_whole(verdict, told, body["judgement"]),
    )


def _is_whole(verdict: Verdict, told: Mapping[str, Any], judgement_version: int) -> bool:
    # Where nothing could be relied on, no single package is named as the one that could not be read.
    named = any(name in told for name in ("unread", "no_line", "unlisted"))
    by_these_rules = judgement_version in _SAME_VERDICTS
    return by_these_rules and "spoiled" not in told and (verdict is not Verdict.UNREADABLE or named)


def _pair(user: int, package: str) -> Pair:
    return UserNumber(user), PackageName(package)


def _pairs(written: Iterable[Any]) -> frozenset[Pair]:
    return frozenset(_pair(user, package) for user, package in written)


def _entry(written: list[Any]) -> tuple[Pair, PicturedEntry]:
    user, package, prior, state, bundle_number, rounds = written
    return _pair(user, package), PicturedEntry(EnabledState(prior), EntryState(state), bundle_number, rounds)
