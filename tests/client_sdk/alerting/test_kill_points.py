"""A process that is killed at any call while it raises an alert, or claims one.

The story is told again and again; each time the next call of one device to its store or its relay
is its last, or its answer is lost. Then the device is opened again. What had been written down is
carried out, once; what had not been is nowhere.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from tests.client_sdk.agencies import HOSPITAL, SHELTER
from tests.client_sdk.agent import faults
from tests.client_sdk.agent.faults import Fate, FaultyStore, Killed, connect_faulty
from tests.client_sdk.alerting.on_call import LEAD, OnCall, list_all
from tests.controls import without

from quietway.alerting.claiming import claim_alert
from quietway.client import AsyncClient
from quietway.errors import QuietwayError
from quietway.speaking import list_outbox
from quietway.testing.sandbox import FAST, PASSPHRASE, RELAY_URL

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway.agent import Agent

MOST_CALLS = 40
FAULTS = [
    *((fault, True) for fault in (faults.KILLED_BEFORE, faults.KILLED_AFTER)),
    *((fault, False) for fault in (faults.LOST, faults.KILLED_BEFORE, faults.KILLED_AFTER)),
]


class Mortal:
    """One client whose process can be killed at any call."""

    def __init__(self, agencies: Agencies, program: str) -> None:
        self.agencies = agencies
        self.program = program
        self.fate = Fate()
        self.store = FaultyStore(self.fate)

    async def found(self, role: str = "shelter_staff") -> AsyncClient:
        return await AsyncClient.found(
            self.agencies.folder / "mortal",
            passphrase=PASSPHRASE,
            relay=RELAY_URL,
            enrolment_code=self.agencies.relay.enrolment_code(),
            agency_code=self.program.partition("-")[0],
            program=self.program,
            roles=(role,),
            parameters=FAST,
            relay_port=connect_faulty(self.agencies.relay, self.fate),
            clock=self.agencies.clock,
            entropy=self.agencies.entropy,
            store=self.store,
        )

    async def heal(self, agent: Agent) -> Agent:
        """End all faults; give the agent of a new process where the former was killed."""
        killed = self.fate.dead
        self.fate.heal()
        if not killed:
            return agent
        client = await AsyncClient.open(
            self.agencies.folder / "mortal",
            passphrase=PASSPHRASE,
            relay_port=connect_faulty(self.agencies.relay, self.fate),
            clock=self.agencies.clock,
            entropy=self.agencies.entropy,
            store=self.store,
        )
        return client._agent


async def told(agent: Agent, kind: str) -> list[bytes]:
    return sorted(
        held.content.alert_id  # type: ignore[attr-defined]  # all that is of an alert names it
        for held in await list_all(agent)
        if held.content.type == kind
    )


async def _raise_at_every_call(agencies: Agencies, fault: str, *, of_store: bool) -> int:
    mortal = Mortal(agencies, SHELTER)
    world = await OnCall.make(agencies, leads=2, shelter=await mortal.found())
    for call in range(1, MOST_CALLS):
        mortal.fate.order(fault, call, of_store=of_store)
        with suppress(Killed, QuietwayError):
            await world.call()
        happened = mortal.fate.happened
        world.shelter = await mortal.heal(world.shelter)
        # The ladder begins when the relay has it: now, at the latest.
        await world.sync(world.shelter)
        agencies.clock.advance(1_000)
        await world.sync()
        said = await told(world.shelter, "alert.minimal")
        assert [await told(lead, "alert.minimal") for lead in world.leads] == [said, said], call
        assert {held.state for held in list_outbox(world.shelter)} <= {"stored_at_relay"}, call
        if not happened:
            await world.close()
            return call - 1
    pytest.fail("Raising an alert has no end.")


@pytest.mark.requirement("A51")
@pytest.mark.parametrize(("fault", "of_store"), FAULTS)
async def test_an_alert_that_was_written_down_is_called_out_once_whenever_its_process_dies(
    agencies: Agencies, fault: str, *, of_store: bool
) -> None:
    """A51: between the commit and the relay nothing can lose an alert, or double it."""
    assert await _raise_at_every_call(agencies, fault, of_store=of_store) >= (2 if of_store else 1)


async def test_control_an_alert_that_is_only_in_memory_is_lost_with_its_process(
    agencies: Agencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "quietway.engine.codec:_entries", lambda _old, _new: [])
    with pytest.raises(AssertionError):
        await _raise_at_every_call(agencies, faults.KILLED_BEFORE, of_store=False)


@pytest.mark.parametrize(("fault", "of_store"), FAULTS)
async def test_a_claim_that_was_written_down_reaches_everybody_once_whenever_its_process_dies(
    agencies: Agencies, fault: str, *, of_store: bool
) -> None:
    mortal = Mortal(agencies, HOSPITAL)
    world = await OnCall.make(agencies, leads=2, hospital=await mortal.found(LEAD))
    for call in range(1, MOST_CALLS):
        alert_id, _ = await world.call()
        await world.sync()
        mortal.fate.order(fault, call, of_store=of_store)
        with suppress(Killed, QuietwayError):
            await claim_alert(world.leads[0], alert_id)
        happened = mortal.fate.happened
        world.leads[0] = await mortal.heal(world.leads[0])
        agencies.clock.advance(1_000)
        await world.sync()
        await world.sync()
        said = await told(world.leads[0], "alert.claimed")
        assert await told(world.shelter, "alert.claimed") == said, call
        assert await told(world.leads[1], "alert.claimed") == said, call
        assert len(set(await told(world.leads[1], "alert.minimal"))) == call
        if not happened:
            await world.close()
            return
    pytest.fail("Claiming an alert has no end.")
