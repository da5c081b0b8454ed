"""Row 17: one signed object shown in the place of another, or believed before it was verified.

The attacker is the relay or a member: he takes what somebody did sign (a message, a manifest, a
certificate, a batch of epoch keys, a request) and shows it where another kind is asked for.
Matrix's "trusted impersonation" was of this family: what was received as one thing was judged later
as another. To give him every chance one key signs every kind here. Defences: a tag for each purpose
inside the signed bytes, strict types at each door, and one `open_envelope` that gives out nothing
but verified objects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Final

import pytest
from tests.controls import without
from tests.gallery.parties import (
    CASE,
    NOW,
    SHELTER,
    Party,
    draw,
    make_core,
    make_header,
    seal_by_hand,
)
from tests.logged_pages import make_page

from quietway.errors import DirectoryRefused, RelayRefused
from quietway.keyring.trust import Directory
from quietway.sealing import FORGED, OpeningRefused, open_envelope
from quietway.testing.relay_directory import RelayDirectory
from quietway_crypto.encoding import (
    TAG_CERTIFICATE,
    TAG_ENVELOPE,
    TAG_EPOCH_BATCH,
    TAG_MANIFEST,
    TAG_MANIFEST_HASH,
    TAG_OPS_LIST,
    TAG_WEEK_OF_LANES,
    encode_base64,
    hash_tagged,
)
from quietway_crypto.errors import EncodingError, SignatureRefusedError
from quietway_crypto.signing import verify, verify_http_base
from quietway_protocol.errors import RequestRefusedError
from quietway_protocol.request_signature import sign_request, verify_request
from quietway_schemas.canonical import encode_canonical
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.directory import (
    MANIFEST_LIFE_MS,
    Certificate,
    DirectoryEntry,
    EpochBatch,
    EpochKeys,
    Lane,
    OpsKey,
    OpsList,
    SignedObject,
    WeekOfLanes,
)
from quietway_schemas.instants import DAY, iso_week

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIGNER: Final = Party("signer")
KEY: Final = SIGNER.identity
WEEK: Final = iso_week(NOW)
URL: Final = "https://relay.example/v1/mailbox"
NONCE: Final = encode_base64(draw("nonce"))
HEADER: Final = make_header(SHELTER, CASE)
CONTENT: Final = StatusIndicator(
    code="safety_plan_active",
    state="active",
    effective=NOW,
    expires=NOW + DAY,
    confidence="reported",
)


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed: tag (none for a request), exact bytes, and the signature over them."""

    tag: str
    body: bytes
    signature: bytes


def _make_ops_list() -> bytes:
    return OpsList(
        agency_id=SIGNER.agency,
        agency_code="SIGNER",
        root_key=KEY.public,
        version=1,
        issued=NOW,
        approvals=1,
        ops=(OpsKey(key=KEY.public, expires=NOW + DAY),),
    ).to_canonical()


def _make_certificate() -> bytes:
    return Certificate(
        agency_id=SIGNER.agency,
        device_id=SIGNER.device,
        identity_key=KEY.public,
        listen_key=SHELTER.identity_key,
        mailbox=SIGNER.mailbox,
        relay="https://relay.example",
        program="SIGNER-DESK",
        roles=("shelter_staff",),
        suites=(1, 2),
        agency_owned=True,
        issued=NOW,
    ).to_canonical()


def _make_manifest(ops_list: Signed | None = None, certificate: Signed | None = None) -> bytes:
    """Write a manifest by hand, around whatever is shown as its ops list or its certificate."""
    ops_list = ops_list or _sign(TAG_OPS_LIST, _make_ops_list())
    certificate = certificate or _sign(TAG_CERTIFICATE, _make_certificate())
    approval = {
        "key": encode_base64(KEY.public),
        "signature": encode_base64(certificate.signature),
    }
    return encode_canonical(
        {
            "agency_id": str(SIGNER.agency),
            "version": 1,
            "prev_hash": encode_base64(bytes(32)),
            "issued": NOW,
            "expires": NOW + MANIFEST_LIFE_MS,
            "ops_list": {
                "payload": encode_base64(ops_list.body),
                "signature": encode_base64(ops_list.signature),
            },
            "signed_by": encode_base64(KEY.public),
            "devices": [{"certificate": encode_base64(certificate.body), "approvals": [approval]}],
            "departed": [],
        }
    )


def _make_batch() -> bytes:
    epoch = CASE.epoch_of(NOW)
    keys = EpochKeys(class_="case", epoch=epoch, keys={"1": SIGNER.pair(CASE, epoch, 1).public})
    return EpochBatch(
        agency_id=SIGNER.agency,
        device_id=SIGNER.device,
        manifest_version=1,
        manifest_hash=hash_tagged(TAG_MANIFEST_HASH, _make_manifest()),
        issued=NOW,
        epochs=(keys,),
    ).to_canonical()


def _make_lanes() -> bytes:
    return WeekOfLanes(
        agency_id=SIGNER.agency,
        device_id=SIGNER.device,
        week=WEEK,
        version=1,
        lanes=(Lane(kind="normal", hash=draw("lane", 32)),),
    ).to_canonical()


def _make_request_base() -> bytes:
    """Write the base by hand, as RFC 9421 does, so that the row does not lean on the signer."""
    parameters = (
        '("@method" "@authority" "@path" "@query")'
        f';created={NOW // 1000};keyid="{SIGNER.device}";alg="ed25519";nonce="{NONCE}"'
        ';tag="quietway/v1"'
    )
    lines = (
        '"@method": GET',
        '"@authority": relay.example',
        '"@path": /v1/mailbox',
        '"@query": ?',
        f'"@signature-params": {parameters}',
    )
    return "\n".join(lines).encode()


def _sign(tag: str, body: bytes) -> Signed:
    signature = KEY.sign(tag, body) if tag else KEY.sign_http_base(body)
    return Signed(tag, body, signature)


CORE: Final = make_core(SIGNER, CONTENT, SHELTER)
OBJECTS: Final[Mapping[str, Signed]] = {
    "message": _sign(TAG_ENVELOPE, SHELTER.device.value + HEADER.pack() + CORE),
    "ops list": _sign(TAG_OPS_LIST, _make_ops_list()),
    "certificate": _sign(TAG_CERTIFICATE, _make_certificate()),
    "manifest": _sign(TAG_MANIFEST, _make_manifest()),
    "epoch batch": _sign(TAG_EPOCH_BATCH, _make_batch()),
    "week of lanes": _sign(TAG_WEEK_OF_LANES, _make_lanes()),
    "request": _sign("", _make_request_base()),
}
PAIRS: Final = [(made, slot) for made, slot in product(OBJECTS, OBJECTS) if made != slot]


def _verify_as(slot: str, shown: Signed) -> None:
    tag = OBJECTS[slot].tag
    if tag:
        verify(KEY.public, tag, shown.body, shown.signature)
    else:
        verify_http_base(KEY.public, shown.body, shown.signature)


def _receive_message(shown: Signed) -> None:
    said = CORE if shown is OBJECTS["message"] else shown.body
    envelope = seal_by_hand(SHELTER, HEADER, shown.signature + said)
    # The reader takes everything for the signer's, so that the signature alone decides.
    anyone = replace(SHELTER.reading(), find_signer=lambda _agency, _device: SIGNER)
    open_envelope(envelope, reader=anyone, now=NOW)


def _receive_entry(shown: Signed, *, as_manifest: bool) -> None:
    directory = Directory()
    directory.pin(SIGNER.agency, KEY.public)
    if not as_manifest:
        _apply(directory, _sign(TAG_MANIFEST, _make_manifest()), as_manifest=True)
    _apply(directory, shown, as_manifest=as_manifest)


def _receive_around(manifest: bytes) -> None:
    """Show a manifest that is well signed, whatever stands inside it."""
    _receive_entry(_sign(TAG_MANIFEST, manifest), as_manifest=True)


def _apply(directory: Directory, shown: Signed, *, as_manifest: bool) -> None:
    entry = DirectoryEntry(
        seq=1,
        kind="manifest" if as_manifest else "epochs",
        agency_id=SIGNER.agency,
        object=SignedObject(payload=shown.body, signature=shown.signature),
    )
    refused = directory.apply(make_page(entry), now=NOW)
    for refusal in refused:
        raise refusal


def _receive_lanes(shown: Signed) -> None:
    relay = RelayDirectory()
    relay.add_code("code")
    manifest = _sign(TAG_MANIFEST, _make_manifest())
    signed = SignedObject(payload=manifest.body, signature=manifest.signature)
    relay.put_manifest(SIGNER.agency, signed, "code", now=NOW)
    relay.put_lanes(WEEK, SignedObject(payload=shown.body, signature=shown.signature), now=NOW)


def _receive_request(shown: Signed) -> None:
    headers = sign_request(
        method="GET",
        url=URL,
        body=None,
        key=KEY,
        key_id=str(SIGNER.device),
        created=NOW // 1000,
        nonce=NONCE,
    )
    own = headers["Signature"].split("=", 1)[0]
    told = {**headers, "Signature": f"{own}=:{_pad_base64(shown.signature)}:"}
    verify_request(
        method="GET",
        url=URL,
        headers=told,
        body=None,
        public_key_of=lambda _key_id: KEY.public,
        now=NOW,
    )


def _pad_base64(raw: bytes) -> str:
    text = encode_base64(raw).replace("-", "+").replace("_", "/")
    return text + "=" * (-len(text) % 4)


DOORS: Final[Mapping[str, Callable[[Signed], None]]] = {
    "message": _receive_message,
    "ops list": lambda shown: _receive_around(_make_manifest(ops_list=shown)),
    "certificate": lambda shown: _receive_around(_make_manifest(certificate=shown)),
    "manifest": lambda shown: _receive_entry(shown, as_manifest=True),
    "epoch batch": lambda shown: _receive_entry(shown, as_manifest=False),
    "week of lanes": _receive_lanes,
    "request": _receive_request,
}


def _refusal_at(slot: str, shown: Signed) -> str:
    """Show it at the door, and say in a word how it was refused."""
    try:
        DOORS[slot](shown)
    except OpeningRefused as refused:
        return refused.reason
    except DirectoryRefused as refused:
        return refused.reason
    except RelayRefused as refused:
        return refused.code
    except RequestRefusedError:
        return "request refused"
    return "accepted"


EXPECTED: Final = {
    "message": FORGED,
    "ops list": "malformed",
    "certificate": "malformed",
    "manifest": "malformed",
    "epoch batch": "malformed",
    "week of lanes": "invalid_field",
    "request": "request refused",
}


@pytest.mark.parametrize("slot", OBJECTS)
def test_each_object_is_accepted_in_its_own_slot(slot: str) -> None:
    _verify_as(slot, OBJECTS[slot])
    assert _refusal_at(slot, OBJECTS[slot]) == "accepted"


@pytest.mark.parametrize(("made", "slot"), PAIRS)
def test_no_object_is_accepted_in_anothers_slot(made: str, slot: str) -> None:
    assert _refusal_at(slot, OBJECTS[made]) == EXPECTED[slot]


@pytest.mark.parametrize(("made", "slot"), PAIRS)
def test_no_signature_holds_for_anothers_purpose(made: str, slot: str) -> None:
    # A request's slot asks for a quotation mark at the start before it asks for a signature.
    with pytest.raises(EncodingError if slot == "request" else SignatureRefusedError):
        _verify_as(slot, OBJECTS[made])


@pytest.mark.parametrize("slot", [name for name in OBJECTS if name != "request"])
def test_the_right_words_under_the_signature_of_another_purpose_are_forged(slot: str) -> None:
    """Even a well-formed object does not pass with a signature that was made for another slot."""
    body = OBJECTS[slot].body
    for other in OBJECTS.values():
        if other.tag and other.tag != OBJECTS[slot].tag:
            shown = Signed(other.tag, body, KEY.sign(other.tag, body))
            assert _refusal_at_with_core(slot, shown) in {FORGED, "refused_signature"}


def _refusal_at_with_core(slot: str, shown: Signed) -> str:
    if slot == "message":
        return _refusal_at(slot, replace(shown, body=CORE))
    return _refusal_at(slot, shown)


def _switch_off_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "quietway_crypto.signing:pae", lambda _tag, body: body)
    without(monkeypatch, "quietway_crypto.signing:_check_http_base", lambda _base: None)


def test_control_without_tags_every_signature_holds_in_every_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _switch_off_tags(monkeypatch)
    objects = {name: _sign(held.tag, held.body) for name, held in OBJECTS.items()}
    for made, slot in PAIRS:
        _verify_as(slot, objects[made])


@pytest.mark.parametrize("slot", [name for name in OBJECTS if name != "request"])
def test_control_without_tags_the_signature_of_another_purpose_is_accepted(
    slot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _switch_off_tags(monkeypatch)
    # What stands inside a manifest is signed without tags too, or it would be refused for that.
    anew = {"manifest": _make_manifest, "epoch batch": _make_batch}.get(slot)
    body = OBJECTS[slot].body if anew is None else anew()
    other = next(tag for tag in (TAG_MANIFEST, TAG_ENVELOPE) if tag != OBJECTS[slot].tag)
    assert _refusal_at_with_core(slot, Signed(other, body, KEY.sign(other, body))) == "accepted"
