"""JSON with one spelling."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_schemas import canonical
from quietway_schemas.canonical import decode_canonical, decode_strict, encode_canonical
from quietway_schemas.errors import JsonError

INTEGERS = st.integers(min_value=-canonical.LARGEST_INTEGER, max_value=canonical.LARGEST_INTEGER)
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.booleans() | INTEGERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=5)


@given(OBJECTS)
@settings(max_examples=200, deadline=None)
def test_what_is_encoded_comes_back_as_it_was(held: dict[str, object]) -> None:
    raw = encode_canonical(held)
    assert decode_canonical(raw, max_bytes=len(raw)) == held
    assert encode_canonical(decode_canonical(raw, max_bytes=len(raw))) == raw


def test_the_form_is_the_one_that_the_spec_describes() -> None:
    held = {"b": [1, True, "é\x7f"], "a": '"\\\b\t\n\f\r\x00\x1f/', "\U0001f600": {}, "\uffff": -5}
    assert (
        encode_canonical(held)
        == (
            '{"a":"\\"\\\\\\b\\t\\n\\f\\r\\u0000\\u001f/","b":[1,true,"é\x7f"],"\uffff":-5,"\U0001f600":{}}'
        ).encode()
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a":1,"a":2}', canonical.REASON_DUPLICATE_KEY),
        (b'{"a":1,"\\u0061":1}', canonical.REASON_DUPLICATE_KEY),
        (b'{"a":1.0}', canonical.REASON_FLOAT),
        (b'{"a":1e5}', canonical.REASON_FLOAT),
        (b'{"a":NaN}', canonical.REASON_FLOAT),
        (b'{"a":-Infinity}', canonical.REASON_FLOAT),
        (b'{"a":null}', canonical.REASON_NULL),
        (b'{"a":9007199254740992}', canonical.REASON_INTEGER),
        (b'{"a":-9007199254740992}', canonical.REASON_INTEGER),
        (b'{"a":' + b"9" * 5_000 + b"}", canonical.REASON_INTEGER),
        (b'{"a":-0}', canonical.REASON_INTEGER),
        (b'{"a":01}', canonical.REASON_NOT_JSON),
        (b'{"a":"\\ud800"}', canonical.REASON_LONE_SURROGATE),
        (b'{"\\udfff":1}', canonical.REASON_LONE_SURROGATE),
        (b'{"a":"\xed\xa0\x80"}', canonical.REASON_BAD_UTF8),
        (b'{"a":"\xc0\xaf"}', canonical.REASON_BAD_UTF8),
        (b"\xef\xbb\xbf{}", canonical.REASON_BOM),
        (b"[" * 100_000, canonical.REASON_TOO_DEEP),
        (b'{"a":' * 60_000, canonical.REASON_TOO_DEEP),
        (b"{}{}", canonical.REASON_NOT_JSON),
        (b"", canonical.REASON_NOT_JSON),
        (b"\xff", canonical.REASON_BAD_UTF8),
        (b'{"a":"\n"}', canonical.REASON_NOT_JSON),
        (b"[]", canonical.REASON_NOT_AN_OBJECT),
        (b'"{}"', canonical.REASON_NOT_AN_OBJECT),
    ],
)
def test_both_decoders_refuse_what_the_form_does_not_have(raw: bytes, reason: str) -> None:
    for decode in (decode_canonical, decode_strict):
        with pytest.raises(JsonError) as refused:
            decode(raw, max_bytes=10**6)
        assert refused.value.reason == reason


@pytest.mark.parametrize(
    "raw",
    [
        b'{ "a":1}',
        b'{"a":1}\n',
        b'{"b":1,"a":2}',
        b'{"a":"\\u0062"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u000A"}',
        b'{"a":"\\u001F"}',
        b'{"a":"\\ud83d\\ude00"}',
    ],
)
def test_a_second_spelling_passes_the_strict_decoder_and_not_the_canonical_one(raw: bytes) -> None:
    assert decode_strict(raw, max_bytes=100)
    with pytest.raises(JsonError) as refused:
        decode_canonical(raw, max_bytes=100)
    assert refused.value.reason == canonical.REASON_NOT_CANONICAL


def nest(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


def test_16_levels_are_allowed_and_17_are_not() -> None:
    assert decode_canonical(nest(16), max_bytes=1_000)
    with pytest.raises(JsonError, match="deep"):
        decode_canonical(nest(17), max_bytes=1_000)
    with pytest.raises(JsonError, match="deep"):
        encode_canonical(json.loads(nest(17)))


def test_a_body_over_the_limit_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(JsonError) as refused:
        decode_strict(b"\xff" * 11, max_bytes=10)
    assert refused.value.reason == canonical.REASON_TOO_LONG


@pytest.mark.parametrize("value", [None, 0.5, b"x", 2**53, {1: 2}, {"a": {2}}, "\ud800"])
def test_the_encoder_refuses_what_the_form_does_not_have(value: object) -> None:
    with pytest.raises(JsonError):
        encode_canonical({"a": value})
