"""Row 12: one signature, a second key or a second form.

The attacker is a member who wants to claim another's words, to deny his own ("any key verifies
that"), or to get past deduplication with a copy that looks new. Defences: public keys of small
order are refused before each verification; libsodium refuses `S >= L`; a message id is made from
the core and never from the signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl import bindings
from tests.controls import without

from quietway_crypto import signing
from quietway_crypto.encoding import TAG_ENVELOPE, TAG_MESSAGE_ID, hash_tagged
from quietway_crypto.errors import KeyRefusedError, SignatureRefusedError
from quietway_crypto.signing import SigningKey, verify

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
KEY = SigningKey(bytes(range(32)))
CORE = b"core of a message"
# Two of the points of small order: the neutral one, and its other encoding as a point of order one.
NEUTRAL = bytes([1]) + bytes(31)
ORDER_TWO = bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")


def _forge_for_small_order() -> bytes:
    """Choose S, set R = S * B: under a neutral public key this verifies for every message."""
    scalar = (7).to_bytes(32, "little")
    return bindings.crypto_scalarmult_ed25519_base_noclamp(scalar) + scalar


def _malleate(signature: bytes) -> bytes:
    return signature[:32] + _add_order(signature[32:]).to_bytes(32, "little")


def _add_order(scalar: bytes) -> int:
    return int.from_bytes(scalar, "little") + GROUP_ORDER


def _verify_as_openssl(public: bytes, message: bytes, signature: bytes) -> None:
    """Verify as a library does that looks at the equation and not at the key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        raise SignatureRefusedError from None


def _reducing(ask: Callable[[bytes, bytes, bytes], None]) -> Callable[[bytes, bytes, bytes], None]:
    """Verify as early libraries did, which reduce S first and so accept S + L."""

    def verify_reduced(public: bytes, message: bytes, signature: bytes) -> None:
        scalar = int.from_bytes(signature[32:], "little") % GROUP_ORDER
        ask(public, message, signature[:32] + scalar.to_bytes(32, "little"))

    return verify_reduced


@pytest.mark.parametrize("public", [NEUTRAL, ORDER_TWO])
@pytest.mark.parametrize("body", [b"I said this", b"I said that"])
def test_a_signature_that_fits_every_message_is_refused_with_its_key(
    public: bytes, body: bytes
) -> None:
    with pytest.raises(KeyRefusedError):
        verify(public, TAG_ENVELOPE, body, _forge_for_small_order())


def test_control_without_the_key_checks_one_signature_fits_every_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_crypto.signing:check_public_key", lambda _public: None)
    without(monkeypatch, "quietway_crypto.signing:_ask_libsodium", _verify_as_openssl)
    for body in (b"I said this", b"I said that"):
        verify(NEUTRAL, TAG_ENVELOPE, body, _forge_for_small_order())


def test_the_second_form_of_a_signature_is_refused() -> None:
    signature = KEY.sign(TAG_ENVELOPE, CORE)
    with pytest.raises(SignatureRefusedError):
        verify(KEY.public, TAG_ENVELOPE, CORE, _malleate(signature))


def test_control_without_the_check_of_s_the_second_form_verifies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lax = _reducing(signing._ask_libsodium)
    without(monkeypatch, "quietway_crypto.signing:_ask_libsodium", lax)
    signature = KEY.sign(TAG_ENVELOPE, CORE)
    assert _malleate(signature) != signature
    verify(KEY.public, TAG_ENVELOPE, CORE, _malleate(signature))


def test_nobody_claims_a_signature_for_another_good_key() -> None:
    claimant = SigningKey(bytes(range(1, 33)))
    with pytest.raises(SignatureRefusedError):
        verify(claimant.public, TAG_ENVELOPE, CORE, KEY.sign(TAG_ENVELOPE, CORE))


def test_deduplication_does_not_look_at_the_signature() -> None:
    signature = KEY.sign(TAG_ENVELOPE, CORE)
    copies = [(signature, CORE), (_malleate(signature), CORE)]
    assert len({hash_tagged(TAG_MESSAGE_ID, core)[:16] for _, core in copies}) == 1
    assert len(set(copies)) == 2
