"""The account of what a relay was handed, what it answered, and what it gave out.

It is kept outside the relay, by what travelled: each 2xx is a promise, and whatever comes out of a
mailbox must be what went in, at one number, and never again once its acknowledgement was answered.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway_schemas.envelope import Header, SubmissionRecord


class Account:
    """What happened to the envelopes of one campaign.

    Attributes:
        accepted: The ids of those that were answered with 201.
        refused: How many requests got each other status or problem.
        cut_off: How many submissions went out and were never answered.
    """

    def __init__(self) -> None:
        self.accepted: set[bytes] = set()
        self.refused: Counter[object] = Counter()
        self.cut_off = 0
        self._offered: dict[bytes, bytes] = {}
        self._batches: list[tuple[bytes, ...]] = []
        self._places: dict[tuple[bytes, int], bytes] = {}
        self._released: set[tuple[bytes, int]] = set()
        self._ends: dict[bytes, int] = {}
        self._missing: set[tuple[bytes, int]] = set()
        self._altered = 0
        self._twice = 0

    def offer(self, records: Sequence[SubmissionRecord]) -> tuple[bytes, ...]:
        """Note a batch before it goes out; give its ids."""
        ids = tuple(record.header.envelope_id.value for record in records)
        self._batches.append(ids)
        for name, record in zip(ids, records, strict=True):
            self._offered[name] = _digest(record.header, record.sealed)
        return ids

    def accept(self, ids: Iterable[bytes]) -> None:
        """Note that the relay has answered for these."""
        self.accepted.update(ids)

    def arrive(self, seq: int, header: Header, sealed: bytes) -> None:
        """Note what came out of a mailbox."""
        name, place = header.envelope_id.value, (header.mailbox.value, seq)
        self._altered += self._offered.get(name) != _digest(header, sealed)
        # At its number again is a repetition, which is promised; with another one it is not.
        self._twice += self._places.setdefault(place, name) != name
        self._twice += place in self._released
        self._missing.discard(place)

    def release(self, mailbox: bytes, seqs: Iterable[int]) -> None:
        """Note that the relay has answered an acknowledgement of these."""
        self._released.update((mailbox, seq) for seq in seqs)

    def end(self, mailbox: bytes, latest: int) -> None:
        """Note the highest number that a mailbox ever gave: there must be something at each."""
        self._ends[mailbox] = latest
        places = {(mailbox, seq) for seq in range(1, latest + 1)}
        self._missing |= places - self._places.keys()

    @property
    def is_complete(self) -> bool:
        """Whether something came out at every number of the mailboxes that ended."""
        return not self._missing

    def judge(self) -> dict[str, int]:
        """Count what broke a promise, once everything has come out that there is."""
        arrived = set(self._places.values())
        # What is committed after the ends were asked for may still be on its way in one mailbox.
        ended = {
            name
            for (mailbox, seq), name in self._places.items()
            if seq <= self._ends.get(mailbox, seq)
        }
        parts = [ended.intersection(batch) for batch in self._batches]
        return {
            "lost": len(self.accepted - arrived),
            "missing": len(self._missing),
            "altered": self._altered,
            "twice": self._twice + len(self._places) - len(arrived),
            "torn": sum(
                0 < len(part) < len(batch) for part, batch in zip(parts, self._batches, strict=True)
            ),
            "refused": self.refused.total(),
        }


def _digest(header: Header, sealed: bytes) -> bytes:
    return hashlib.sha256(header.pack() + sealed).digest()
