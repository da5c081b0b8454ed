"""Append to a transparency log with many leaves, and prove something in it.

An append is what accepting a manifest adds to its commit, and here the commit too: reading the
right edge, signing the head, writing, syncing. A proof is what a page adds for a reader: one
manifest's inclusion, and how the head follows one that was seen when the log was half as long.

Spec: docs/explanation/performance.md, "How it is measured".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.long_log import fill, make_leaf

from quietway_crypto.signing import SigningKey
from quietway_server.services.log import (
    append_leaf,
    find_head,
    prove_consistency,
    prove_manifests,
)
from quietway_server.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from bench.place import Place

TIMES: Final = 200
KEY: Final = SigningKey(b"the log of the bench, of no value"[:32])


@dataclass(frozen=True, slots=True)
class LogTimes:
    """What was seen, in milliseconds: medians."""

    append: float
    prove: float

    def __str__(self) -> str:
        return f"append {self.append:.2f} ms, prove {self.prove:.2f} ms"


@dataclass(frozen=True, slots=True)
class Proving:
    """A log is filled once a round, then appended to and proved from.

    Attributes:
        leaves: How many it has.
        times: How often each is done.
    """

    leaves: int = 100_000
    times: int = TIMES

    def __str__(self) -> str:
        return f"a log of {self.leaves} leaves"

    def run(self, place: Place) -> LogTimes:
        """Do both."""
        store = SqliteStore(place.new_folder("log") / "relay.db")
        try:
            fill(store, KEY, self.leaves)
            appended = [self._append(store, at) for at in range(self.times)]
            proved = [self._prove(store, at) for at in range(self.times)]
        finally:
            store.close()
        return LogTimes(median(appended) * 1000, median(proved) * 1000)

    def _append(self, store: SqliteStore, at: int) -> float:
        leaf = make_leaf(self.leaves + at)
        began = time.perf_counter()
        with store.writing() as transaction:
            append_leaf(transaction, KEY, leaf)
        return time.perf_counter() - began

    def _prove(self, store: SqliteStore, at: int) -> float:
        agency = make_leaf(at).agency_id.value
        began = time.perf_counter()
        with store.reading() as transaction:
            head = find_head(transaction)
            prove_manifests(transaction, head, [agency])
            prove_consistency(transaction, head.size // 2 + at, head.size)
        return time.perf_counter() - began
