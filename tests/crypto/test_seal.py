"""The two verbs, against published boxes and against everything that must not open."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import cryptography_vectors
import pytest
from cryptography.hazmat.bindings._rust import openssl as rust_openssl
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import bindings

from quietway_crypto.epoch import EpochKeyPair
from quietway_crypto.errors import OPEN_ERROR_SENTENCE, KeyRefusedError, OpenError
from quietway_crypto.seal import open_, seal
from quietway_crypto.secret import Secret
from quietway_crypto.suites import Suite, check_epoch_public_key, derive_keypair, hpke_xwing
from quietway_crypto.suites.x25519 import SMALL_ORDER

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = bytes([1, 1, 2]) + bytes(34)
PAIRS = {suite: derive_keypair(suite, bytes(range(32))) for suite in Suite}
STRANGERS = {suite: derive_keypair(suite, bytes(range(1, 33))) for suite in Suite}
AEADS = {
    1: hpke.AEAD.AES_128_GCM,
    2: hpke.AEAD.AES_256_GCM,
    3: hpke.AEAD.CHACHA20_POLY1305,
}
KDFS = {
    1: hpke.KDF.HKDF_SHA256,
    2: hpke.KDF.HKDF_SHA384,
    3: hpke.KDF.HKDF_SHA512,
    16: hpke.KDF.SHAKE128,
    17: hpke.KDF.SHAKE256,
}


@pytest.mark.parametrize("suite", Suite)
@settings(max_examples=25, deadline=None)
@given(inner=st.binary(max_size=3000), header=st.binary(min_size=37, max_size=37))
def test_what_is_sealed_opens(suite: Suite, inner: bytes, header: bytes) -> None:
    sealed = seal(suite, PAIRS[suite].public, inner, header=header)
    assert len(sealed) == len(inner) + suite.seal_overhead
    assert open_(PAIRS[suite], sealed, header=header) == inner


@pytest.mark.parametrize("suite", Suite)
def test_sealing_twice_never_gives_the_same_bytes(suite: Suite) -> None:
    sealed = {seal(suite, PAIRS[suite].public, b"inner", header=HEADER) for _ in range(20)}
    assert len(sealed) == 20


@pytest.mark.parametrize("suite", Suite)
@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_open_refuses_a_sealed_box_with_any_bit_flipped(
    suite: Suite, place: float, bit: int
) -> None:
    sealed = bytearray(seal(suite, PAIRS[suite].public, b"inner" * 9, header=HEADER))
    sealed[int(place * len(sealed))] ^= 1 << bit
    with pytest.raises(OpenError):
        open_(PAIRS[suite], bytes(sealed), header=HEADER)


@pytest.mark.parametrize("suite", Suite)
def test_open_refuses_a_sealed_box_of_any_other_length(suite: Suite) -> None:
    sealed = seal(suite, PAIRS[suite].public, b"inner", header=HEADER)
    for end in (0, 1, 31, 32, 47, 48, 1088, 1120, 1135, len(sealed) - 1):
        if end < len(sealed):
            with pytest.raises(OpenError):
                open_(PAIRS[suite], sealed[:end], header=HEADER)
    with pytest.raises(OpenError):
        open_(PAIRS[suite], sealed + b"\0", header=HEADER)


@pytest.mark.parametrize("suite", Suite)
def test_open_refuses_an_envelope_sealed_to_another_key(suite: Suite) -> None:
    sealed = seal(suite, STRANGERS[suite].public, b"inner", header=HEADER)
    with pytest.raises(OpenError):
        open_(PAIRS[suite], sealed, header=HEADER)


def test_open_refuses_a_hybrid_box_under_any_other_header() -> None:
    sealed = seal(Suite.HYBRID, PAIRS[Suite.HYBRID].public, b"inner", header=HEADER)
    for bit in range(0, 37 * 8, 5):
        header = bytearray(HEADER)
        header[bit // 8] ^= 1 << bit % 8
        with pytest.raises(OpenError):
            open_(PAIRS[Suite.HYBRID], sealed, header=bytes(header))
    with pytest.raises(OpenError):
        open_(PAIRS[Suite.HYBRID], sealed, header=HEADER + b"\0")


def test_open_refuses_what_was_sealed_under_the_other_suite() -> None:
    for suite, other in ((Suite.SEALED_BOX, Suite.HYBRID), (Suite.HYBRID, Suite.SEALED_BOX)):
        sealed = seal(suite, PAIRS[suite].public, bytes(2000), header=HEADER)
        with pytest.raises(OpenError):
            open_(PAIRS[other], sealed, header=HEADER)


def test_every_failure_to_open_reads_the_same_and_carries_no_cause() -> None:
    sealed = seal(Suite.HYBRID, PAIRS[Suite.HYBRID].public, b"inner", header=HEADER)
    box = seal(Suite.SEALED_BOX, PAIRS[Suite.SEALED_BOX].public, b"inner", header=HEADER)
    failures = [
        (Suite.HYBRID, b""),
        (Suite.HYBRID, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (Suite.HYBRID, sealed[:1088] + bytes(32) + sealed[1120:]),
        (Suite.HYBRID, bytes(len(sealed))),
        (Suite.SEALED_BOX, b""),
        (Suite.SEALED_BOX, box[:-1] + bytes([box[-1] ^ 1])),
        (Suite.SEALED_BOX, bytes(len(box))),
    ]
    for suite, altered in failures:
        with pytest.raises(OpenError) as caught:
            open_(PAIRS[suite], altered, header=HEADER)
        assert str(caught.value) == OPEN_ERROR_SENTENCE
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        printed = "".join(traceback.format_exception(caught.value))
        assert "InvalidTag" not in printed
        assert "nacl.exceptions" not in printed


@pytest.mark.parametrize("suite", Suite)
def test_seal_refuses_a_key_that_nobody_should_seal_to(suite: Suite) -> None:
    public = PAIRS[suite].public
    weak = [public[:-32] + point for point in SMALL_ORDER]
    for bad in (b"", public[:-1], public + b"\0", public[:-32] + b"\xff" * 32, *weak):
        for _ in range(2):
            with pytest.raises(KeyRefusedError):
                seal(suite, bad, b"inner", header=HEADER)


def test_what_is_remembered_of_keys_is_bounded_and_never_mixes_them_up() -> None:
    remembered = hpke_xwing._REMEMBERED_KEYS
    seeds = [number.to_bytes(32, "big") for number in range(remembered + 10)]
    pairs = [derive_keypair(Suite.HYBRID, seed) for seed in seeds]
    for pair in (*pairs, *pairs[:5], *pairs[-5:]):
        sealed = seal(Suite.HYBRID, pair.public, b"inner", header=HEADER)
        assert open_(pair, sealed, header=HEADER) == b"inner"
    assert hpke_xwing._parse_public_key.cache_info().currsize == remembered


def test_the_sealed_boxes_of_libsodium_open(shared: Callable[[str], Path]) -> None:
    lines = shared("vectors/pynacl/sealed_box_ref.txt").read_text("ascii").splitlines()
    cases = [line.split("\t") for line in lines if line and not line.startswith("#")]
    for private, public, plaintext, sealed, *_ in cases:
        length, _, text = plaintext.partition(":")
        pair = EpochKeyPair(Suite.SEALED_BOX, bytes.fromhex(public), Secret(bytes.fromhex(private)))
        inner = open_(pair, bytes.fromhex(sealed.partition(":")[2]), header=HEADER)
        assert inner == bytes.fromhex(text)
        assert len(inner) == int(length)
    assert len(cases) == 3


def test_the_secretstreams_of_libsodium_open(shared: Callable[[str], Path]) -> None:
    streams = json.loads(shared("vectors/pynacl/secretstream-test-vectors.json").read_text("utf-8"))
    for stream in streams:
        state = bindings.crypto_secretstream_xchacha20poly1305_state()
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(
            state, bytes.fromhex(stream["header"]), bytes.fromhex(stream["key"])
        )
        for chunk in stream["chunks"]:
            message, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(
                state,
                bytes.fromhex(chunk["ciphertext"]),
                bytes.fromhex(chunk["ad"]) if chunk["ad"] else None,
            )
            assert (message.hex(), tag) == (chunk["message"], chunk["tag"])
    assert streams


def _read_hpke(name: str, kem: int) -> list[dict[str, object]]:
    folder = Path(cryptography_vectors.__file__).parent / "HPKE"
    vectors = json.loads((folder / name).read_text("utf-8"))
    return [
        vector
        for vector in vectors
        if (vector["kem_id"], vector["mode"]) == (kem, 0)
        and vector["aead_id"] in AEADS
        and vector["kdf_id"] in KDFS
    ]


@pytest.mark.parametrize(
    ("name", "kem", "count"),
    [
        ("test-vectors.json", 0x20, 6),
        ("hpke-pq-test-vectors.json", 0x647A, 2),
    ],
)
def test_hpke_opens_the_first_message_of_every_base_mode_vector(
    name: str, kem: int, count: int
) -> None:
    vectors = _read_hpke(name, kem)
    for vector in vectors:
        raw = {key: bytes.fromhex(str(vector[key])) for key in ("skRm", "info", "enc")}
        kem_code = hpke.KEM.X25519 if kem == 0x20 else hpke.KEM.MLKEM768_X25519
        suite = hpke.Suite(kem_code, KDFS[vector["kdf_id"]], AEADS[vector["aead_id"]])  # type: ignore[index]  # vectors are JSON
        key = (
            X25519PrivateKey.from_private_bytes(raw["skRm"])
            if kem == 0x20
            else hpke.MLKEM768X25519PrivateKey(*hpke_xwing._expand(raw["skRm"]))
        )
        first = vector["encryptions"][0]  # type: ignore[index]  # vectors are JSON
        opened = rust_openssl.hpke._decrypt_with_aad(
            suite,
            raw["enc"] + bytes.fromhex(first["ct"]),
            key,
            raw["info"],
            bytes.fromhex(first["aad"]),
        )
        assert opened.hex() == first["pt"]
    assert len(vectors) == count


def test_the_public_key_of_every_published_hybrid_vector_is_one_to_seal_to() -> None:
    for vector in _read_hpke("hpke-pq-test-vectors.json", 0x647A):
        check_epoch_public_key(Suite.HYBRID, bytes.fromhex(str(vector["pkRm"])))
