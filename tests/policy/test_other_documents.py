"""How mistakes in fleet documents, ledgers and reports are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from policy.document import Exemption, Fleet
from policy.errors import InvalidDocument, UnknownRule
from policy.ledger import Ledger
from policy.observation import EnabledState
from policy.report import CommandExit, Consent, Report, ReportedApp
from policy.schemas import dump_fleet, dump_ledger, dump_report, load_fleet, load_ledger, load_report
from policy.verdict import Reason, ReasonCode, Stage, Verdict
from tests.policy.bench import END, LATER, OUTLOOK, PHONE, U10, entry, ledger

REPORT = Report(
    report_id="7f3b",
    station_id="bench-1",
    counter=1,
    operator="desk-4",
    agent_version="0.1.0",
    judgement_version=1,
    transport="tcp:127.0.0.1:5600",
    virtual=True,
    phone_id=PHONE,
    consent=Consent.AGREED,
    model="Pixel 6",
    manufacturer="Google",
    release="13",
    api_level=33,
    patch_level="2023-03-05",
    boot_state="green",
    bundle_number=1,
    stage=Stage.ENFORCE,
    checked_at=LATER,
    time_trusted=True,
    phone_skew_s=None,
    verdict=Verdict.VIOLATING,
    enforceable=True,
    reasons=(Reason(ReasonCode.BANNED_APP_PRESENT, "seen"),),
    managed=(ReportedApp(U10, OUTLOOK, EnabledState.DEFAULT, None),),
    commands=(CommandExit("users", 0), CommandExit("owners", None)),
    ledger=ledger(entry()),
)


def changed(data: bytes, *path: Any, to: Any) -> bytes:
    document = json.loads(data)
    part = document
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = to
    return json.dumps(document).encode()


class TestFleet:
    data = dump_fleet(Fleet(3, (Exemption(PHONE, END, "field_test"),)))

    @pytest.mark.parametrize("path", [("scope",), ("exemptions", 0, "until_lifted")])
    def test_an_unknown_field_is_an_unknown_rule_since_it_could_widen_an_exemption(
        self, path: tuple[Any, ...]
    ) -> None:
        with pytest.raises(UnknownRule, match=str(path[-1])):
            load_fleet(changed(self.data, *path, to=True))

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("kind",), "curfew-policy"),
            (("number",), -1),
            (("number",), 1.0),
            (("exemptions",), None),
            (("exemptions", 0, "phone_id"), "all"),
            (("exemptions", 0, "phone_id"), f"{PHONE}\n"),
            (("exemptions", 0, "phone_id"), ""),
            (("exemptions", 0, "until"), "2024-03-15"),
            (("exemptions", 0, "reason"), "on leave, back soon"),
            (("exemptions", 0, "reason"), ""),
        ],
    )
    def test_a_wrong_field_is_refused_by_name(self, path: tuple[Any, ...], value: Any) -> None:
        with pytest.raises(InvalidDocument, match=f"{path[-1]}: expected .* sign the fleet document again"):
            load_fleet(changed(self.data, *path, to=value))

    def test_a_report_cannot_pass_for_a_fleet_document(self) -> None:
        with pytest.raises(InvalidDocument):
            load_fleet(dump_report(REPORT))


class TestLedger:
    data = dump_ledger(ledger(entry()))

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("marker",), None),
            (("marker",), "5f0c2a\n"),
            (("marker",), "$(id)"),
            (("entries", 0, "user"), -1),
            (("entries", 0, "user"), "10"),
            (("entries", 0, "user"), True),
            (("entries", 0, "user"), 1 << 40),
            (("entries", 0, "package"), f"{OUTLOOK}\n"),
            (("entries", 0, "package"), "-k"),
            (("entries", 0, "prior"), 5),
            (("entries", 0, "prior"), "0"),
            (("entries", 0, "prior"), True),
            (("entries", 0, "state"), "undone"),
            (("entries", 0, "at"), "yesterday"),
            (("entries", 0, "rounds"), 0),
            (("entries", 0, "bundle_number"), -1),
        ],
    )
    def test_a_wrong_field_is_refused_by_name(self, path: tuple[Any, ...], value: Any) -> None:
        with pytest.raises(InvalidDocument, match=f"{path[-1]}: expected .* another copy of the ledger"):
            load_ledger(changed(self.data, *path, to=value))

    @pytest.mark.parametrize("prior", [2, 3, 4])
    def test_a_state_that_is_never_touched_is_refused(self, prior: int) -> None:
        with pytest.raises(InvalidDocument, match=r"entries\.0: a ledger remembers only states 0 and 1"):
            load_ledger(changed(self.data, "entries", 0, "prior", to=prior))

    def test_two_entries_for_one_spot_are_refused(self) -> None:
        double = json.loads(self.data)["entries"] * 2

        with pytest.raises(InvalidDocument, match="found a double"):
            load_ledger(changed(self.data, "entries", to=double))

    def test_an_unknown_field_is_refused(self) -> None:
        with pytest.raises(InvalidDocument, match=r"entries\.0\.uid: unknown field"):
            load_ledger(changed(self.data, "entries", 0, "uid", to=0))


class TestReport:
    data = dump_report(REPORT)

    def test_a_marker_beside_the_ledger_is_told_where_there_is_one_and_left_out_where_there_is_none(
        self,
    ) -> None:
        unknown = replace(REPORT, ledger=Ledger(), marker="5f0c")

        assert "marker" not in json.loads(self.data)
        assert load_report(dump_report(unknown)) == unknown
        assert (unknown.shown_marker, REPORT.shown_marker) == ("5f0c", REPORT.ledger.marker)

    @pytest.mark.parametrize("field", sorted(json.loads(data)))
    def test_every_field_is_required(self, field: str) -> None:
        document = json.loads(self.data)
        del document[field]

        with pytest.raises(InvalidDocument, match=f"{field}: missing.*check the phone again"):
            load_report(json.dumps(document).encode())

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("kind",), "curfew-policy"),
            (("report_id",), ""),
            (("report_id",), "a b"),
            (("report_id",), "x" * 101),
            (("counter",), -1),
            (("counter",), 1.0),
            (("counter",), "1"),
            (("operator",), "desk-4\u001b[2J"),
            (("model",), "Pixel\n6"),
            (("model",), "Pixel\u202e6"),
            (("operator",), "desk\u2066-4"),
            (("reasons", 0, "detail"), "a\u200db"),
            (("model",), "x" * 301),
            (("virtual",), 1),
            (("consent",), "maybe"),
            (("api_level",), True),
            (("stage",), "Enforce"),
            (("checked_at",), "2023-03-22T11:00:00+00:00"),
            (("verdict",), "fine"),
            (("verdict",), None),
            (("phone_skew_s",), 1.5),
            (("answers_sha256",), "00"),
            (("answers_sha256",), "0" * 64 + "\n"),
            (("reasons", 0, "code"), "because"),
            (("managed", 0, "before"), 7),
            (("commands", 0, "exit_code"), "0"),
            (("marker",), None),
            (("marker",), "5f 0c"),
            (("ledger",), None),
            (("ledger", "marker"), 5),
            (("contradictions",), ["a\nb"]),
        ],
    )
    def test_a_wrong_field_is_refused_by_name(self, path: tuple[Any, ...], value: Any) -> None:
        with pytest.raises(InvalidDocument, match=f"{path[-1]}.*: expected"):
            load_report(changed(self.data, *path, to=value))

    def test_an_integer_too_long_for_a_database_is_refused(self) -> None:
        with pytest.raises(InvalidDocument, match="64 bits"):
            load_report(changed(self.data, "counter", to=1 << 63))

    def test_an_unknown_field_is_refused_and_cannot_write_to_a_terminal(self) -> None:
        with pytest.raises(InvalidDocument, match="unknown field") as refusal:
            load_report(changed(self.data, "\u001b[2Jcolour", to=1))

        assert "\u001b" not in str(refusal.value)

    @pytest.mark.parametrize(
        "changes",
        [
            {"model": "Pixel\n6"},
            {"operator": "x" * 301},
            {"counter": 1 << 63},
            {"report_id": ""},
            {"answers_sha256": "none"},
            {"commands": (CommandExit("x" * 101, 0),)},
            {"contradictions": ("line",) * 5001},
            {"verdict": None},
        ],
    )
    def test_what_the_server_would_refuse_is_never_written(self, changes: dict[str, Any]) -> None:
        with pytest.raises((InvalidDocument, AttributeError)):
            dump_report(replace(REPORT, **changes))
