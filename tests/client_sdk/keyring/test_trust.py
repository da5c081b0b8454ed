"""The verified directory against a relay that lies: forges, swaps, goes back, or shows too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.devices import Device, make_device
from tests.controls import without

from quietway.errors import IdentityChanged
from quietway.keyring.trust import Directory
from quietway.testing.clock import START
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.encoding import TAG_EPOCH_BATCH, TAG_MANIFEST
from quietway_schemas.canonical import decode_canonical, encode_canonical
from quietway_schemas.directory import DirectoryEntry, DirectoryPage, SignedObject
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.fields import encode_base64
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from quietway_schemas.canonical import JsonValue
    from quietway_schemas.ids import AgencyId

FLASH = EnvelopeClass.FLASH
TODAY = FLASH.epoch_of(START)


def entry(kind: str, agency: AgencyId, signed: SignedObject, seq: int = 1) -> DirectoryEntry:
    return DirectoryEntry(
        seq=seq,
        kind="manifest" if kind == "manifest" else "epochs",
        agency_id=agency,
        object=signed,
    )


def page(*entries: DirectoryEntry) -> DirectoryPage:
    return DirectoryPage(
        entries=entries, next=max([0, *(each.seq for each in entries)]), more=False
    )


def publish(device: Device, *, version: int = 1, now: int = START) -> DirectoryPage:
    """Sign a manifest and a batch that names it, as the relay would hand them out."""
    agency = device.keyring.agency
    device.manifest = device.sign_manifest(now, version=version)
    epochs = device.sign_epochs(now, version=version)
    return page(entry("manifest", agency, device.manifest, 1), entry("epochs", agency, epochs, 2))


def resign(device: Device, signed: SignedObject, tag: str, **changes: JsonValue) -> SignedObject:
    """Change a payload and sign it again, with the agency's own keys."""
    fields = {**decode_canonical(signed.payload, max_bytes=200_000), **changes}
    payload = encode_canonical(fields)
    key = device.keyring.root if tag == TAG_MANIFEST else device.keyring.identity
    return SignedObject(payload=payload, signature=key.sign(tag, payload))


@pytest.fixture
def harbor() -> Device:
    return make_device(SeededEntropy(1), "HARBOR")


@pytest.fixture
def mercy() -> Device:
    return make_device(SeededEntropy(2), "MERCY")


def pinned(*devices: Device) -> Directory:
    directory = Directory()
    for device in devices:
        directory.pin(device.keyring.agency, device.keyring.root.public)
    return directory


def reasons(directory: Directory, served: DirectoryPage, *, now: int = START) -> list[str]:
    return [refused.reason for refused in directory.apply(served, now=now)]


def test_a_pinned_agency_is_known_with_its_device_and_keys(harbor: Device) -> None:
    directory = pinned(harbor)
    assert directory.apply(publish(harbor), now=START) == ()
    agency, device = harbor.keyring.agency, harbor.keyring.device
    (found,) = directory.devices_of(agency)
    assert (found.device, found.mailbox) == (device, harbor.keyring.mailbox)
    assert found.identity_key == harbor.keyring.identity.public
    assert directory.device(agency, device) == found
    assert directory.agency_code(agency) == "HARBOR"
    assert directory.manifest_version(agency) == 1
    assert directory.manifest_hash(agency) == harbor.manifest_hash
    pair = harbor.keyring.epoch_pair(FLASH, TODAY, 2)
    assert pair is not None
    assert directory.epoch_key(device, FLASH, TODAY, 2) == pair.public
    assert directory.epoch_key(device, FLASH, TODAY + 99, 2) is None
    assert directory.cursor == 2


def test_an_agency_that_was_not_pinned_is_unknown_until_it_is(harbor: Device) -> None:
    directory = Directory()
    assert directory.apply(publish(harbor), now=START) == ()
    assert directory.devices_of(harbor.keyring.agency) == ()
    assert directory.manifest_version(harbor.keyring.agency) == 0
    directory.pin(harbor.keyring.agency, harbor.keyring.root.public)
    assert len(directory.devices_of(harbor.keyring.agency)) == 1
    assert directory.epoch_key(harbor.keyring.device, FLASH, TODAY, 1) is not None


def test_another_root_key_for_a_pinned_agency_is_an_alarm(harbor: Device, mercy: Device) -> None:
    directory = pinned(harbor)
    directory.pin(harbor.keyring.agency, harbor.keyring.root.public)
    with pytest.raises(IdentityChanged):
        directory.pin(harbor.keyring.agency, mercy.keyring.root.public)
    assert directory.pinned()[harbor.keyring.agency] == harbor.keyring.root.public


def test_a_manifest_under_another_root_is_forged(harbor: Device, mercy: Device) -> None:
    directory = pinned(harbor)
    signed = mercy.sign_manifest(START)
    forged = resign(
        mercy,
        signed,
        TAG_MANIFEST,
        agency_id=str(harbor.keyring.agency),
        agency_code="MERCY",
    )
    served = page(entry("manifest", harbor.keyring.agency, forged))
    assert reasons(directory, served) == ["forged"]
    assert directory.devices_of(harbor.keyring.agency) == ()


def test_without_the_verification_a_forged_manifest_is_believed(
    harbor: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.keyring.proof:verify", lambda *_: None)
    directory = pinned(harbor)
    forged = SignedObject(payload=harbor.sign_manifest(START).payload, signature=bytes(64))
    assert reasons(directory, page(entry("manifest", harbor.keyring.agency, forged))) == []
    assert len(directory.devices_of(harbor.keyring.agency)) == 1


def test_an_object_filed_under_another_agency_is_forged(harbor: Device, mercy: Device) -> None:
    directory = pinned(harbor, mercy)
    swapped = page(entry("manifest", mercy.keyring.agency, harbor.sign_manifest(START)))
    assert reasons(directory, swapped) == ["forged"]


def test_an_object_in_the_other_kinds_slot_is_malformed(harbor: Device) -> None:
    directory = pinned(harbor)
    harbor.manifest = harbor.sign_manifest(START)
    agency = harbor.keyring.agency
    assert reasons(directory, page(entry("epochs", agency, harbor.manifest))) == ["malformed"]
    batch = harbor.sign_epochs(START)
    assert reasons(directory, page(entry("manifest", agency, batch))) == ["malformed"]


def test_an_older_manifest_is_rolled_back_and_the_newer_stays(harbor: Device) -> None:
    directory = pinned(harbor)
    first = publish(harbor)
    directory.apply(first, now=START)
    directory.apply(publish(harbor, version=2, now=START + 1), now=START)
    assert "rolled_back" in reasons(directory, first)
    assert directory.manifest_version(harbor.keyring.agency) == 2


def test_without_the_succession_check_an_older_manifest_comes_back(
    harbor: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = pinned(harbor)
    first = publish(harbor)
    directory.apply(first, now=START)
    directory.apply(publish(harbor, version=2, now=START + 1), now=START)
    without(monkeypatch, "quietway.keyring.proof:_check_succession", lambda *_: None)
    directory.apply(first, now=START)
    assert directory.manifest_version(harbor.keyring.agency) == 1


def test_two_texts_of_one_version_are_forged(harbor: Device) -> None:
    directory = pinned(harbor)
    agency = harbor.keyring.agency
    directory.apply(publish(harbor), now=START)
    harbor.manifest = None
    other = harbor.sign_manifest(START + 1)
    assert reasons(directory, page(entry("manifest", agency, other))) == ["forged"]
    off_chain = resign(harbor, other, TAG_MANIFEST, version=2, prev_hash=encode_base64(b"x" * 32))
    assert reasons(directory, page(entry("manifest", agency, off_chain))) == ["forged"]


def test_the_same_page_twice_is_fine(harbor: Device) -> None:
    directory = pinned(harbor)
    served = publish(harbor)
    assert directory.apply(served, now=START) == ()
    before = directory.rows()
    assert directory.apply(served, now=START) == ()
    assert directory.rows() == before


def test_an_expired_manifest_is_refused_and_one_that_expires_is_forgotten(harbor: Device) -> None:
    agency, device = harbor.keyring.agency, harbor.keyring.device
    served = publish(harbor)
    late = START + 90 * DAY
    assert "expired" in reasons(pinned(harbor), served, now=late)
    directory = pinned(harbor)
    directory.apply(served, now=START)
    directory.apply(page(), now=late)
    assert directory.devices_of(agency) == ()
    assert directory.epoch_key(device, FLASH, TODAY, 2) is None


def test_time_passes_for_what_was_restored_from_the_store(harbor: Device) -> None:
    directory = pinned(harbor)
    directory.apply(publish(harbor), now=START)
    restored = Directory.restore(directory.rows())
    restored.note_time(START + 90 * DAY - 1)
    assert restored.devices_of(harbor.keyring.agency) != ()
    restored.note_time(START + 90 * DAY)
    restored.note_time(START)
    assert restored.devices_of(harbor.keyring.agency) == ()


def test_an_older_epoch_batch_is_rolled_back(harbor: Device) -> None:
    directory = pinned(harbor)
    first = publish(harbor)
    newer = harbor.sign_epochs(START + 5)
    directory.apply(first, now=START)
    directory.apply(page(entry("epochs", harbor.keyring.agency, newer, 3)), now=START)
    assert reasons(directory, first) == ["rolled_back"]


def test_an_epoch_batch_signed_by_another_device_is_forged(harbor: Device, mercy: Device) -> None:
    directory = pinned(harbor)
    directory.apply(publish(harbor), now=START)
    mercy.manifest = harbor.manifest
    foreign = resign(
        mercy,
        mercy.sign_epochs(START),
        TAG_EPOCH_BATCH,
        agency_id=str(harbor.keyring.agency),
        device_id=str(harbor.keyring.device),
        issued=START + 9,
    )
    served = page(entry("epochs", harbor.keyring.agency, foreign, 9))
    assert reasons(directory, served) == ["forged"]
    own = harbor.keyring.epoch_pair(FLASH, TODAY, 1)
    assert own is not None
    assert directory.epoch_key(harbor.keyring.device, FLASH, TODAY, 1) == own.public


def test_a_batch_that_names_another_text_of_the_manifest_is_forged(harbor: Device) -> None:
    directory = pinned(harbor)
    directory.apply(publish(harbor), now=START)
    batch = harbor.sign_epochs(START + 1)
    wrong = resign(harbor, batch, TAG_EPOCH_BATCH, manifest_hash=encode_base64(b"y" * 32))
    served = page(entry("epochs", harbor.keyring.agency, wrong, 3))
    assert reasons(directory, served) == ["forged"]


def test_a_batch_that_names_a_manifest_to_come_waits_for_it(harbor: Device) -> None:
    directory = pinned(harbor)
    manifest, epochs = publish(harbor).entries
    assert directory.apply(page(epochs), now=START) == ()
    assert directory.epoch_key(harbor.keyring.device, FLASH, TODAY, 1) is None
    again = Directory.restore(directory.rows())
    assert again.apply(page(manifest), now=START) == ()
    assert again.epoch_key(harbor.keyring.device, FLASH, TODAY, 1) is not None


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32])
def test_weak_epoch_keys_are_refused(harbor: Device, point: bytes) -> None:
    directory = pinned(harbor)
    manifest, epochs = publish(harbor).entries
    key: JsonValue = {"1": encode_base64(point)}
    weak = resign(
        harbor,
        epochs.object,
        TAG_EPOCH_BATCH,
        epochs=[{"class": "flash", "epoch": TODAY, "keys": key}],
    )
    served = page(manifest, entry("epochs", harbor.keyring.agency, weak, 2))
    assert reasons(directory, served) == ["malformed"]


def test_without_the_key_check_a_weak_key_would_be_sealed_to(
    harbor: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.keyring.proof:_check_epoch_key", lambda *_: None)
    directory = pinned(harbor)
    manifest, epochs = publish(harbor).entries
    key: JsonValue = {"1": encode_base64(bytes(32))}
    weak = resign(
        harbor,
        epochs.object,
        TAG_EPOCH_BATCH,
        epochs=[{"class": "flash", "epoch": TODAY, "keys": key}],
    )
    directory.apply(page(manifest, entry("epochs", harbor.keyring.agency, weak, 2)), now=START)
    assert directory.epoch_key(harbor.keyring.device, FLASH, TODAY, 1) == bytes(32)


def test_a_device_id_claimed_by_two_agencies_has_no_key_without_an_agency(
    harbor: Device, mercy: Device
) -> None:
    directory = pinned(harbor, mercy)
    directory.apply(publish(harbor), now=START)
    manifest, epochs = publish(mercy).entries
    device = str(harbor.keyring.device)
    fields = decode_canonical(manifest.object.payload, max_bytes=200_000)
    certificates = fields["devices"]
    assert isinstance(certificates, list)
    (certificate,) = certificates
    assert isinstance(certificate, dict)
    stolen: JsonValue = [{**certificate, "device_id": device}]
    mercy.manifest = resign(mercy, manifest.object, TAG_MANIFEST, devices=stolen)
    batch = resign(
        mercy,
        epochs.object,
        TAG_EPOCH_BATCH,
        device_id=device,
        manifest_hash=encode_base64(mercy.manifest_hash),
    )
    agency = mercy.keyring.agency
    served = page(entry("manifest", agency, mercy.manifest, 3), entry("epochs", agency, batch, 4))
    assert directory.apply(served, now=START) == ()
    own = harbor.keyring.epoch_pair(FLASH, TODAY, 1)
    assert own is not None
    target = harbor.keyring.device
    assert directory.epoch_key(target, FLASH, TODAY, 1) is None
    key = directory.epoch_key(target, FLASH, TODAY, 1, agency=harbor.keyring.agency)
    assert key == own.public


def test_the_code_of_a_pinned_agency_cannot_be_shown_by_another(harbor: Device) -> None:
    pretender = make_device(SeededEntropy(3), "HARBOR")
    directory = pinned(harbor, pretender)
    directory.apply(publish(harbor), now=START)
    assert "forged" in reasons(directory, publish(pretender))
    assert directory.devices_of(pretender.keyring.agency) == ()


def test_one_bad_agency_does_not_stop_the_others(harbor: Device, mercy: Device) -> None:
    directory = pinned(harbor, mercy)
    bad = SignedObject(payload=b"{}", signature=bytes(64))
    served = page(entry("manifest", harbor.keyring.agency, bad), *publish(mercy).entries)
    assert reasons(directory, served) == ["malformed"]
    assert len(directory.devices_of(mercy.keyring.agency)) == 1


def test_a_suite_floor_never_goes_down(harbor: Device) -> None:
    directory = Directory()
    device = harbor.keyring.device
    assert directory.suite_floor(device) == 0
    directory.raise_suite_floor(device, 2)
    directory.raise_suite_floor(device, 1)
    assert Directory.restore(directory.rows()).suite_floor(device) == 2


def test_what_is_restored_shows_the_same(harbor: Device, mercy: Device) -> None:
    directory = pinned(harbor)
    directory.apply(publish(harbor), now=START)
    directory.apply(publish(mercy), now=START)
    again = Directory.restore(directory.rows())
    assert again.rows() == directory.rows()
    assert again.cursor == directory.cursor
    assert again.devices_of(harbor.keyring.agency) == directory.devices_of(harbor.keyring.agency)
    again.pin(mercy.keyring.agency, mercy.keyring.root.public)
    assert len(again.devices_of(mercy.keyring.agency)) == 1


@given(order=st.permutations(range(4)), repeated=st.integers(0, 3))
@settings(max_examples=24, deadline=None)
def test_objects_in_any_order_lead_to_the_newest(order: list[int], repeated: int) -> None:
    device = make_device(SeededEntropy(1), "HARBOR")
    entries = [*publish(device).entries, *publish(device, version=2, now=START + 1).entries]
    directory = pinned(device)
    for number in (*order, repeated, *range(4)):
        directory.apply(page(entries[number]), now=START + 1)
    assert directory.manifest_version(device.keyring.agency) == 2
    assert directory.manifest_hash(device.keyring.agency) == device.manifest_hash
    assert directory.epoch_key(device.keyring.device, FLASH, TODAY, 2) is not None
