"""The network between devices and the relay, as a process that can be cut: a forwarder of bytes.

It reads nothing of what goes through it. Killed, it takes every connection with it; started again,
it listens where it did.

Spec: docs/explanation/escalation.md, "Seen with everything failing".
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from listener import Listener

if TYPE_CHECKING:
    from relay import Relay

LOOPBACK = "127.0.0.1"
CHUNK = 65_536


class Network(Listener):
    """The only way from the devices to a relay.

    Args:
        relay: Where it leads; it was started before.
    """

    NAME = "network"

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay.folder)
        self._relay = relay

    def _list_words(self) -> list[str]:
        script = str(Path(__file__).resolve())
        return [sys.executable, script, str(self.port), str(self._relay.port)]


async def forward(port: int, relay_port: int) -> None:
    """Forward what comes at a port to the relay's, until killed."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(LOOPBACK, relay_port)
        except OSError:
            # The relay is away: whoever called is told so, as by any router.
            writer.close()
            return
        await asyncio.gather(_pour(reader, back), _pour(there, writer))

    server = await asyncio.start_server(connect, LOOPBACK, port)
    bound = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"network: listening on http://{LOOPBACK}:{bound}\n")
    sys.stdout.flush()
    await server.serve_forever()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(forward(int(sys.argv[1]), int(sys.argv[2])))
