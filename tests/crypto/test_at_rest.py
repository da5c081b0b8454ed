"""Records that the relay keeps for itself: one size, one owner, one error for everything."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import bindings
from tests.controls import without

from quietway_crypto.at_rest import (
    MOST_RECORD_BYTES,
    SEALED_BYTES,
    TEXT_BYTES,
    open_at_rest,
    seal_at_rest,
)
from quietway_crypto.encoding import TAG_WAKE_ENDPOINTS, pae
from quietway_crypto.errors import EncodingError, KeyRefusedError, OpenError, PaddingError
from quietway_crypto.secret import Secret

KEY, NONCE, TAG = bytes(range(32)), bytes(range(24)), TAG_WAKE_ENDPOINTS
OWNER, OTHER = b"m" * 16, b"n" * 16


def _seal(record: bytes) -> bytes:
    return seal_at_rest(KEY, record, tag=TAG, owner=OWNER, nonce=NONCE)


def _seal_text(text: bytes) -> bytes:
    return NONCE + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        text, pae(TAG, OWNER), NONCE, KEY
    )


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=MOST_RECORD_BYTES))
def test_a_record_comes_back_and_has_one_size_whatever_it_is(record: bytes) -> None:
    sealed = seal_at_rest(Secret(KEY), record, tag=TAG, owner=OWNER, nonce=NONCE)
    assert len(sealed) == SEALED_BYTES == 2_600
    assert open_at_rest(KEY, sealed, tag=TAG, owner=OWNER) == record


def test_it_is_the_bytes_of_its_table() -> None:
    assert _seal(b"abc") == _seal_text(b"\0\3abc".ljust(TEXT_BYTES, b"\0"))


def test_open_refuses_a_flipped_bit_a_truncation_and_another_owner_key_or_purpose() -> None:
    sealed = _seal(b"endpoints")
    for bit in range(0, len(sealed) * 8, 61):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(OpenError):
            open_at_rest(KEY, bytes(flipped), tag=TAG, owner=OWNER)
    for wrong in (sealed[:-1], sealed + b"\0", b""):
        with pytest.raises(OpenError):
            open_at_rest(KEY, wrong, tag=TAG, owner=OWNER)
    for key, tag, owner in ((bytes(32), TAG, OWNER), (KEY, "other", OWNER), (KEY, TAG, OTHER)):
        with pytest.raises(OpenError):
            open_at_rest(key, sealed, tag=tag, owner=owner)


@pytest.mark.parametrize(
    "text",
    [b"\0\1a" + b"b" * (TEXT_BYTES - 3), b"\xff\xff" + bytes(TEXT_BYTES - 2)],
    ids=["padding that is not zero", "a length beyond the end"],
)
def test_open_refuses_what_was_not_padded_so(text: bytes) -> None:
    with pytest.raises(OpenError):
        open_at_rest(KEY, _seal_text(text), tag=TAG, owner=OWNER)


def test_without_the_owner_bound_a_row_opens_in_another_mailbox(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: a row that was moved would tell another device's wake-ups where to go."""
    without(monkeypatch, "quietway_crypto.at_rest:pae", lambda tag, _: tag.encode())
    assert open_at_rest(KEY, _seal(b"endpoints"), tag=TAG, owner=OTHER) == b"endpoints"


def test_what_can_not_be_sealed_is_refused() -> None:
    with pytest.raises(PaddingError):
        _seal(bytes(MOST_RECORD_BYTES + 1))
    with pytest.raises(EncodingError):
        seal_at_rest(KEY, b"", tag=TAG, owner=OWNER, nonce=bytes(23))
    with pytest.raises(KeyRefusedError):
        seal_at_rest(bytes(31), b"", tag=TAG, owner=OWNER, nonce=NONCE)
    with pytest.raises(KeyRefusedError):
        open_at_rest(bytes(31), b"", tag=TAG, owner=OWNER)
