"""Agencies for the SDK's tests: real clients over a relay in memory, and a clock that stands."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from quietway.client import AsyncClient
from quietway.store.memory import MemoryStore
from quietway.testing.clock import FakeClock
from quietway.testing.entropy import SeededEntropy
from quietway.testing.relay import InMemoryRelay
from quietway.testing.sandbox import FAST, PASSPHRASE, RELAY_URL

if TYPE_CHECKING:
    from pathlib import Path

    from quietway.partners import Partner

SHELTER = "HARBOR-SHELTER"
HOSPITAL = "MERCY-SOCIALWORK"
POLICE = "CITYPD-LIAISON"
WHOLE_REFERRAL = {
    "staff": "R. Okafor",
    "contact": "extension 12",
    "service_type": "safehouse",
    "purpose_code": "safe_accommodation",
    "purpose_text": "A place from tonight.",
    "info_basis": "client_interview",
    "referred_by": "hotline",
    "survivor_choice": "chosen",
}


class Agencies:
    """A relay and the agencies around it. `stores` and `folders` outlive a client that closed."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.relay = InMemoryRelay(self.clock)
        self.entropy = SeededEntropy(seed)
        self.stores: dict[str, MemoryStore] = {}
        self._open = AsyncExitStack()

    async def found(
        self, program: str, clock: FakeClock | None = None, *, role: str = "shelter_staff"
    ) -> AsyncClient:
        self.stores.setdefault(program, MemoryStore())
        client = await AsyncClient.found(
            self.folder / program,
            passphrase=PASSPHRASE,
            relay=RELAY_URL,
            enrolment_code=self.relay.enrolment_code(),
            agency_code=program.partition("-")[0],
            program=program,
            roles=(role,),
            parameters=FAST,
            relay_port=self.relay.connect,
            clock=clock or self.clock,
            entropy=self.entropy,
            store=self.stores[program],
        )
        self._open.push_async_callback(client.aclose)
        return client

    async def reopen(self, program: str, store: MemoryStore | None = None) -> AsyncClient:
        client = await AsyncClient.open(
            self.folder / program,
            passphrase=PASSPHRASE,
            relay_port=self.relay.connect,
            clock=self.clock,
            entropy=self.entropy,
            store=store or self.stores[program],
        )
        self._open.push_async_callback(client.aclose)
        return client

    def keep_open(self, client: AsyncClient) -> None:
        """Close a client with the others at the end."""
        self._open.push_async_callback(client.aclose)

    async def found_partners(self, *programs: str) -> list[AsyncClient]:
        clients = [await self.found(program) for program in programs]
        for one in clients:
            for other in clients:
                if one is not other:
                    await invite(one, other)
        # Twice, so that each device has the lanes that the others gave it.
        for client in (*clients, *clients):
            await client.sync()
        return clients

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()


async def invite(host: AsyncClient, guest: AsyncClient) -> Partner:
    """Let `guest` send to `host`."""
    return await guest.partners.add(await host.partners.invite(guest.program))
