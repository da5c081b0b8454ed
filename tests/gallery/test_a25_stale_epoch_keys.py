"""Row 25: a key of an epoch that is over is shown again, and somebody seals to it.

The attacker is the relay, with everything that a device ever published (XChat's server could hand
out a key that had been reset). Whatever is sealed to such a key is opened by who has stolen it
meanwhile, and by nobody else: the device has erased it. Defences: batches only go forward in time;
a sender asks for the key of the running epoch and of no other, so where there is none nothing is
sealed; and an erased seed opens nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.controls import without
from tests.gallery.parties import FLASH, NOW, POLICE, Party, make_core, text
from tests.gallery.vouching import House, batch, pinned, serve
from tests.gallery.world import World

from quietway.answers import Answers
from quietway.engine.effects import Seal
from quietway.errors import DirectoryRefused
from quietway.keyring import batches
from quietway.keyring.body import Founding
from quietway.keyring.keyring import Keyring
from quietway.testing.entropy import SeededEntropy
from quietway_crypto.errors import OpenError
from quietway_crypto.seal import open_
from quietway_schemas.envelope import HEADER_BYTES, Header, unpack_records
from quietway_schemas.instants import DAY, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from quietway.keyring.trust import Directory
    from quietway_schemas.directory import DirectoryPage, SignedObject
    from quietway_schemas.envelope import EnvelopeClass
    from quietway_schemas.ids import DeviceId

HOUSE = House("harbor")
DESK = HOUSE.device("desk")
FIRST = HOUSE.manifest(DESK)
TODAY = FLASH.epoch_of(NOW)
OVER = batch(DESK, FIRST, now=NOW - DAY, epochs=(TODAY - 1,))
# The device was reset this morning: today's former key is in a thief's hands.
STOLEN = HOUSE.device("what the desk was before the reset")
FORMER = batch(DESK, FIRST, now=NOW - 1, keys_of=STOLEN)
NEW = batch(DESK, FIRST, now=NOW, replaces=True)


def _seal(directory: Directory) -> list[bytes]:
    keyring = Keyring.in_memory(
        entropy=SeededEntropy(4),
        founding=Founding("https://relay.example", "MERCY", "MERCY-DESK", ("shelter_staff",)),
    )
    asked = Seal(b"one", FLASH, make_core(POLICE, text()), ((HOUSE.agency, DESK.device),))
    sealed = Answers(keyring, directory, SeededEntropy(5)).seal(asked, now=NOW)
    assert len(sealed.copies) + len(sealed.unsealed) == 1
    return [copy.record for copy in sealed.copies]


def _opens_for(party: Party, record: bytes) -> bool:
    (held,) = unpack_records(record)
    try:
        pair = party.pair(FLASH, held.header.epoch, held.header.suite)
        open_(pair, held.sealed, header=record[:HEADER_BYTES])
    except OpenError:
        return False
    return True


def _serve(*pages: SignedObject) -> tuple[Directory, list[str]]:
    directory = pinned(HOUSE)
    assert serve(directory, HOUSE.agency, FIRST) == ()
    refused = [held for signed in pages for held in serve(directory, HOUSE.agency, signed)]
    return directory, [held.reason for held in refused if isinstance(held, DirectoryRefused)]


def test_a_batch_that_was_replaced_does_not_come_back() -> None:
    directory, reasons = _serve(NEW, FORMER)
    assert reasons == ["rolled_back"]
    (record,) = _seal(directory)
    assert _opens_for(DESK, record)
    assert not _opens_for(STOLEN, record)


def test_control_without_the_order_of_batches_the_thief_reads_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prove = batches.prove_batch
    without(
        monkeypatch,
        "quietway.keyring.batches:prove_batch",
        lambda signed, read, manifest, **_: prove(signed, read, manifest=manifest, held=None),
    )
    directory, reasons = _serve(NEW, FORMER)
    assert reasons == []
    (record,) = _seal(directory)
    assert _opens_for(STOLEN, record)


def test_where_only_keys_of_another_epoch_are_served_nothing_is_sealed() -> None:
    """A reader who never saw anything newer: the calendar says that they are over, or to come."""
    for served in (OVER, batch(DESK, FIRST, epochs=(TODAY + 1,))):
        directory, reasons = _serve(served)
        assert reasons == []
        assert _seal(directory) == []


def test_control_a_sender_that_takes_the_key_there_is_seals_to_one_that_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory, _ = _serve(OVER)
    of_epoch = directory.epoch_key

    def whatever_there_is(
        _self: object, device: DeviceId, class_: EnvelopeClass, _epoch: int, suite: int, **_: object
    ) -> bytes | None:
        return of_epoch(device, class_, TODAY - 1, suite)

    without(monkeypatch, "quietway.keyring.trust:Directory.epoch_key", whatever_there_is)
    assert len(_seal(directory)) == 1


async def _replay(folder: Path) -> tuple[World, str, bytes]:
    """A whole device, whose batch of day one the relay serves again on day nine."""
    world = World(folder)
    police = await world.found("POLICE-DESK")
    shelter = await world.found("SHELTER-DESK", police)
    page: DirectoryPage = world.relay.books.page(0)
    old = next(
        entry.object
        for entry in page.entries
        if entry.kind == "epochs" and entry.agency_id == shelter.agency
    )
    for _ in range(9):
        world.clock.advance(DAY / SECOND)
        await shelter.client.sync()
    # The police was offline all the time, and is shown nothing but the first day's keys.
    world.serve_instead(shelter.agency, old, shelter.device)
    await police.client.sync()
    sent = await police.client.messages.send("Which key is this for?", to="SHELTER")
    return world, sent.state, old.payload


async def test_a_client_that_is_shown_the_first_days_keys_on_day_nine_sends_nothing(
    tmp_path: Path,
) -> None:
    world, state, _ = await _replay(tmp_path)
    assert state == "unreachable"
    assert world.relay.envelopes_held() == ()


async def test_what_was_sealed_to_an_erased_key_opens_for_nobody_here(tmp_path: Path) -> None:
    world = World(tmp_path)
    police = await world.found("POLICE-DESK")
    shelter = await world.found("SHELTER-DESK", police)
    await police.client.messages.send("Captured.", to="SHELTER")
    captured = world.held_for(shelter)
    world.clock.advance(9 * DAY / SECOND)
    await shelter.client.sync()
    world.deliver(shelter, *captured)
    await shelter.client.sync()
    assert await shelter.client.inbox() == []
    agent = shelter.client._agent
    epoch = Header.unpack(captured[0][:37]).epoch
    assert agent.keyring.epoch_pair(FLASH, epoch, 2) is None
