"""Read a mailbox: say hello, fetch after a cursor, acknowledge.

Rules: a mailbox is named only by the verified device that reads it, never by a request. Fetching
leaves no trace. Acknowledging deletes, and acknowledging what is gone is fine.

Spec: docs/spec/relay-protocol.md, "The mailbox".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway_schemas.instants import Instant
    from quietway_server.ports import Clock, MailboxRow, StoredEnvelope, Transaction
    from quietway_server.services.writer import Reader, Writer


@dataclass(frozen=True, slots=True)
class Greeting:
    """The relay's answer to a hello."""

    latest: int
    acknowledged: int
    now: Instant
    witness_kept: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a mailbox holds after a cursor, at one moment."""

    latest: int
    envelopes: tuple[StoredEnvelope, ...]


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """Serves mailboxes to their devices."""

    writer: Writer
    reader: Reader
    clock: Clock

    async def greet(
        self, mailbox: bytes, *, witness_now: bytes, witness_was: bytes | None
    ) -> Greeting:
        """Compare the client's witnesses with the one that is kept, and keep the new one.

        Raises:
            RefusedError: `not_found`: the mailbox is gone.
        """

        def work(transaction: Transaction) -> tuple[MailboxRow, bool]:
            row = _demand(transaction, mailbox)
            kept = row.witness in {None, witness_now, witness_was}
            if row.witness != witness_now:
                transaction.keep_witness(mailbox, witness_now)
            return row, kept

        row, kept = await self.writer.write(work, frees=True)
        return Greeting(row.latest, row.acknowledged, self.clock.now(), kept)

    async def fetch(self, mailbox: bytes, *, after: int, limit: int) -> Fetched:
        """Give the oldest envelopes after a number, at most `limit`.

        Raises:
            RefusedError: `not_found`: the mailbox is gone.
        """

        def work(transaction: Transaction) -> Fetched:
            row = _demand(transaction, mailbox)
            if row.latest <= after or row.waiting == 0 or limit == 0:
                return Fetched(row.latest, ())
            return Fetched(row.latest, tuple(transaction.envelopes_after(mailbox, after, limit)))

        return await self.reader.read(work)

    async def acknowledge(
        self, mailbox: bytes, *, through: int | None, seqs: Sequence[int]
    ) -> None:
        """Delete what the client holds safely itself. On a full disk this may use the reserve."""
        await self.writer.write(
            lambda transaction: transaction.acknowledge(mailbox, through=through, seqs=seqs),
            frees=True,
        )


def _demand(transaction: Transaction, mailbox: bytes) -> MailboxRow:
    row = transaction.find_mailboxes([mailbox]).get(mailbox)
    if row is None:
        raise RefusedError("not_found")
    return row
