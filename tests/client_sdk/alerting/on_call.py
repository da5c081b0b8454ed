"""A shelter that raises alerts, and a hospital with several on call, over a relay in memory."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from tests.client_sdk.agencies import HOSPITAL, SHELTER, invite
from tests.second_device import add_device

from quietway.alerting.raising import draft_alert, raise_alert
from quietway.alerting.rungs import USUAL_DUES, arrange_rungs
from quietway.history import list_tagged
from quietway.standing import OF_ANY_ALERT
from quietway_schemas.ids import CaseRef

if TYPE_CHECKING:
    from tests.client_sdk.agencies import Agencies

    from quietway import AsyncClient, Sent
    from quietway.agent import Agent
    from quietway.records import StoredMessage
    from quietway_schemas.ids import DeviceId

CASE = CaseRef(b"\x11" * 16)
LEAD = "on_call_lead"


class OnCall:
    """The shelter's device, and the hospital's: `leads` are called one after the other.

    Attributes:
        client: The shelter's.
        host: The hospital's, of the primary.
        shelter: Raises alerts.
        leads: Primary, backup, supervisor: one device each.
    """

    client: AsyncClient
    host: AsyncClient
    shelter: Agent

    def __init__(self, agencies: Agencies) -> None:
        self.agencies = agencies
        self.leads: list[Agent] = []
        self._open = AsyncExitStack()

    @classmethod
    async def make(
        cls,
        agencies: Agencies,
        *,
        leads: int = 3,
        programs: tuple[str, str] = (SHELTER, HOSPITAL),
        shelter: AsyncClient | None = None,
        hospital: AsyncClient | None = None,
    ) -> OnCall:
        world = cls(agencies)
        shelter = shelter or await agencies.found(programs[0])
        hospital = hospital or await agencies.found(programs[1], role=LEAD)
        await invite(shelter, hospital)
        await invite(hospital, shelter)
        world.client, world.shelter = shelter, shelter._agent
        world.host = hospital
        world.lead_client, world.leads = hospital, [hospital._agent]
        world.stores = [held for name, held in agencies.stores.items() if name == programs[1]]
        for _ in range(leads - 1):
            await world.add_lead()
        await world.sync()
        await world.sync()
        return world

    async def add_lead(self, role: str = LEAD) -> Agent:
        made = await add_device(
            self.leads[0],
            connect=self.agencies.relay.connect,
            clock=self.agencies.clock,
            entropy=self.agencies.entropy,
            roles=(role,),
        )
        self._open.push_async_callback(made.aclose)
        self.leads.append(made)
        return made

    @property
    def everyone(self) -> tuple[Agent, ...]:
        return (self.shelter, *self.leads)

    async def sync(self, *agents: Agent) -> None:
        for agent in agents or self.everyone:
            report = await agent.synchronise()
            assert report.problems == (), report.problems

    def tiers(self) -> tuple[tuple[DeviceId, ...], ...]:
        return tuple((held.keyring.device,) for held in self.leads)

    async def call(
        self,
        by: Agent | None = None,
        *,
        tiers: tuple[tuple[DeviceId, ...], ...] | None = None,
        dues: tuple[int, ...] = USUAL_DUES,
        exercise: bool = False,
        watched: bool = False,
    ) -> tuple[bytes, Sent]:
        """Raise an alert, with the dead-man timer where that is asked; returns its id and fate."""
        agent, to = by or self.shelter, self.leads[0].keyring.agency
        called = self.tiers() if tiers is None else tiers
        rungs = arrange_rungs(called, me=agent.keyring.device, dues=dues)
        alert = await draft_alert(
            agent, CASE, "needs_lead_now", to=to, rungs=rungs, exercise=exercise
        )
        also = [agent.watch.begin(alert.alert_id, exercise=exercise)] if watched else []
        return alert.alert_id, await raise_alert(agent, alert, to=to, rungs=rungs, also=also)

    async def close(self) -> None:
        await self._open.aclose()


async def kinds(agent: Agent) -> list[str]:
    """Name what was said of alerts, in the order in which this device came to know it."""
    return [held.content.type for held in await list_all(agent)]


async def list_all(agent: Agent) -> list[StoredMessage]:
    return await list_tagged(agent, OF_ANY_ALERT)
