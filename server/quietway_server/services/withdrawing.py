"""Take envelopes back for whoever sent them, as long as they are here.

Theory of operation: finding an envelope by its id means looking through its mailbox, so that is
done where reading is done, and only for ids that came here at all; the writing thread then deletes
by number, and asks once more whether what stands there is what was meant.

Rules: no identity and no lane is asked for: the preimage is the right. Whatever can't be taken back
is answered alike, so the answer tells nothing to who has no preimage. That an envelope came stays
known, so its bytes are not stored a second time.

Spec: docs/spec/relay-protocol.md, "Taking back".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from quietway_crypto.encoding import TAG_WITHDRAW, hash_tagged
from quietway_server.rows import Held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway_schemas.withdrawal import Slip
    from quietway_server.ports import Transaction
    from quietway_server.services.reader import Reader
    from quietway_server.services.writer import Writer

_Wanted: TypeAlias = "tuple[tuple[bytes, bytes, bytes], ...]"
"""(mailbox, envelope id, withdraw hash) of each slip."""


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """Takes envelopes back."""

    writer: Writer
    reader: Reader

    async def withdraw(self, slips: Sequence[Slip]) -> list[bool]:
        """Delete what is still here, durably.

        Returns:
            For each slip, whether its envelope was here and is gone now.

        Raises:
            RefusedError: `overloaded`.
            StoreError: Nothing was deleted.
        """
        wanted = tuple(
            (slip.mailbox.value, slip.envelope_id.value, hash_tagged(TAG_WITHDRAW, slip.preimage))
            for slip in slips
        )
        found = await self.reader.run(find_all, wanted)
        if not any(found):
            return [False] * len(slips)
        gone = await self.writer.run(delete_all, [held for held in found if held], frees=True)
        answers = iter(gone)
        return [held is not None and next(answers) for held in found]


def find_all(transaction: Transaction, asked: Sequence[_Wanted]) -> list[list[Held | None]]:
    """Run in a reading thread: find where each wanted envelope stands, None where it does not."""
    at = transaction.find_numbers({(box, name) for wanted in asked for box, name, _ in wanted})
    return [
        [
            Held(box, at[box, name], name, digest) if (box, name) in at else None
            for box, name, digest in wanted
        ]
        for wanted in asked
    ]


def delete_all(transaction: Transaction, groups: Sequence[Sequence[Held]]) -> list[list[bool]]:
    """Run in the writing thread: delete what stands where it was found, and is what was meant."""
    return [[transaction.withdraw(held) for held in group] for group in groups]
