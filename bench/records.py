"""Envelopes for the load: valid records with a fresh id, and random bytes where the seal would be.

The relay judges an envelope by its form, so random bytes of the exact size are as good as sealed
ones, and JetStream is handed the very same records. Everything is made before the clock runs.

Spec: docs/spec/relay-protocol.md, "Submitting".
"""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

from quietway_schemas.envelope import EnvelopeClass, Header
from quietway_schemas.ids import EnvelopeId, MailboxId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RECORD_BYTES = EnvelopeClass.FLASH.record_bytes
_ID_BYTES = 16


def make_record(mailbox: bytes) -> bytes:
    """Make one flash record for a mailbox."""
    head = _head(mailbox, EnvelopeClass.FLASH.epoch_of(time.time_ns() // 1_000_000))
    return head + os.urandom(RECORD_BYTES - len(head))


def make_batches(mailboxes: Sequence[bytes], *, size: int, count: int) -> Iterator[list[bytes]]:
    """Make batches, each to `size` different mailboxes.

    Yields:
        The records of one batch.
    """
    epoch = EnvelopeClass.FLASH.epoch_of(time.time_ns() // 1_000_000)
    heads = [_head(mailbox, epoch) for mailbox in mailboxes]
    rest = RECORD_BYTES - len(heads[0])
    chosen = random.Random(len(mailboxes))  # noqa: S311 - which mailbox is next, and nothing else
    for _ in range(count):
        noise = os.urandom(rest * size)
        yield [
            head + noise[at * rest : (at + 1) * rest]
            for at, head in enumerate(chosen.sample(heads, size))
        ]


def mailbox_of(record: bytes) -> bytes:
    """Read whom a record is for."""
    return record[5:21]


def _head(mailbox: bytes, epoch: int) -> bytes:
    """Give a header up to its envelope id, which is random like all that follows."""
    whole = Header(
        EnvelopeClass.FLASH, 2, epoch, MailboxId(mailbox), EnvelopeId(bytes(_ID_BYTES))
    ).pack()
    return whole[:-_ID_BYTES]
