"""The signed directory's payloads: well-formed, consistent in themselves, one spelling."""

import pytest
from tests.logged_pages import make_page
from tests.schemas.samples import (
    NOW,
    certify,
    draw,
    make_batch,
    make_certificate,
    make_departed,
    make_manifest,
    make_ops_list,
)

from quietway_schemas import directory
from quietway_schemas.codebook.lists import codes
from quietway_schemas.directory import (
    CertifiedDevice,
    DirectoryEntry,
    DirectoryPage,
    EpochBatch,
    EpochKeys,
    Lane,
    Manifest,
    OpsKey,
    SignedObject,
    WeekOfLanes,
)
from quietway_schemas.errors import ContentError, JsonError, UnknownCodeError, UnknownFieldError
from quietway_schemas.fields import Base64, WireModel, decode_base64, encode_base64
from quietway_schemas.ids import AgencyId, DeviceId
from quietway_schemas.instants import DAY

ROOM = directory.MAX_PAYLOAD_BYTES


def sign(payload: WireModel) -> SignedObject:
    return SignedObject(payload=payload.to_canonical(), signature=draw(64))


def make_ops(count: int, expires: int = NOW + DAY) -> tuple[OpsKey, ...]:
    return tuple(OpsKey(key=key, expires=expires) for key in sorted(draw(32) for _ in range(count)))


def make_lanes(count: int, **changes: object) -> WeekOfLanes:
    hashes = sorted(draw(32) for _ in range(count))
    fields: dict[str, object] = {
        "agency_id": AgencyId(draw()),
        "device_id": DeviceId(draw()),
        "week": "2026-W47",
        "version": 1,
        "lanes": tuple(Lane(kind="normal", hash=held) for held in hashes),
    }
    return WeekOfLanes.model_validate({**fields, **changes})


@pytest.mark.parametrize(
    "made",
    [
        make_manifest(),
        make_ops_list(),
        make_certificate(),
        certify(make_certificate(), 2),
        make_departed(),
        make_batch(),
        make_lanes(4),
    ],
)
def test_a_payload_comes_back_from_its_bytes(made: WireModel) -> None:
    raw = made.to_canonical()
    assert type(made).from_canonical(raw, max_bytes=ROOM) == made


def test_a_payload_in_a_second_spelling_is_refused() -> None:
    raw = make_manifest().to_canonical()
    with pytest.raises(JsonError):
        Manifest.from_canonical(raw + b" ", max_bytes=ROOM)
    assert Manifest.from_body(raw + b" ", max_bytes=ROOM)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"version": 2}, "prev_hash"),
        ({"prev_hash": b"p" * 32}, "prev_hash"),
        ({"version": 0}, "version"),
        ({"expires": NOW}, "expires"),
        ({"expires": NOW + 90 * DAY + 1}, "expires"),
        ({"departed": (make_departed(at=NOW + 1),)}, "departed"),
        ({"devices": (certify(make_certificate("OTHER")),)}, "program"),
        ({"devices": (certify(make_certificate(agency_id=AgencyId(draw()))),)}, "certificate"),
        ({"devices": ()}, "devices"),
        ({"signed_by": bytes(31)}, "signed_by"),
        ({"ops_list": sign(make_ops_list(agency_id=AgencyId(draw())))}, "ops_list"),
        ({"ops_list": sign(make_certificate())}, "ops_list.agency_code"),
        ({"ops_list": SignedObject(payload=b"{}  ", signature=draw(64))}, "ops_list"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    changes: dict[str, object], field: str
) -> None:
    with pytest.raises(ContentError) as refused:
        make_manifest(**changes)
    assert refused.value.field == field


def test_devices_are_sorted_distinct_and_never_both_certified_and_departed() -> None:
    one, two = sorted((make_certificate(), make_certificate()), key=lambda held: held.device_id)
    assert make_manifest(devices=(certify(one), certify(two)))
    shared_key = two.model_copy(update={"identity_key": one.identity_key})
    shared_mailbox = two.model_copy(update={"mailbox": one.mailbox})
    for devices in ((two, one), (one, one), (one, shared_key), (one, shared_mailbox)):
        with pytest.raises(ContentError):
            make_manifest(devices=tuple(certify(device) for device in devices))
    for gone in ({"device_id": one.device_id}, {"identity_key": one.identity_key}):
        with pytest.raises(ContentError, match="still certified"):
            make_manifest(devices=(certify(one),), departed=(make_departed(**gone),))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"agency_code": "harbor"}, "agency_code"),
        ({"root_key": bytes(31)}, "root_key"),
        ({"approvals": 0}, "approvals"),
        ({"approvals": 2}, "approvals"),
        ({"ops": ()}, "ops"),
        ({"ops": make_ops(9)}, "ops"),
        ({"ops": make_ops(2)[::-1]}, "ops"),
        ({"ops": (make_ops(1)[0],) * 2}, "ops"),
        ({"ops": make_ops(1, NOW)}, "ops"),
        ({"ops": make_ops(1, NOW + 400 * DAY + 1)}, "ops"),
        ({"version": 0}, "version"),
    ],
)
def test_an_ops_list_that_contradicts_itself_is_refused(
    changes: dict[str, object], field: str
) -> None:
    with pytest.raises(ContentError) as refused:
        make_ops_list(**changes)
    assert refused.value.field == field


def test_the_approvals_of_a_certificate_are_sorted_and_each_key_stands_once() -> None:
    held = certify(make_certificate(), 2)
    one, two = held.approvals
    for approvals in ((two, one), (one, one), ()):
        with pytest.raises(ContentError, match="approvals"):
            CertifiedDevice(certificate=held.certificate, approvals=approvals)


def test_a_certificate_inside_a_manifest_is_read_as_strictly_as_the_manifest_itself() -> None:
    held = certify(make_certificate())
    for payload in (
        held.certificate + b" ",
        held.certificate[:-1] + b',"nickname":"x"}',
        held.certificate.replace(b'"agency_owned":true,', b""),
        make_ops_list().to_canonical(),
        b'{"a":"' + b"x" * directory.MAX_CERTIFICATE_BYTES + b'"}',
    ):
        with pytest.raises(ContentError, match="certificate"):
            CertifiedDevice(certificate=payload, approvals=held.approvals)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"relay": "http://relay.example.org"}, "relay"),
        ({"relay": "https://user@relay.example.org"}, "relay"),
        ({"relay": "https://relay.example.org/path"}, "relay"),
        ({"relay": "https://relay.example.org\n"}, "relay"),
        ({"suites": (2, 1)}, "suites"),
        ({"suites": ()}, "suites"),
        ({"suites": (3,)}, "suites"),
        ({"roles": ("liaison", "auditor")}, "roles"),
        ({"roles": ()}, "roles"),
        ({"program": "HARBOR"}, "program"),
        ({"identity_key": "A" * 43}, "identity_key"),
    ],
)
def test_a_certificate_out_of_form_is_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(ContentError) as refused:
        make_certificate(**changes)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "relay",
    ["https://relay.example.org:8443", "http://127.0.0.1:9", "http://[::1]:80", "http://localhost"],
)
def test_plain_http_stands_only_for_this_machine(relay: str) -> None:
    assert make_certificate(relay=relay).relay == relay


def test_an_unknown_role_is_a_typed_refusal_that_does_not_repeat_it() -> None:
    with pytest.raises(UnknownCodeError) as refused:
        make_certificate(roles=("spy",))
    assert (refused.value.list_name, refused.value.field) == ("role", "roles")
    assert "spy" not in str(refused.value)


def test_keys_have_the_length_of_their_suite() -> None:
    for keys in ({"1": draw(1_216)}, {"2": draw(32)}, {"3": draw(32)}, {}):
        with pytest.raises(ContentError):
            EpochKeys.model_validate({"class": "flash", "epoch": 1, "keys": keys})


def test_epochs_stand_in_order_and_on_the_wire_class_has_one_name() -> None:
    batch = make_batch()
    with pytest.raises(ContentError, match="epochs"):
        make_batch(epochs=batch.epochs[::-1])
    raw = batch.to_canonical()
    assert b'"class":"flash"' in raw
    with pytest.raises(ContentError):
        EpochBatch.from_body(raw.replace(b'"class":', b'"class_":'), max_bytes=ROOM)


@pytest.mark.parametrize("count", [1, 2, 64])
def test_lanes_come_in_powers_of_two(count: int) -> None:
    assert len(make_lanes(count).lanes) == count


def test_lanes_of_another_number_or_order_are_refused() -> None:
    with pytest.raises(ContentError, match="power of two"):
        make_lanes(3)
    with pytest.raises(ContentError, match="sorted"):
        make_lanes(2, lanes=make_lanes(2).lanes[::-1])
    with pytest.raises(ContentError, match="week"):
        make_lanes(2, week="2026-W54")


def test_the_largest_payloads_fit_a_signed_object() -> None:
    relay = "https://" + "r" * 192
    roles = tuple(sorted(codes("role")))
    devices = [
        make_certificate("A" * 16, program=f"{'A' * 16}-{'B' * 24}", relay=relay, roles=roles)
        for _ in range(directory.MOST_DEVICES)
    ]
    departed = [make_departed() for _ in range(directory.MOST_DEPARTED)]
    ops = make_ops_list("A" * 16, ops=make_ops(directory.MOST_OPS))
    manifest = make_manifest(
        "A" * 16,
        ops_list=sign(ops),
        devices=tuple(
            certify(device, directory.MOST_APPROVALS)
            for device in sorted(devices, key=lambda held: held.device_id)
        ),
        departed=tuple(sorted(departed, key=lambda gone: gone.device_id)),
    )
    assert len(ops.to_canonical()) <= directory.MAX_OPS_LIST_BYTES
    assert len(devices[0].to_canonical()) <= directory.MAX_CERTIFICATE_BYTES
    assert len(manifest.to_canonical()) <= directory.MAX_PAYLOAD_BYTES
    for largest in (manifest, make_lanes(directory.MOST_LANES)):
        raw = largest.to_canonical()
        signed = SignedObject(payload=raw, signature=draw(64))
        assert len(signed.to_canonical()) <= 256 * 1024


def test_a_page_of_entries_comes_back() -> None:
    signed = SignedObject(payload=make_manifest().to_canonical(), signature=draw(64))
    entry = DirectoryEntry(seq=3, kind="manifest", agency_id=AgencyId(draw()), object=signed)
    page = make_page(entry)
    assert DirectoryPage.from_body(page.to_canonical(), max_bytes=10**6) == page


@pytest.mark.parametrize("text", ["AB", "AA==", "A", "+A", "AA\n", "é"])
def test_a_second_spelling_of_base64_is_refused(text: str) -> None:
    with pytest.raises(ContentError):
        decode_base64(text)


def test_base64_comes_back_and_is_bounded() -> None:
    assert decode_base64(encode_base64(b"\xff\xfe")) == b"\xff\xfe"
    with pytest.raises(ValueError, match="number of bytes"):
        Base64(2, 3)._check(b"x")


def test_an_unknown_field_is_named_only_where_its_name_is_plain() -> None:
    raw = make_manifest().to_canonical()
    for name, shown in (("nickname", "nickname"), ("Maria Lopez", "?")):
        with pytest.raises(UnknownFieldError) as refused:
            Manifest.from_body(raw[:-1] + f',"{name}":1}}'.encode(), max_bytes=ROOM)
        assert refused.value.field == shown
