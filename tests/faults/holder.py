"""A device in a process of its own that opens its mailbox socket, and answers pings until stopped.

    python -m tests.faults.holder URL HEADERS HELLO      the last two as JSON

Once it was greeted it writes the port of its own end.
"""

from __future__ import annotations

import contextlib
import json
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def hold(url: str, headers: dict[str, str], hello: str) -> None:
    """Open the socket and read it to its end; what comes is not acknowledged."""
    with connect(
        "ws" + url.removeprefix("http") + "/v1/mailbox",
        additional_headers=headers,
        compression=None,
        proxy=None,
        ping_interval=None,
    ) as opened:
        opened.send(hello)
        opened.recv()
        sys.stdout.write(f"{opened.local_address[1]}\n")
        sys.stdout.flush()
        with contextlib.suppress(ConnectionClosed):
            for _ in opened:
                pass


if __name__ == "__main__":
    hold(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3])
