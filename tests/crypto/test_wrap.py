"""Records under a key: Wycheproof's cipher, a commitment to one key, one error for everything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import bindings
from nacl.exceptions import CryptoError as SodiumError
from tests.controls import without

from quietway_crypto.encoding import TAG_WRAP_KEY
from quietway_crypto.errors import EncodingError, KeyRefusedError, OpenError
from quietway_crypto.kdf import derive
from quietway_crypto.secret import Secret
from quietway_crypto.wrap import WRAP_OVERHEAD, unwrap, wrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY, NONCE = bytes(range(32)), bytes(range(24))


def _open(case: dict[str, str]) -> str:
    raw = {name: bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "ct", "tag")}
    return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
        raw["ct"] + raw["tag"], raw["aad"], raw["iv"], raw["key"]
    ).hex()


def test_the_cipher_gives_the_answers_of_wycheproof(shared: Callable[[str], Path]) -> None:
    path = shared("vectors/wycheproof/xchacha20_poly1305_test.json")
    groups = json.loads(path.read_text("utf-8"))["testGroups"]
    cases = [case for group in groups for case in group["tests"]]
    for case in cases:
        if case["result"] == "valid":
            assert _open(case) == case["msg"]
        else:
            with pytest.raises(SodiumError):
                _open(case)
    assert len(cases) == 315


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=40))
def test_a_record_comes_back_under_its_key_and_context(plaintext: bytes, context: bytes) -> None:
    wrapped = wrap(Secret(KEY), plaintext, context=context, nonce=NONCE)
    assert len(wrapped) == len(plaintext) + WRAP_OVERHEAD
    assert wrapped[:24] == NONCE
    assert unwrap(KEY, wrapped, context=context) == plaintext


def test_unwrap_refuses_every_flipped_bit_and_every_truncation() -> None:
    wrapped = wrap(KEY, b"seed", context=b"c", nonce=NONCE)
    for bit in range(len(wrapped) * 8):
        flipped = bytearray(wrapped)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(OpenError):
            unwrap(KEY, bytes(flipped), context=b"c")
    for end in range(len(wrapped)):
        with pytest.raises(OpenError):
            unwrap(KEY, wrapped[:end], context=b"c")


def test_unwrap_refuses_another_key_or_context() -> None:
    wrapped = wrap(KEY, b"seed", context=b"c", nonce=NONCE)
    for key, context in ((bytes(32), b"c"), (KEY, b""), (KEY, b"d")):
        with pytest.raises(OpenError):
            unwrap(key, wrapped, context=context)


def _wrap_without_commitment() -> bytes:
    cipher_key = derive(KEY, tag=TAG_WRAP_KEY, context=NONCE)
    ciphertext = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        b"seed", b"c", NONCE, cipher_key
    )
    return NONCE + bytes(32) + ciphertext


def test_unwrap_refuses_a_record_with_a_sound_cipher_and_a_foreign_commitment() -> None:
    with pytest.raises(OpenError):
        unwrap(KEY, _wrap_without_commitment(), context=b"c")


def test_control_without_the_commitment_that_record_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "quietway_crypto.wrap:check_commitment", lambda *_arguments: None)
    assert unwrap(KEY, _wrap_without_commitment(), context=b"c") == b"seed"


def test_wrap_refuses_keys_and_nonces_of_another_length() -> None:
    for length in (0, 16, 31, 33):
        with pytest.raises(KeyRefusedError):
            wrap(bytes(length), b"", context=b"", nonce=NONCE)
        with pytest.raises(KeyRefusedError):
            unwrap(bytes(length), bytes(WRAP_OVERHEAD), context=b"")
    for length in (0, 12, 23, 25):
        with pytest.raises(EncodingError):
            wrap(KEY, b"", context=b"", nonce=bytes(length))
