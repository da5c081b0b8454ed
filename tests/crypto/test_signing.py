"""Signatures against Wycheproof, and every key and signature that must be refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietway_crypto import signing
from quietway_crypto.encoding import TAG_ENVELOPE, TAG_MANIFEST, TAGS
from quietway_crypto.errors import EncodingError, KeyRefusedError, SignatureRefusedError
from quietway_crypto.signing import SigningKey, check_public_key, verify, verify_http_base

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = SigningKey(bytes(range(32)))
OTHER = SigningKey(bytes(range(1, 33)))
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
# The eight points of small order, with every encoding that decodes to them (from libsodium's list).
SMALL_ORDER = [
    bytes(32),
    bytes([1]) + bytes(31),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
]


def test_verification_gives_the_answers_of_wycheproof(shared: Callable[[str], Path]) -> None:
    groups = json.loads(shared("vectors/wycheproof/ed25519_test.json").read_text("utf-8"))
    count = 0
    for group in groups["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            count += 1
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            if case["result"] == "valid":
                signing._verify(public, message, signature)
            else:
                with pytest.raises(SignatureRefusedError):
                    signing._verify(public, message, signature)
    assert count == 151


def test_the_first_vector_of_rfc_8032_comes_out() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert SigningKey(seed).public == bytes.fromhex(
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.sampled_from(sorted(TAGS)), st.binary(max_size=200))
def test_what_a_key_signs_verifies(seed: bytes, tag: str, body: bytes) -> None:
    key = SigningKey(seed)
    verify(key.public, tag, body, key.sign(tag, body))


def test_verify_refuses_another_tag_body_key_or_any_flipped_bit() -> None:
    signature = KEY.sign(TAG_ENVELOPE, b"body")
    with pytest.raises(SignatureRefusedError):
        verify(KEY.public, TAG_MANIFEST, b"body", signature)
    with pytest.raises(SignatureRefusedError):
        verify(KEY.public, TAG_ENVELOPE, b"bodY", signature)
    with pytest.raises(SignatureRefusedError):
        verify(OTHER.public, TAG_ENVELOPE, b"body", signature)
    for bit in range(512):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureRefusedError):
            verify(KEY.public, TAG_ENVELOPE, b"body", bytes(flipped))


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), bytes(128)])
def test_verify_refuses_a_signature_that_is_missing_or_of_another_length(signature: bytes) -> None:
    with pytest.raises(SignatureRefusedError) as caught:
        verify(KEY.public, TAG_ENVELOPE, b"body", signature)
    assert caught.value.__cause__ is None


def test_verify_refuses_the_second_form_of_a_good_signature() -> None:
    signature = KEY.sign(TAG_ENVELOPE, b"body")
    malleated = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    with pytest.raises(SignatureRefusedError):
        verify(KEY.public, TAG_ENVELOPE, b"body", signature[:32] + malleated.to_bytes(32, "little"))


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_public_keys_of_small_order_are_refused_at_every_use(public: bytes) -> None:
    with pytest.raises(KeyRefusedError):
        check_public_key(public)
    with pytest.raises(KeyRefusedError):
        verify(public, TAG_ENVELOPE, b"body", public + bytes(32))
    with pytest.raises(KeyRefusedError):
        verify_http_base(public, b'"@method": GET', public + bytes(32))


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), b"\2" + bytes(31)])
def test_public_keys_of_another_length_or_off_the_curve_are_refused(public: bytes) -> None:
    with pytest.raises(KeyRefusedError):
        check_public_key(public)


def test_a_public_key_outside_the_main_subgroup_is_refused() -> None:
    # The base point plus a point of order eight: on the curve, canonical, not of small order.
    from nacl import bindings  # noqa: PLC0415 - only this test does arithmetic on points

    base = bindings.crypto_scalarmult_ed25519_base_noclamp((1).to_bytes(32, "little"))
    mixed = bindings.crypto_core_ed25519_add(base, SMALL_ORDER[2])
    check_public_key(base)
    with pytest.raises(KeyRefusedError):
        check_public_key(mixed)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_of_another_length_makes_no_key(length: int) -> None:
    with pytest.raises(KeyRefusedError):
        SigningKey(bytes(length))


def test_an_http_base_is_signed_and_a_pae_never_is() -> None:
    base = b'"@method": GET\n"@signature-params": ();created=1'
    signature = KEY.sign_http_base(base)
    verify_http_base(KEY.public, base, signature)
    with pytest.raises(SignatureRefusedError):
        verify_http_base(KEY.public, base + b"0", signature)
    for chosen in (b"", b"DSSEv1 20 quietway/v1/envelope 0 ", b"@method"):
        with pytest.raises(EncodingError):
            KEY.sign_http_base(chosen)
        with pytest.raises(EncodingError):
            verify_http_base(KEY.public, chosen, signature)
