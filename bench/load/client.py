"""What every client of the load has in common: it is ready, it sends, it counts, it fails aloud.

Spec: docs/explanation/performance.md.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from bench.records import make_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.load.task import Task


class LoadError(Exception):
    """The load could not be carried out; the sentence says why."""


class LoadClient(asyncio.Protocol, ABC):
    """One client: one message under way at a time.

    Attributes:
        ready: Done when the server has said that it takes messages.
        answered: How many envelopes were accepted.
        latencies: How long each took, in seconds.
        failure: Why it ended, if it failed.
        ended: Whether it has nothing more to send.
        on_end: Called when it has nothing more to send, or failed.
    """

    def __init__(self, task: Task, number: int) -> None:
        self.task = task
        self.number = number
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.answered = 0
        self.latencies: list[float] = []
        self.failure = ""
        self.ended = False
        self.on_end: Callable[[], None] = lambda: None
        self.transport: asyncio.Transport
        self.sent_at = 0.0
        self.pending = b""
        count = -(-task.supply // (task.clients * task.batch))
        batches = make_batches(task.mailboxes_of(number), size=task.batch, count=count)
        self.messages = self.supply([self.build(batch) for batch in batches])

    @abstractmethod
    def build(self, records: list[bytes]) -> bytes:
        """Build the exact bytes that go over the wire for one batch."""

    def supply(self, built: list[bytes]) -> Iterator[bytes]:
        """Give the messages in the order in which they are sent, each once."""
        return iter(built)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream, as connected
        self.greet()

    def greet(self) -> None:
        """Say what has to be said before the first message."""
        self.be_ready()

    def be_ready(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def send_next(self) -> None:
        """Send the next message, or end."""
        message = next(self.messages, None)
        if message is None:
            self.ended = True
            self.on_end()
            return
        self.sent_at = time.perf_counter()
        self.transport.write(message)

    def count_answer(self, envelopes: int) -> None:
        """Count a message that was answered whole, and go on."""
        self.latencies.append(time.perf_counter() - self.sent_at)
        self.answered += envelopes
        self.send_next()

    def fail(self, sentence: str) -> None:
        """End with a reason."""
        self.failure = self.failure or sentence
        if not self.ready.done():
            self.ready.set_exception(LoadError(sentence))
        self.on_end()
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.transport.is_closing():
            self.fail(f"The server closed the connection ({exc}).")

    def eof_received(self) -> None:
        self.fail("The server closed the connection.")

    def close(self) -> None:
        """End quietly."""
        self.messages = iter(())
        self.on_end = lambda: None
        self.transport.abort()
