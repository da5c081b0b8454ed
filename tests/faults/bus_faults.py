"""Ways in which the bus between two relays fails, done to PostgreSQL's own processes.

Each relay hears and tells on one connection, which one process of the database serves. It is ended
(the connection breaks), or stopped (nothing comes through, and nobody is told), or flooded with
hints that are repeated, out of order, or wrong.
"""

from __future__ import annotations

import contextlib
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.postgres_server import name_of
from tests.relay_process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from tests.cluster import Cluster
    from tests.postgres_server import PostgresServer
    from tests.relay_process import RelayProcess

FAULTS: Final = ("nobody tells", "nobody hears", "broken", "flooded")
HINTS_IN_A_FLOOD: Final = 40
_OF_RELAY: Final = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE datname = '{}' AND application_name = 'quietway-relay-hints {}'"
)
_END: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = '{}' AND application_name LIKE 'quietway-relay-hints %'"
)


class Bus:
    """The bus of two relays.

    Args:
        server: Where it runs.
        cluster: The relays; the first one tells.
    """

    def __init__(self, server: PostgresServer, cluster: Cluster) -> None:
        self._server = server
        self._cluster = cluster
        self._database = name_of(cluster.address)

    def wait(self) -> None:
        """Wait until both relays are connected."""
        wait_until(lambda: all(self._find(relay) for relay in self._cluster.relays))

    @contextmanager
    def failing(self, fault: str, mailbox: bytes, draw: Random) -> Iterator[None]:
        """Let the bus fail for as long as the context lasts.

        Args:
            fault: One of `FAULTS`, or nothing.
            mailbox: Whose hints are repeated in a flood.
            draw: Decides what the flood is made of.
        """
        stopped: list[int] = []
        if fault in FAULTS[:2]:
            stopped = self._find(self._cluster.relays[FAULTS.index(fault)])
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            if fault == "broken":
                self._server.sql(_END.format(self._database))
            if fault == "flooded":
                self._server.sql(_write_flood(mailbox, draw), database=self._database)
            yield
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):  # its relay gave it up meanwhile
                    os.kill(pid, signal.SIGCONT)

    def _find(self, relay: RelayProcess) -> list[int]:
        found = self._server.sql(_OF_RELAY.format(self._database, relay.pid))
        return [int(pid) for pid in found]


def _write_flood(mailbox: bytes, draw: Random) -> str:
    own = mailbox[:8].hex()
    hints = [
        draw.choice((own, draw.randbytes(8).hex(), "*", ",,", f"{own},{own}", "x" * 90))
        for _ in range(HINTS_IN_A_FLOOD)
    ]
    return "; ".join(f"NOTIFY quietway, '{hint}'" for hint in hints)
