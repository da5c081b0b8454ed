from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway.errors import ImportRefused
from quietway.interop.json_file import LARGEST_FILE_BYTES, read_json_object


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b'{"a":1}x',
        b'{"a":1,"a":2}',
        b'{"b":{"a":1,"a":2}}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"\xff\xfe{}",
        b'{"a":"\xc3"}',
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    ],
)
def test_a_file_that_is_no_single_object_is_malformed_and_nothing_of_it_is_repeated(
    raw: bytes,
) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_json_object(raw)

    assert (refused.value.reason, refused.value.field) == ("malformed", "file")
    assert refused.value.__cause__ is None


def test_a_file_over_one_mebibyte_is_refused_before_it_is_read() -> None:
    with pytest.raises(ImportRefused) as refused:
        read_json_object(b" " * (LARGEST_FILE_BYTES + 1))

    assert refused.value.reason == "too_large"


def test_a_number_of_a_million_digits_is_not_read() -> None:
    found = read_json_object(b'{"a":' + b"9" * 1_000_000 + b"}")

    assert "9" not in repr(found["a"])


def test_a_byte_order_mark_and_decimals_and_null_are_fine() -> None:
    assert set(read_json_object(b'\xef\xbb\xbf{"a": 1.5, "b": null}')) == {"a", "b"}


_LEAVES = st.none() | st.booleans() | st.text(max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            _LEAVES,
            lambda held: st.lists(held, max_size=3) | st.dictionaries(st.text(max_size=4), held),
        ),
        max_size=4,
    )
)
def test_every_ordinary_object_is_read_as_it_stands(made: dict[str, object]) -> None:
    assert read_json_object(json.dumps(made).encode()) == made


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_no_other_error_gets_out(raw: bytes) -> None:
    with suppress(ImportRefused):
        read_json_object(raw)
