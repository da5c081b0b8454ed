"""Ladders and claims at every relay: the one in memory is believed as far as the real agrees."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.contracts.test_relay_port import harbor, mercy, open_mailbox, real, world
from tests.server.ladders import Sealed, Sealer

from quietway.errors import RelayRefused
from quietway.testing.clock import FakeClock
from quietway.testing.relay import InMemoryRelay
from quietway_schemas.envelope import EnvelopeClass, Header

if TYPE_CHECKING:
    from tests.client_sdk.devices import Device
    from tests.contracts.test_relay_port import World

    from quietway.ports import Relay
    from quietway_schemas.ids import MailboxId

__all__ = ["harbor", "mercy", "real", "world"]
Joined = tuple["Device", "Relay"]


def _sealer(world: World) -> Sealer:
    seed = int.from_bytes(world.entropy.draw(8))
    return Sealer(seed, epoch=EnvelopeClass.FLASH.epoch_of(world.clock.now()))


async def _place(world: World, to: Device, by: Relay, sealed: Sealed) -> None:
    await by.place_hold(to.capability(world.clock.now()), sealed.hold, sealed.ladder)


async def _names(relay: Relay) -> list[bytes]:
    mailbox = await open_mailbox(relay)
    arrivals = [arrival.envelope async for arrival in mailbox.arrivals()]
    await mailbox.aclose()
    return [Header.unpack(envelope[:37]).envelope_id.value for envelope in arrivals]


def _box(device: Device) -> bytes:
    mailbox: MailboxId = device.keyring.mailbox
    return mailbox.value


async def test_what_is_due_at_once_arrives_and_the_rest_goes_behind_a_claim(
    world: World, harbor: Joined, mercy: Joined
) -> None:
    sealer = _sealer(world)
    sealed = sealer.ladder({0: (_box(harbor[0]),), 3_600: (_box(harbor[0]),)})
    await _place(world, harbor[0], mercy[1], sealed)
    await _place(world, harbor[0], mercy[1], sealed)
    assert await _names(harbor[1]) == sealed.names[0]
    claim = sealer.claim(sealed.secrets[1], _box(harbor[0]), _box(mercy[0]))
    later = sealer.claim(sealed.secrets[0], _box(harbor[0]))
    answers = [await harbor[1].claim_hold(sealed.hold, each) for each in (claim, later, claim)]
    assert answers == [True, False, True]
    words = [each.records[0].header.envelope_id.value for each in (claim, later)]
    assert await _names(harbor[1]) == [*sealed.names[0], words[0], *sealed.names[1], words[1]]
    # Whom the ladder does not address gets no words.
    assert await _names(mercy[1]) == []


async def test_a_tier_goes_in_its_time_to_an_open_mailbox(
    world: World, harbor: Joined, mercy: Joined
) -> None:
    sealed = _sealer(world).ladder({1: (_box(harbor[0]),)})
    mailbox = await open_mailbox(harbor[1], live=True)
    await _place(world, harbor[0], mercy[1], sealed)
    arriving = asyncio.ensure_future(anext(aiter(mailbox.arrivals())))
    if isinstance(world.clock, FakeClock):
        assert not (await asyncio.wait([arriving], timeout=0.05))[0]
        world.clock.advance(1_000)
        await _names(mercy[1])  # whoever asks a relay in memory lets it look
    arrival = await asyncio.wait_for(arriving, 20)
    assert Header.unpack(arrival.envelope[:37]).envelope_id.value == sealed.names[0][0]
    await mailbox.aclose()


async def test_other_bytes_under_an_id_are_a_conflict(
    world: World, harbor: Joined, mercy: Joined
) -> None:
    sealer = _sealer(world)
    sealed, other = (sealer.ladder({0: (_box(harbor[0]),)}) for _ in range(2))
    await _place(world, harbor[0], mercy[1], sealed)
    with pytest.raises(RelayRefused) as refused:
        await _place(world, harbor[0], mercy[1], Sealed(sealed.hold, other.ladder, ()))
    assert refused.value.code == "conflict"
    assert await _names(harbor[1]) == sealed.names[0]


async def test_no_lane_no_ladder_and_no_secret_are_refused_alike(
    world: World, harbor: Joined, mercy: Joined
) -> None:
    sealer = _sealer(world)
    sealed = sealer.ladder({0: (_box(harbor[0]),)})
    claim = sealer.claim(sealed.secrets[0], _box(harbor[0]))
    codes = []
    for asked in (
        mercy[1].place_hold(bytes(32), sealed.hold, sealed.ladder),
        harbor[1].claim_hold(sealed.hold, claim),
    ):
        with pytest.raises(RelayRefused) as refused:
            await asked
        codes.append(refused.value.code)
    await _place(world, harbor[0], mercy[1], sealed)
    with pytest.raises(RelayRefused) as refused:
        await harbor[1].claim_hold(sealed.hold, sealer.claim(bytes(32), _box(harbor[0])))
    assert {*codes, refused.value.code} == {"not_found"}
    assert await _names(harbor[1]) == sealed.names[0]


async def test_an_alert_that_is_held_has_come_before_and_is_not_taken_back(
    world: World, harbor: Joined, mercy: Joined
) -> None:
    sealer = _sealer(world)
    sealed = sealer.ladder({3_600: (_box(harbor[0]),)})
    await _place(world, harbor[0], mercy[1], sealed)
    record = sealed.ladder.places[0].record
    await mercy[1].submit(harbor[0].capability(world.clock.now()), [record.pack()])
    assert await mercy[1].withdraw([sealer.slips[sealed.names[0][0]]]) == [False]
    assert await _names(harbor[1]) == []
    assert await harbor[1].claim_hold(sealed.hold, sealer.claim(sealed.secrets[0], _box(harbor[0])))
    assert (await _names(harbor[1]))[1:] == sealed.names[0]


async def test_a_relay_in_memory_looks_when_it_is_told_to() -> None:
    clock = FakeClock(1_795_000_000_000)
    relay = InMemoryRelay(clock)
    clock.advance(1_000)
    relay.look()
    assert relay.envelopes_held() == ()
