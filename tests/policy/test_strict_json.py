"""One text has one reading: ambiguous or endless JSON is refused before it means anything."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.errors import InvalidDocument
from policy.ready_made import ready_made_document
from policy.schemas import load_fleet, load_ledger, load_policy_document
from policy.schemas.strict_json import (
    DOCUMENT_MAX_BYTES,
    _canonical_object,
    canonical_json,
    parse_object,
    quick_ascii_json,
)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":1,"b":{"c":1,"c":2}}',
        '{"a":[{"c":1,"c":2}]}',
        '{"a":1,"\\u0061":2}',
    ],
)
def test_a_key_written_twice_is_refused_at_any_depth(text: str) -> None:
    with pytest.raises(InvalidDocument, match=r"expected each key once, found '[ac]' twice"):
        parse_object(text.encode(), "a test")


@pytest.mark.parametrize(
    "literal", ["9223372036854775808", "-9223372036854775808", "1" * 20, "1" * 5000, "-" + "9" * 5000]
)
def test_an_integer_beyond_64_bits_is_refused(literal: str) -> None:
    with pytest.raises(InvalidDocument, match="64 bits"):
        parse_object(f'{{"a":{literal}}}'.encode(), "a test")


@pytest.mark.parametrize("number", [0, (1 << 63) - 1, -(1 << 63) + 1])
def test_an_integer_of_64_bits_is_kept(number: int) -> None:
    assert parse_object(f'{{"a":{number}}}'.encode(), "a test") == {"a": number}


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_is_not_finite_is_refused(literal: str) -> None:
    with pytest.raises(InvalidDocument, match="numbers"):
        parse_object(f'{{"a":{literal}}}'.encode(), "a test")


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "x\\udfff", "\\udc00\\ud800"])
@pytest.mark.parametrize(
    "form", ['{"a":"%s"}', '{"%s":1}', '{"a":["%s"]}', '{"a":[[["%s"]]]}', '{"a":{"b":"%s"}}']
)
def test_half_characters_and_nul_are_refused_wherever_they_stand(form: str, escape: str) -> None:
    with pytest.raises(InvalidDocument, match="whole characters without NUL"):
        parse_object((form % escape).encode(), "a test")


def test_a_character_in_two_escapes_is_one_whole_character() -> None:
    assert parse_object(b'{"a":"\\ud83d\\ude00"}', "a test") == {"a": "\U0001f600"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{}}",
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":1,}',
        b'{"a":"line\nline"}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_json_is_refused_with_its_place(data: bytes) -> None:
    with pytest.raises(
        InvalidDocument, match=r"expected a test as JSON, found an error at line \d+ column \d+; get it"
    ):
        parse_object(data, "a test")


@pytest.mark.parametrize("data", [b'{"a":"\xff"}', '{"a":1}'.encode("utf-16"), b'{"a":"\xed\xa0\x80"}'])
def test_what_is_not_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidDocument, match="UTF-8"):
        parse_object(data, "a test")


@pytest.mark.parametrize("data", [b"[]", b"1", b'"a"', b"null", b"true"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidDocument, match="one JSON object, found"):
        parse_object(data, "a test")


@pytest.mark.parametrize("data", [b"[" * 200_000, b'{"a":' * 150_000, b'{"a":' + b"[" * 900_000])
def test_endless_nesting_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidDocument, match="endless nesting"):
        parse_object(data, "a test")


def test_a_document_over_the_limit_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InvalidDocument, match="at most 1048576 bytes"):
        parse_object(b" " * (DOCUMENT_MAX_BYTES + 1), "a test")


def test_a_document_at_the_limit_is_parsed() -> None:
    assert parse_object(b"{}".ljust(DOCUMENT_MAX_BYTES), "a test") == {}


def test_equal_values_are_written_as_equal_bytes() -> None:
    assert canonical_json({"b": "é", "a": [1, 2.5, None]}) == '{"a":[1,2.5,null],"b":"é"}'.encode()


def test_every_loader_reads_strictly() -> None:
    doubled = ready_made_document().replace(b'"lifted": false', b'"lifted": true, "lifted": false')

    with pytest.raises(InvalidDocument, match="'lifted' twice"):
        load_policy_document(doubled)
    with pytest.raises(InvalidDocument, match="'number' twice"):
        load_fleet(b'{"kind":"curfew-fleet","number":1,"number":2,"exemptions":[]}')
    with pytest.raises(InvalidDocument, match="'marker' twice"):
        load_ledger(b'{"marker":"a","marker":"b","entries":[]}')


def test_a_truncated_document_is_refused_at_every_length() -> None:
    data = json.dumps({"kind": "curfew-fleet", "number": 1, "exemptions": []}).encode()

    for length in range(len(data)):
        with pytest.raises(InvalidDocument):
            load_fleet(data[:length])


JSON_TEXTS = st.recursive(
    st.sampled_from(["null", "true", "0", "-1", "1.5", "1e999", "9223372036854775807", "9223372036854775808"])
    | st.sampled_from(
        ["1" * 20, "NaN", '"\\u0000"', '"\\ud800"', '"\u00e9"', '"\\u00e9"', '"\x7f"', "-0.0", "1.0"]
    )
    | st.text(max_size=5).map(lambda text: json.dumps(text, ensure_ascii=False)),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(st.tuples(st.sampled_from("abc"), inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}"
        )
    ),
    max_leaves=8,
)


def outcome(text: str) -> object:
    try:
        return json.dumps(parse_object(text.encode("utf-8", "surrogatepass"), "a test"))
    except InvalidDocument:
        return None


@given(JSON_TEXTS)
def test_the_quick_way_for_canonical_text_reads_what_the_careful_way_reads(text: str) -> None:
    # With a space before it no text is canonical, and means the same.
    assert outcome(f'{{"a":{text}}}') == outcome(f' {{"a":{text}}}')


@pytest.mark.parametrize("text", ['{"a":1,"b":{"c":[1,2]}}', '{"a":"\u00e9"}', "{}"])
def test_canonical_text_is_read_the_quick_way(text: str) -> None:
    assert _canonical_object(text.encode()) == json.loads(text)


WHOLE_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["\x7f", "\x00\x1f", '"\\/', "\b\f\n\r\t", "\u00e9", "\u2028", "\uffff", "\U0001f600"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | WHOLE_TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WHOLE_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_quick_ascii_json_writes_the_bytes_of_the_standard_library(value: object) -> None:
    assert quick_ascii_json(value) == json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
