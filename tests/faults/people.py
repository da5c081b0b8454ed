"""People with real clients and encrypted stores, who work on while the relay dies and returns.

One writes, one follows what happens on a socket, one looks now and then from a thread, as programs
without an event loop do, and writes too. In the end each must have been shown everything that was
said to it, in order and once.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from itertools import count
from typing import TYPE_CHECKING, Final

from tests.journeys.conftest import PASSPHRASE, QUICK, enroll

from quietway import AsyncClient, Client
from quietway.ambient import SystemClock
from quietway.content import MessageText
from quietway.events import Received
from quietway.unbroken import end_what_began

if TYPE_CHECKING:
    from pathlib import Path

    from tests.relay_process import RelayProcess

    from quietway_schemas.ids import ConversationId

WRITER: Final = "HARBOR-SHELTER"
FOLLOWER: Final = "MERCY-SOCIALWORK"
LOOKER: Final = "CITYPD-LIAISON"
BREATH_SECONDS: Final = 0.05
_MOST_ROUNDS: Final = 50


class HurriedClock(SystemClock):
    """The machine's clock, on which nobody waits long: a pause of a second is one of 50 ms."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 20)


class People:
    """A writer, a follower and a looker. Make them with `found`, and `close` them.

    Attributes:
        said: What was said to each, by the sender and in order.
    """

    def __init__(self, writer: AsyncClient, follower: AsyncClient, looker: Client) -> None:
        self.writer = writer
        self.follower = follower
        self.looker = looker
        self.said: dict[tuple[str, str], list[str]] = {}
        self._told: list[str] = []
        self._reported = 0
        self._looking = True

    @classmethod
    async def found(cls, relay: RelayProcess, folder: Path) -> People:
        """Found three agencies at a relay that is there, and make partners of them."""
        writer, follower = [
            await AsyncClient.found(**_founding(relay, folder, program), clock=HurriedClock())
            for program in (WRITER, FOLLOWER)
        ]
        looker = await asyncio.to_thread(lambda: Client.found(**_founding(relay, folder, LOOKER)))
        await follower.partners.add(await writer.partners.invite("Mercy"))
        await follower.partners.add(await asyncio.to_thread(looker.partners.invite, "Mercy"))
        await writer.partners.add(await follower.partners.invite("Harbor"))
        await writer.partners.add(await asyncio.to_thread(looker.partners.invite, "Harbor"))
        for_looker = [await client.partners.invite("City") for client in (writer, follower)]
        for invitation in for_looker:
            await asyncio.to_thread(looker.partners.add, invitation)
        for client in (writer, follower):
            await client.sync()
        await asyncio.to_thread(looker.sync)
        return cls(writer, follower, looker)

    async def write(self) -> None:
        """Write to the two others for ever, whether the relay is there or not."""
        begun: dict[str, ConversationId] = {}
        for number in count():
            to = (FOLLOWER, LOOKER)[number % 2]
            text = self._say(WRITER, to, number)
            # What was begun is ended, or nobody could tell whether it was said.
            sent = await end_what_began(
                self.writer.messages.send(text, to=to, conversation=begun.get(to))
            )
            begun[to] = sent.conversation
            await asyncio.sleep(BREATH_SECONDS)

    async def follow(self) -> None:
        """Note what happens, as it happens, for ever."""
        async with contextlib.aclosing(self.follower.events()) as events:
            async for event in events:
                if isinstance(event, Received):
                    self._told += _texts([event])

    async def look(self) -> None:
        """Look and write from a thread until cancelled; what was begun there is ended."""
        looking = asyncio.create_task(asyncio.to_thread(self._look))
        try:
            await asyncio.shield(looking)
        finally:
            self._looking = False
            await looking

    def _look(self) -> None:
        conversation = None
        for number in count():
            if not self._looking:
                return
            self._reported += self.looker.sync().received
            text = self._say(LOOKER, FOLLOWER, number)
            sent = self.looker.messages.send(text, to=FOLLOWER, conversation=conversation)
            conversation = sent.conversation
            threading.Event().wait(BREATH_SECONDS)

    def _say(self, sender: str, to: str, number: int) -> str:
        text = f"{sender} to {to}: {number}"
        self.said.setdefault((sender, to), []).append(text)
        return text

    async def settle_down(self) -> list[str]:
        """Synchronise everyone until nothing moves; give the problems that are left.

        The follower must still follow: what it is told by then, it was told by its events.
        """
        for _ in range(_MOST_ROUNDS):
            looked = await asyncio.to_thread(self.looker.sync)
            self._reported += looked.received
            reports = [looked, await self.writer.sync(), await self.follower.sync()]
            if not any(report.waiting or report.received or report.sent for report in reports):
                break
        return [type(problem).__name__ for report in reports for problem in report.problems]

    async def judge(self) -> dict[str, int]:
        """Count what was said and not shown, or shown twice, or out of order."""
        followed = _texts(await self.follower.inbox())
        looked = _texts(await asyncio.to_thread(self.looker.inbox))
        shown = {FOLLOWER: followed, LOOKER: looked}
        streams = {way: [t for t in shown[way[1]] if t in said] for way, said in self.said.items()}
        return {
            "unheard": sum(len(set(said) - set(streams[way])) for way, said in self.said.items()),
            "heard_twice": sum(len(texts) - len(set(texts)) for texts in shown.values()),
            "told_otherwise": (self._told != followed) + (self._reported != len(looked)),
            "out_of_order": sum(streams[way] != said for way, said in self.said.items()),
        }

    async def close(self) -> None:
        """Close all clients."""
        await self.writer.aclose()
        await self.follower.aclose()
        await asyncio.to_thread(self.looker.close)


def _founding(relay: RelayProcess, folder: Path, program: str) -> dict[str, object]:
    return {
        "home": folder / program,
        "passphrase": PASSPHRASE,
        "relay": relay.url,
        "enrolment_code": enroll(relay),
        "agency_code": program.partition("-")[0],
        "program": program,
        "parameters": QUICK,
    }


def _texts(held: list[Received]) -> list[str]:
    return [each.content.text for each in held if isinstance(each.content, MessageText)]
