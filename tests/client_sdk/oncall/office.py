"""An agency with two devices on call and a partner, over the relay in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.client_sdk.agencies import HOSPITAL, SHELTER, Agencies, invite
from tests.client_sdk.own.linked import link, settle

from quietway import Crew, Rota, Shift

if TYPE_CHECKING:
    from quietway import AsyncClient
    from quietway.events import Event
    from quietway.testing.clock import FakeClock

LEADS: Final = ("on_call_lead",)


class Office(Agencies):
    """`first` is primary by day and `second` its backup; `hospital` is a partner."""

    first: AsyncClient
    second: AsyncClient
    hospital: AsyncClient
    clocks: tuple[FakeClock, FakeClock]

    async def open(
        self, *, first: FakeClock | None = None, partner: FakeClock | None = None
    ) -> None:
        """Found them; a device may have a clock of its own."""
        self.first = await self.found(SHELTER, first, role="on_call_lead")
        self.hospital = await self.found(HOSPITAL, partner, role="hospital_social_worker")
        await invite(self.first, self.hospital)
        await invite(self.hospital, self.first)
        self.second = await link(self, self.first, "second", roles=LEADS)
        self.second_id = self.second.device_id
        self.second_mailbox = self.second._agent.keyring.mailbox
        await self.settle()

    async def settle(self) -> None:
        await settle(self.first, self.second, self.hospital)

    def rota(self, *shifts: tuple[int, str, str], zone: str = "UTC") -> Rota:
        """Crew 0 has the first device before the second, crew 1 the other way round."""
        one, two = self.first.device_id, self.second.device_id
        made = tuple(Shift(crew, starts, ends) for crew, starts, ends in shifts)
        whole = (Shift(0, "Mon 00:00", "Mon 00:00"),)
        return Rota(zone, (Crew(one, (two,)), Crew(two, (one,))), made or whole)

    async def pass_time(self, minutes: int, *clients: AsyncClient) -> None:
        """Let time pass, a pass of each client a minute."""
        for _ in range(minutes):
            self.clock.advance(60)
            for client in clients:
                await client.sync()


def hear(client: AsyncClient) -> list[Event]:
    told: list[Event] = []
    client._agent.listeners.append(told.append)
    return told
