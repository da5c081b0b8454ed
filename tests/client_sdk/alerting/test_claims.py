"""Who has an alert: said by signed words, which no relay and nobody ineligible can say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import POLICE
from tests.client_sdk.alerting.on_call import OnCall, kinds, list_all
from tests.controls import without
from tests.second_device import add_device, take_away

from quietway import ContentRefused, NobodyToCall, NotFound, RoleRefused
from quietway.alerting.claiming import claim_alert, decline_alert
from quietway.alerting.releasing import hand_off_alert, release_alert
from quietway.alerting.rounds import find_round
from quietway.engine.inputs import Compose
from quietway.records import MESSAGE, NOTICE, QUARANTINE
from quietway.speaking import list_outbox
from quietway_schemas.content.alert import AlertClaimed, AlertHandedOff, AlertMinimal
from quietway_schemas.content.registry import encode_content
from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.client_sdk.agencies import Agencies

    from quietway.agent import Agent
    from quietway.alerting.rounds import AlertRound
    from quietway_schemas.ids import AgencyId

CLAIMED = ["alert.minimal", "alert.claimed"]


@pytest.fixture
async def world(agencies: Agencies) -> AsyncIterator[OnCall]:
    made = await OnCall.make(agencies)
    yield made
    await made.close()


async def raised(world: OnCall) -> bytes:
    """Raise an alert, which the primary has then."""
    alert_id, _ = await world.call()
    await world.sync()
    return alert_id


def rounds(messages: list[object]) -> list[int]:
    return [held.round for held in messages if isinstance(held, AlertMinimal)]


async def calls(agent: Agent) -> list[int]:
    return rounds([held.content for held in await list_all(agent)])


async def test_a_relay_that_refuses_the_claim_stops_no_word_of_it(world: OnCall) -> None:
    alert_id = await raised(world)
    world.agencies.relay.holds._ladders.clear()
    sent = await claim_alert(world.leads[0], alert_id)
    assert sent.state == "stored_at_relay"
    await world.sync()
    assert await kinds(world.shelter) == CLAIMED
    assert [await kinds(lead) for lead in world.leads[1:]] == [["alert.claimed"]] * 2


async def test_a_claim_without_an_answer_is_shown_again_and_nothing_is_doubled(
    world: OnCall,
) -> None:
    alert_id = await raised(world)
    world.agencies.relay.losing_answers = True
    assert (await claim_alert(world.leads[0], alert_id)).state == "not_yet_sent"
    world.agencies.relay.losing_answers = False
    await world.sync()
    await world.sync()
    assert await kinds(world.shelter) == CLAIMED
    assert await kinds(world.leads[1]) == ["alert.claimed", "alert.minimal"]


async def test_the_secret_of_another_device_claims_nothing(world: OnCall) -> None:
    alert_id = await raised(world)
    held = await find_round(world.leads[0], alert_id)
    assert len(held.shown) == 1
    assert len(held.shown[0].secret) == 32
    assert repr(held.shown[0].secret) not in repr(held)
    # Who raised it seals all of them and keeps none; who is called later has none yet.
    with pytest.raises(NotFound):
        await find_round(world.shelter, alert_id)
    with pytest.raises(NotFound):
        await find_round(world.leads[1], alert_id)
    world.agencies.clock.advance(300)
    await world.sync()
    later = await find_round(world.leads[1], alert_id)
    assert later.shown[0].hold_id == held.shown[0].hold_id
    assert later.shown[0].secret != held.shown[0].secret


async def test_what_claims_an_alert_is_erased_with_it(world: OnCall) -> None:
    alert_id = await raised(world)
    lead = world.leads[0]
    (message,) = await list_all(lead)
    secret = message.cancel_secret
    assert await lead.shred([(MESSAGE, message.key)])
    with pytest.raises(NotFound):
        await find_round(lead, alert_id)
    rows = [row.value for kind in await lead.store.kinds() for row in await lead.store.scan(kind)]
    assert not any(secret in row for row in rows)


async def test_a_claim_wakes_nobody_but_who_raised_it_and_who_is_on_call(world: OnCall) -> None:
    staff = await world.add_lead("frontline_advocate")
    colleague = await add_device(
        world.shelter,
        connect=world.agencies.relay.connect,
        clock=world.agencies.clock,
        entropy=world.agencies.entropy,
    )
    await world.sync(*world.everyone, colleague)
    await world.sync(*world.everyone, colleague)
    alert_id = await raised(world)
    await claim_alert(world.leads[0], alert_id)
    await decline_alert(world.leads[0], alert_id, "shift_ended")
    await world.sync(*world.everyone, colleague)
    assert [await kinds(agent) for agent in (staff, colleague)] == [[], []]
    assert await kinds(world.shelter) == [*CLAIMED, "alert.declined"]
    await colleague.aclose()


async def test_a_claim_is_told_to_colleagues_where_nothing_goes_to_who_raised_it(
    world: OnCall,
) -> None:
    alert_id = await raised(world)
    await world.host.partners.pause("HARBOR", "safety_concern")
    assert (await claim_alert(world.leads[0], alert_id)).state == "stored_at_relay"
    await world.sync(*world.leads)
    assert await kinds(world.leads[1]) == ["alert.claimed", "alert.minimal"]


@pytest.mark.parametrize("defended", [True, False])
async def test_who_raised_it_can_not_make_it_unclaimable_by_leaving(
    world: OnCall, monkeypatch: pytest.MonkeyPatch, defended: bool
) -> None:
    if not defended:
        without(monkeypatch, "quietway.alerting.claiming:find_told", _tell_whoever_raised_it)
    left = await add_device(
        world.shelter,
        connect=world.agencies.relay.connect,
        clock=world.agencies.clock,
        entropy=world.agencies.entropy,
        roles=("auditor",),
    )
    alert_id = await raised(world)
    await take_away(world.shelter, world.shelter.keyring.device, "retired")
    await world.sync(*world.leads)
    if defended:
        assert (await claim_alert(world.leads[0], alert_id)).state == "stored_at_relay"
        await world.sync(*world.leads)
        assert await kinds(world.leads[1]) == ["alert.claimed", "alert.minimal"]
    else:
        with pytest.raises(RoleRefused):
            await claim_alert(world.leads[0], alert_id)
    await left.aclose()


def _tell_whoever_raised_it(agent: Agent, held: AlertRound) -> tuple[AgencyId, ...]:
    return (agent.keyring.agency, held.raised_by)


async def test_declining_calls_nobody_sooner_and_tells_everybody(world: OnCall) -> None:
    alert_id = await raised(world)
    with pytest.raises(ContentRefused):
        await decline_alert(world.leads[0], alert_id, "no_such_reason")
    await decline_alert(world.leads[0], alert_id, "engaged_elsewhere")
    await world.sync()
    assert await kinds(world.shelter) == ["alert.minimal", "alert.declined"]
    assert await kinds(world.leads[1]) == ["alert.declined"]
    world.agencies.clock.advance(300)
    await world.sync()
    assert await kinds(world.leads[1]) == ["alert.declined", "alert.minimal"]


async def test_a_release_climbs_again_from_the_first_tier(world: OnCall) -> None:
    primary, backup, supervisor = world.leads
    alert_id = await raised(world)
    await claim_alert(primary, alert_id)
    await world.sync()
    sent = await release_alert(primary, alert_id, "shift_ended", tiers=world.tiers())
    assert sent.state == "stored_at_relay"
    await world.sync()
    assert await kinds(world.shelter) == [*CLAIMED, "alert.released"]
    # Whoever gave it up is not called again by it.
    assert [await calls(lead) for lead in world.leads] == [[0, 1], [0, 1], [0]]
    world.agencies.clock.advance(300)
    await world.sync()
    assert await calls(supervisor) == [0, 1]
    # The second round is claimed by itself, and by whoever was never told who raised the alert.
    held = await find_round(backup, alert_id)
    assert (held.number, held.raised_by) == (1, world.shelter.keyring.agency)
    await claim_alert(backup, alert_id)
    await world.sync()
    assert await kinds(world.shelter) == [*CLAIMED, "alert.released", "alert.claimed"]
    last = (await list_all(world.shelter))[-1]
    assert last.content.round == 1  # type: ignore[attr-defined]


async def test_a_hand_off_asks_the_named_device_and_only_it_until_the_next_tier(
    world: OnCall,
) -> None:
    primary, backup, supervisor = world.leads
    alert_id = await raised(world)
    await claim_alert(primary, alert_id)
    await world.sync()
    device = supervisor.keyring.device
    with pytest.raises(RoleRefused):
        await hand_off_alert(
            primary, alert_id, world.shelter.keyring.device, "better_placed", tiers=world.tiers()
        )
    await hand_off_alert(primary, alert_id, device, "better_placed", tiers=world.tiers())
    await world.sync()
    assert [await calls(lead) for lead in world.leads] == [[0, 1], [0], [0, 1]]
    told = [held.content for held in await list_all(world.shelter)]
    assert isinstance(told[-1], AlertHandedOff)
    assert told[-1].to_device == device
    world.agencies.clock.advance(300)
    await world.sync()
    assert await calls(backup) == [0, 1]


async def test_nobody_lets_go_of_an_alert_with_nobody_to_call(agencies: Agencies) -> None:
    world = await OnCall.make(agencies, leads=1)
    (lead,) = world.leads
    alert_id = await raised(world)
    # There is nobody else on the ladder, and nothing is shown to the relay.
    assert (await claim_alert(lead, alert_id)).state == "stored_at_relay"
    before = list_outbox(lead)
    with pytest.raises(NobodyToCall):
        await release_alert(lead, alert_id, "shift_ended", tiers=world.tiers())
    assert list_outbox(lead) == before
    await world.sync()
    assert await kinds(world.shelter) == CLAIMED
    await world.close()


@pytest.mark.parametrize("defended", [True, False])
@pytest.mark.requirement("A44")
async def test_who_is_not_on_call_claims_nothing(
    world: OnCall, monkeypatch: pytest.MonkeyPatch, defended: bool
) -> None:
    """A44: designated responders: a claim without a role on call is refused wherever it comes."""
    other = await world.add_lead("shelter_staff")
    await world.sync()
    alert_id = await raised(world)
    held = await find_round(world.leads[0], alert_id)
    if not defended:
        without(monkeypatch, "quietway.sealing:check_speaker", lambda *_: None)
    # Its own program would refuse it: this one asks nothing.
    claim = AlertClaimed(alert_id=alert_id, at=world.agencies.clock.now())
    said = Compose(
        now=claim.at,
        local_id=b"c" * 16,
        conversation=held.conversation,
        to=(world.shelter.keyring.agency,),
        kind=claim.type,
        class_=EnvelopeClass.FLASH,
        content=encode_content(claim),
    )
    await other.settle(said)
    await other.flush()
    await world.sync(world.shelter, *world.leads[:3])
    found = ["alert.minimal"] if defended else CLAIMED
    assert [await kinds(agent) for agent in (world.shelter, world.leads[0])] == [found, found]
    assert bool(await world.shelter.store.scan(NOTICE)) is defended


@pytest.mark.parametrize("defended", [True, False])
async def test_a_revoked_device_claims_nothing(
    world: OnCall, monkeypatch: pytest.MonkeyPatch, defended: bool
) -> None:
    if not defended:
        without(monkeypatch, "quietway.sealing:check_standing", lambda *_: None)
    primary, backup, _ = world.leads
    alert_id = await raised(world)
    world.agencies.clock.advance(300)
    await world.sync()
    # It is on its way to the others when its device is revoked.
    await claim_alert(backup, alert_id)
    await take_away(primary, backup.keyring.device)
    await world.sync(primary, world.shelter)
    assert await kinds(world.shelter) == (["alert.minimal"] if defended else CLAIMED)
    assert bool(await world.shelter.store.scan(QUARANTINE)) is defended


async def test_a_device_of_another_agency_is_called_by_nothing_and_so_can_claim_nothing(
    world: OnCall,
) -> None:
    alert_id = await raised(world)
    police = await world.agencies.found(POLICE, role="on_call_lead")
    with pytest.raises(NotFound):
        await claim_alert(police._agent, alert_id)
