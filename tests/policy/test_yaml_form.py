"""YAML says what JSON says, in one way; what is more than that is refused with its place."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.errors import InvalidDocument
from policy.ready_made import ready_made_document
from policy.schemas import dump_policy_document, load_policy_document
from policy.schemas.yaml_form import json_of_yaml, yaml_of_json
from tests.policy.documents import policies

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    # What a reader of YAML might take for something else than a text.
    | TEXTS
    | st.sampled_from(["no", "on", "~", "null", "1_000", "0x1F", "12:30:45", "2023-03-15", "1e3", "=", "<<"]),
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@given(st.dictionaries(TEXTS, VALUES))
def test_whatever_json_says_comes_back_from_yaml_as_it_was(value: dict[str, object]) -> None:
    text = yaml_of_json(json.dumps(value).encode())

    assert json.loads(json_of_yaml(text.encode())) == value


@given(policies())
def test_a_policy_is_the_same_policy_as_yaml(policy: object) -> None:
    document = dump_policy_document(7, policy)  # type: ignore[arg-type]

    assert load_policy_document(json_of_yaml(yaml_of_json(document).encode())) == (7, policy)


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(data: bytes) -> None:
    with suppress(InvalidDocument):
        json.loads(json_of_yaml(data))


def test_fields_keep_the_order_their_author_gave_them() -> None:
    keys = [
        line.split(":")[0] for line in yaml_of_json(ready_made_document()).splitlines() if line[0].isalpha()
    ]

    assert keys == list(json.loads(ready_made_document()))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("2023-03-15", "2023-03-15"),
        ("012", "012"),
        ("1_000", "1_000"),
        ("True", "True"),
        ("true", True),
        ("12", 12),
        ("0.25", 0.25),
        ("null", None),
        ("~", "~"),
    ],
)
def test_a_plain_word_is_what_it_would_be_in_json_else_a_text(text: str, value: object) -> None:
    assert json.loads(json_of_yaml(f"key: {text}".encode())) == {"key": value}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\nb: *x", "without references"),
        ("a: 1\na: 2", "found 'a' again in line 2"),
        ("1: 2", "found 1 in line 1; quote it"),
        ("a: !!python/object:os.system x", "error at line 1"),
        ("a: 1\n---\nb: 2", "error at line 2"),
        ("a: [1", "found an error at line"),
        ("\tb", "found an error at line 1"),
        ("a: \x00", "characters that it does not allow"),
        ("a: " + "9" * 5000, "expected what JSON can say"),
        ("a: 1e999", "expected what JSON can say"),
        ("[" * 5000, "expected what JSON can say"),
    ],
)
def test_more_than_json_can_say_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidDocument, match=said):
        json_of_yaml(text.encode())


def test_other_bytes_than_utf_8_are_refused() -> None:
    with pytest.raises(InvalidDocument, match="save it as UTF-8"):
        json_of_yaml(b"\xff\xfe")
