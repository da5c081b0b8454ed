"""Row 27: padding whose arithmetic wraps on the long message and throws on the short one.

SimpleX's audit found both. The attacker sends, or makes someone send, a message of an awkward
length: a wrapped prefix silently cuts it, an unchecked one reads beyond it, and padding nobody
looks at carries a hidden channel. Defences: checked arithmetic with one typed refusal, and zero
padding that is verified.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.controls import without

from quietway_crypto import padding
from quietway_crypto.errors import PaddingError

SIZES = (1_424, 2_512, 6_864, 7_952)
AWKWARD = sorted(
    {0, 1, 0xFFFE, 0xFFFF, 0x10000, 0x10001}
    | {size + change for size in SIZES for change in (-3, -2, -1, 0, 1)}
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("length", AWKWARD)
def test_an_awkward_length_comes_back_whole_or_is_refused(length: int, size: int) -> None:
    message = b"m" * length
    if length + 2 <= size:
        assert padding.unpad(padding.pad(message, size)) == message
    else:
        with pytest.raises(PaddingError):
            padding.pad(message, size)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=64))
@example(b"\xff\xff")
@example(b"\x00")
def test_whatever_arrives_is_read_or_refused_with_one_type(padded: bytes) -> None:
    try:
        message = padding.unpad(padded)
    except PaddingError:
        return
    assert padding.pad(message, len(padded)) == padded


def _pad_and_wrap(message: bytes, size: int) -> bytes:
    """Pad as the audited code did: the prefix wraps, and nobody looks."""
    return ((len(message) & 0xFFFF).to_bytes(2, "big") + message).ljust(size, b"\0")


def test_control_without_checked_arithmetic_a_long_message_is_cut_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = b"I say yes to all the pizzas" * 2_500
    with pytest.raises(PaddingError):
        padding.pad(message, 80_000)
    without(monkeypatch, "quietway_crypto.padding:pad", _pad_and_wrap)
    without(monkeypatch, "quietway_crypto.padding:check_filler", lambda _filler: None)
    cut = padding.unpad(padding.pad(message, 80_000))
    assert message.startswith(cut)
    assert len(cut) == len(message) - 0x10000


def test_a_hidden_channel_in_the_padding_is_refused() -> None:
    carrier = padding.pad(b"hello", 1_424)[:-6] + b"hidden"
    with pytest.raises(PaddingError):
        padding.unpad(carrier)


def test_control_without_the_check_the_hidden_channel_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_crypto.padding:check_filler", lambda _filler: None)
    assert padding.unpad(padding.pad(b"hello", 1_424)[:-6] + b"hidden") == b"hello"
