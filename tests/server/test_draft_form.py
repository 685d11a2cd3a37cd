"""The form of a policy says what its document says, and leaves alone what it has no field for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from certs.drafting import written_document
from policy.document import Policy
from policy.errors import InvalidDocument
from policy.ready_made import ready_made_document
from policy.schemas import dump_policy_document, load_policy_document
from server.drafts.form import LANGUAGES, TEXTS, FilledForm, document_of, form_of
from tests.policy.documents import policies

READY = ready_made_document()
quick = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def sent(form: FilledForm) -> dict[str, list[str]]:
    """Return what a browser sends of a form that nobody has touched."""
    fields = {name: [value] for name, value in form.values.items()}
    fields |= {name: ["yes"] for name, is_on in form.switches.items() if is_on}
    fields["kinds"] = list(form.kinds)
    for number, family in enumerate(form.families):
        fields[f"family-{number}-name"] = [family.name]
        fields[f"family-{number}-packages"] = [family.packages.replace("\n", "\r\n")]
        fields |= {f"family-{number}-active": ["yes"]} if family.active else {}
    for number, app in enumerate(form.managed):
        fields[f"managed-{number}-package"] = [app.package]
        fields[f"managed-{number}-places"] = list(app.places)
    for number, ring in enumerate(form.rings):
        for part in ("percent", "starts_at", "unit", "name"):
            fields[f"ring-{number}-{part}"] = [getattr(ring, part)]
        fields[f"ring-{number}-phones"] = [ring.phones.replace("\n", "\r\n")]
    for tag, message in form.messages.items():
        fields |= {f"message-{tag}-{name}": [message[name]] for name in TEXTS}
    return fields


@quick
@given(policies())
def test_a_form_that_nobody_touched_says_the_same_policy(policy: Policy) -> None:
    document = dump_policy_document(3, policy)
    again = document_of(sent(form_of(document)), document)

    told, before = json.loads(again), json.loads(document)
    # One line each, without blanks at their ends: what a browser cannot send is not told apart.
    assert told.keys() == before.keys()
    assert told["rules"]["rings"] == before["rules"]["rings"]
    assert {**told["rules"], "families": 0, "time_zone": 0} == {
        **before["rules"],
        "families": 0,
        "time_zone": 0,
    }


def test_the_ready_made_policy_comes_back_from_its_form_as_it_was() -> None:
    again = document_of(sent(form_of(READY)), READY)

    assert load_policy_document(again) == load_policy_document(READY)
    assert list(json.loads(again)) == list(json.loads(READY))


def filled(**changes: list[str]) -> Any:
    return json.loads(document_of({**sent(form_of(READY)), **changes}, READY))


def test_a_moment_without_seconds_as_browsers_send_it_gets_them() -> None:
    rules = filled(deadline=["2023-04-01T12:00"], review_at=["2023-09-01T10:30"])["rules"]

    assert (rules["deadline"], rules["review_at"]) == ("2023-04-01T12:00:00", "2023-09-01T10:30:00Z")


def test_debugging_at_hand_back_is_a_rule_only_where_it_is_ticked() -> None:
    ticked = filled(debugging_at_hand_back=["yes"])

    assert ticked["rules"]["debugging_at_hand_back"] == "off"
    document = written_document(ticked)
    form = form_of(document)
    assert form.switches["debugging_at_hand_back"] is True
    unticked = {name: texts for name, texts in sent(form).items() if name != "debugging_at_hand_back"}
    assert json.loads(document_of(unticked, document)) == json.loads(document_of(sent(form_of(READY)), READY))


def test_an_emptied_family_is_gone_and_a_filled_row_is_a_new_one() -> None:
    first = json.loads(READY)["rules"]["families"][0]
    count = len(json.loads(READY)["rules"]["families"])
    fields = {"family-0-name": [""], "family-0-packages": [""]}
    fields |= {f"family-{count}-name": ["Temu"], f"family-{count}-packages": ["com.einnovation.temu"]}
    families = filled(**fields)["rules"]["families"]

    assert first["name"] not in [family["name"] for family in families]
    assert families[-1] == {"name": "Temu", "active": False, "packages": ["com.einnovation.temu"]}


def test_rings_are_typed_in_percent() -> None:
    fields = {"ring-0-percent": ["7"], "ring-0-starts_at": ["2023-04-01T00:00"]}
    fields |= {"ring-1-percent": ["100 %"], "ring-1-starts_at": ["2023-04-02T00:00"]}

    assert [ring["share"] for ring in filled(**fields)["rules"]["rings"]] == [0.07, 1.0]


def test_a_language_without_any_text_is_left_out() -> None:
    fields = {f"message-fr-{name}": [""] for name in TEXTS}

    assert "fr" not in filled(**fields)["messages"]


def test_a_field_that_this_version_does_not_know_stays() -> None:
    document = written_document({**json.loads(READY), "x_team": ["a", 1]})

    assert json.loads(document_of(sent(form_of(document)), document))["x_team"] == ["a", 1]


@pytest.mark.parametrize(
    ("name", "typed", "path"),
    [
        ("overdue_limit_hours", "many", "rules.overdue_limit_hours"),
        ("deadline", "tomorrow", "rules.deadline"),
        ("review_at", "", "rules.review_at"),
        ("family-0-packages", "not a package!", "rules.families.0.packages.0"),
        ("managed-1-package", "x", "rules.managed.1.package"),
        ("reminders_hours_before", "24, soon", "rules.reminders_hours_before.1"),
        ("owners", "com.a.b com", "rules.owners.1"),
    ],
)
def test_what_was_typed_wrong_is_refused_beside_its_field(name: str, typed: str, path: str) -> None:
    document = document_of({**sent(form_of(READY)), name: [typed]}, READY)
    with pytest.raises(InvalidDocument) as refused:
        load_policy_document(document)
    form = form_of(document, refused.value.faults)

    assert form.refused(path)
    assert form.refused(path.rpartition(".")[0])


def test_a_ring_that_is_no_number_comes_back_as_it_was_typed() -> None:
    fields = {"ring-0-percent": ["half"], "ring-0-starts_at": ["2023-04-01T00:00"]}
    form = form_of(written_document(filled(**fields)))

    assert form.rings[0].percent == "half"


def test_there_is_a_field_for_each_of_the_24_official_languages() -> None:
    assert len(LANGUAGES) == 24
    assert {"en", "fr", "de", "nl"} <= json.loads(READY)["messages"].keys()
