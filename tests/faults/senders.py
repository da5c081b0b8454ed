"""Load on a relay at the level of the wire: senders without a pause.

They hand over flash and case envelopes, single and in batches; every second one by request, the
others on submitting sockets. One that was cut off hands the same over again, as a client does, or
gives up, so that both the whole storage of an unanswered batch and its whole absence are met.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final, TypeAlias

from tests.faults.line import AGAIN_SECONDS, CutOffError, Line, RelayAwayError, line_to
from tests.faults.submit_line import SubmitLine, submit_line_to
from tests.server.agency import ENVELOPES, PARTNER

from quietway_crypto.encoding import encode_base64
from quietway_schemas.envelope import EnvelopeClass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.faults.account import Account
    from tests.server.agency import Agency

Ask: TypeAlias = "Callable[[str, bytes], Awaitable[str]]"
"""Hands a batch over through a lane; gives nothing, or what it was refused with."""
SENDERS: Final = 4
MOST_IN_A_BATCH: Final = 16
GIVEN_UP: Final = 0.25


@dataclass
class Senders:
    """Whoever sends to a few agencies.

    Args:
        port: The relay's.
        agencies: To whom; one that stands here twice gets twice as much.
        account: Where everything is noted.
        seed: Decides what is sent.
        patience: Refusals after which the same is handed over again, as when a database is away.

    Attributes:
        answered: Set as soon as a submission was answered; whoever kills the relay clears it.
    """

    port: int
    agencies: tuple[Agency, ...]
    account: Account
    seed: int
    patience: frozenset[str] = frozenset()
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        # Drawn once: the week of now stays good for two hours after its end.
        self._lanes = {
            agency.device_id: encode_base64(agency.capability_for(PARTNER))
            for agency in self.agencies
        }

    async def send(self, number: int) -> None:
        """Send for ever, as one of them."""
        draw = Random(f"{self.seed} sender {number}")
        async with line_to(self.port) as line, submit_line_to(self.port) as sockets:
            ask = partial(_submit, sockets) if number % 2 else partial(_request, line)
            while True:
                agency = draw.choice(self.agencies)
                count = draw.choice((1, draw.randint(2, MOST_IN_A_BATCH)))
                classes = draw.choices(tuple(EnvelopeClass), weights=(3, 1), k=count)
                records = [agency.record(envelope_class) for envelope_class in classes]
                ids = self.account.offer(records)
                body = b"".join(record.pack() for record in records)
                if await self._hand_over(ask, self._lanes[agency.device_id], body, draw):
                    self.account.accept(ids)
                    self.answered.set()

    async def _hand_over(self, ask: Ask, lane: str, body: bytes, draw: Random) -> bool:
        while True:
            try:
                refusal = await ask(lane, body)
            except RelayAwayError:
                await asyncio.sleep(AGAIN_SECONDS)
            except CutOffError:
                self.account.cut_off += 1
                if draw.random() < GIVEN_UP:
                    return False
            else:
                if refusal in self.patience:
                    await asyncio.sleep(AGAIN_SECONDS)
                    continue
                self.account.refused.update([refusal] if refusal else [])
                return not refusal


async def _request(line: Line, lane: str, body: bytes) -> str:
    headers = {"Content-Type": ENVELOPES, "Quietway-Lane": lane}
    status, _ = await line.ask("POST", "/v1/envelopes", headers, body)
    return "" if status == 201 else str(status)


async def _submit(sockets: SubmitLine, lane: str, body: bytes) -> str:
    answer = await sockets.submit(lane, body)
    return "" if answer == "accepted" else answer
