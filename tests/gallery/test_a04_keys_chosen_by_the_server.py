"""Row 4: keys that the server chose: of an epoch, or of a "conversation that is there already".

The attacker is the relay, which hands out the keys that everybody seals to. XChat's server could
answer with a conversation key of its own, wrapped to all real members. Here the nearest thing are
the epoch keys: he serves his own in a device's name. Defences: keys are taken only from a batch
that a certified device signed, under a manifest that holds; a conversation has no key at all and
its id is drawn by who begins it; and a page of the directory has no field for anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.controls import without
from tests.gallery.parties import FLASH, NOW, POLICE, Party, make_core, text
from tests.gallery.vouching import House, batch, pinned, serve
from tests.gallery.world import World
from tests.logged_pages import make_page

from quietway.answers import Answers
from quietway.engine.effects import Seal
from quietway.errors import DirectoryRefused
from quietway.keyring.body import Founding
from quietway.keyring.keyring import Keyring
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.encoding import TAG_EPOCH_BATCH
from quietway_crypto.errors import OpenError
from quietway_crypto.seal import open_
from quietway_schemas.canonical import JsonObject, decode_canonical, encode_canonical
from quietway_schemas.directory import DirectoryPage, SignedObject
from quietway_schemas.envelope import HEADER_BYTES, unpack_records
from quietway_schemas.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from quietway_crypto.signing import SigningKey

HOUSE = House("harbor")
DESK, OTHER = HOUSE.device("desk"), HOUSE.device("a colleague")
RELAY = Party("relay")
FIRST = HOUSE.manifest(DESK, OTHER)
HONEST = batch(DESK, FIRST)
CORE = make_core(POLICE, text())


def _with_the_relays_keys(signer: SigningKey | None) -> SignedObject:
    """Put the relay's own public keys into the device's batch, signed by whoever is asked."""
    fields: JsonObject = decode_canonical(HONEST.payload, max_bytes=20_000)
    own = decode_canonical(batch(RELAY, FIRST).payload, max_bytes=20_000)
    payload = encode_canonical({**fields, "epochs": own["epochs"], "issued": NOW + 1})
    if signer is None:
        return SignedObject(payload=payload, signature=HONEST.signature)
    return SignedObject(payload=payload, signature=signer.sign(TAG_EPOCH_BATCH, payload))


ATTACKS: dict[str, Callable[[], SignedObject]] = {
    "under the device's old signature": lambda: _with_the_relays_keys(None),
    "signed by the relay": lambda: _with_the_relays_keys(RELAY.identity),
    "signed by a colleague's device": lambda: _with_the_relays_keys(OTHER.identity),
    "signed by an ops key": lambda: _with_the_relays_keys(HOUSE.ops[0]),
    "signed by the root": lambda: _with_the_relays_keys(HOUSE.root),
}


def _seal_after(*served: SignedObject) -> tuple[list[str], list[bytes]]:
    """Serve these after the manifest, and seal; gives the refusals and the sealed bytes."""
    directory = pinned(HOUSE)
    assert serve(directory, HOUSE.agency, FIRST) == ()
    refused = [
        held.reason
        for signed in served
        for held in serve(directory, HOUSE.agency, signed)
        if isinstance(held, DirectoryRefused)
    ]
    keyring = Keyring.in_memory(
        entropy=SeededEntropy(4),
        founding=Founding("https://relay.example", "MERCY", "MERCY-DESK", ("shelter_staff",)),
    )
    asked = Seal(b"one", FLASH, CORE, ((HOUSE.agency, DESK.device),))
    sealed = Answers(keyring, directory, SeededEntropy(5)).seal(asked, now=NOW)
    return refused, [copy.record for copy in sealed.copies]


def _opens_for(party: Party, record: bytes) -> bool:
    (held,) = unpack_records(record)
    pair = party.pair(FLASH, held.header.epoch, held.header.suite)
    try:
        open_(pair, held.sealed, header=record[:HEADER_BYTES])
    except OpenError:
        return False
    return True


@pytest.mark.parametrize("attack", ATTACKS)
def test_keys_that_the_device_did_not_sign_are_never_sealed_to(attack: str) -> None:
    refused, records = _seal_after(ATTACKS[attack]())
    assert refused == ["forged"]
    assert records == []
    refused, (record,) = _seal_after(HONEST, ATTACKS[attack]())
    assert refused == ["forged"]
    assert _opens_for(DESK, record)
    assert not _opens_for(RELAY, record)


def test_control_without_the_devices_signature_the_relay_reads_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "quietway.keyring.proof:_verify", lambda *_: None)
    refused, (record,) = _seal_after(_with_the_relays_keys(RELAY.identity))
    assert refused == []
    assert _opens_for(RELAY, record)


def test_a_page_of_the_directory_has_no_place_for_a_conversations_key() -> None:
    entry: JsonObject = {
        "seq": 1,
        "kind": "epochs",
        "agency_id": str(HOUSE.agency),
        "object": decode_canonical(HONEST.to_canonical(), max_bytes=20_000),
    }
    page = decode_canonical(make_page().to_canonical(), max_bytes=20_000)
    page["entries"] = [entry]
    assert DirectoryPage.from_body(encode_canonical(page), max_bytes=50_000)
    for offered in (
        {**page, "conversation": {"key": "A" * 43}},
        {**page, "entries": [{**entry, "kind": "conversation"}]},
        {**page, "entries": [{**entry, "key": "A" * 43}]},
    ):
        with pytest.raises(SchemaError):
            DirectoryPage.from_body(encode_canonical(offered), max_bytes=50_000)


async def test_a_conversation_is_named_by_who_begins_it(tmp_path: Path) -> None:
    """Nothing that the relay is asked, and nothing that it answers, has to do with it."""
    world = World(tmp_path)
    police = await world.found("POLICE-DESK")
    shelter = await world.found("SHELTER-DESK", police)
    sent = await police.client.messages.send("Are you there?", to="SHELTER")
    await shelter.client.sync()
    (received,) = await shelter.client.inbox()
    assert received.conversation == sent.conversation
    asked = {call[0] for call in (*police.seen, *shelter.seen)}
    assert asked <= {
        *("put_manifest", "put_epochs", "put_lanes", "directory", "read_clock"),
        *("submit", "open_mailbox", "acknowledge", "log_consistency", "log_leaves"),
    }
