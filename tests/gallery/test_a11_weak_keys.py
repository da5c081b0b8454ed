"""Row 11: keys under which nothing is proved and nothing is secret.

The attacker is a member agency's app (or a bug of it): it registers points of small order, the zero
point, or second encodings, as root, ops, identity, listen or epoch key. Whoever verifies under such
a key believes anybody; whoever seals to it seals to everybody. Defences: refused at the relay's
admission, at a reader's import and at each use, with our own errors and no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from nacl import bindings
from tests.controls import without
from tests.crypto.test_signing import SMALL_ORDER as WEAK_SIGNING_KEYS
from tests.crypto.test_suites import NOT_CANONICAL, SMALL_ORDER
from tests.gallery.parties import FLASH, NOW, Party
from tests.gallery.vouching import House, batch, pinned, serve

from quietway.errors import DirectoryRefused, RelayRefused
from quietway.testing.relay_directory import RelayDirectory
from quietway_crypto.encoding import (
    TAG_CERTIFICATE,
    TAG_EPOCH_BATCH,
    TAG_MANIFEST,
    TAG_OPS_LIST,
)
from quietway_crypto.errors import KeyRefusedError
from quietway_crypto.seal import seal
from quietway_crypto.signing import verify
from quietway_crypto.suite_codes import Suite
from quietway_schemas.directory import (
    Approval,
    CertifiedDevice,
    Departed,
    EpochBatch,
    EpochKeys,
    Manifest,
    OpsKey,
    OpsList,
    SignedObject,
)
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Callable

HOUSE = House("harbor", approvals=1)
DESK = HOUSE.device("desk")
WEAK_CURVE_POINTS = SMALL_ORDER + NOT_CANONICAL


def _forge_for_small_order() -> bytes:
    """Choose S, set R = S * B: under a neutral public key this verifies for every message."""
    scalar = (7).to_bytes(32, "little")
    return bindings.crypto_scalarmult_ed25519_base_noclamp(scalar) + scalar


def _with_weak_root(weak: bytes) -> SignedObject:
    return _sign_by_hand(root_key=weak)


def _with_weak_ops_key(weak: bytes) -> SignedObject:
    """The weak key stands in the list, signs the manifest, and approves the device."""
    return _sign_by_hand(ops_key=weak)


def _with_weak_ops_key_beside(weak: bytes) -> SignedObject:
    """The weak key only stands in the list; nobody needs it yet."""
    return _sign_by_hand(beside=weak)


def _with_weak_identity(weak: bytes) -> SignedObject:
    return HOUSE.manifest(HOUSE.certify(DESK, identity_key=weak))


def _with_weak_listen_key(weak: bytes) -> SignedObject:
    return HOUSE.manifest(HOUSE.certify(DESK, listen_key=weak))


def _with_weak_departed(weak: bytes) -> SignedObject:
    gone = Departed(device_id=HOUSE.device("gone").device, identity_key=weak, at=NOW, how="retired")
    return HOUSE.manifest(DESK, departed=[gone])


PLACES: dict[str, Callable[[bytes], SignedObject]] = {
    "root": _with_weak_root,
    "ops key": _with_weak_ops_key,
    "ops key beside": _with_weak_ops_key_beside,
    "identity": _with_weak_identity,
    "listen key": _with_weak_listen_key,
    "departed": _with_weak_departed,
}


def _sign_by_hand(
    *, root_key: bytes = b"", ops_key: bytes = b"", beside: bytes = b""
) -> SignedObject:
    """Build a manifest in which a weak key signs, with the forgery that lax verifiers take."""
    forged = _forge_for_small_order()
    ops = HOUSE.ops[0]
    named = {ops_key or ops.public, *([beside] if beside else [])}
    listed = OpsList(
        agency_id=HOUSE.agency,
        agency_code=HOUSE.code,
        root_key=root_key or HOUSE.root.public,
        version=1,
        issued=NOW,
        approvals=1,
        ops=tuple(OpsKey(key=key, expires=NOW + DAY) for key in sorted(named)),
    ).to_canonical()
    certificate = HOUSE.certificate(DESK).to_canonical()
    manifest = Manifest(
        agency_id=HOUSE.agency,
        version=1,
        prev_hash=bytes(32),
        issued=NOW,
        expires=NOW + DAY,
        ops_list=SignedObject(
            payload=listed,
            signature=forged if root_key else HOUSE.root.sign(TAG_OPS_LIST, listed),
        ),
        signed_by=ops_key or ops.public,
        devices=(
            CertifiedDevice(
                certificate=certificate,
                approvals=(
                    Approval(
                        key=ops_key or ops.public,
                        signature=forged if ops_key else ops.sign(TAG_CERTIFICATE, certificate),
                    ),
                ),
            ),
        ),
        departed=(),
    ).to_canonical()
    signature = forged if ops_key else ops.sign(TAG_MANIFEST, manifest)
    return SignedObject(payload=manifest, signature=signature)


def _register(manifest: SignedObject) -> str:
    relay = RelayDirectory()
    relay.add_code("code")
    try:
        relay.put_manifest(HOUSE.agency, manifest, "code", now=NOW)
    except RelayRefused as refused:
        return refused.code
    return "taken"


def _import(manifest: SignedObject, weak_root: bytes | None = None) -> list[str]:
    directory = pinned() if weak_root else pinned(HOUSE)
    if weak_root:
        # The reader's worst case: the weak root is the one that was pinned.
        directory.pin(HOUSE.agency, weak_root)
    refused = serve(directory, HOUSE.agency, manifest)
    assert directory.devices_of(HOUSE.agency) == () or not refused
    return [held.reason for held in refused if isinstance(held, DirectoryRefused)]


@pytest.mark.parametrize("weak", WEAK_SIGNING_KEYS, ids=lambda weak: weak.hex()[:8])
@pytest.mark.parametrize("place", PLACES)
def test_a_weak_signing_key_is_refused_at_admission_and_at_import(place: str, weak: bytes) -> None:
    manifest = PLACES[place](weak)
    assert _register(manifest) == "refused_signature"
    (reason,) = _import(manifest, weak if place == "root" else None)
    assert reason in {"malformed", "forged"}


@pytest.mark.parametrize("weak", WEAK_SIGNING_KEYS, ids=lambda weak: weak.hex()[:8])
def test_a_weak_signing_key_is_refused_at_each_use(weak: bytes) -> None:
    for _ in range(2):
        with pytest.raises(KeyRefusedError):
            verify(weak, TAG_MANIFEST, b"any words at all", _forge_for_small_order())


def _weak_batch(first: SignedObject, suite: int, weak: bytes) -> SignedObject:
    """A certified device publishes a weak key itself; of the hybrid suite, its X25519 half."""
    epoch = FLASH.epoch_of(NOW)
    good = DESK.pair(FLASH, epoch, suite).public
    keys = EpochKeys.model_validate(
        {"class": "flash", "epoch": epoch, "keys": {str(suite): good[:-32] + weak}}
    )
    honest = EpochBatch.from_canonical(batch(DESK, first).payload, max_bytes=20_000)
    payload = honest.model_copy(update={"epochs": (keys,)}).to_canonical()
    return SignedObject(payload=payload, signature=DESK.identity.sign(TAG_EPOCH_BATCH, payload))


@pytest.mark.parametrize("weak", WEAK_CURVE_POINTS, ids=lambda weak: weak.hex()[:8])
@pytest.mark.parametrize("suite", [1, 2])
def test_a_weak_epoch_key_is_refused_at_import_and_at_use(suite: int, weak: bytes) -> None:
    first = HOUSE.manifest(DESK)
    directory = pinned(HOUSE)
    refused = serve(directory, HOUSE.agency, first, _weak_batch(first, suite, weak))
    assert [held.reason for held in refused if isinstance(held, DirectoryRefused)] == ["malformed"]
    epoch = FLASH.epoch_of(NOW)
    assert directory.epoch_key(DESK.device, FLASH, epoch, suite) is None
    public = DESK.pair(FLASH, epoch, suite).public[:-32] + weak
    with pytest.raises(KeyRefusedError):
        seal(Suite(suite), public, b"inner", header=bytes(37))


@pytest.mark.parametrize("place", ["identity", "listen key", "departed", "ops key beside"])
def test_control_without_the_check_of_keys_a_weak_one_is_registered_and_shown(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_protocol.manifests:check_public_key", lambda _key: None)
    for weak in WEAK_SIGNING_KEYS:
        manifest = PLACES[place](weak)
        assert _register(manifest) == "taken"
        assert _import(manifest) == []


def test_control_without_the_check_of_epoch_keys_a_weak_one_is_shown_to_be_sealed_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.keyring.proof:check_epoch_public_key", lambda *_: None)
    first = HOUSE.manifest(DESK)
    directory = pinned(HOUSE)
    assert serve(directory, HOUSE.agency, first, _weak_batch(first, 1, bytes(32))) == ()
    assert directory.epoch_key(DESK.device, FLASH, FLASH.epoch_of(NOW), 1) == bytes(32)


def test_control_a_lax_verifier_takes_one_signature_for_every_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the check at each use is worth: OpenSSL looks at the equation and not at the key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - the control's own
        Ed25519PublicKey,
    )

    neutral = bytes([1]) + bytes(31)

    def lax(public: bytes, message: bytes, signature: bytes) -> None:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)

    without(monkeypatch, "quietway_crypto.signing:check_public_key", lambda _key: None)
    without(monkeypatch, "quietway_crypto.signing:_ask_libsodium", lax)
    for said in (b"release her address", b"anything else"):
        verify(neutral, TAG_MANIFEST, said, _forge_for_small_order())


def test_a_party_with_sound_keys_is_registered_and_imported() -> None:
    """The same way without a weak key: so it is the key that was refused."""
    manifest = _sign_by_hand(beside=Party("another").identity_key)
    assert _register(manifest) == "taken"
    assert _import(manifest) == []
