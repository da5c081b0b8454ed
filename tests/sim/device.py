"""One device of the simulated world: what outlives a crash, and the client that runs on it.

What is durable is what the last commit left in the store, and the keyring. A crash drops everything
else, at a point that the seed chose: before a commit, after it and before its effects, after the
relay has done what was asked and before the device knows.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.sim.wire import Link, Site, Tap, Wire

from quietway.agent import Agent
from quietway.client import AsyncClient
from quietway.founding import Ports
from quietway.high_water import MemoryMark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.sim.clocks import SimClock, SimEntropy

    from quietway.keyring.keyring import Keyring
    from quietway.ports import Row, Write
    from quietway.store.memory import MemoryStore
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.ids import AgencyId, DeviceId

NOWHERE = Path("/nonexistent/sim")


class Crashed(BaseException):
    """The device has died here. No `except` of the product may outlive it."""


@dataclass(eq=False)
class Device:
    """A device, running or not.

    Attributes:
        name: As `HARBOR-1`.
        site: Where the relay stands.
        link: Its way there.
        clock: Its clock.
        entropy: Its randomness.
        keyring: Its secrets.
        store: What it has committed.
        tap: Sees what it hands over.
        client: Its client while it runs.
        fuse: How many checkpoints it passes before it dies; None for never.
        life: Grows with each opening: what belongs to a former one is dead.
    """

    name: str
    site: Site
    link: Link
    clock: SimClock
    entropy: SimEntropy
    keyring: Keyring
    store: MemoryStore
    tap: Tap = field(default_factory=Tap)
    mark: MemoryMark = field(default_factory=MemoryMark)
    client: AsyncClient | None = None
    fuse: int | None = None
    died_at: str = ""
    life: int = 0
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    wires: list[Wire] = field(default_factory=list)

    @property
    def agency(self) -> AgencyId:
        return self.keyring.agency

    @property
    def device(self) -> DeviceId:
        return self.keyring.device

    @property
    def agent(self) -> Agent:
        assert self.client is not None
        return self.client._agent

    def connect(self, identity: SigningKey, who: DeviceId | AgencyId) -> Wire:
        """Give a way to the relay that dies with this life of the device."""
        wire = Wire(self.site, self.link, identity, who, _Mortal(self))
        self.wires.append(wire)
        return wire

    async def open(self) -> AsyncClient:
        """Open the device on what it has committed."""
        self.life += 1
        store = CrashingStore(self, self.store, self.life)
        ports = Ports(self.connect, self.clock, self.entropy, store)
        agent = await Agent.load(
            keyring=self.keyring,
            store=store,
            relay=self.connect(self.keyring.identity, self.keyring.device),
            clock=self.clock,
            entropy=self.entropy,
            mark=self.mark,
        )
        self.client = AsyncClient(agent, NOWHERE, ports)
        return self.client

    def checkpoint(self, where: str, life: int) -> None:
        """Die here, if the fuse has burnt down.

        Raises:
            Crashed: It has; or this life is over.
        """
        if life != self.life:
            raise Crashed(where)
        if self.fuse is None:
            return
        self.fuse -= 1
        if self.fuse < 0:
            self.died_at = where
            self.kill()
            raise Crashed(where)

    def kill(self) -> None:
        """Drop everything that is not durable."""
        self.fuse = None
        self.life += 1
        self.client = None
        for wire in self.wires:
            wire.dead = True
        self.wires.clear()
        for task in tuple(self.tasks):
            task.cancel()

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """Start something that dies with the device."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


_OF_MORTALS = frozenset({"_device", "_life", "check", "passed"})


class _Mortal(Tap):
    """Passes on to the world's tap, as long as this life of the device lasts."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._life = device.life

    def check(self, wire: Wire) -> None:
        if wire.dead:
            raise Crashed("asking")

    def passed(self, wire: Wire, where: str) -> None:
        self._device.checkpoint(where, self._life)

    def __getattribute__(self, name: str) -> Any:
        if name not in _OF_MORTALS:
            return getattr(object.__getattribute__(self, "_device").tap, name)
        return object.__getattribute__(self, name)


class CrashingStore:
    """A `Store` whose device may die before a commit, and after it."""

    def __init__(self, device: Device, inner: MemoryStore, life: int) -> None:
        self._device = device
        self._inner = inner
        self._life = life

    async def read(self, kind: str, key: bytes) -> bytes | None:
        self._check()
        return await self._inner.read(kind, key)

    async def scan(self, kind: str, *, after: int = 0, limit: int | None = None) -> Sequence[Row]:
        self._check()
        return await self._inner.scan(kind, after=after, limit=limit)

    async def scan_back(self, kind: str, *, before: int | None = None, limit: int) -> Sequence[Row]:
        self._check()
        return await self._inner.scan_back(kind, before=before, limit=limit)

    async def scan_tagged(
        self, kind: str, tag: bytes, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Row]:
        self._check()
        return await self._inner.scan_tagged(kind, tag, after=after, limit=limit)

    async def kinds(self) -> Sequence[str]:
        self._check()
        return await self._inner.kinds()

    async def commit(self, writes: Sequence[Write]) -> None:
        device = self._device
        device.checkpoint("before a commit", self._life)
        # A disk takes its time, and others go on meanwhile.
        await asyncio.sleep(0)
        self._check()
        await self._inner.commit(writes)
        device.checkpoint("after a commit", self._life)

    async def drop_copies(self) -> None:
        self._check()

    async def aclose(self) -> None:
        """Let go; what was committed stays."""

    def _check(self) -> None:
        if self._life != self._device.life:
            raise Crashed("the store")
