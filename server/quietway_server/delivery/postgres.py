"""The bus of hints between relays on one PostgreSQL database: LISTEN and NOTIFY, and a look around.

Theory of operation: who listens here is woken at once, as in one process. What this relay committed
meanwhile is told to the others in one notification, which names the mailboxes by the first half of
their ids, or says "look everywhere" where there are too many. A notification may be lost, repeated,
or out of order, and its connection may break without a word: so every few seconds each relay also
asks the store for the latest numbers of the mailboxes that are listened to here, and wakes those
that moved.

Rules: truth is in the store; nothing here decides anything. A connection that broke is made anew,
and then everybody looks once more. What can't be told is not kept: the look around finds it.

Spec: docs/decisions/several-relays-on-one-database.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from quietway_server.delivery.local import LocalDelivery
from quietway_server.errors import StoreError
from quietway_server.log import LastingFailure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

APPLICATION: Final = "quietway-relay-hints"
CHANNEL: Final = "quietway"
EVERYBODY: Final = "*"
MOST_NAMED: Final = 200
NAME_BYTES: Final = 8
POLL_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 1.0
STATEMENT_SECONDS: Final = 5.0
_PIECE: Final = 1_000


class PostgresDelivery(LocalDelivery):
    """Wakes the listeners of this process and, through the database, those of all others.

    Args:
        address: Of the database.
        password: Instead of the one in the address.
        latest_of: Asks the store for the latest numbers of mailboxes; those that are gone are
            left out.
    """

    def __init__(
        self,
        address: str,
        password: str | None,
        latest_of: Callable[[Collection[bytes]], Awaitable[Mapping[bytes, int]]],
    ) -> None:
        super().__init__()
        self._address = address
        self._password = password
        self._latest_of = latest_of
        self._untold: set[str] = set()
        self._stirred = asyncio.Event()
        self._known: dict[bytes, int | None] = {}
        self._failure = LastingFailure("hints_lost")

    def wake(self, mailbox: bytes, latest: int) -> None:
        """Tell whoever listens, here or at another relay, that a mailbox has come to a number."""
        super().wake(mailbox, latest)
        if len(self._untold) >= MOST_NAMED:
            self._untold = {EVERYBODY}
        if EVERYBODY not in self._untold:
            self._untold.add(_name(mailbox))
        self._stirred.set()

    def wake_all(self) -> None:
        """Let everybody who listens here look once more."""
        for mailbox in list(self._listening):
            super().wake(mailbox, 0)

    async def run(self) -> None:
        """Keep the bus going, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_around())
            group.create_task(self._stay_connected())

    async def _look_around(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._look()
            except StoreError:
                continue  # the writer tells of an outage
            except Exception as error:  # noqa: BLE001, whatever it was, the next look must come
                self._failure.met(error)

    async def _look(self) -> None:
        """Wake those whose mailboxes have moved since the last look."""
        listening = list(self._listening)
        found: dict[bytes, int | None] = {}
        for at in range(0, len(listening), _PIECE):
            piece = listening[at : at + _PIECE]
            latest = await self._latest_of(piece)
            found.update({mailbox: latest.get(mailbox) for mailbox in piece})
        before, self._known = self._known, found
        for mailbox, number in found.items():
            if mailbox not in before or before[mailbox] != number:
                super().wake(mailbox, number or 0)

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._serve()
            except Exception as error:  # noqa: BLE001, whatever it was, another connection is made
                self._failure.met(error)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _serve(self) -> None:
        """Hear and tell on one connection, until it breaks."""
        connection = await asyncpg.connect(
            self._address,
            password=self._password,
            timeout=STATEMENT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            server_settings={"application_name": f"{APPLICATION} {os.getpid()}"},
        )
        try:
            await connection.add_listener(CHANNEL, self._hear)
            connection.add_termination_listener(lambda _: self._stirred.set())
            self._failure.over()
            # What was told meanwhile is not told again.
            self.wake_all()
            while not connection.is_closed():
                await self._tell(connection)
        finally:
            connection.terminate()

    async def _tell(self, connection: asyncpg.Connection[Any]) -> None:
        """Wait until there is something to tell, and tell it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._stirred.wait()
        self._stirred.clear()
        untold, self._untold = self._untold, set()
        # With nothing to tell it is still worth to know whether anybody is there.
        if untold:
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, ",".join(untold))
        else:
            await connection.execute("SELECT 1")

    def _hear(
        self, connection: asyncpg.Connection[Any], sender: int, _channel: str, told: object
    ) -> None:
        if sender == connection.get_server_pid():
            return  # who listens here was woken already
        names = set(str(told).split(","))
        for mailbox in list(self._listening):
            if EVERYBODY in names or _name(mailbox) in names:
                super().wake(mailbox, 0)


def _name(mailbox: bytes) -> str:
    return mailbox[:NAME_BYTES].hex()
