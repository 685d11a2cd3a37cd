"""Units of phones: set by a list as a whole or not at all, by the API and on the command line."""

from __future__ import annotations

import pytest
from alembic import command
from flask.testing import FlaskClient

from server.cli import main as curfew_server
from server.errors import InConflict, Malformed, NotThere
from server.evidence import audit
from server.fleet.entries import entries_of
from server.fleet.phones import find_phones
from server.fleet.recounting import differences
from server.fleet.units import UnitsSet, WantedUnit, read_units, set_units
from server.people.people import Role
from server.storage.migrating import alembic_config, migrate
from tests.server.authority import NOW, Authority, Bench


def units_of(authority: Authority) -> dict[str, str]:
    with authority.database.reading() as session:
        return {phone.phone_id: phone.unit for phone in find_phones(session)}


def kept_of(authority: Authority) -> dict[str, str]:
    """Return the units that lists and counts go by, which are right otherwise, too."""
    with authority.database.reading() as session:
        assert list(differences(session)) == []
        return {p: one.unit for p, one in entries_of(session, units_of(authority)).items()}


def test_counts_go_by_the_unit_that_a_phone_has_whoever_told_it(authority: Authority) -> None:
    bench = authority.bench()
    phone = authority.phone(bench, identity="1" * 64, unit="HR")
    assert kept_of(authority) == {phone: "HR"}

    authority.accept(bench.sign(bench.report(phone)))
    authority.phone(bench, identity="1" * 64)
    assert kept_of(authority) == {phone: "HR"}

    authority.phone(bench, identity="1" * 64, unit="DIGIT")
    assert kept_of(authority) == {phone: "DIGIT"}


def test_units_of_before_are_counted_by_once_the_database_is_migrated(authority: Authority) -> None:
    bench = authority.bench()
    phone_ids = [authority.phone(bench, unit=unit) for unit in ("HR", "")]
    with authority.database.writing() as session:
        command.downgrade(alembic_config(session), "0027")
    migrate(authority.database)

    assert kept_of(authority) == dict(zip(phone_ids, ("HR", ""), strict=True))


def test_phones_are_named_by_id_or_label_and_told_apart_from_those_in_their_unit(
    authority: Authority,
) -> None:
    bench = authority.bench()
    first, second = authority.phone(bench, label="CW-1"), authority.phone(bench)
    wanted = [WantedUnit("CW-1", "DIGIT"), WantedUnit(second, "HR")]

    with authority.database.writing() as session:
        assert set_units(session, wanted, "desk-1", NOW) == UnitsSet(2, 0)
    with authority.database.writing() as session:
        assert set_units(session, [*wanted[:1], WantedUnit(second, "")], "desk-1", NOW) == UnitsSet(1, 1)

    assert units_of(authority) == {first: "DIGIT", second: ""}
    assert kept_of(authority) == {first: "DIGIT", second: ""}
    with authority.database.reading() as session:
        row, *_ = audit.newest_rows(session)
    assert (row.actor, row.action, row.subject) == ("desk-1", "units set", "1 phone")
    assert row.detail == {"phones": 1, "units": ["none"]}


def test_a_list_with_an_unknown_phone_changes_nothing_and_names_it(
    small_authority: Authority, bench: Bench
) -> None:
    phone = small_authority.phone(bench)
    wanted = [WantedUnit(phone, "DIGIT"), WantedUnit("CW-9", "HR")]

    with pytest.raises(NotThere, match="CW-9"), small_authority.database.writing() as session:
        set_units(session, wanted, "desk-1", NOW)

    assert units_of(small_authority) == {phone: ""}


def test_what_a_list_says_twice_or_of_several_phones_is_refused(
    small_authority: Authority, bench: Bench
) -> None:
    phone = small_authority.phone(bench, label="CW-1")
    with small_authority.database.writing() as session, pytest.raises(InConflict, match="for two units"):
        set_units(session, [WantedUnit("CW-1", "A"), WantedUnit(phone, "B")], "desk-1", NOW)
    small_authority.phone(bench, label="CW-1")
    with small_authority.database.writing() as session, pytest.raises(InConflict, match="several phones"):
        set_units(session, [WantedUnit("CW-1", "A")], "desk-1", NOW)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("label\nCW-1\n", "columns unit"),
        ("unit,label,phone_id\n", "columns unit"),
        ("unit,label\nDIGIT\n", "line 2"),
        ("unit,label\nDI\0GIT,CW-1\n", "line"),
        (f"unit,label\n{'x' * 61},CW-1\n", "line 2"),
        ("", "columns unit"),
    ],
)
def test_a_file_that_is_no_list_of_units_is_refused_with_its_line(text: str, found: str) -> None:
    with pytest.raises(Malformed, match=found):
        read_units(text)


def test_a_spreadsheets_own_csv_is_read() -> None:
    assert read_units("\ufeffunit,label\r\nDIGIT,CW-1\r\n") == [WantedUnit("CW-1", "DIGIT")]


def test_only_who_may_sets_units(small_authority: Authority, client: FlaskClient) -> None:
    token = small_authority.person_token(Role.AUDITOR)
    asked = {"units": [{"phone": "CW-1", "unit": "HR"}]}

    answer = client.post("/api/v1/units", json=asked, headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json["error"]["code"]) == (403, "right_missing")  # type: ignore[index]


def test_a_file_is_imported_and_tried_before(office: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    phone = office.phone(office.bench(), label="CW-1")
    file = office.folder / "units.csv"
    file.write_text("label,unit\nCW-1,DIGIT\n")
    words = ["--config", str(office.folder / "office" / "server.env"), "units", "import", str(file)]

    assert curfew_server([*words, "--dry-run"]) == 0
    assert units_of(office) == {phone: ""}
    assert curfew_server(words) == 0

    assert units_of(office) == {phone: "DIGIT"}
    assert "1 phone would be in another unit" in capsys.readouterr().out
