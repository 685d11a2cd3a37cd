"""What a policy document may say, and how each mistake in it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from policy.document import JUDGEMENT_VERSION, LISTED_MAX, DebuggingAtHandBack, Exemption, Family, Ring
from policy.errors import InvalidDocument, InvalidTime, JudgementTooOld, PolicyError, UnknownRule
from policy.ready_made import ready_made_document
from policy.schemas import dump_policy_document, load_policy_document
from tests.policy.bench import BANNED, DEADLINE, END, OUTLOOK, PHONE, POLICY, policy

Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> bytes:
    """The ready-made policy after `change`."""
    document = json.loads(ready_made_document())
    change(document)
    return json.dumps(document).encode()


def with_rules(**rules: Any) -> bytes:
    return changed(lambda document: document["rules"].update(rules))


def without(*path: str) -> bytes:
    def remove(document: dict[str, Any]) -> None:
        for step in path[:-1]:
            document = document[step]
        del document[path[-1]]

    return changed(remove)


class TestUnknown:
    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (lambda d: d["rules"].update(geofence=True), "rules.geofence"),
            (lambda d: d["rules"]["families"][1].update(store="play"), "rules.families.1.store"),
            (lambda d: d["rules"]["managed"][0].update(unless="vip"), "rules.managed.0.unless"),
            (
                lambda d: d["rules"]["rings"].append(
                    {"share": 1, "starts_at": "2023-03-16T00:00:00Z", "who": 1}
                ),
                "who",
            ),
        ],
        ids=["rule", "of a family", "of a managed app", "of a ring"],
    )
    def test_an_unknown_rule_is_refused_by_name_at_any_depth(self, change: Change, named: str) -> None:
        with pytest.raises(UnknownRule, match=named) as refusal:
            load_policy_document(changed(change))

        assert "update Curfew" in str(refusal.value)

    def test_an_unknown_rule_is_named_as_such_whatever_else_is_wrong(self) -> None:
        with pytest.raises(UnknownRule):
            load_policy_document(with_rules(geofence=True, lifted="perhaps", families=[]))

    def test_every_unknown_rule_is_named(self) -> None:
        with pytest.raises(UnknownRule, match=r"rules\.alpha, rules\.beta"):
            load_policy_document(with_rules(alpha=1, beta=2))

    def test_an_unknown_descriptive_field_is_kept_and_written_back(self) -> None:
        number, loaded = load_policy_document(changed(lambda d: d.update(ticket={"id": 7, "by": ["a"]})))

        assert loaded.described["ticket"] == {"id": 7, "by": ["a"]}
        assert json.loads(dump_policy_document(number, loaded))["ticket"] == {"id": 7, "by": ["a"]}

    def test_an_unknown_field_of_a_message_is_kept_and_written_back(self) -> None:
        number, loaded = load_policy_document(changed(lambda d: d["messages"]["en"].update(title="Curfew")))

        assert json.loads(dump_policy_document(number, loaded))["messages"]["en"]["title"] == "Curfew"

    def test_an_unknown_word_in_a_rule_is_refused_with_the_known_ones(self) -> None:
        with pytest.raises(
            InvalidDocument, match=r"rules\.kinds\.0: expected one of personal, .*found 'guest'"
        ):
            load_policy_document(with_rules(kinds=["guest"]))

    def test_a_policy_for_a_newer_judgement_is_refused_as_such(self) -> None:
        with pytest.raises(JudgementTooOld, match="update Curfew"):
            load_policy_document(with_rules(minimum_judgement=JUDGEMENT_VERSION + 1))


REQUIRED = [
    ("kind",),
    ("number",),
    ("name",),
    ("rules",),
    ("messages",),
    *(("rules", rule) for rule in json.loads(ready_made_document())["rules"] if rule != "on_phone"),
    ("messages", "en", "remind"),
    ("messages", "en", "disabled"),
    ("messages", "en", "restored"),
]


@pytest.mark.parametrize("path", REQUIRED, ids=".".join)
def test_a_missing_field_is_refused_by_name(path: tuple[str, ...]) -> None:
    with pytest.raises(InvalidDocument, match=f"{path[-1]}: missing"):
        load_policy_document(without(*path))


def test_a_document_signed_before_phones_could_check_has_not_opted_in() -> None:
    assert load_policy_document(without("rules", "on_phone"))[1].on_phone is False


class TestDebuggingAtHandBack:
    def test_a_policy_that_does_not_say_it_leaves_debugging_as_it_was_found(self) -> None:
        assert load_policy_document(ready_made_document())[1].debugging_at_hand_back is (
            DebuggingAtHandBack.AS_FOUND
        )

    def test_off_is_written_as_a_rule_and_read_again(self) -> None:
        off = replace(POLICY, debugging_at_hand_back=DebuggingAtHandBack.OFF)

        data = dump_policy_document(1, off)

        assert json.loads(data)["rules"]["debugging_at_hand_back"] == "off"
        assert load_policy_document(data) == (1, off)

    def test_as_found_is_left_out_so_that_older_stations_go_on_reading(self) -> None:
        number, said = load_policy_document(with_rules(debugging_at_hand_back="as_found"))

        assert dump_policy_document(number, said) == dump_policy_document(
            *load_policy_document(ready_made_document())
        )
        assert b"debugging" not in dump_policy_document(number, said)


@pytest.mark.parametrize("path", [path for path in REQUIRED if len(path) < 3], ids=".".join)
def test_null_is_no_value(path: tuple[str, ...]) -> None:
    def to_null(document: dict[str, Any]) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = None

    with pytest.raises(InvalidDocument, match=f"{path[-1]}: expected .*"):
        load_policy_document(changed(to_null))


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("lifted", "yes"),
        ("lifted", 1),
        ("preinstalled_disabled_counts", "true"),
        ("on_phone", 1),
        ("debugging_at_hand_back", "on"),
        ("debugging_at_hand_back", False),
        ("offline_limit_hours", "9"),
        ("offline_limit_hours", 9.0),
        ("offline_limit_hours", True),
        ("offline_limit_hours", -1),
        ("offline_limit_hours", 8785),
        ("overdue_limit_hours", 1.5),
        ("check_interval_minutes", 0),
        ("check_jitter_minutes", -1),
        ("reminders_hours_before", [24, "1"]),
        ("reminders_hours_before", 24),
        ("minimum_judgement", 0),
        ("families", []),
        ("families", {}),
        ("managed", []),
        ("kinds", []),
        ("kinds", ["work", "work"]),
        ("owners", ["com.example.dpc", "com.example.dpc"]),
        ("owners", ["com.example.dpc\n"]),
        ("owners", "com.example.dpc"),
        ("deadline", "2023-03-15"),
        ("deadline", "2023-03-15T12:00:00\n"),
        ("deadline", "2023-03-15T12:00:00Z"),
        ("deadline", "2023-03-15T12:00:00+01:00"),
        ("deadline", "2023-02-30T12:00:00"),
        ("deadline", "0001-01-01T00:00:00"),
        ("deadline", "9999-12-31T23:59:59"),
        ("deadline", "٢٠٢٣-03-15T12:00:00"),
        ("deadline", 1678878000),
        ("review_at", "2023-09-15T10:00:00"),
        ("review_at", "2023-09-15T10:00:00Z\n"),
        ("review_at", "2023-09-15T10:00:00.5Z"),
        ("ends_at", "2024-03-15T24:00:00Z"),
        ("time_zone", ""),
    ],
)
def test_a_rule_of_the_wrong_form_is_refused_with_what_was_expected_found_and_comes_next(
    rule: str, value: Any
) -> None:
    with pytest.raises(InvalidDocument, match=rf"rules\.{rule}") as refusal:
        load_policy_document(with_rules(**{rule: value}))

    assert not isinstance(refusal.value, UnknownRule)
    assert "expected" in str(refusal.value)
    assert "Correct these fields and sign the policy again" in str(refusal.value)


@pytest.mark.parametrize(
    "family",
    [
        {"name": "x", "active": True, "packages": []},
        {"name": "", "active": True, "packages": ["com.example.app"]},
        {"name": "x\ny", "active": True, "packages": ["com.example.app"]},
        {"name": "x", "active": 1, "packages": ["com.example.app"]},
        {"name": "x", "active": True, "packages": ["com.example.app\n"]},
        {"name": "x", "active": True, "packages": ["app"]},
        {"name": "x", "active": True},
        "com.example.app",
        None,
    ],
)
def test_a_family_of_the_wrong_form_is_refused(family: Any) -> None:
    with pytest.raises(InvalidDocument, match=r"rules\.families\.0.*expected|missing"):
        load_policy_document(with_rules(families=[family]))


@pytest.mark.parametrize(
    "rings",
    [
        [{"share": 0.5, "starts_at": "2023-03-16T00:00:00Z"}],
        [{"share": share, "starts_at": "2023-03-16T00:00:00Z"} for share in (0.5, 0.5, 1)],
        [{"share": share, "starts_at": "2023-03-16T00:00:00Z"} for share in (0.6, 0.5, 1)],
        [{"share": 0, "starts_at": "2023-03-16T00:00:00Z"}],
        [{"share": True, "starts_at": "2023-03-16T00:00:00Z"}],
        [{"share": 1.1, "starts_at": "2023-03-16T00:00:00Z"}],
        [{"share": 1, "starts_at": "2023-03-16"}],
    ],
    ids=["not all phones", "twice", "falling", "nobody", "boolean", "above one", "no time"],
)
def test_rings_that_do_not_cover_every_phone_once_are_refused(rings: list[Any]) -> None:
    with pytest.raises(InvalidDocument, match=r"share|starts_at"):
        load_policy_document(with_rules(rings=rings))


STARTS = {"starts_at": "2023-03-16T00:00:00Z"}
REST = {"share": 1, **STARTS}
PILOT = {"name": "Pilot", "phones": [PHONE], **STARTS}
OTHER = "00000000-0000-4000-8000-0000000000ff"
CRISIS = {"unit": "C", "phones": [OTHER], **STARTS}


def many_phones(count: int, first: int = 0) -> list[str]:
    return [f"00000000-0000-4000-8000-{number:012x}" for number in range(first, first + count)]


class TestRingsOfListedPhones:
    def test_one_stands_anywhere_in_the_order(self) -> None:
        half = {"share": 0.5, **STARTS}

        for rings in ([PILOT, half, CRISIS, REST], [half, PILOT, REST, CRISIS]):
            _, loaded = load_policy_document(with_rules(rings=rings, minimum_judgement=4))

            assert loaded.listed == {PHONE: rings.index(PILOT) + 1, OTHER: rings.index(CRISIS) + 1}

    def test_what_it_says_is_written_back(self) -> None:
        rings = [{**PILOT, "phones": [OTHER, PHONE]}, REST]
        number, loaded = load_policy_document(with_rules(rings=rings, minimum_judgement=4))

        written = json.loads(dump_policy_document(number, loaded))["rules"]["rings"]

        assert written == [{**PILOT, "phones": sorted([OTHER, PHONE])}, REST]

    def test_a_ring_of_a_share_is_the_bytes_that_it_was_before_there_were_lists(self) -> None:
        number, loaded = load_policy_document(with_rules(rings=[REST]))

        assert b'"rings":[{"share":1.0,"starts_at":"2023-03-16T00:00:00Z"}]' in dump_policy_document(
            number, loaded
        )

    @pytest.mark.parametrize(
        ("rings", "why"),
        [
            ([{**PILOT, "share": 0.5}, REST], r"rings\.0: expected a share .* found both"),
            ([{**REST, "name": "all"}], r"rings\.0: expected a share .* found both"),
            ([STARTS, REST], r"rings\.0\.share: missing; write a share of all phones, or phones and a name"),
            ([{"phones": [PHONE], **STARTS}, REST], r"rings\.0: expected a name or a unit .* found neither"),
            ([{**PILOT, "unit": "A"}, REST], r"rings\.0: expected a name or a unit .* found both"),
            ([{**PILOT, "phones": []}, REST], r"rings\.0: the ring 'Pilot' lists nobody"),
            ([{"unit": "C", **STARTS}, REST], r"rings\.0: the ring 'C' lists nobody"),
            ([{**PILOT, "phones": [PHONE, PHONE]}, REST], r"rings\.0\.phones: .* found a double"),
            ([{**PILOT, "phones": ["L-1"]}, REST], r"rings\.0\.phones\.0: expected a phone id .*'L-1'"),
            ([{**PILOT, "phones": None}, REST], r"rings\.0\.phones: expected a list, found null"),
            ([{**PILOT, "share": None}, REST], r"rings\.0\.share: expected a value, found null"),
            ([{**PILOT, "name": "a" * 101}, REST], r"rings\.0\.name: expected one line"),
            (
                [PILOT, {**CRISIS, "phones": [PHONE]}, REST],
                f"phone {PHONE} is listed in ring 1 and in ring 2; leave it in one of them",
            ),
            (
                [PILOT, {**CRISIS, "unit": "C"}, {**PILOT, "phones": many_phones(1)}, REST],
                "expected each name of a ring once",
            ),
            ([PILOT], "no ring is for the phones that are not listed; add one with the share 1"),
            (
                [PILOT, {"share": 0.5, **STARTS}],
                r"ring shares must rise from above 0 to exactly 1, found \[0\.5\]",
            ),
            (
                [{**PILOT, "phones": many_phones(5001)}, REST],
                r"rings\.0\.phones: expected 0 to 5000 elements, found 5001",
            ),
            (
                [{**PILOT, "phones": many_phones(4000)}, {**CRISIS, "phones": many_phones(1001, 4000)}, REST],
                "at most 5000 phones together, found 5001",
            ),
        ],
    )
    def test_one_that_does_not_say_whom_it_has_is_refused(self, rings: list[Any], why: str) -> None:
        with pytest.raises(InvalidDocument, match=why):
            load_policy_document(with_rules(rings=rings, minimum_judgement=4))

    def test_a_ring_of_nobody_is_refused_wherever_it_is_made(self) -> None:
        with pytest.raises(
            InvalidDocument, match="expected a share of all phones or a list of them, found neither"
        ):
            Ring(None, DEADLINE)

    def test_lists_need_a_judgement_that_knows_them(self) -> None:
        with pytest.raises(
            InvalidDocument, match="rings that list phones need minimum_judgement 4 or more, found 3"
        ):
            load_policy_document(with_rules(rings=[PILOT, REST], minimum_judgement=3))

    def test_as_many_phones_as_may_be_listed_fit_into_a_document(self) -> None:
        halves = [many_phones(2500), many_phones(2500, 2500)]
        rings = [{**PILOT, "phones": halves[0]}, {**CRISIS, "phones": halves[1]}, REST]

        number, loaded = load_policy_document(with_rules(rings=rings, minimum_judgement=4))

        assert len(loaded.listed) == LISTED_MAX
        assert len(dump_policy_document(number, loaded)) < 250_000


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(kind="curfew-fleet"),
        lambda d: d.update(kind=None),
        lambda d: d.update(number=0),
        lambda d: d.update(number=1 << 31),
        lambda d: d.update(number="1"),
        lambda d: d.update(name=""),
        lambda d: d.update(name="a\u2028b"),
        lambda d: d.update(rules=[]),
        lambda d: d.update(messages=[]),
        lambda d: d["messages"].update({"english language": d["messages"]["en"]}),
        lambda d: d["messages"].update({"en\n": d["messages"]["en"]}),
        lambda d: d["messages"]["en"].update(remind="line\nline"),
        lambda d: d["messages"]["en"].update(remind="x" * 501),
    ],
)
def test_a_document_of_another_kind_or_form_is_refused(change: Change) -> None:
    with pytest.raises(InvalidDocument, match=r"expected .*, found"):
        load_policy_document(changed(change))


class TestDeadline:
    def test_the_deadline_is_the_time_on_a_wall_in_its_zone(self) -> None:
        summer = load_policy_document(with_rules(deadline="2023-06-15T12:00:00"))[1]

        assert summer.deadline == datetime(2023, 6, 15, 10, tzinfo=UTC)

    def test_a_time_that_clocks_skip_is_refused_with_one_that_exists(self) -> None:
        with pytest.raises(
            InvalidTime, match=r"does not exist in Europe/Brussels.*2023-03-26T03:30:00 or later"
        ):
            load_policy_document(with_rules(deadline="2023-03-26T02:30:00"))

    def test_a_time_that_clocks_show_twice_is_refused_with_advice(self) -> None:
        with pytest.raises(InvalidTime, match=r"comes twice in Europe/Brussels.*before or after"):
            load_policy_document(with_rules(deadline="2023-10-29T02:30:00"))

    @pytest.mark.parametrize("local", ["2023-03-26T01:59:59", "2023-03-26T03:00:00", "2023-10-29T03:00:00"])
    def test_times_beside_a_change_of_clocks_are_accepted(self, local: str) -> None:
        number, loaded = load_policy_document(with_rules(deadline=local))

        assert json.loads(dump_policy_document(number, loaded))["rules"]["deadline"] == local

    @pytest.mark.parametrize(
        "zone", ["Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "Europe", "x" * 99]
    )
    def test_an_unknown_time_zone_is_refused(self, zone: str) -> None:
        with pytest.raises(InvalidTime, match="Europe/Brussels"):
            load_policy_document(with_rules(time_zone=zone))

    def test_a_deadline_after_the_end_is_refused(self) -> None:
        with pytest.raises(InvalidTime, match="deadline < ends_at"):
            load_policy_document(with_rules(deadline="2024-03-15T12:00:00"))

    def test_a_review_after_the_end_is_refused(self) -> None:
        with pytest.raises(InvalidTime, match="review_at <= ends_at"):
            load_policy_document(with_rules(review_at="2024-03-15T11:00:01Z"))


class TestOneReading:
    def test_an_app_banned_and_managed_at_once_is_refused(self) -> None:
        both = [{"package": BANNED[0], "places": ["work_profile"]}]

        with pytest.raises(InvalidDocument, match="banned and managed at once"):
            load_policy_document(with_rules(managed=both))

    def test_an_app_managed_twice_is_refused(self) -> None:
        twice = [{"package": OUTLOOK, "places": [place]} for place in ("work_profile", "managed_device")]

        with pytest.raises(InvalidDocument, match="each managed app once"):
            load_policy_document(with_rules(managed=twice))

    def test_a_family_named_twice_is_refused(self) -> None:
        twice = [{"name": "x", "active": True, "packages": [f"com.example.a{n}"]} for n in (1, 2)]

        with pytest.raises(InvalidDocument, match="each family once"):
            load_policy_document(with_rules(families=twice))

    def test_places_are_named_once(self) -> None:
        with pytest.raises(InvalidDocument, match="found a double"):
            load_policy_document(with_rules(managed=[{"package": OUTLOOK, "places": ["user_0", "user_0"]}]))


class TestWriting:
    @pytest.mark.parametrize(
        "changes",
        [
            {"offline_limit": timedelta(minutes=90)},
            {"check_interval": timedelta(seconds=90)},
            {"deadline": DEADLINE + timedelta(microseconds=1)},
            {"deadline": datetime(2023, 10, 29, 0, 30, tzinfo=UTC)},
            {"described": {"rules": {}}},
            {"described": {"kind": "curfew-fleet"}},
            {"described": {"messages": {"en": {"title": "of a language without messages"}}}},
            {"described": {"note": (1, 2)}},
            {"name": "two\nlines"},
            {"managed": ()},
            {"check_interval": timedelta(0)},
        ],
    )
    def test_a_policy_that_its_document_cannot_say_exactly_is_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(PolicyError):
            dump_policy_document(1, policy(**changes))

    def test_a_number_that_no_document_has_is_refused(self) -> None:
        with pytest.raises(InvalidDocument, match="number"):
            dump_policy_document(0, POLICY)


class TestValues:
    @pytest.mark.parametrize("name", ["deadline", "review_at", "ends_at"])
    @pytest.mark.parametrize("time", [END.replace(tzinfo=None), END.astimezone(timezone(timedelta(hours=1)))])
    def test_a_time_that_is_not_utc_is_refused(self, name: str, time: datetime) -> None:
        with pytest.raises(InvalidTime, match=name):
            policy(**{name: time})

    def test_a_ring_without_utc_is_refused(self) -> None:
        with pytest.raises(InvalidTime, match="ring"):
            policy(rings=(Ring(1.0, END.replace(tzinfo=None)),))

    def test_an_exemption_without_utc_is_refused(self) -> None:
        with pytest.raises(InvalidTime, match="exemption"):
            Exemption(PHONE, END.replace(tzinfo=None), "field_test")

    def test_an_empty_family_is_refused(self) -> None:
        with pytest.raises(InvalidDocument, match="names no package"):
            Family("empty", ())

    def test_a_phone_is_asked_about_active_families_and_managed_apps_only(self) -> None:
        assert POLICY.named_packages == (*sorted(BANNED), *sorted(app.package for app in POLICY.managed))

    def test_a_family_switched_on_is_asked_about(self) -> None:
        on = replace(POLICY, families=tuple(replace(family, active=True) for family in POLICY.families))

        assert {package for family in POLICY.families for package in family.packages} <= set(
            on.named_packages
        )
