"""Two clients that follow what happens at a real relay, the first of them by a rough way.

A trial cuts that way, in one direction or both, once or flapping; meanwhile each says something to
the other. When the way is whole again everything must arrive, soon, and once.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from tests.faults.rough_way import BOTH, RoughWay
from tests.journeys.conftest import PASSPHRASE, QUICK, enroll
from tests.relay_process import RelayProcess

from quietway import AsyncClient
from quietway.content import MessageText
from quietway.events import Received

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.faults.rough_way import Direction

PROGRAMS: Final = ("HARBOR-SHELTER", "MERCY-SOCIALWORK")
PATIENCE_SECONDS: Final = 90.0
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Cut:
    """What becomes of the way in one trial.

    Attributes:
        ways: In which direction.
        refuses: Whether connections are turned away meanwhile.
        forgets: Whether the connections of before are reset at the end.
        spans: Seconds without and seconds with, in turn.
    """

    ways: tuple[Direction, ...]
    refuses: bool
    forgets: bool
    spans: tuple[float, ...]

    @classmethod
    def draw(cls, seed: int, *, longest: float) -> Cut:
        """Draw one: of half a second up to `longest`, in one piece or in several."""
        draw = Random(f"{seed} cut")
        seconds = 0.5 * (longest / 0.5) ** draw.random()
        pieces = draw.choice((1, 1, 3, 6))
        spans = [seconds / pieces * draw.uniform(0.5, 1.0) for _ in range(pieces)]
        between = [draw.uniform(0.05, 0.4) for _ in range(pieces)]
        return cls(
            ways=draw.choice((BOTH, BOTH[:1], BOTH[1:])),
            refuses=draw.random() < 0.3,
            forgets=draw.random() < 0.6,
            spans=tuple(second for pair in zip(spans, between, strict=True) for second in pair)[
                :-1
            ],
        )


HEALED: Final = Cut(BOTH, refuses=False, forgets=False, spans=())


@dataclass
class Apart:
    """The two, what each said, and what each was told."""

    clients: list[AsyncClient]
    way: RoughWay
    patience: float = PATIENCE_SECONDS
    said: list[list[str]] = field(default_factory=lambda: [[], []])
    told: list[list[str]] = field(default_factory=lambda: [[], []])
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, side: int) -> None:
        """Note what happens, as it happens, for ever."""
        async with contextlib.aclosing(self.clients[side].events()) as events:
            async for event in events:
                if isinstance(event, Received) and isinstance(event.content, MessageText):
                    self.told[side].append(event.content.text)
                    self.came.set()

    async def say(self, side: int, count: int) -> None:
        """Say something to the other, one after the other."""
        for _ in range(count):
            self.said[side].append(f"{side}: {len(self.said[side])}")
            await self.clients[side].messages.send(self.said[side][-1], to=PROGRAMS[1 - side])

    async def speak(self, messages: int) -> float:
        """Let both speak; give how long it took until everything was there."""
        return await self.suffer(HEALED, messages=messages)

    async def suffer(self, cut: Cut, *, messages: int = 2) -> float:
        """Cut and heal, while both speak; give how long after the end everything was there."""
        saying = [asyncio.ensure_future(self.say(side, messages)) for side in (0, 1)]
        for number, span in enumerate(cut.spans):
            if number % 2 == 0:
                self.way.cut(cut.ways, refuses=cut.refuses)
            else:
                self.way.heal(forgets=cut.forgets)
            await asyncio.sleep(span)
        self.way.heal(forgets=cut.forgets)
        healed = asyncio.get_running_loop().time()
        await asyncio.gather(*saying)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_is_told(), self.patience)
        return asyncio.get_running_loop().time() - healed

    async def open_case(self) -> None:
        """Let the second agency lead a case that both know."""
        far, near = self.clients
        await near.cases.set_status(await near.cases.open(), "active", to=far.program)
        await far.sync()

    async def call(self, count: int) -> list[float]:
        """Let the first call the second, one alert after the other; give how long each took.

        An alert that has not come in time took infinitely long.
        """
        (case,) = await self.clients[0].cases.list()
        begun: dict[bytes, float] = {}
        came: dict[bytes, float] = {}
        now = asyncio.get_running_loop().time
        looking = asyncio.ensure_future(self._look(came, count))
        for _ in range(count):
            began = now()
            sent = await self.clients[0].alerts.send(case.case_ref, "needs_lead_now")
            begun[sent.alert_id] = began
        await asyncio.wait([looking], timeout=self.patience)
        looking.cancel()
        return [came.get(alert, float("inf")) - began for alert, began in begun.items()]

    async def _look(self, came: dict[bytes, float], count: int) -> None:
        while len(came) < count:
            for alert in await self.clients[1].alerts.list():
                came.setdefault(alert.alert_id, asyncio.get_running_loop().time())
            await asyncio.sleep(_LOOK_SECONDS)

    async def _all_is_told(self) -> None:
        while any(set(self.said[side]) - set(self.told[1 - side]) for side in (0, 1)):
            self.came.clear()
            await self.came.wait()

    async def judge(self) -> dict[str, int]:
        """Count what is missing, was told twice, or stands otherwise than it was told."""
        broken = {"missing": 0, "doubled": 0, "shown otherwise": 0}
        for side in (0, 1):
            told, said = self.told[side], self.said[1 - side]
            shown = [
                held.content.text
                for held in await self.clients[side].inbox()
                if isinstance(held.content, MessageText)
            ]
            broken["missing"] += len(set(said) - set(told))
            broken["doubled"] += len(told) - len(set(told))
            broken["shown otherwise"] += sorted(shown) != sorted(told)
        return broken


@asynccontextmanager
async def two_apart(
    folder: Path,
    seed: int,
    *,
    far: int = 1,
    role: str = "on_call_lead",
    patience: float = PATIENCE_SECONDS,
) -> AsyncIterator[Apart]:
    """Found two agencies that are partners, and let them follow what happens.

    Args:
        folder: An empty one.
        seed: Of the way.
        far: How many of the two go by the rough way.
        role: That both have, beside that of an advocate.
        patience: For how many seconds it is waited for what should arrive.
    """
    async with AsyncExitStack() as stack:
        way = await stack.enter_async_context(RoughWay(seed))
        relay = stack.enter_context(RelayProcess(folder / "relay", options={"public_url": way.url}))
        way.relay_port = relay.port
        clients = [
            await stack.enter_async_context(
                await AsyncClient.found(
                    folder / program,
                    passphrase=PASSPHRASE,
                    relay=way.url if number < far else relay.url,
                    enrolment_code=enroll(relay),
                    agency_code=program.partition("-")[0],
                    program=program,
                    roles=("frontline_advocate", role),
                    parameters=QUICK,
                )
            )
            for number, program in enumerate(PROGRAMS)
        ]
        for host, guest in (clients, clients[::-1]):
            await guest.partners.add(await host.partners.invite(guest.program))
        for client in clients:
            await client.sync()
        apart = Apart(clients, way, patience)
        following = [asyncio.ensure_future(apart.follow(side)) for side in (0, 1)]
        # Both have said something before anything goes wrong.
        await apart.speak(1)
        for client in clients:
            async with client._agent._syncing:
                # The first pass is over: from here on what happens comes by the socket.
                pass
        try:
            yield apart
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
