"""Padding: a round trip at every length, or a typed refusal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_crypto.errors import PaddingError
from quietway_crypto.padding import pad, unpad


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(-5, 320))
def test_pad_fits_the_size_and_comes_back_or_refuses(message: bytes, size: int) -> None:
    if len(message) + 2 > size:
        with pytest.raises(PaddingError):
            pad(message, size)
    else:
        padded = pad(message, size)
        assert len(padded) == size
        assert unpad(padded) == message


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_what_unpads_is_what_pad_would_have_written(padded: bytes) -> None:
    try:
        message = unpad(padded)
    except PaddingError:
        return
    assert pad(message, len(padded)) == padded


@pytest.mark.parametrize("length", [0xFFFF, 0x10000, 0x10001, 0x20000])
def test_a_length_that_the_prefix_cannot_say_never_wraps(length: int) -> None:
    message = b"m" * length
    if length <= 0xFFFF:
        assert unpad(pad(message, length + 2)) == message
    else:
        with pytest.raises(PaddingError):
            pad(message, length + 2)


@pytest.mark.parametrize("padded", [b"", b"\0", b"\0\1", b"\xff\xff" + b"m" * 100])
def test_unpad_refuses_a_length_that_points_beyond_the_end(padded: bytes) -> None:
    with pytest.raises(PaddingError):
        unpad(padded)


def test_unpad_refuses_any_padding_byte_that_is_not_zero() -> None:
    padded = pad(b"message", 40)
    for at in range(9, 40):
        with pytest.raises(PaddingError):
            unpad(padded[:at] + b"\1" + padded[at + 1 :])
