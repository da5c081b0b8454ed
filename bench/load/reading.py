"""The readers: many mailboxes at once, each on its socket, each acknowledging as the SDK does.

It reads a task as JSON, opens every socket with the signed upgrade that it was given, says hello on
all of them, and reads until each mailbox has come to its end. What the relay's CPU did from the
first hello to the last acknowledgement is told, and what memory the relay held before the sockets
and while all of them were open and idle.

Spec: docs/spec/relay-protocol.md, "The mailbox"; docs/explanation/performance.md.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass

import uvloop
from bench.load.client import LoadError
from bench.load.mailbox import ACKNOWLEDGED_AT_ONCE, open_readers
from bench.processes import cpu_seconds, resident_bytes

SETTLING_SECONDS = 0.5
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ReadingTask:
    """What is asked: the requests that open the sockets, ready to be sent."""

    port: int
    pid: int
    upgrades: list[str]


@dataclass(frozen=True, slots=True)
class Read:
    """What was seen."""

    sockets: int
    envelopes: int
    seconds: float
    server_cpu_seconds: float
    resident_before: int
    resident_open: int

    def __str__(self) -> str:
        if not self.envelopes:
            return f"{self.socket_kib:,.1f} KiB a socket"
        return f"{self.envelopes:,} envelopes, {self.server_cpu_us:,.1f} us of CPU each"

    @property
    def server_cpu_us(self) -> float:
        """Microseconds of the relay's CPU for each envelope that was read and acknowledged."""
        return self.server_cpu_seconds * 1e6 / self.envelopes

    @property
    def socket_kib(self) -> float:
        """KiB that the relay grew by, for each socket."""
        return (self.resident_open - self.resident_before) / self.sockets / 1024


async def run(task: ReadingTask) -> Read:
    """Open all sockets, read all mailboxes, and look at the relay before and after."""
    resident_before = resident_bytes(task.pid)
    readers = await open_readers(task.upgrades, task.port, at_once=ACKNOWLEDGED_AT_ONCE)
    await asyncio.sleep(SETTLING_SECONDS)
    began, cpu_before = time.perf_counter(), cpu_seconds(task.pid)
    for reader in readers:
        reader.say_hello()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(reader.done for reader in readers))
    took = time.perf_counter() - began
    # The last acknowledgements are not answered: let the relay carry them out.
    await asyncio.sleep(SETTLING_SECONDS)
    read = Read(
        sockets=len(readers),
        envelopes=sum(reader.count for reader in readers),
        seconds=took,
        server_cpu_seconds=cpu_seconds(task.pid) - cpu_before,
        resident_before=resident_before,
        resident_open=resident_bytes(task.pid),
    )
    for reader in readers:
        reader.close()
    return read


def main() -> int:
    """Read the task, run it, print what was seen."""
    try:
        read = uvloop.run(run(ReadingTask(**json.load(sys.stdin))))
    except (LoadError, OSError, TimeoutError) as error:
        print(f"The readers did not come through: {error}")
        return 1
    print(json.dumps(asdict(read)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
