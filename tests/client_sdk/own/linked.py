"""Agencies with several devices: linked as people do it, over the relay in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway import Added, AsyncClient
from quietway.store.memory import MemoryStore
from quietway.testing.sandbox import FAST, PASSPHRASE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.client_sdk.agencies import Agencies

    from quietway import DeviceOffer, DeviceRequest, Offered

STAFF = ("shelter_staff",)


@dataclass
class NewDevice:
    """A machine that is to become one of an agency's devices."""

    agencies: Agencies
    name: str
    store: MemoryStore = field(default_factory=MemoryStore)

    async def ask(self, *, agency_owned: bool = True) -> DeviceRequest:
        return await AsyncClient.request_link(
            self.agencies.folder / self.name,
            passphrase=PASSPHRASE,
            agency_owned=agency_owned,
            parameters=FAST,
            entropy=self.agencies.entropy,
        )

    async def read(self, offer: DeviceOffer | str) -> tuple[str, ...]:
        home = self.agencies.folder / self.name
        return await AsyncClient.read_offer(home, passphrase=PASSPHRASE, offer=offer)

    async def join(self, offer: DeviceOffer | str, words: Sequence[str] | str) -> AsyncClient:
        # Nobody links two devices in one second; what they publish is numbered by the clock.
        self.agencies.clock.advance(1)
        client = await AsyncClient.join(
            self.agencies.folder / self.name,
            passphrase=PASSPHRASE,
            offer=offer,
            words=words,
            parameters=FAST,
            relay_port=self.agencies.relay.connect,
            clock=self.agencies.clock,
            entropy=self.agencies.entropy,
            store=self.store,
        )
        self.agencies.stores[self.name] = self.store
        self.agencies.keep_open(client)
        return client


async def propose(
    device: NewDevice, host: AsyncClient, *, roles: Iterable[str] = STAFF
) -> tuple[DeviceRequest, Offered]:
    """Let a device ask and a holder answer; the words are the same on both sides."""
    request = await device.ask()
    offered = await host.devices.offer(request.to_text(), roles=roles, passphrase=PASSPHRASE)
    assert await device.read(offered.offer.to_text()) == offered.words
    return request, offered


async def link(
    agencies: Agencies,
    host: AsyncClient,
    name: str,
    *approvers: AsyncClient,
    roles: Iterable[str] = STAFF,
) -> AsyncClient:
    """Link a device from its request to its first synchronisation; everyone is up to date then."""
    device = NewDevice(agencies, name)
    request, offered = await propose(device, host, roles=roles)
    settled = await host.devices.confirm(request, offered.offer, passphrase=PASSPHRASE)
    for approver in approvers:
        await approver.sync()
        (proposal,) = await approver.devices.proposals()
        assert proposal.words() == offered.words
        settled = await approver.devices.approve(proposal, passphrase=PASSPHRASE)
    assert settled == Added(request.device)
    joined = await device.join(offered.offer, offered.words)
    await settle(host, *approvers, joined)
    return joined


async def make_holder(host: AsyncClient, device: AsyncClient, *, approvals: int = 2) -> None:
    """Give a device an ops key, by the root that lies on the host."""
    line = await device.agency.ask_for_ops_key(passphrase=PASSPHRASE)
    await host.agency.admit_ops_key(line, passphrase=PASSPHRASE, approvals=approvals)
    await settle(host, device)


async def give_snapshot(host: AsyncClient, device: AsyncClient, *approvers: AsyncClient) -> None:
    """Give a snapshot, have it approved, and taken in."""
    offer = await host.devices.give_snapshot(device.device_id, passphrase=PASSPHRASE)
    for approver in approvers:
        await approver.sync()
        await approver.devices.approve_snapshot(offer.snapshot_id, passphrase=PASSPHRASE)
    await settle(host, *approvers, device)


async def settle(*clients: AsyncClient) -> None:
    """Let everything arrive, whoever waits for whom."""
    for _ in range(3):
        for client in clients:
            report = await client.sync()
            assert report.problems == (), report.problems
