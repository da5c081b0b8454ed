"""Row 3: a signature, or any field, that is simply not there; and a root key that silently changes.

The attacker is the relay. XChat's client took a missing signature for a right one, and others take
a new key for a known name as first use. So each field of each signed object is left out in turn,
once with the old signature and once, to give him every chance, signed anew by the right keys; and
signatures are left out, empty, or zero. Defences: strict models without optional fields, and
one proof in which what is absent is invalid. A known agency under another root key is a hard stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from tests.controls import without
from tests.gallery.parties import NOW, draw
from tests.gallery.vouching import House, batch, pinned, serve
from tests.gallery.world import World
from tests.logged_pages import make_page

from quietway.errors import DirectoryRefused, IdentityChanged, RelayRefused
from quietway.testing.relay_directory import RelayDirectory
from quietway_crypto.encoding import (
    TAG_CERTIFICATE,
    TAG_EPOCH_BATCH,
    TAG_MANIFEST,
    TAG_OPS_LIST,
    TAG_WEEK_OF_LANES,
)
from quietway_protocol.manifests import prove_manifest
from quietway_schemas.canonical import JsonObject, JsonValue, decode_canonical, encode_canonical
from quietway_schemas.directory import Departed, DirectoryPage, SignedObject
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import encode_base64
from quietway_schemas.instants import iso_week

if TYPE_CHECKING:
    from pathlib import Path

    from quietway_crypto.signing import SigningKey
    from quietway_schemas.fields import WireModel

HOUSE = House("harbor", approvals=1)
DESK, PHONE = HOUSE.device("desk"), HOUSE.device("phone")
GONE = Departed(device_id=PHONE.device, identity_key=PHONE.identity.public, at=NOW, how="revoked")
FIRST = HOUSE.manifest(DESK, departed=[GONE])
BATCH = batch(DESK, FIRST)
WEEK = iso_week(NOW)
ROOM = 200_000


def _read(raw: bytes) -> JsonObject:
    return decode_canonical(raw, max_bytes=ROOM)


def _sign(key: SigningKey, tag: str, fields: JsonObject) -> JsonObject:
    payload = encode_canonical(fields)
    return {
        "payload": encode_base64(payload),
        "signature": encode_base64(key.sign(tag, payload)),
    }


def _take_apart() -> dict[str, JsonObject]:
    """Give the fields of every signed object of the directory, from what was really signed."""
    manifest = _read(FIRST.payload)
    (device,) = cast("list[JsonObject]", manifest["devices"])
    (approval,) = cast("list[JsonObject]", device["approvals"])
    (departed,) = cast("list[JsonObject]", manifest["departed"])
    (epoch,) = cast("list[JsonObject]", _read(BATCH.payload)["epochs"])
    (ops,) = cast("list[JsonObject]", _read(HOUSE.ops_list(keys=HOUSE.ops[:1]).payload)["ops"])
    return {
        "ops list": _read(HOUSE.ops_list().payload),
        "ops key": ops,
        "certificate": _read(HOUSE.certificate(DESK).to_canonical()),
        "certified device": device,
        "approval": approval,
        "departed": departed,
        "manifest": manifest,
        "epoch batch": _read(BATCH.payload),
        "epoch": epoch,
        "week of lanes": _read(_lanes().payload),
    }


def _lanes() -> SignedObject:
    """A week of lanes by this device, put together by hand."""
    lanes = [{"kind": "normal", "hash": encode_base64(draw("lane", 32))}]
    fields: JsonObject = {
        "agency_id": str(HOUSE.agency),
        "device_id": str(DESK.device),
        "week": WEEK,
        "version": 1,
        "lanes": cast("JsonValue", lanes),
    }
    payload = encode_canonical(fields)
    return SignedObject(payload=payload, signature=DESK.identity.sign(TAG_WEEK_OF_LANES, payload))


OBJECTS = _take_apart()
EVERY_FIELD = [(kind, field) for kind, fields in OBJECTS.items() for field in fields]


def _put_together(kind: str, fields: JsonObject) -> SignedObject:
    """Build what is shown around an object, and sign all of it anew with the right keys."""
    parts = {**OBJECTS, kind: fields}
    if kind == "week of lanes":
        return _signed(DESK.identity, TAG_WEEK_OF_LANES, fields)
    if kind in {"epoch batch", "epoch"}:
        whole = fields if kind == "epoch batch" else {**OBJECTS["epoch batch"], "epochs": [fields]}
        return _signed(DESK.identity, TAG_EPOCH_BATCH, whole)
    ops_list = parts["ops list"]
    if kind == "ops key":
        ops_list = {**ops_list, "ops": [fields], "approvals": 1}
    certificate = encode_canonical(parts["certificate"])
    approval = {
        **OBJECTS["approval"],
        "signature": encode_base64(HOUSE.ops[0].sign(TAG_CERTIFICATE, certificate)),
    }
    device: JsonObject = {
        "certificate": encode_base64(certificate),
        "approvals": [fields if kind == "approval" else approval],
    }
    manifest = {
        **OBJECTS["manifest"],
        "ops_list": _sign(HOUSE.root, TAG_OPS_LIST, ops_list),
        "devices": [fields if kind == "certified device" else device],
        "departed": [parts["departed"]],
    }
    return _signed(HOUSE.ops[0], TAG_MANIFEST, fields if kind == "manifest" else manifest)


def _signed(key: SigningKey, tag: str, fields: JsonObject) -> SignedObject:
    payload = encode_canonical(fields)
    return SignedObject(payload=payload, signature=key.sign(tag, payload))


def _drop(kind: str, field: str) -> SignedObject:
    fields = {name: value for name, value in OBJECTS[kind].items() if name != field}
    return _put_together(kind, fields)


def _is_taken_by_a_reader(kind: str, shown: SignedObject) -> bool:
    directory = pinned(HOUSE)
    if kind in {"epoch batch", "epoch"}:
        assert serve(directory, HOUSE.agency, FIRST) == ()
    refused = serve(directory, HOUSE.agency, shown)
    assert all(isinstance(held, DirectoryRefused) for held in refused)
    return not refused


def _is_taken_by_a_relay(kind: str, shown: SignedObject) -> bool:
    relay = RelayDirectory()
    relay.add_code("code")
    try:
        if kind in {"epoch batch", "epoch", "week of lanes"}:
            relay.put_manifest(HOUSE.agency, FIRST, "code", now=NOW)
        if kind == "week of lanes":
            relay.put_lanes(WEEK, shown, now=NOW)
        elif kind in {"epoch batch", "epoch"}:
            relay.put_epochs(HOUSE.agency, shown, now=NOW)
        else:
            relay.put_manifest(HOUSE.agency, shown, "code", now=NOW)
    except RelayRefused:
        return False
    return True


@pytest.mark.parametrize("kind", OBJECTS)
def test_each_object_whole_is_taken(kind: str) -> None:
    """What is taken apart and put together again is taken: only what is missing is refused."""
    whole = _put_together(kind, OBJECTS[kind])
    assert _is_taken_by_a_relay(kind, whole)
    assert kind == "week of lanes" or _is_taken_by_a_reader(kind, whole)


@pytest.mark.parametrize(("kind", "field"), EVERY_FIELD)
def test_no_object_is_taken_with_a_field_left_out(kind: str, field: str) -> None:
    anew = _drop(kind, field)
    as_before = SignedObject(payload=anew.payload, signature=FIRST.signature)
    for shown in (anew, as_before):
        assert not _is_taken_by_a_relay(kind, shown)
        assert kind == "week of lanes" or not _is_taken_by_a_reader(kind, shown)


@pytest.mark.parametrize("kind", ["manifest", "epoch batch", "week of lanes"])
def test_no_object_is_taken_without_its_signature(kind: str) -> None:
    whole = _put_together(kind, OBJECTS[kind])
    empty = SignedObject(payload=whole.payload, signature=bytes(64))
    assert not _is_taken_by_a_relay(kind, empty)
    assert kind == "week of lanes" or not _is_taken_by_a_reader(kind, empty)
    for signature in ({}, {"signature": ""}, {"signature": encode_base64(bytes(63))}):
        written: JsonObject = {"payload": encode_base64(whole.payload), **signature}
        with pytest.raises(SchemaError):
            SignedObject.from_body(encode_canonical(written), max_bytes=ROOM)
        page = decode_canonical(make_page().to_canonical(), max_bytes=ROOM)
        page["entries"] = [
            {"seq": 1, "kind": "manifest", "agency_id": str(HOUSE.agency), "object": written}
        ]
        with pytest.raises(SchemaError):
            DirectoryPage.from_body(encode_canonical(page), max_bytes=ROOM)


@pytest.mark.parametrize("inner", ["ops list", "approval"])
def test_a_signature_inside_that_is_zero_is_refused(inner: str) -> None:
    zero = encode_base64(bytes(64))
    if inner == "approval":
        shown = _put_together("approval", {**OBJECTS["approval"], "signature": zero})
    else:
        ops_list = cast("JsonObject", OBJECTS["manifest"]["ops_list"])
        manifest = {**OBJECTS["manifest"], "ops_list": {**ops_list, "signature": zero}}
        shown = _put_together("manifest", manifest)
    assert not _is_taken_by_a_reader("manifest", shown)
    assert not _is_taken_by_a_relay("manifest", shown)


def test_control_a_reader_that_fills_in_what_is_missing_takes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As lenient parsers do: a certificate that does not say whose machine it is passes."""

    def leniently(cls: type[WireModel], raw: bytes, *, max_bytes: int) -> WireModel:
        found = decode_canonical(raw, max_bytes=max_bytes)
        if "agency_owned" in cls.model_fields:
            found.setdefault("agency_owned", True)
        return cls.from_object(found)

    without(
        monkeypatch,
        "quietway_schemas.fields:WireModel.from_canonical",
        cast("type[object]", classmethod(leniently)),
    )
    assert _is_taken_by_a_reader("certificate", _drop("certificate", "agency_owned"))


def test_control_a_reader_that_takes_no_signature_for_a_right_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway_protocol.manifests:_verify", lambda *_: None)
    empty = SignedObject(payload=FIRST.payload, signature=bytes(64))
    assert _is_taken_by_a_reader("manifest", empty)


async def _change_the_root(folder: Path) -> tuple[World, str, list[object]]:
    """The relay serves a known partner under another root key; the sender synchronises and sends.

    Returns:
        The world, what became of the next message, and what the synchronisation reported.
    """
    world = World(folder)
    police = await world.found("POLICE-DESK")
    shelter = await world.found("SHELTER-DESK", police)
    thief = House("thief", approvals=1)
    forged = _forge_identity(thief, shelter.agency, shelter.client._agent.keyring.agency_code)
    world.serve_instead(shelter.agency, forged)
    device = thief.device("desk")
    keys = batch(device, forged, now=world.clock.now())
    theirs = {**_read(keys.payload), "agency_id": str(shelter.agency)}
    world.serve_instead(
        shelter.agency, _signed(device.identity, TAG_EPOCH_BATCH, theirs), device.device
    )
    report = await police.client.sync()
    try:
        sent = await police.client.messages.send("For the shelter alone.", to="SHELTER")
    except IdentityChanged as refused:
        return world, refused.agency, list(report.problems)
    return world, sent.state, list(report.problems)


def _forge_identity(thief: House, agency: object, code: str) -> SignedObject:
    """A whole, self-consistent agency of the thief's under the known id and code."""
    payload = _read(thief.ops_list(keys=thief.ops[:1]).payload)
    ops_list = {**payload, "agency_id": str(agency), "agency_code": code}
    device = thief.device("desk")
    certificate = {
        **_read(thief.certificate(device).to_canonical()),
        "agency_id": str(agency),
        "program": f"{code}-DESK",
    }
    raw = encode_canonical(certificate)
    manifest = {
        **_read(thief.manifest(device).payload),
        "agency_id": str(agency),
        "ops_list": _sign(thief.root, TAG_OPS_LIST, ops_list),
        "devices": [
            {
                "certificate": encode_base64(raw),
                "approvals": [
                    {
                        "key": encode_base64(thief.ops[0].public),
                        "signature": encode_base64(thief.ops[0].sign(TAG_CERTIFICATE, raw)),
                    }
                ],
            }
        ],
    }
    return _signed(thief.ops[0], TAG_MANIFEST, manifest)


async def test_a_known_agency_under_another_root_key_is_a_hard_stop(tmp_path: Path) -> None:
    world, outcome, problems = await _change_the_root(tmp_path)
    assert outcome == "SHELTER"
    assert any(isinstance(problem, IdentityChanged) for problem in problems)
    assert world.relay.envelopes_held() == ()


async def test_it_goes_on_once_a_person_has_accepted_the_same_invitation_anew(
    tmp_path: Path,
) -> None:
    """The relay lied, and the fingerprint that was read out is the one that was pinned."""
    world = World(tmp_path)
    police = await world.found("POLICE-DESK")
    shelter = await world.found("SHELTER-DESK", police)
    again = await shelter.client.partners.invite("POLICE-DESK")
    code = shelter.client._agent.keyring.agency_code
    forged = _forge_identity(House("thief", approvals=1), shelter.agency, code)
    world.serve_instead(shelter.agency, forged)
    await police.client.sync()
    with pytest.raises(IdentityChanged):
        await police.client.messages.send("To whom?", to="SHELTER")
    await police.client.partners.add(again)
    sent = await police.client.messages.send("To you.", to="SHELTER")
    assert sent.state == "stored_at_relay"


async def test_control_a_reader_that_trusts_the_newest_root_seals_to_the_thief(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(
        monkeypatch,
        "quietway.keyring.trust:prove_manifest",
        lambda signed, **_: prove_manifest(signed),
    )
    _, outcome, problems = await _change_the_root(tmp_path)
    assert outcome in {"sealed", "stored_at_relay", "not_yet_sent"}
    assert not any(isinstance(problem, IdentityChanged) for problem in problems)
