"""Strict parsing of JSON, without a server."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.body import parse_object
from api.errors import Problem

REFUSED = {
    "nothing": b"",
    "not JSON": b"repository=a/b",
    "two values": b"{} {}",
    "not UTF-8": b'{"repository": "\xff"}',
    "UTF-16": '{"repository": "a/b"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"repository": "a/b"}',
    "NaN": b'{"repository": NaN}',
    "Infinity": b'{"repository": -Infinity}',
    "a number that overflows": b'{"repository": 1e999}',
    "an integer of 10,000 digits": b'{"repository": ' + b"9" * 10_000 + b"}",
    "a duplicate key": b'{"repository": "a/b", "repository": "c/d"}',
    "a duplicate key further in": b'{"repository": {"x": 1, "x": 2}}',
    "a duplicate key, once escaped": b'{"ref": "a", "r\\u0065f": "b"}',
    "a lone surrogate": b'{"repository": "\\ud800"}',
    "a lone surrogate in a key": b'{"\\udfff": 1}',
    "deep nesting of lists": b"[" * 30_000 + b"]" * 30_000,
    "deep nesting of objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "nesting that does not end": b'{"repository": ' + b"[" * 60_000,
    "more than 1,000 values": b'{"a": [' + b"1," * 1_000 + b"1]}",
    "more than 1,000 empty objects": b'{"a": [' + b"{}," * 500 + b"{}]}",
    "more than 1,000 members": b"{" + b",".join(b'"%d":1' % n for n in range(1_001)) + b"}",
    "an integer of 101 digits": b'{"a": ' + b"9" * 101 + b"}",
    "a fraction of 101 characters": b'{"a": 1.' + b"9" * 99 + b"}",
    "a list": b"[1]",
    "a string": b'"repository"',
    "null": b"null",
    "a raw NUL": b'{"repository": "a\x00b"}',
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_body_that_is_not_one_strict_json_object_gets_400(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        parse_object(body)
    assert refused.value.status == 400
    assert refused.value.code == "INVALID_JSON"


def test_maximum_number_of_values_and_digits_is_accepted() -> None:
    value = {"a": [10**99] * 990, "b": "x" * 50_000}
    assert parse_object(json.dumps(value).encode()) == value


def test_surrogate_pair_is_one_character() -> None:
    assert parse_object(b'{"ref": "\\ud83d\\ude00"}') == {"ref": "\N{GRINNING FACE}"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.booleans())
def test_valid_object_is_parsed_unchanged(value: dict[str, object], ascii_only: bool) -> None:
    assert parse_object(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_give_an_object_or_400(body: bytes) -> None:
    try:
        assert isinstance(parse_object(body), dict)
    except Problem as refused:
        assert refused.status == 400
