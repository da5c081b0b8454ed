"""The verified directory against a relay that lies: forges, swaps, goes back, or shows too much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client_sdk.devices import Device, make_device
from tests.controls import without
from tests.gallery.parties import NOW, Party
from tests.gallery.vouching import House, restored, rows_of, serve
from tests.logged_pages import make_page

from quietway.errors import IdentityChanged
from quietway.keyring.publish import (
    approve,
    build_certificate,
    build_manifest,
    build_ops_list,
    certify,
)
from quietway.keyring.trust import Directory
from quietway.testing.clock import START
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.encoding import TAG_EPOCH_BATCH, TAG_MANIFEST
from quietway_schemas.canonical import decode_canonical, encode_canonical
from quietway_schemas.directory import (
    MAX_CERTIFICATE_BYTES,
    Certificate,
    Departed,
    DirectoryEntry,
    DirectoryPage,
    SignedObject,
)
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.fields import encode_base64
from quietway_schemas.instants import DAY, HOUR

if TYPE_CHECKING:
    from quietway_crypto.signing import SigningKey
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
    return make_page(*entries)


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
    key = device.ops if tag == TAG_MANIFEST else device.keyring.identity
    return SignedObject(payload=payload, signature=key.sign(tag, payload))


def make_thief(device: Device) -> Thief:
    """Give keys of somebody who would be this agency, with a device of his own."""
    thief = make_device(SeededEntropy(66), device.keyring.agency_code)
    return Thief(thief, device.keyring.agency)


@dataclass
class Thief:
    """Signs for an agency under another root."""

    device: Device
    agency: AgencyId

    @property
    def root(self) -> SigningKey:
        return self.device.root

    def manifest_now(self) -> SignedObject:
        ops = self.device.ops
        ops_list = build_ops_list(
            self.root,
            agency_id=self.agency,
            agency_code=self.device.keyring.agency_code,
            ops={ops.public: START + DAY},
            approvals=1,
            version=1,
            now=START,
        )
        own = Certificate.from_canonical(
            build_certificate(self.device.keyring, agency_owned=False, now=START),
            max_bytes=MAX_CERTIFICATE_BYTES,
        )
        certificate = own.model_copy(update={"agency_id": self.agency}).to_canonical()
        return build_manifest(
            ops,
            ops_list=ops_list,
            devices=[certify(certificate, [approve(certificate, ops)])],
            version=1,
            prev_hash=bytes(32),
            now=START,
        )


@pytest.fixture
def harbor() -> Device:
    return make_device(SeededEntropy(1), "HARBOR")


@pytest.fixture
def mercy() -> Device:
    return make_device(SeededEntropy(2), "MERCY")


def pinned(*devices: Device) -> Directory:
    directory = Directory()
    for device in devices:
        directory.pin(device.keyring.agency, device.root.public)
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
    directory, served = Directory(), publish(harbor)
    assert directory.apply(served, now=START) == ()
    assert directory.devices_of(harbor.keyring.agency) == ()
    assert directory.manifest_version(harbor.keyring.agency) == 0
    directory.pin(harbor.keyring.agency, harbor.root.public)
    assert len(directory.devices_of(harbor.keyring.agency)) == 1
    # Its batches were not kept: they are read again with everything else.
    assert directory.cursor == 0
    assert directory.epoch_key(harbor.keyring.device, FLASH, TODAY, 1) is None
    assert directory.apply(served, now=START) == ()
    assert directory.epoch_key(harbor.keyring.device, FLASH, TODAY, 1) is not None


def test_another_root_key_for_a_pinned_agency_is_an_alarm(harbor: Device, mercy: Device) -> None:
    directory = pinned(harbor)
    directory.pin(harbor.keyring.agency, harbor.root.public)
    with pytest.raises(IdentityChanged):
        directory.pin(harbor.keyring.agency, mercy.root.public)
    assert directory.pinned()[harbor.keyring.agency] == harbor.root.public


def test_another_root_that_signs_itself_is_an_alarm_and_nothing_is_sealed(harbor: Device) -> None:
    directory = pinned(harbor)
    directory.apply(publish(harbor), now=START)
    agency = harbor.keyring.agency
    thief = make_thief(harbor)
    (problem,) = directory.apply(page(entry("manifest", agency, thief.manifest_now())), now=START)
    assert isinstance(problem, IdentityChanged)
    assert directory.hindrance(agency, START) == "identity_changed"
    again = restored(directory)
    assert again.hindrance(agency, START) == "identity_changed"
    (found,) = again.devices_of(agency)
    assert found.identity_key == harbor.keyring.identity.public
    again.trust_anew(agency, harbor.root.public)
    assert again.hindrance(agency, START) == ""


def test_a_root_key_that_was_compared_anew_takes_the_former_ones_place(harbor: Device) -> None:
    directory = pinned(harbor)
    directory.apply(publish(harbor), now=START)
    agency = harbor.keyring.agency
    thief = make_thief(harbor)
    served = page(entry("manifest", agency, thief.manifest_now()))
    directory.apply(served, now=START)
    directory.trust_anew(agency, thief.root.public)
    assert directory.devices_of(agency) == ()
    assert directory.cursor == 0
    assert directory.apply(served, now=START) == ()
    assert directory.hindrance(agency, START) == ""
    assert directory.root_key(agency) == thief.root.public


def test_a_manifest_under_another_root_that_does_not_hold_is_only_forged(harbor: Device) -> None:
    directory = pinned(harbor)
    thief = make_thief(harbor)
    forged = SignedObject(payload=thief.manifest_now().payload, signature=bytes(64))
    assert reasons(directory, page(entry("manifest", harbor.keyring.agency, forged))) == ["forged"]
    assert directory.hindrance(harbor.keyring.agency, START) == ""


def test_without_the_verification_a_forged_manifest_is_believed(
    harbor: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway_protocol.manifests:_verify", lambda *_: None)
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
    without(monkeypatch, "quietway_protocol.manifests:check_follows", lambda *_, **__: None)
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
    before = rows_of(directory)
    assert directory.apply(served, now=START) == ()
    assert rows_of(directory) == before


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
    again = restored(directory)
    again.note_time(START + 90 * DAY - 1)
    assert again.devices_of(harbor.keyring.agency) != ()
    again.note_time(START + 90 * DAY)
    again.note_time(START)
    assert again.devices_of(harbor.keyring.agency) == ()


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
    again = restored(directory)
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
    _, epochs = publish(mercy).entries
    device = str(harbor.keyring.device)
    assert mercy.certified is not None
    changed = mercy.certified.read.model_copy(update={"device_id": harbor.keyring.device})
    certificate = changed.to_canonical()
    mercy.certified = certify(certificate, [approve(certificate, mercy.ops)])
    mercy.manifest = None
    mercy.manifest = mercy.sign_manifest(START)
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
    assert restored(directory).suite_floor(device) == 2


def test_what_is_restored_shows_the_same(harbor: Device, mercy: Device) -> None:
    directory = pinned(harbor)
    directory.apply(publish(harbor), now=START)
    directory.apply(publish(mercy), now=START)
    again = restored(directory)
    # What lies in the store is not written there once more.
    assert rows_of(again) == {}
    assert again.cursor == directory.cursor
    assert again.devices_of(harbor.keyring.agency) == directory.devices_of(harbor.keyring.agency)
    again.pin(mercy.keyring.agency, mercy.root.public)
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


def test_a_retired_device_that_was_never_certified_speaks_for_nobody() -> None:
    """An ops holder and a relay together: readers who missed a version can't ask for the link."""
    house = House("harbor")
    desk, phone, ghost = (house.device(name) for name in ("desk", "phone", "ghost"))
    directory = Directory()
    directory.pin(house.agency, house.root.public)

    def left(device: Party, at: int) -> Departed:
        key = device.identity.public
        return Departed(device_id=device.device, identity_key=key, at=at, how="retired")

    first = house.manifest(desk, phone)
    second = house.manifest(desk, phone, after=first)
    third = house.manifest(desk, after=second, departed=[left(phone, NOW)])
    both = sorted([left(phone, NOW), left(ghost, NOW)], key=lambda gone: gone.device_id)
    fourth = house.manifest(desk, after=third, departed=both)
    fifth = house.manifest(desk, after=fourth, departed=both)
    assert serve(directory, house.agency, first) == ()
    assert serve(directory, house.agency, third) == ()
    assert serve(directory, house.agency, fifth) == ()
    known, unknown = (directory.signer(house.agency, held.device) for held in (phone, ghost))
    assert known is not None
    assert known.trusted_until == NOW + 2 * HOUR
    assert unknown is not None
    assert unknown.trusted_until == 0
    # Long after nobody names it, another date lets it speak no longer than the first one did.
    over = NOW + 36 * DAY
    sixth = house.manifest(desk, after=fifth, now=over)
    seventh = house.manifest(desk, after=sixth, now=over)
    again = house.manifest(desk, after=seventh, now=over, departed=[left(phone, over)])
    for served in (
        seventh,
        house.manifest(desk, after=again, now=over, departed=[left(phone, over)]),
    ):
        assert serve(directory, house.agency, served, now=over) == ()
    known = directory.signer(house.agency, phone.device)
    assert known is not None
    assert known.trusted_until == NOW + 2 * HOUR
