"""A case that the hospital leads and the shelter knows, and the faces of those who speak of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.client_sdk.alerting.on_call import OnCall

from quietway.faces.alerts import AsyncAlerts
from quietway.faces.board import AsyncBoard
from quietway.faces.cases import AsyncCases
from quietway.faces.status import AsyncStatus
from quietway.oncall.reaching import ROLES_OF_TIER
from quietway.own.accesses import AccessLines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.client_sdk.agencies import Agencies

    from quietway.agent import Agent
    from quietway.events import Event
    from quietway_schemas.ids import CaseRef


class Led(OnCall):
    """The same agencies, with a case between them.

    Attributes:
        case: By the shelter's reference.
    """

    case: CaseRef

    async def add_lead(self, role: str = "") -> Agent:
        # One stands on each tier, in the order of the roles.
        return await super().add_lead(role or ROLES_OF_TIER[len(self.leads)])

    async def share_case(self) -> None:
        lead = self.leads[0]
        opened = await face_of_cases(lead).open()
        await AsyncStatus(lead).set("contact_pending", to="HARBOR", case_ref=opened)
        await self.sync()
        (held,) = await face_of_cases(self.shelter).list()
        self.case = held.case_ref

    async def raise_(self, **changes: object) -> bytes:
        sent = await AsyncAlerts(self.shelter).send(self.case, "needs_lead_now", **changes)  # type: ignore[arg-type]  # passed on
        return sent.alert_id

    def advance(self, minutes: float) -> None:
        self.agencies.clock.advance(minutes * 60)


def face_of_cases(agent: Agent) -> AsyncCases:
    return AsyncCases(agent, AccessLines(agent), AsyncBoard(agent))


@asynccontextmanager
async def make_led(
    agencies: Agencies, *, leads: int = 3, kind: type[Led] = Led
) -> AsyncIterator[Led]:
    made = await kind.make(agencies, leads=leads)
    assert isinstance(made, Led)
    await made.share_case()
    try:
        yield made
    finally:
        await made.close()


def listen(agent: Agent, *kinds: type[Event]) -> list[Event]:
    """Collect the events of these types that an agent tells from now on."""
    told: list[Event] = []

    def keep(event: Event) -> None:
        if isinstance(event, kinds):
            told.append(event)

    agent.listeners.append(keep)
    return told
