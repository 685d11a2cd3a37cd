"""Documents of every kind, generated, for the round trips."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from policy.document import (
    LISTING_JUDGEMENT,
    DebuggingAtHandBack,
    Exemption,
    Family,
    Fleet,
    ManagedApp,
    Message,
    PlaceKind,
    Policy,
    Ring,
)
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState, UserKind
from policy.report import (
    ActionResult,
    CommandExit,
    Consent,
    Report,
    ReportedAction,
    ReportedApp,
    ReportedUser,
)
from policy.verdict import ActionKind, Finding, Reason, ReasonCode, Stage, Verdict

E = TypeVar("E", bound=Enum)
NUMBER_MAX = (1 << 31) - 1
BIGGEST = (1 << 63) - 1

package_names = st.from_regex(r"[a-z]{1,8}(\.[a-z][a-z0-9_]{0,8}){1,3}", fullmatch=True).map(PackageName)
user_numbers = st.integers(0, 21473).map(UserNumber)
phone_ids = st.uuids().map(lambda drawn: PhoneId(str(drawn)))
# Documents hold years from 2000 to 2199; whatever a policy adds to a time has to stay inside.
utc_times = st.timedeltas(timedelta(0), timedelta(days=68_000)).map(
    lambda after: datetime(2001, 1, 1, tzinfo=UTC) + after
)
numbers = st.integers(1, NUMBER_MAX)
tokens = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,20}", fullmatch=True)
sums = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
whole_text = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=30)
printable_lines = whole_text.map(lambda text: "".join(filter(str.isprintable, text)))
"""What reports take: every character prints."""
texts = whole_text.filter(bool)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-BIGGEST, BIGGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | whole_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(whole_text, inner, max_size=3),
    max_leaves=6,
)

ZONES = ["Europe/Brussels", "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]


def words(kind: type[E]) -> st.SearchStrategy[E]:
    return st.sampled_from(list(kind))


def tuples(
    inner: st.SearchStrategy[Any], most: int = 4, **options: Any
) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(inner, max_size=most, **options).map(tuple)


hours = st.integers(0, 24 * 366).map(lambda drawn: timedelta(hours=drawn))


@st.composite
def deadlines(draw: st.DrawFn, zone: str) -> datetime:
    """A moment that clocks in `zone` show once, on a whole second."""
    time: datetime = draw(utc_times).replace(microsecond=0)
    local = time.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    once = {local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
    return time if len(once) == 1 else time + timedelta(hours=5)


@st.composite
def described_fields(draw: st.DrawFn, languages: tuple[str, ...]) -> Mapping[str, Any]:
    """Descriptive fields that this version does not know, some of them inside messages."""
    known = {"kind", "number", "name", "rules", "messages"}
    fields: dict[str, Any] = draw(
        st.dictionaries(whole_text.filter(lambda key: key not in known), json_values, max_size=3)
    )
    with_messages: bool = draw(st.booleans())
    if languages and with_messages:
        fields["messages"] = {languages[0]: {"title": draw(json_values)}}
    return fields


@st.composite
def with_lists(draw: st.DrawFn, rings: tuple[Ring, ...]) -> tuple[Ring, ...]:
    """The same with rings of listed phones anywhere between them."""
    among = list(rings)
    listed = draw(st.lists(phone_ids, min_size=1, max_size=6, unique=True))
    halves = [half for half in (listed[::2], listed[1::2]) if half]
    # Without blanks at their ends: what a form cannot send.
    called = texts.map(str.strip).filter(bool)
    names = draw(st.lists(called, min_size=len(halves), max_size=len(halves), unique=True))
    for half, name in zip(halves, names, strict=True):
        parts = {"name": name} if name.startswith("unit ") or draw(st.booleans()) else {"unit": name}
        ring = Ring(None, draw(utc_times), frozenset(half), **parts)
        among.insert(draw(st.integers(0, len(among))), ring)
    return tuple(among)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    packages = draw(st.lists(package_names, min_size=3, max_size=8, unique=True))
    zone = draw(
        st.sampled_from(
            ["Europe/Brussels", "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
        )
    )
    deadline = draw(deadlines(zone))
    ends_at = deadline + timedelta(days=draw(st.integers(1, 900)), microseconds=draw(st.integers(0, 1)))
    languages = tuple(draw(st.lists(st.sampled_from(["en", "fr", "pt-BR", "zh-Hant"]), unique=True)))
    shares = sorted(draw(st.sets(st.floats(0.001, 0.999), max_size=3)))
    rings = tuple(Ring(share, draw(utc_times)) for share in [*shares, 1.0]) if draw(st.booleans()) else ()
    lists = draw(st.booleans()) if rings else False
    if lists:
        rings = draw(with_lists(rings))
    return Policy(
        name=draw(texts),
        families=(
            Family("first", tuple(packages[:1]), draw(st.booleans())),
            Family(draw(texts) + "2", tuple(packages[1:2]), draw(st.booleans())),
        ),
        managed=tuple(
            ManagedApp(package, draw(st.frozensets(words(PlaceKind), min_size=1))) for package in packages[2:]
        ),
        owners=draw(st.frozensets(package_names, max_size=3)),
        kinds=draw(st.frozensets(words(UserKind), min_size=1)),
        deadline=deadline,
        time_zone=zone,
        review_at=ends_at - timedelta(days=draw(st.integers(0, 30))),
        ends_at=ends_at,
        offline_limit=draw(hours),
        overdue_limit=draw(hours),
        check_interval=timedelta(minutes=draw(st.integers(1, 10_080))),
        check_jitter=timedelta(minutes=draw(st.integers(0, 10_080))),
        reminders=draw(tuples(hours)),
        rings=rings,
        messages={tag: Message(draw(texts), draw(texts), draw(texts)) for tag in languages},
        preinstalled_disabled_counts=draw(st.booleans()),
        minimum_judgement=LISTING_JUDGEMENT if lists else 1,
        lifted=draw(st.booleans()),
        on_phone=draw(st.booleans()),
        debugging_at_hand_back=draw(words(DebuggingAtHandBack)),
        described=draw(described_fields(languages)),
    )


fleets = st.builds(
    Fleet,
    st.integers(0, NUMBER_MAX),
    tuples(st.builds(Exemption, phone_ids, utc_times, tokens)),
)

entries = st.builds(
    LedgerEntry,
    user_numbers,
    package_names,
    st.sampled_from([EnabledState.DEFAULT, EnabledState.ENABLED]),
    words(EntryState),
    st.integers(0, NUMBER_MAX),
    utc_times,
    numbers,
)
ledgers = st.builds(
    Ledger,
    tokens | st.just(""),
    tuples(entries, unique_by=lambda entry: (entry.user, entry.package)),
)

states_or_none = words(EnabledState) | st.none()
reports = st.builds(
    Report,
    report_id=tokens,
    station_id=tokens,
    counter=st.integers(0, BIGGEST),
    operator=printable_lines,
    agent_version=printable_lines,
    judgement_version=st.integers(0, NUMBER_MAX),
    transport=printable_lines,
    virtual=st.booleans(),
    phone_id=phone_ids,
    consent=words(Consent),
    model=printable_lines,
    manufacturer=printable_lines,
    release=printable_lines,
    api_level=st.integers(0, 10_000),
    patch_level=printable_lines,
    boot_state=printable_lines,
    bundle_number=st.integers(0, NUMBER_MAX),
    stage=words(Stage),
    checked_at=utc_times,
    time_trusted=st.booleans(),
    phone_skew_s=st.integers(-(1 << 40), 1 << 40) | st.none(),
    verdict=words(Verdict),
    enforceable=st.booleans(),
    reasons=tuples(st.builds(Reason, words(ReasonCode), printable_lines)),
    users=tuples(st.builds(ReportedUser, user_numbers, words(UserKind), st.booleans())),
    findings=tuples(st.builds(Finding, printable_lines, user_numbers, package_names)),
    managed=tuples(st.builds(ReportedApp, user_numbers, package_names, states_or_none, states_or_none)),
    actions=tuples(
        st.builds(
            ReportedAction,
            words(ActionKind),
            user_numbers,
            package_names,
            words(ActionResult),
            printable_lines,
        )
    ),
    commands=tuples(st.builds(CommandExit, printable_lines, st.integers(-1, 255) | st.none())),
    answers_sha256=sums | st.just(""),
    ledger=ledgers,
    contradictions=tuples(printable_lines),
)
