"""Raising an alert: one ladder, each rung in its time, and nothing told that is not certain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.alerting.on_call import OnCall, kinds, list_all
from tests.controls import without
from tests.second_device import take_away

from quietway import NobodyToCall, OverQuota, PartnerPaused, RelayUnreachable
from quietway.alerting.claiming import claim_alert
from quietway.engine.inputs import Rejected
from quietway.engine.outbox import accept
from quietway.speaking import list_outbox
from quietway_schemas.instants import DAY, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.client_sdk.agencies import Agencies

    from quietway.agent import Agent
    from quietway.engine.effects import PlaceHold
    from quietway.engine.inputs import Accepted
    from quietway.engine.outbox import Outcome
    from quietway.engine.state import State
    from quietway.errors import RelayRefused
    from quietway.ports import Relay
    from quietway_schemas.holds import Ladder

CALLED = ["alert.minimal"]


@pytest.fixture
async def world(agencies: Agencies) -> AsyncIterator[OnCall]:
    made = await OnCall.make(agencies)
    yield made
    await made.close()


async def called(world: OnCall) -> list[int]:
    """Read all mailboxes; says how many alerts each lead's device has."""
    await world.sync()
    return [(await kinds(lead)).count("alert.minimal") for lead in world.leads]


@pytest.mark.requirement("A43", "A44")
async def test_the_on_call_of_the_lead_are_called_one_after_the_other(world: OnCall) -> None:
    """A43: an alert goes to the lead's on-call alone. A44: designated responders, no free text."""
    colleague = await world.add_lead("shelter_staff")
    await world.sync()
    *tiers, _ = world.tiers()
    _, sent = await world.call(tiers=tiers)
    assert (sent.state, sent.problem) == ("stored_at_relay", None)
    seen = [await called(world)]
    for _ in range(3):
        world.agencies.clock.advance(5 * MINUTE // SECOND)
        seen.append(await called(world))
    assert seen == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]
    assert await kinds(colleague) == []
    (received,) = await world.host.inbox()
    assert (received.audience_known, received.gap) == (True, False)
    (alert,) = await list_all(world.leads[0])
    assert not any(isinstance(held, str) and " " in held for held in vars(alert.content).values())


@pytest.mark.parametrize("defended", [True, False])
async def test_a_claim_tells_everybody_and_comes_before_the_alerts_it_brings(
    world: OnCall, monkeypatch: pytest.MonkeyPatch, defended: bool
) -> None:
    if not defended:
        without(monkeypatch, "quietway.agent:show_claim", _show_nothing)
    alert_id, _ = await world.call()
    await world.sync()
    claimed = await claim_alert(world.leads[0], alert_id)
    assert claimed.state == "stored_at_relay"
    await world.sync()
    later = ["alert.claimed", "alert.minimal"] if defended else ["alert.claimed"]
    assert [await kinds(agent) for agent in world.everyone] == [
        ["alert.minimal", "alert.claimed"],
        ["alert.minimal", "alert.claimed"],
        later,
        later,
    ]
    # Through two doors each copy came once: nothing comes later, and nothing was refused.
    world.agencies.clock.advance(3_600)
    assert await called(world) == [1, 1, 1]


async def test_an_answer_that_was_lost_is_asked_for_with_the_same_bytes(world: OnCall) -> None:
    world.agencies.relay.losing_answers = True
    _, sent = await world.call()
    assert sent.state == "not_yet_sent"
    assert isinstance(sent.problem, RelayUnreachable)
    world.agencies.relay.losing_answers = False
    assert await world.shelter.send_what_waits() is None
    assert [held.state for held in list_outbox(world.shelter)] == ["stored_at_relay"]
    world.agencies.clock.advance(3_600)
    assert await called(world) == [1, 1, 1]


class _NearlySpent:
    """A relay whose lanes carry one envelope more."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def __getattr__(self, name: str) -> object:
        return getattr(self._relay, name)

    async def place_hold(self, capability: bytes, hold_id: bytes, ladder: Ladder) -> None:
        if len(ladder.places) > 1:
            raise OverQuota(index=1)
        await self._relay.place_hold(capability, hold_id, ladder)

    async def submit(self, *_: object) -> None:
        raise OverQuota(index=0)


async def _show_nothing(*_: object) -> None:
    """As if a claim were words alone: the relay calls on."""


async def _take_as_any_refusal(agent: Agent, deed: PlaceHold, refusal: RelayRefused) -> PlaceHold:
    await agent.settle(Rejected(agent.clock.now(), deed.parcels, refusal.code))
    return deed.without(deed.parcels)


@pytest.mark.parametrize("defended", [True, False])
async def test_a_ladder_that_the_relay_has_is_accepted_in_whatever_epoch_it_is_sealed(
    world: OnCall, monkeypatch: pytest.MonkeyPatch, defended: bool
) -> None:
    if not defended:
        without(monkeypatch, "quietway.alerting.placing:_take_refusal", _take_as_any_refusal)
    world.agencies.relay.losing_answers = True
    await world.call()
    world.agencies.relay.losing_answers = False
    world.agencies.clock.advance(DAY // SECOND)
    await world.sync(*world.leads)
    assert await world.shelter.send_what_waits() is None
    state = "stored_at_relay" if defended else "unreachable"
    assert [held.state for held in list_outbox(world.shelter)] == [state]
    assert await called(world) == [1, 1, 1]


def _take_all_as_placed(state: State, given: Accepted) -> Outcome:
    return accept(state, replace(given, in_part=False))


@pytest.mark.parametrize("defended", [True, False])
async def test_whom_a_former_ladder_lacks_is_called_all_the_same(
    world: OnCall, monkeypatch: pytest.MonkeyPatch, defended: bool
) -> None:
    if not defended:
        without(monkeypatch, "quietway.engine.outbox:accept", _take_all_as_placed)
    # The first ladder is without the new device, and its answer gets lost; the second one has it.
    new = await world.add_lead()
    await world.sync(world.shelter)
    world.agencies.relay.losing_answers = True
    await world.call()
    world.agencies.relay.losing_answers = False
    await world.sync(new)
    await world.shelter.pull_directory()
    assert await called(world) == [1, 0, 0, 0]
    assert [held.state for held in list_outbox(world.shelter)] == ["stored_at_relay"]
    world.agencies.clock.advance(901)
    await called(world)
    assert await called(world) == [1, 1, 1, int(defended)]


async def test_without_the_relay_it_waits_and_is_called_out_when_it_is_back(
    world: OnCall,
) -> None:
    world.agencies.relay.offline = True
    _, sent = await world.call()
    assert sent.state == "not_yet_sent"
    world.agencies.relay.offline = False
    world.agencies.clock.advance(60)
    assert await called(world) == [1, 0, 0]


async def test_a_process_that_died_before_it_was_handed_over_is_followed_by_one_that_does(
    world: OnCall,
) -> None:
    world.agencies.relay.offline = True
    await world.call()
    await world.shelter.store.aclose()
    world.agencies.relay.offline = False
    again = await world.agencies.reopen("HARBOR-SHELTER")
    world.shelter = again._agent
    assert await called(world) == [1, 0, 0]


async def test_a_device_that_left_holds_up_nobody(world: OnCall) -> None:
    gone = world.leads[1]
    tiers = world.tiers()
    await take_away(world.leads[0], gone.keyring.device)
    # The sender has not heard of it yet.
    _, sent = await world.call(tiers=tiers)
    assert sent.state == "stored_at_relay"
    world.leads.remove(gone)
    world.agencies.clock.advance(600)
    assert await called(world) == [1, 1]


async def test_however_many_left_the_others_are_called(world: OnCall) -> None:
    gone = [await world.add_lead() for _ in range(6)]
    await world.sync()
    tiers = (tuple(held.keyring.device for held in gone), *world.tiers()[:3])
    for held in gone:
        await take_away(world.leads[0], held.keyring.device)
        world.leads.remove(held)
    _, sent = await world.call(tiers=tiers)
    assert sent.state == "stored_at_relay"
    assert await called(world) == [1, 0, 0]


async def test_whom_nothing_can_be_sealed_to_yet_is_called_at_their_time(world: OnCall) -> None:
    # It is certified, and has published no key: it was never switched on since.
    new = await world.add_lead()
    await world.sync(world.shelter)
    _, sent = await world.call()
    assert sent.state == "stored_at_relay"
    await world.sync()
    await world.sync()
    assert await called(world) == [1, 0, 0, 0]
    world.agencies.clock.advance(900)
    await world.sync()
    assert await called(world) == [1, 1, 1, 1]
    assert [held.state for held in list_outbox(world.shelter)] == ["stored_at_relay"]
    assert await kinds(new) == CALLED


async def test_a_spent_crisis_lane_gives_way_to_the_normal_one(world: OnCall) -> None:
    world.agencies.relay.lane_envelopes["crisis"] = 0
    _, sent = await world.call()
    assert sent.state == "stored_at_relay"
    world.agencies.relay.lane_envelopes["normal"] = 0
    _, sent = await world.call()
    assert sent.state == "sealed"
    assert (await called(world))[0] == 1
    world.agencies.relay.lane_envelopes["normal"] = 100
    world.agencies.clock.advance(2 * MINUTE // SECOND)
    assert (await called(world))[0] == 2


async def test_of_a_lane_that_is_nearly_spent_the_first_rungs_are_called(world: OnCall) -> None:
    world.shelter.relay = _NearlySpent(world.shelter.relay)  # type: ignore[assignment]  # one method
    _, sent = await world.call()
    assert sent.state == "stored_at_relay"
    world.agencies.clock.advance(3_600)
    assert await called(world) == [1, 0, 0]


async def test_an_agency_calls_its_own_when_it_leads(world: OnCall) -> None:
    lead, *others = world.leads
    alert_id, sent = await world.call(lead)
    assert sent.state == "stored_at_relay"
    await world.sync()
    assert [await kinds(agent) for agent in others] == [CALLED, []]
    await claim_alert(others[0], alert_id)
    await world.sync()
    assert await kinds(lead) == ["alert.minimal", "alert.claimed"]
    assert await kinds(world.shelter) == []


async def test_nobody_is_called_in_vain(world: OnCall) -> None:
    with pytest.raises(NobodyToCall, match="MERCY"):
        await world.call(tiers=())
    with pytest.raises(NobodyToCall):
        await world.call(world.leads[0], tiers=(world.tiers()[0],))
    assert list_outbox(world.shelter) == []


async def test_a_partner_that_is_paused_is_not_called_and_its_caller_is_told(
    agencies: Agencies,
) -> None:
    world = await OnCall.make(agencies, leads=1)
    await world.client.partners.pause("MERCY", "safety_concern")
    with pytest.raises(PartnerPaused):
        await world.call()
    assert list_outbox(world.shelter) == []
    await world.close()
