"""Row 22: key confusion in the KEM, and stripping one leg of the hybrid.

The attacker is the relay or a member. He moves a box under another header, to another epoch's key
or to a key that shares one half, or damages one half only and hopes that the other carries the day
(ML-KEM answers a damaged share with a pseudorandom secret, not with an error). Defences: only
HPKE's one-shot form is used, never the raw KEM; `info` binds the header and the one public key;
both halves feed the shared secret.
"""

from __future__ import annotations

import os

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from tests.controls import without

from quietway_crypto.epoch import EpochKeyPair
from quietway_crypto.errors import OpenError
from quietway_crypto.seal import open_, seal
from quietway_crypto.suites import Suite, derive_keypair, hpke_xwing

LATTICE_KEY, LATTICE_SHARE = 1184, 1088
HEADER = bytes([1, 1, 2, 0x50, 0x10]) + b"m" * 16 + b"e" * 16
OLD, NEW = derive_keypair(Suite.HYBRID, b"o" * 32), derive_keypair(Suite.HYBRID, b"n" * 32)


def _seal(public: bytes = OLD.public, header: bytes = HEADER) -> bytes:
    return seal(Suite.HYBRID, public, b"inner" * 20, header=header)


def _flip(sealed: bytes, at: int) -> bytes:
    return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]


@pytest.mark.parametrize("at", [0, 500, LATTICE_SHARE - 1])
def test_damage_to_the_lattice_half_alone_does_not_open(at: int) -> None:
    with pytest.raises(OpenError):
        open_(OLD, _flip(_seal(), at), header=HEADER)


@pytest.mark.parametrize("at", [LATTICE_SHARE, LATTICE_SHARE + 16, LATTICE_SHARE + 30])
def test_damage_to_the_curve_half_alone_does_not_open(at: int) -> None:
    with pytest.raises(OpenError):
        open_(OLD, _flip(_seal(), at), header=HEADER)


def test_a_share_of_another_box_in_either_half_does_not_open() -> None:
    one, other = _seal(), _seal()
    for spliced in (
        other[:LATTICE_SHARE] + one[LATTICE_SHARE:],
        one[:LATTICE_SHARE] + other[LATTICE_SHARE : LATTICE_SHARE + 32] + one[LATTICE_SHARE + 32 :],
    ):
        with pytest.raises(OpenError):
            open_(OLD, spliced, header=HEADER)


def test_a_key_that_shares_one_half_with_mine_is_not_mine() -> None:
    for mixed in (
        OLD.public[:LATTICE_KEY] + NEW.public[LATTICE_KEY:],
        NEW.public[:LATTICE_KEY] + OLD.public[LATTICE_KEY:],
    ):
        for pair in (OLD, NEW):
            with pytest.raises(OpenError):
                open_(pair, _seal(mixed), header=HEADER)


def test_a_box_for_the_old_key_under_the_number_of_the_new_epoch_does_not_open() -> None:
    new_header = HEADER[:4] + b"\x11" + HEADER[5:]
    with pytest.raises(OpenError):
        open_(NEW, _seal(), header=new_header)
    with pytest.raises(OpenError):
        open_(OLD, _seal(), header=new_header)


def test_a_box_does_not_open_for_a_pair_that_claims_another_public_key() -> None:
    confused = EpochKeyPair(Suite.HYBRID, NEW.public, OLD.private)
    with pytest.raises(OpenError):
        open_(confused, _seal(), header=HEADER)


def test_control_without_the_binding_a_box_moves_under_another_header_and_key_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_crypto.seal:bind", lambda _header, _public_key: b"")
    moved = HEADER[:4] + b"\x11" + HEADER[5:]
    assert open_(OLD, _seal(), header=moved) == b"inner" * 20
    confused = EpochKeyPair(Suite.HYBRID, NEW.public, OLD.private)
    assert open_(confused, _seal(), header=HEADER) == b"inner" * 20


def _stripped(kem: hpke.KEM) -> hpke.Suite:
    return hpke.Suite(kem, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


def _seal_to_the_curve_alone(public: bytes, inner: bytes, info: bytes) -> bytes:
    key = X25519PublicKey.from_public_bytes(public[LATTICE_KEY:])
    return os.urandom(LATTICE_SHARE) + _stripped(hpke.KEM.X25519).encrypt(inner, key, info)


def _open_with_the_curve_alone(seed: bytes, _public: bytes, sealed: bytes, info: bytes) -> bytes:
    key = hpke_xwing._expand(seed)[1]
    return _stripped(hpke.KEM.X25519).decrypt(sealed[LATTICE_SHARE:], key, info)


def _seal_to_the_lattice_alone(public: bytes, inner: bytes, info: bytes) -> bytes:
    key = MLKEM768PublicKey.from_public_bytes(public[:LATTICE_KEY])
    boxed = _stripped(hpke.KEM.MLKEM768).encrypt(inner, key, info)
    return boxed[:LATTICE_SHARE] + os.urandom(32) + boxed[LATTICE_SHARE:]


def _open_with_the_lattice_alone(seed: bytes, _public: bytes, sealed: bytes, info: bytes) -> bytes:
    key = hpke_xwing._expand(seed)[0]
    boxed = sealed[:LATTICE_SHARE] + sealed[LATTICE_SHARE + 32 :]
    try:
        return _stripped(hpke.KEM.MLKEM768).decrypt(boxed, key, info)
    except InvalidTag:
        raise OpenError from None


def test_control_without_the_lattice_half_its_damage_goes_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_crypto.suites.hpke_xwing:seal", _seal_to_the_curve_alone)
    without(monkeypatch, "quietway_crypto.suites.hpke_xwing:open_", _open_with_the_curve_alone)
    assert open_(OLD, _flip(_seal(), 500), header=HEADER) == b"inner" * 20


def test_control_without_the_curve_half_its_damage_goes_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_crypto.suites.hpke_xwing:seal", _seal_to_the_lattice_alone)
    without(monkeypatch, "quietway_crypto.suites.hpke_xwing:open_", _open_with_the_lattice_alone)
    assert open_(OLD, _flip(_seal(), LATTICE_SHARE + 16), header=HEADER) == b"inner" * 20
