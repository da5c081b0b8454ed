"""One real client of the SDK in a process of its own: it sends numbered messages, or hears them.

    python -m bench.load.talking send HOME PARTNER COUNT
    python -m bench.load.talking hear HOME COUNT

Both print a JSON object: when each number was handed to `send`, or came out of `events`, in
nanoseconds of the machine's monotonic clock, which is one for all processes.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Final

import uvloop

from quietway import AsyncClient, Received

# It guards a folder that is removed when the bench ends.
PASSPHRASE: Final = "a passphrase for one bench"  # noqa: S105 - see the line above
PAUSE_SECONDS: Final = 0.03


async def send(home: str, partner: str, count: int) -> dict[int, int]:
    """Send one message after the other, with a pause in between; give when each was handed over."""
    handed = {}
    async with await AsyncClient.open(home, passphrase=PASSPHRASE) as client:
        await client.sync()
        conversation = (await client.messages.send("hello", to=[partner])).conversation
        for number in range(count):
            await asyncio.sleep(PAUSE_SECONDS)
            handed[number] = time.monotonic_ns()
            await client.messages.send(str(number), to=[partner], conversation=conversation)
    return handed


async def hear(home: str, count: int) -> dict[int, int]:
    """Listen until the last message has come; give when each came."""
    heard: dict[int, int] = {}
    async with await AsyncClient.open(home, passphrase=PASSPHRASE) as client:
        async for event in client.events():
            now = time.monotonic_ns()
            text = getattr(event.content, "text", "") if isinstance(event, Received) else ""
            if text.isdigit():
                heard[int(text)] = now
            if len(heard) == count:
                break
    return heard


def main() -> int:
    """Do what the command line says."""
    command, home, *rest = sys.argv[1:]
    talking = send(home, rest[0], int(rest[1])) if command == "send" else hear(home, int(rest[0]))
    print(json.dumps(uvloop.run(talking)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
