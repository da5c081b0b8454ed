"""Epoch keys of both suites: where they come from, which are refused, and published answers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from nacl import bindings
from nacl.exceptions import CryptoError as SodiumError

from quietway_crypto.encoding import TAG_SUITE_SEED
from quietway_crypto.errors import KeyRefusedError
from quietway_crypto.kdf import derive
from quietway_crypto.secret import Secret
from quietway_crypto.suites import (
    Suite,
    available_suites,
    check_epoch_public_key,
    derive_keypair,
    hpke_xwing,
)
from quietway_crypto.suites.x25519 import SMALL_ORDER as REFUSED_POINTS

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = bytes(range(32))
FIELD_PRIME = 2**255 - 19
MONTGOMERY_A = 486_662
HALVING = (FIELD_PRIME + 1) // 2
QUARTER = pow(2, (FIELD_PRIME - 1) // 4, FIELD_PRIME)
ORDER_EIGHT = (
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
)
SMALL_ORDER = [
    *[number.to_bytes(32, "little") for number in (0, 1, FIELD_PRIME - 1)],
    *[bytes.fromhex(text) for text in ORDER_EIGHT],
]
NOT_CANONICAL = [
    *[(FIELD_PRIME + more).to_bytes(32, "little") for more in (0, 1, 9, 18)],
    *[(number + 2**255).to_bytes(32, "little") for number in (0, 1, 9, FIELD_PRIME - 1)],
]


def test_both_suites_are_available_and_have_their_lengths() -> None:
    assert available_suites() == {Suite.SEALED_BOX, Suite.HYBRID}
    assert (Suite.SEALED_BOX.public_key_size, Suite.HYBRID.public_key_size) == (32, 1216)
    assert (Suite.SEALED_BOX.seal_overhead, Suite.HYBRID.seal_overhead) == (48, 1136)


@pytest.mark.parametrize("suite", Suite)
def test_a_seed_gives_one_key_pair_and_a_public_key_that_passes(suite: Suite) -> None:
    pair = derive_keypair(suite, SEED)
    assert pair == derive_keypair(suite, Secret(SEED))
    assert pair != derive_keypair(suite, SEED[::-1])
    assert len(pair.public) == suite.public_key_size
    check_epoch_public_key(suite, pair.public)


def test_the_private_half_is_the_suite_seed_of_the_specification() -> None:
    for suite in Suite:
        expected = derive(SEED, tag=TAG_SUITE_SEED, context=bytes([suite]))
        assert derive_keypair(suite, SEED).private == Secret(expected)


def test_no_half_of_a_key_is_shared_between_the_suites() -> None:
    curve = derive_keypair(Suite.SEALED_BOX, SEED).public
    assert curve != derive_keypair(Suite.HYBRID, SEED).public[1184:]


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_an_epoch_seed_of_another_length_makes_no_keys(length: int) -> None:
    with pytest.raises(KeyRefusedError):
        derive_keypair(Suite.HYBRID, bytes(length))


def test_hybrid_keys_are_those_of_the_published_kem_vectors() -> None:
    folder = Path(cryptography_vectors.__file__).parent / "HPKE"
    vectors = json.loads((folder / "hpke-pq-test-vectors.json").read_text("utf-8"))
    ours = [vector for vector in vectors if vector["kem_id"] == 0x647A]
    for vector in ours:
        public = hpke_xwing.derive_public_key(bytes.fromhex(vector["skRm"]))
        assert public.hex() == vector["pkRm"]
    assert len(ours) == 2


def test_the_hybrid_seed_expands_by_shake256() -> None:
    lattice, curve = hpke_xwing._expand(SEED)
    assert lattice.private_bytes_raw() + curve.private_bytes_raw() == (
        hashlib.shake_256(SEED).digest(96)
    )


@pytest.mark.parametrize("curve", SMALL_ORDER + NOT_CANONICAL)
def test_bad_x25519_keys_are_refused_alone_and_as_a_half(curve: bytes) -> None:
    hybrid = derive_keypair(Suite.HYBRID, SEED).public[:1184] + curve
    for suite, public in ((Suite.SEALED_BOX, curve), (Suite.HYBRID, hybrid)):
        with pytest.raises(KeyRefusedError):
            check_epoch_public_key(suite, public)


def test_the_points_of_small_order_are_all_known() -> None:
    found = {0, 1, FIELD_PRIME - 1}
    for sign in (1, -1):
        # Whose double is u = sign has order 8: (u^2 - 1)^2 = 4 sign u (u^2 + A u + 1). Divided by
        # u^2 and with w = u + 1/u, that is w^2 - 4 sign w - 4 - 4 sign A = 0.
        for root in _square_roots(2 + sign * MONTGOMERY_A):
            w = 2 * sign + 2 * root
            found |= {(w + half) * HALVING % FIELD_PRIME for half in _square_roots(w * w - 4)}
    assert {u.to_bytes(32, "little") for u in found} == set(SMALL_ORDER)
    assert set(SMALL_ORDER) == REFUSED_POINTS


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_the_libraries_agree_about_the_points_of_small_order(point: bytes) -> None:
    with pytest.raises(SodiumError):
        bindings.crypto_scalarmult(SEED, point)
    with pytest.raises(SodiumError):
        bindings.crypto_box_seal(b"inner", point)
    with pytest.raises(ValueError, match="shared key"):
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(point))


def _square_roots(number: int) -> tuple[int, ...]:
    # The prime is 5 modulo 8.
    for root in (pow(number, (FIELD_PRIME + 3) // 8, FIELD_PRIME) * turn for turn in (1, QUARTER)):
        if (root * root - number) % FIELD_PRIME == 0:
            return (root % FIELD_PRIME, -root % FIELD_PRIME)
    return ()


@pytest.mark.parametrize("suite", Suite)
@pytest.mark.parametrize("change", [-1, 1])
def test_public_keys_of_another_length_are_refused(suite: Suite, change: int) -> None:
    longer = derive_keypair(suite, SEED).public + b"\0"
    with pytest.raises(KeyRefusedError):
        check_epoch_public_key(suite, longer[: suite.public_key_size + change])
    with pytest.raises(KeyRefusedError):
        check_epoch_public_key(suite, b"")


@pytest.mark.parametrize("coefficient", [3329, 4095])
@pytest.mark.parametrize("at", [0, 384, 1149])
def test_an_ml_kem_key_with_a_coefficient_beyond_the_modulus_is_refused(
    at: int, coefficient: int
) -> None:
    public = bytearray(derive_keypair(Suite.HYBRID, SEED).public)
    public[at] = coefficient & 0xFF
    public[at + 1] = public[at + 1] & 0xF0 | coefficient >> 8
    with pytest.raises(KeyRefusedError, match="modulus"):
        check_epoch_public_key(Suite.HYBRID, bytes(public))


def test_x25519_gives_the_answers_of_wycheproof(shared: Callable[[str], Path]) -> None:
    groups = json.loads(shared("vectors/wycheproof/x25519_test.json").read_text("utf-8"))
    cases = [case for group in groups["testGroups"] for case in group["tests"]]
    matched = refused = 0
    for case in cases:
        public, private = bytes.fromhex(case["public"]), bytes.fromhex(case["private"])
        if any(bytes.fromhex(case["shared"])):
            assert bindings.crypto_scalarmult(private, public).hex() == case["shared"]
            matched += 1
        else:
            with pytest.raises(SodiumError):
                bindings.crypto_scalarmult(private, public)
            with pytest.raises(KeyRefusedError):
                check_epoch_public_key(Suite.SEALED_BOX, public)
            refused += 1
    assert (matched, refused) == (487, 31)
