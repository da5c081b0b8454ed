"""The simulated world: eight agencies of four devices each, all partners, founded once.

Each seed runs in a child of the process that founded it, so a seed costs what it does and nothing
of what it begins with.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.sim.clocks import SimClock, SimEntropy
from tests.sim.device import Device
from tests.sim.relay import make_code, make_relay
from tests.sim.watching import WatchedStore
from tests.sim.wire import Link, Site

from quietway.keyring.body import Founding
from quietway.keyring.keyring import Keyring
from quietway.keyring.publish import approve, build_certificate, certify
from quietway.membership import with_device
from quietway.partners import INVITED, PARTNER, PartnerRecord
from quietway.ports import Put
from quietway.store.memory import MemoryStore
from quietway_crypto.secret import Secret

if TYPE_CHECKING:
    from tests.sim.loop import VirtualLoop

    from quietway.content import CaseRef

CODES = ("HARBOR", "MERCY", "CITYPD", "LEGAL", "HOTLINE", "COURTS", "SCHOOLS", "HOUSING")
ROLES = (
    ("agency_lead", "coordination_lead"),
    ("on_call_lead",),
    ("supervisor",),
    ("shelter_staff",),
)
"""Of the four devices of an agency; the first one holds the ops key."""
RELAY_URL = "http://127.0.0.1:8740"


@dataclass
class World:
    """The relay, the clock and all devices.

    Attributes:
        loop: On whose time all of it runs.
        clock: The relay's.
        site: Where the relay stands.
        devices: By agency, the one with the ops key first.
        cases: What an agency calls the case that another one leads, by both their codes.
    """

    loop: VirtualLoop
    clock: SimClock
    site: Site
    entropy: SimEntropy
    devices: dict[str, list[Device]] = field(default_factory=dict)
    cases: dict[tuple[str, str], CaseRef] = field(default_factory=dict)

    def every(self) -> list[Device]:
        """List all devices."""
        return [device for held in self.devices.values() for device in held]


async def found_world(
    loop: VirtualLoop, *, agencies: int = len(CODES), devices: int = len(ROLES)
) -> World:
    """Found everything. It takes a while; no fault happens meanwhile."""
    clock, entropy = SimClock(loop), SimEntropy("world")
    world = World(loop, clock, Site(make_relay(clock, entropy, WatchedStore())), entropy)
    for code in CODES[:agencies]:
        world.devices[code] = [await _found(world, code)]
    await _befriend_all(world)
    for code in CODES[:agencies]:
        for number in range(1, devices):
            await asyncio.sleep(1)
            world.devices[code].append(await _add(world, code, number))
    await _sync_all(world)
    await _share_cases(world)
    return world


async def _sync_all(world: World) -> None:
    for _ in range(2):
        for device in world.every():
            await asyncio.sleep(1)
            assert device.client is not None
            report = await device.client.sync()
            assert report.problems == (), (device.name, report.problems)


async def _share_cases(world: World) -> None:
    """Let each agency lead a case of which all the others know."""
    opened = {}
    for code, (lead, *_) in world.devices.items():
        others = [other for other in world.devices if other != code]
        opened[code] = await lead.client.cases.open()
        await lead.client.status.set("contact_pending", to=others, case_ref=opened[code])
    await _sync_all(world)
    for code, (lead, *_) in world.devices.items():
        agencies = {held[0].agency: other for other, held in world.devices.items()}
        for case in await lead.client.cases.list():
            world.cases[code, agencies[case.lead.agency]] = case.case_ref


def _make(world: World, name: str, keyring: Keyring) -> Device:
    clock = SimClock(world.loop)
    entropy = SimEntropy(name)
    link = Link(random.Random(name))
    return Device(name, world.site, link, clock, entropy, keyring, MemoryStore())


async def _found(world: World, code: str) -> Device:
    founding = Founding(RELAY_URL, code, f"{code}-DESK", ROLES[0])
    keyring = Keyring.in_memory(entropy=world.entropy, founding=founding)
    device = _make(world, f"{code}-1", keyring)
    client = await device.open()
    agent = device.agent
    await agent.check_clock()
    await agent.publisher.enrol(make_code(world.site.core, world.entropy), now=agent.clock.now())
    await client.sync()
    return device


async def _befriend_all(world: World) -> None:
    leads = [held[0] for held in world.devices.values()]
    for one in leads:
        for other in leads:
            if one is not other:
                invitation = await one.client.partners.invite(other.client.program)
                await other.client.partners.add(invitation)
    for device in (*leads, *leads):
        await device.client.sync()


async def _add(world: World, code: str, number: int) -> Device:
    """Certify a further device, by hand: how devices are linked is tested elsewhere."""
    host = world.devices[code][0]
    held = host.keyring._held
    founding = replace(host.keyring.founding, roles=ROLES[number])
    made = Keyring.in_memory(entropy=world.entropy, founding=founding)
    made._take(
        replace(
            made._held,
            agency=held.agency,
            root_key=held.root_key,
            root_seed=None,
            ops_seed=None,
            agency_secret=Secret(held.agency_secret.reveal()),
        )
    )
    now = host.clock.now()
    certificate = build_certificate(made, agency_owned=True, now=now)
    certified = certify(certificate, [approve(certificate, host.keyring.ops)])
    publisher = host.agent.publisher
    await publisher.publish_manifest(
        with_device(publisher.own_manifest, certified, ops=host.keyring.ops, now=now)
    )
    device = _make(world, f"{code}-{number + 1}", made)
    rows = {kind: await host.store.scan(kind) for kind in (INVITED, PARTNER)}
    await device.store.commit(
        [Put(kind, row.key, row.value) for kind, of_kind in rows.items() for row in of_kind]
    )
    await device.open()
    agent = device.agent
    agent.directory.pin(held.agency, host.agent.root_key)
    for row in rows[PARTNER]:
        invitation = PartnerRecord.from_row(row).invitation
        agent.directory.pin(invitation.agency_id, invitation.root_key)
    await agent.settle()
    return device
