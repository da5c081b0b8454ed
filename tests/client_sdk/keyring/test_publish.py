"""What a device publishes: signed by the right key, complete, and telling no more than it must."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.devices import Device, make_device

from quietway.keyring.publish import build_epoch_batch, build_week_of_lanes, wanted_epochs
from quietway.testing.clock import START
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.encoding import (
    TAG_EPOCH_BATCH,
    TAG_MANIFEST,
    TAG_OPS_LIST,
    TAG_WEEK_OF_LANES,
)
from quietway_crypto.lanes import derive_capability, derive_lane, hash_capability
from quietway_crypto.secret import Secret
from quietway_crypto.signing import verify
from quietway_schemas.directory import MAX_PAYLOAD_BYTES, EpochBatch, Manifest, WeekOfLanes
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.instants import DAY, HOUR, iso_week

FLASH, CASE = EnvelopeClass.FLASH, EnvelopeClass.CASE
WEEK_NAME = iso_week(START)


@pytest.fixture
def device() -> Device:
    return make_device(SeededEntropy(1))


def test_wanted_are_today_and_seven_days_this_week_and_three_more() -> None:
    day, week = FLASH.epoch_of(START), CASE.epoch_of(START)
    assert wanted_epochs(START) == frozenset(
        {(FLASH, day + n) for n in range(8)} | {(CASE, week + n) for n in range(4)}
    )


def test_the_epoch_before_is_wanted_for_two_hours_more() -> None:
    midnight = FLASH.epoch_start(FLASH.epoch_of(START))
    before = {(FLASH, FLASH.epoch_of(START) - 1), (CASE, CASE.epoch_of(START) - 1)}
    assert before <= wanted_epochs(midnight + 2 * HOUR - 1)
    assert not before & wanted_epochs(midnight + 2 * HOUR)


@given(now=st.integers(2 * DAY, 5_000_000_000_000))
@settings(max_examples=50, deadline=None)
def test_what_is_sealed_to_now_is_always_wanted(now: int) -> None:
    wanted = wanted_epochs(now)
    assert all((class_, class_.epoch_of(now)) in wanted for class_ in EnvelopeClass)
    assert len(wanted) <= 14


def test_a_manifest_certifies_this_device_under_an_ops_list_of_the_root(device: Device) -> None:
    signed = device.sign_manifest(START)
    verify(device.ops.public, TAG_MANIFEST, signed.payload, signed.signature)
    manifest = Manifest.from_canonical(signed.payload, max_bytes=MAX_PAYLOAD_BYTES)
    ops_list = manifest.ops_list
    verify(device.root.public, TAG_OPS_LIST, ops_list.payload, ops_list.signature)
    assert manifest.ops.find(device.ops.public) is not None
    (certificate,) = manifest.certificates
    assert certificate.device_id == device.keyring.device
    assert certificate.identity_key == device.keyring.identity.public
    assert certificate.mailbox == device.keyring.mailbox
    assert certificate.suites == (1, 2)
    assert manifest.expires - manifest.issued == 90 * DAY


def test_an_epoch_batch_holds_every_wanted_epoch_under_both_suites(device: Device) -> None:
    device.manifest = device.sign_manifest(START)
    signed = device.sign_epochs(START)
    verify(device.keyring.identity.public, TAG_EPOCH_BATCH, signed.payload, signed.signature)
    batch = EpochBatch.from_canonical(signed.payload, max_bytes=MAX_PAYLOAD_BYTES)
    published = {(epoch.envelope_class, epoch.epoch) for epoch in batch.epochs}
    assert published == wanted_epochs(START)
    for epoch in batch.epochs:
        for suite in (1, 2):
            pair = device.keyring.epoch_pair(epoch.envelope_class, epoch.epoch, suite)
            assert pair is not None
            assert epoch.keys["1" if suite == 1 else "2"] == pair.public


def test_only_epochs_whose_seeds_are_held_are_published(device: Device) -> None:
    device.manifest = device.sign_manifest(START)
    device.sign_epochs(START)
    later = START + 3 * DAY
    device.keyring.erase_epochs(FLASH, FLASH.epoch_of(later))
    held = set(device.keyring.epochs(FLASH))
    device.keyring.add_epoch_seeds({})
    assert held < {epoch for class_, epoch in wanted_epochs(later) if class_ is FLASH}


def test_a_batch_without_any_seed_lists_nothing_and_vouches_all_the_same(device: Device) -> None:
    signed = build_epoch_batch(device.keyring, 1, bytes(32), now=START, replaces=False)
    batch = EpochBatch.from_canonical(signed.payload, max_bytes=MAX_PAYLOAD_BYTES)
    assert (batch.epochs, batch.replaces, batch.manifest_version) == ((), None, 1)
    assert b"replaces" not in signed.payload


def test_a_week_of_lanes_opens_for_each_lane_it_is_made_of(device: Device) -> None:
    signed = device.sign_lanes(WEEK_NAME)
    verify(device.keyring.identity.public, TAG_WEEK_OF_LANES, signed.payload, signed.signature)
    lanes = WeekOfLanes.from_canonical(signed.payload, max_bytes=MAX_PAYLOAD_BYTES)
    published = {(lane.kind, lane.hash) for lane in lanes.lanes}
    for partner in (device.partner, b"own device bytes"):
        lane = derive_lane(device.keyring.agency_secret, partner)
        for kind in ("normal", "crisis"):
            capability = derive_capability(lane, WEEK_NAME, kind)
            assert (kind, hash_capability(capability)) in published


@given(partners=st.sets(st.binary(min_size=16, max_size=16), max_size=40))
@settings(max_examples=15, deadline=None)
def test_the_number_of_lanes_does_not_tell_the_number_of_partners(partners: set[bytes]) -> None:
    device = make_device(SeededEntropy(1))
    signed = build_week_of_lanes(
        device.keyring,
        WEEK_NAME,
        [Secret(partner * 2) for partner in sorted(partners)],
        version=1,
        entropy=bytes(range(32)),
    )
    lanes = WeekOfLanes.from_canonical(signed.payload, max_bytes=MAX_PAYLOAD_BYTES).lanes
    assert len(lanes).bit_count() == 1
    assert len(lanes) >= 8
    kinds = [lane.kind for lane in lanes]
    assert kinds.count("normal") == kinds.count("crisis")


def test_a_week_published_twice_has_other_padding(device: Device) -> None:
    first, second = (
        WeekOfLanes.from_canonical(
            device.sign_lanes(WEEK_NAME, version=version).payload, max_bytes=MAX_PAYLOAD_BYTES
        )
        for version in (1, 2)
    )
    shared = {lane.hash for lane in first.lanes} & {lane.hash for lane in second.lanes}
    assert len(shared) == 4
