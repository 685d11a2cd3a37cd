"""Rings that name a unit, or phones by their labels: a server writes the ids in their place, by API, file and form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from certs.drafting import written_document
from policy.document import LISTED_MAX
from policy.errors import InvalidDocument
from policy.names import PhoneId
from policy.schemas import dump_policy_document, load_policy_document
from server.drafts import listed_rings
from server.drafts.listed_rings import labels_in, with_phones
from server.fleet.retiring import retire
from server.fleet.units import WantedUnit, set_units
from server.people.people import Role
from tests.server.authority import NOW, Authority, banning_policy
from tests.server.statements import plans_of, selects_of

STARTS = {"starts_at": "2027-03-16T00:00:00Z"}
REST = {"share": 1.0, **STARTS}


def asking(*rings: Any, **rules: Any) -> bytes:
    """Return a policy whose rings are as somebody writes them, with one for all others."""
    whole = json.loads(dump_policy_document(2, banning_policy(name="Next")))
    whole["rules"] |= {"rings": [*({**ring, **STARTS} for ring in rings), REST], **rules}
    return written_document(whole)


def listed(authority: Authority, *rings: Any, **rules: Any) -> list[set[PhoneId]]:
    """Return the phones of these rings as they are signed."""
    with authority.database.reading() as session:
        document = with_phones(session, asking(*rings, **rules))
    return [set(ring.phones) for ring in load_policy_document(document)[1].rings[:-1]]


def refused(authority: Authority, *rings: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidDocument) as error:
        listed(authority, *rings)
    return list(error.value.faults)


def test_a_ring_of_a_unit_lists_the_phones_that_are_in_it_and_with_us(authority: Authority) -> None:
    bench = authority.bench()
    first, second, gone, _other = (authority.phone(bench, unit=unit) for unit in ("A", "A", "A", "B"))
    back = authority.phone(bench, unit="A")
    authority.accept(bench.sign(bench.report(back, handed_back=True)))
    with authority.database.writing() as session:
        retire(session, gone, "lost", "admin-1", "admin-1", NOW)

    assert listed(authority, {"unit": "A"}) == [{first, second}]


def test_a_revision_takes_the_unit_anew_and_the_same_phones_are_the_same_bytes(authority: Authority) -> None:
    bench = authority.bench()
    first, second = (authority.phone(bench, unit="A") for _ in range(2))
    with authority.database.reading() as session:
        taken = with_phones(session, asking({"unit": "A"}))
        assert with_phones(session, taken) == taken
    with authority.database.writing() as session:
        set_units(session, [WantedUnit(second, "B")], "admin-1", NOW)

    with authority.database.reading() as session:
        again = load_policy_document(with_phones(session, taken))[1]

    assert again.listed == {first: 1}


def test_phones_are_named_by_label_or_id_and_shown_by_the_labels_that_are_theirs_alone(
    authority: Authority,
) -> None:
    bench = authority.bench()
    one, other, third = (authority.phone(bench, label=label) for label in ("CW 1", "CW 1", "CW-3"))
    plain = authority.phone(bench)

    assert listed(authority, {"name": "Pilot", "phones": ["CW-3", one, plain]}) == [{third, one, plain}]
    with authority.database.reading() as session:
        assert labels_in(session, asking({"name": "Pilot", "phones": [one, other, third, plain]})) == {
            third: "CW-3"
        }


@pytest.mark.about_sqlite("how it plans a query")
def test_the_labels_of_a_draft_are_looked_up_along_indexes_and_none_where_it_lists_nobody(
    small_authority: Authority,
) -> None:
    listed_phone = small_authority.phone(small_authority.bench(), label="CW 1")
    engine = small_authority.database.engine

    with selects_of(engine) as asked, small_authority.database.reading() as session:
        assert labels_in(session, asking({"name": "Pilot", "phones": [listed_phone]})) == {
            listed_phone: "CW 1"
        }
    with selects_of(engine) as of_nobody, small_authority.database.reading() as session:
        assert labels_in(session, asking()) == {}

    plans = plans_of(engine, asked)
    assert [plan for plan in plans if "ix_phone_label" in plan]
    assert [plan for plan in plans if plan.startswith("SCAN phone")] == []
    assert of_nobody == []


def test_whom_another_ring_names_is_left_to_that_one(authority: Authority) -> None:
    bench = authority.bench()
    pilot, other = (authority.phone(bench, unit="A") for _ in range(2))

    assert listed(authority, {"unit": "A"}, {"name": "Pilot", "phones": [pilot]}) == [{other}, {pilot}]


def test_rings_that_list_phones_ask_for_a_judgement_that_knows_them(authority: Authority) -> None:
    authority.phone(authority.bench(), unit="A")

    with authority.database.reading() as session:
        taken = load_policy_document(with_phones(session, asking({"unit": "A"}, minimum_judgement=1)))[1]

    assert taken.minimum_judgement == 4


@pytest.mark.parametrize(
    "document",
    [
        asking(),
        b"{",
        b"[]",
        b'{"rules": 1}',
        b'{"rules": {"rings": [1, {"unit": "A"}]}}',
        b'{"rules": {"rings": {"unit": "A"}}}',
    ],
)
def test_what_names_no_unit_and_no_phones_or_is_no_policy_is_left_to_the_byte(
    authority: Authority, document: bytes
) -> None:
    with authority.database.reading() as session:
        assert with_phones(session, document) == document


@pytest.mark.parametrize("unit", ["", 7, None, ["A"]])
def test_a_unit_that_is_none_is_refused_and_takes_nobody(authority: Authority, unit: object) -> None:
    authority.phone(authority.bench())

    with pytest.raises(InvalidDocument, match=r"rules\.rings\.0\.unit: expected"):
        listed(authority, {"unit": unit})


class TestRefused:
    def test_a_unit_that_nobody_is_in(self, authority: Authority) -> None:
        [(path, text)] = refused(authority, {"unit": "Nowhere"})

        assert path == "rules.rings.0.unit"
        assert text == 'nobody is in unit "Nowhere"; correct it, or remove the ring'

    def test_a_unit_whose_phones_are_all_named_elsewhere(self, authority: Authority) -> None:
        phone = authority.phone(authority.bench(), unit="A")

        [(_, text)] = refused(authority, {"name": "Pilot", "phones": [phone]}, {"unit": "A"})

        assert 'nobody is in unit "A" whom no other ring lists' in text

    def test_a_unit_of_more_phones_than_can_be_listed(
        self, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listed_rings, "LISTED_MAX", 2)
        bench = authority.bench()
        for _ in range(4):
            authority.phone(bench, unit="A")

        [(_, text)] = refused(authority, {"unit": "A"})

        assert LISTED_MAX == 5000
        assert text == 'unit "A" has more than 2 phones; let it be a share of all'

    def test_phones_that_are_not_registered_each_by_its_name(self, authority: Authority) -> None:
        known, unknown = authority.phone(authority.bench()), PhoneId.random()

        [(path, text)] = refused(authority, {"name": "Pilot", "phones": ["CW-9", known, unknown]})

        assert path == "rules.rings.0.phones"
        assert text == f'expected labels or ids of registered phones, found "CW-9", "{unknown}"'

    def test_of_many_that_are_not_registered_the_first(self, authority: Authority) -> None:
        [(_, text)] = refused(authority, {"name": "Pilot", "phones": [f"CW-{n}" for n in range(12)]})

        assert text.endswith('"CW-9" and 2 more')

    def test_a_label_of_several_phones(self, authority: Authority) -> None:
        bench = authority.bench()
        for _ in range(2):
            authority.phone(bench, label="CW-1")

        [(_, text)] = refused(authority, {"name": "Pilot", "phones": ["CW-1"]})

        assert text == '"CW-1" is the label of several phones; name them by their ids'

    def test_a_phone_named_in_two_rings_or_twice_in_one(self, authority: Authority) -> None:
        phone = authority.phone(authority.bench(), label="CW-1")

        with pytest.raises(InvalidDocument, match=f"phone {phone} is listed in ring 1 and in ring 2"):
            listed(authority, {"name": "a", "phones": [phone]}, {"name": "b", "phones": ["CW-1"]})
        with pytest.raises(InvalidDocument, match=r"rings\.0\.phones: .* found a double"):
            listed(authority, {"name": "a", "phones": [phone, "CW-1"]})


def author_of(authority: Authority) -> dict[str, str]:
    return {"Authorization": f"Bearer {authority.person_token(Role.AUTHOR)}"}


def sent(client: FlaskClient, author: dict[str, str], document: bytes, revision: int = 0) -> TestResponse:
    if not revision:
        return client.post(
            "/api/v1/drafts", json={"title": "Next", "document": document.decode()}, headers=author
        )
    body = {"revision": revision, "document": document.decode()}
    return client.put("/api/v1/drafts/1", json=body, headers=author)


def test_a_program_opens_and_revises_a_draft_by_unit(client: FlaskClient, small_authority: Authority) -> None:
    author, bench = author_of(small_authority), small_authority.bench()
    first = small_authority.phone(bench, unit="A")

    opened = sent(client, author, asking({"unit": "A"})).get_json()
    second = small_authority.phone(bench, unit="A")
    revised = sent(client, author, opened["document"].encode(), 1).get_json()

    assert json.loads(opened["document"])["rules"]["rings"][0] == {"unit": "A", "phones": [first], **STARTS}
    assert (revised["revision"], json.loads(revised["document"])["rules"]["rings"][0]["phones"]) == (
        2,
        sorted([first, second]),
    )
    told = {one["subject"]: one["after"] for one in revised["differences"]}
    assert told["judgement"] == "version 4 or newer"


def test_what_changes_in_a_list_is_told_by_numbers(client: FlaskClient, small_authority: Authority) -> None:
    author, bench = author_of(small_authority), small_authority.bench()
    first, second = (small_authority.phone(bench, unit="A") for _ in range(2))
    with small_authority.database.reading() as session:
        in_force = load_policy_document(with_phones(session, asking({"unit": "A"})))[1]
    small_authority.trust = small_authority.trust.copy(small_authority.folder / "lists")
    small_authority.trust.publish(2, in_force)
    small_authority.publish()
    with small_authority.database.writing() as session:
        set_units(session, [WantedUnit(second, "B")], "admin-1", NOW)

    whole = json.loads(asking({"unit": "A"}))
    told = sent(client, author, written_document({**whole, "number": 3})).get_json()

    assert first != second
    assert {"subject": "phones of unit A", "before": "", "after": "0 phones added, 1 phone removed"} in told[
        "differences"
    ]


@pytest.mark.parametrize("revision", [0, 1])
def test_a_program_is_told_which_ring_nobody_is_in(
    client: FlaskClient, small_authority: Authority, revision: int
) -> None:
    author = author_of(small_authority)
    if revision:
        sent(client, author, asking())

    answer = sent(client, author, asking({"unit": "Nowhere"}), revision)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "policy_refused")
    assert 'rules.rings.0.unit: nobody is in unit "Nowhere"' in answer.get_json()["error"]["message"]


def test_a_policy_that_names_a_unit_is_rehearsed_as_it_would_be_signed(
    client: FlaskClient, small_authority: Authority
) -> None:
    author = author_of(small_authority)
    small_authority.phone(small_authority.bench(), unit="A")

    for rings, status in (({"unit": "A"}, 202), ({"unit": "Nowhere"}, 400)):
        answer = client.post(
            "/api/v1/rehearsals", data=asking(rings), headers=author, content_type="application/json"
        )
        assert answer.status_code == status, answer.text
