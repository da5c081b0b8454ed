"""One real client of the SDK in a process of its own: it calls, or claims what it is called for.

    python -m bench.load.calling call HOME CASE COUNT
    python -m bench.load.calling claim HOME COUNT

`call` raises one alert after the other, each when the one before was answered. Both print a JSON
object, by alert: when `claim` was called, or when `events` told of the claim, in nanoseconds of the
machine's monotonic clock, which is one for all processes.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Final

import uvloop
from bench.load.talking import PASSPHRASE

from quietway import AsyncClient
from quietway.events import AlertClaimed

if TYPE_CHECKING:
    from collections.abc import Callable

    from quietway.events import Event

CODE: Final = "needs_lead_now"
# Nobody but the first tier is ever called.
LADDER: Final = (0, 300, 600, 900)
PAUSE_SECONDS: Final = 0.05
LOOK_SECONDS: Final = 0.03
ANSWERED_SECONDS: Final = 10.0


async def call(home: str, case: str, count: int) -> dict[str, int]:
    """Raise alerts one by one; give when each was seen to be claimed."""
    seen: dict[str, int] = {}
    answered = asyncio.Event()
    async with await AsyncClient.open(home, passphrase=PASSPHRASE) as client:

        def hear(event: Event) -> None:
            if isinstance(event, AlertClaimed):
                seen.setdefault(event.alert_id.hex(), time.monotonic_ns())
                answered.set()

        following = asyncio.ensure_future(_follow(client, hear))
        await client.sync()
        for _ in range(count):
            await asyncio.sleep(PAUSE_SECONDS)
            answered.clear()
            await client.alerts.send(case, CODE, ladder=LADDER)
            await asyncio.wait_for(answered.wait(), ANSWERED_SECONDS)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return seen


async def claim(home: str, count: int) -> dict[str, int]:
    """Claim so many alerts at once when they come; give when each claim began."""
    claimed: dict[str, int] = {}
    async with await AsyncClient.open(home, passphrase=PASSPHRASE) as client:
        following = asyncio.ensure_future(_follow(client, lambda _: None))
        # So many alerts of one agency page nobody any more; all of them are listed.
        while len(claimed) < count:
            for alert in await client.alerts.list():
                claimed[alert.alert_id.hex()] = time.monotonic_ns()
                await client.alerts.claim(alert.alert_id)
            await asyncio.sleep(LOOK_SECONDS)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return claimed


async def _follow(client: AsyncClient, hear: Callable[[Event], None]) -> None:
    async for event in client.events():
        hear(event)


def main() -> int:
    """Do what the command line says."""
    command, home, *rest = sys.argv[1:]
    acting = call(home, rest[0], int(rest[1])) if command == "call" else claim(home, int(rest[0]))
    print(json.dumps(uvloop.run(acting)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
