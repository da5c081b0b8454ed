"""A client of NATS JetStream: publishes with a reply subject, and counts the acknowledgements.

For a batch it does what a NATS client with that many recipients does: it publishes to each subject
without waiting in between, then waits for as many acknowledgements. The bytes are built beforehand.

Source: https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from bench.load.client import LoadClient
from bench.records import mailbox_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT: Final = b'CONNECT {"verbose":false,"pedantic":false,"headers":false}\r\n'
LINE: Final = b"\r\n"
SUBJECTS: Final = "quietway"


class NatsClient(LoadClient):
    """One connection."""

    def build(self, records: list[bytes]) -> bytes:
        return b"".join(
            b"PUB %s.%s %s %d\r\n%s\r\n"
            % (
                SUBJECTS.encode(),
                mailbox_of(record).hex().encode(),
                self._inbox,
                len(record),
                record,
            )
            for record in records
        )

    def supply(self, built: list[bytes]) -> Iterator[bytes]:
        """Begin again at the end, unless so many are asked: JetStream forgets what it has seen."""
        return iter(built) if self.task.whole else itertools.cycle(built)

    @property
    def _inbox(self) -> bytes:
        return b"_INBOX.%d" % self.number

    def greet(self) -> None:
        self.missing = self.task.batch
        self.transport.write(CONNECT + b"SUB %s 1\r\nPING\r\n" % self._inbox)

    def data_received(self, data: bytes) -> None:
        pending = self.pending + data
        while (end := pending.find(LINE)) >= 0:
            line = pending[:end]
            if not line.startswith(b"MSG "):
                pending = pending[end + 2 :]
                self._take_line(line)
                continue
            start = end + 2
            stop = start + int(line[line.rindex(b" ") :])
            if len(pending) < stop + 2:
                break
            payload, pending = pending[start:stop], pending[stop + 2 :]
            self._take_acknowledgement(payload)
        self.pending = pending

    def _take_line(self, line: bytes) -> None:
        if line == b"PING":
            self.transport.write(b"PONG\r\n")
        elif line == b"PONG":
            self.be_ready()
        elif line.startswith(b"-ERR"):
            self.fail(f"NATS refused: {line.decode('latin-1')}")

    def _take_acknowledgement(self, payload: bytes) -> None:
        if b'"error"' in payload:
            self.fail(f"JetStream refused: {payload.decode('latin-1')}")
            return
        self.missing -= 1
        if self.missing == 0:
            self.missing = self.task.batch
            self.count_answer(1)
        else:
            self.answered += 1
