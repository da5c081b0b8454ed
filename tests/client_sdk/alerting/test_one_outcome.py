"""F16: two people claim at once, and a claim crosses an escalation: one outcome, on every device.

Each seed is another order of the same deeds: the primary and the backup claim, time passes and
tiers are released, devices read their mailboxes or do not, the network of one is away for a while,
their clocks differ by up to a minute and a half. Then everything arrives. Judged are the outcome,
which must be the same everywhere; the history at the relay, where one claim is the first and each
alert is released once; and whoever was called late, who has the claim before the alert unless the
alert went out before the claim.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.alerting.on_call import OnCall, list_all
from tests.controls import without

from quietway.alerting.claiming import claim_alert
from quietway.alerting.listing import find_alert
from quietway.alerting.releasing import release_alert
from quietway.errors import NotFound, RelayUnreachable
from quietway.views import alerts as view
from quietway_schemas.content.alert import AlertClaimed, AlertMinimal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from tests.client_sdk.agencies import Agencies

    from quietway.agent import Agent
    from quietway.ports import Relay
    from quietway.testing.clock import FakeClock
    from quietway.testing.relay import InMemoryRelay
    from quietway_schemas.holds import Claim, Ladder
    from quietway_schemas.ids import DeviceId, MailboxId
    from quietway_schemas.instants import Instant

SEEDS = 30
DEEDS = 14


class _Skewed:
    """A clock that differs from everybody's by a while."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.skew_ms = 0

    def now(self) -> Instant:
        return self._clock.now() + self.skew_ms

    def __getattr__(self, name: str) -> object:
        return getattr(self._clock, name)


@dataclass(frozen=True)
class Answered:
    """What the relay answered to a claim.

    Attributes:
        hold_id: Of the ladder.
        first: Whether it was its first.
        called: The mailboxes that were called before it.
    """

    hold_id: bytes
    first: bool
    called: frozenset[MailboxId]


@dataclass
class _Way:
    """One device's way to the relay, which may be away; it notes what the relay answered.

    Attributes:
        history: Of all devices.
    """

    relay: Relay
    memory: InMemoryRelay
    history: list[Answered]
    is_away: bool = False

    def __getattr__(self, name: str) -> object:
        if self.is_away:
            return self._refuse
        return getattr(self.relay, name)

    async def _refuse(self, *_: object, **__: object) -> None:
        raise RelayUnreachable

    async def claim_hold(self, hold_id: bytes, claim: Claim) -> bool:
        if self.is_away:
            raise RelayUnreachable
        called = frozenset(self.memory.holds.list_called(hold_id))
        first = await self.relay.claim_hold(hold_id, claim)
        self.history.append(Answered(hold_id, first, called))
        return first

    async def place_hold(self, capability: bytes, hold_id: bytes, ladder: Ladder) -> None:
        if self.is_away:
            raise RelayUnreachable
        await self.relay.place_hold(capability, hold_id, ladder)


@dataclass
class Race:
    """The world of all seeds, and what one seed does in it."""

    world: OnCall
    clocks: list[_Skewed]
    ways: list[_Way]
    history: list[Answered]

    async def run(self, seed: int) -> bytes:
        """Do one seed's deeds and let everything arrive; gives the alert."""
        draw, world = random.Random(seed), self.world
        for clock in self.clocks:
            clock.skew_ms = draw.randint(-90_000, 90_000)
        alert_id, _ = await world.call()
        await world.sync(world.leads[0])
        deeds: list[Callable[[], Awaitable[object]]] = [
            *(lambda lead=lead: self._claim(lead, alert_id) for lead in world.leads[:2] * 2),
            *(lambda: self._pass_time(draw) for _ in range(3)),
            *(lambda: self._read(draw.choice(world.everyone)) for _ in range(DEEDS)),
            *(lambda: self._turn(draw.choice(self.ways)) for _ in range(3)),
        ]
        if seed % 3 == 0:
            deeds.append(lambda: self._release(world.leads[0], alert_id))
        draw.shuffle(deeds)
        for deed in deeds:
            await deed()
        await self._settle()
        return alert_id

    async def _claim(self, lead: Agent, alert_id: bytes) -> None:
        try:
            await claim_alert(lead, alert_id)
        except NotFound:
            # It was not called yet.
            return

    async def _release(self, lead: Agent, alert_id: bytes) -> None:
        await release_alert(lead, alert_id, "shift_ended", tiers=self.world.tiers())

    async def _pass_time(self, draw: random.Random) -> None:
        self.world.agencies.clock.advance(draw.choice((1, 100, 300)))

    async def _read(self, agent: Agent) -> None:
        await agent.synchronise()

    async def _turn(self, way: _Way) -> None:
        way.is_away = not way.is_away

    async def _settle(self) -> None:
        for way in self.ways:
            way.is_away = False
        for _ in range(2):
            self.world.agencies.clock.advance(1_000)
            await self.world.sync()


@pytest.fixture
async def race(agencies: Agencies) -> AsyncIterator[Race]:
    world = await OnCall.make(agencies)
    history: list[Answered] = []
    ways = [_Way(agent.relay, agencies.relay, history) for agent in world.everyone]
    clocks = [_Skewed(agencies.clock) for _ in world.everyone]
    for agent, way, clock in zip(world.everyone, ways, clocks, strict=True):
        agent.relay = agent.publisher._relay = way  # type: ignore[assignment]  # a port
        agent.compared._clock = clock  # type: ignore[assignment]  # a port
    yield Race(world, clocks, ways, history)
    await world.close()


Outcome = tuple[object, ...]


async def judge(race: Race, alert_id: bytes) -> set[Outcome]:
    """Give the outcomes of all devices: one, where they agree."""
    found = [await find_alert(agent, alert_id) for agent in race.world.everyone]
    return {
        (one.state, one.round, tuple((each.device, each.at) for each in one.claims))
        for one in found
    }


async def check_history(race: Race, alert_id: bytes) -> None:
    """Each device was called once by each ladder, and before the claim or not at all."""
    ladders = set()
    for lead in race.world.leads:
        said = [held for held in await list_all(lead) if held.content.alert_id == alert_id]  # type: ignore[attr-defined]  # all of it names its alert
        calls = [held.content for held in said if isinstance(held.content, AlertMinimal)]
        assert len({call.round for call in calls}) == len(calls)
        ladders |= {call.ladder_id for call in calls}
        claims = [(held.device, held.content.round) for held in said if _is_claim(held.content)]
        # A person may press twice; what was said once came once.
        assert len(claims) == len({held.key for held in said if _is_claim(held.content)})
        kinds = [held.content.type for held in said]
        answered = [each for each in race.history if each.hold_id == calls[0].ladder_id]
        if answered and kinds[0] == "alert.minimal":
            assert lead.keyring.mailbox in answered[0].called
    for ladder in ladders:
        firsts = [each.first for each in race.history if each.hold_id == ladder]
        assert firsts[:1] == [True] * len(firsts[:1])


def _is_claim(content: object) -> bool:
    return isinstance(content, AlertClaimed)


async def test_f16_whoever_claims_when_everybody_sees_the_same_have_it(race: Race) -> None:
    states = set()
    for seed in range(SEEDS):
        alert_id = await race.run(seed)
        outcomes = await judge(race, alert_id)
        assert len(outcomes) == 1, (seed, outcomes)
        await check_history(race, alert_id)
        states.add(next(iter(outcomes))[0])
    assert "claimed" in states


def _in_order_of_arrival(
    eligible: Iterable[view.StoredMessage], kind: type, number: int, device: DeviceId, **_: object
) -> tuple[view.AlertClaim, ...]:
    said = sorted(
        (held for held in eligible if isinstance(held.content, kind)),
        key=lambda held: held.position,
    )
    return tuple(
        view.AlertClaim(held.agency, held.device or device, held.program, held.said_at)
        for held in said
        if held.content.round == number  # type: ignore[attr-defined]  # claims have one
    )


async def test_control_by_order_of_arrival_devices_disagree(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.views.alerts:_list_said", _in_order_of_arrival)
    disagreed = False
    for seed in range(SEEDS):
        disagreed = disagreed or len(await judge(race, await race.run(seed))) > 1
        if disagreed:
            break
    assert disagreed
