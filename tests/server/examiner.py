"""A forensic examiner: what the files of a relay tell of who sent, and of what left together.

They know the product, and read the files as bytes: pages, places within pages, the log's commits.
They do not know the truth; the tests do, and count how often a guess was right. Two envelopes that
lie side by side are guessed to have left together, or to be one sender's: what a file that keeps
any order betrays first.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import sqlcipher3.dbapi2

from quietway_server.store.database import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
    from pathlib import Path

TABLE_LEAF: Final = 0x0D
INDEX_LEAF: Final = 0x0A
COLUMNS: Final = "id, mailbox, seq, envelope_id, expires_minute"
WAL_HEAD: Final = 32
FRAME_HEAD: Final = 24
_SIGMAS: Final = 5.0


@dataclass(frozen=True)
class Envelope:
    """An envelope's row, without its sealed bytes."""

    table: str
    number: int
    mailbox: bytes
    seq: int
    envelope_id: bytes
    minute: int


@dataclass(frozen=True)
class Score:
    """How well a guess did.

    Attributes:
        guesses: How many were made.
        right: How many of them were right.
        chance: The share that is right where pairs of the same group are drawn at random.
    """

    guesses: int
    right: int
    chance: float

    @property
    def precision(self) -> float:
        return self.right / max(self.guesses, 1)

    @property
    def is_chance(self) -> bool:
        """Whether it is within five standard deviations of what drawing at random gives."""
        expected = self.guesses * self.chance
        spread = math.sqrt(max(expected * (1 - self.chance), 1.0))
        return self.right <= expected + _SIGMAS * spread


def read_envelopes(database: Path) -> list[Envelope]:
    """Read the rows of both tables, in the order of their numbers."""
    found: list[Envelope] = []
    for table in ("flash_envelopes", "case_envelopes"):
        rows = _ask(database, f"SELECT {COLUMNS} FROM {table} ORDER BY id")  # noqa: S608 - our names
        found += [Envelope(table, *row) for row in rows]
    return found


def read_columns(database: Path) -> set[str]:
    """Name every column of every table in the file, but for Alembic's one row."""
    tables = [
        name for (name,) in _ask(database, "SELECT name FROM sqlite_master WHERE type='table'")
    ]
    return {
        f"{table}.{row[1]}"
        for table in tables
        if table != "alembic_version" and not table.startswith("sqlite_")
        for row in _ask(database, f"PRAGMA table_info({table})")
    }


def read_other_objects(database: Path) -> set[str]:
    """Name what else stands in the schema: views and triggers."""
    return {
        name
        for (name,) in _ask(
            database, "SELECT name FROM sqlite_master WHERE type IN ('view', 'trigger')"
        )
    }


def read_lanes(database: Path) -> dict[bytes, list[int]]:
    """Give the counters of each agency's lanes."""
    counters: dict[bytes, list[int]] = defaultdict(list)
    for agency, used in _ask(database, "SELECT agency, used FROM lanes"):
        counters[agency].append(used)
    return counters


def group_by_minute(envelopes: Iterable[Envelope]) -> list[list[bytes]]:
    """Group envelope ids by table and minute, in the order that they are given in."""
    grouped: dict[Hashable, list[bytes]] = defaultdict(list)
    for held in envelopes:
        grouped[held.table, held.minute].append(held.envelope_id)
    return list(grouped.values())


def order_by_place(database: Path, envelopes: Sequence[Envelope], kind: int) -> list[list[bytes]]:
    """Order envelopes by where their ids lie in the file, in pages of a kind.

    Leaves of tables hold the envelopes; leaves of indexes hold what is remembered of them, many to
    a page, so there only neighbours within a page count.
    """
    known = {held.envelope_id: (held.table, held.minute) for held in envelopes}
    raw = database.read_bytes()
    runs: dict[Hashable, list[bytes]] = defaultdict(list)
    for place, name in _find_ids(raw, envelopes):
        start = place - place % PAGE_BYTES
        if raw[start] == kind:
            runs[known[name], start if kind == INDEX_LEAF else 0].append(name)
    return list(runs.values())


def list_commits(log: Path, envelopes: Sequence[Envelope]) -> list[set[bytes]]:
    """List, for each commit in a write-ahead log, the ids of envelopes that came with it."""
    raw = log.read_bytes()
    by_frame: dict[int, set[bytes]] = defaultdict(set)
    for place, name in _find_ids(raw, envelopes):
        by_frame[(place - WAL_HEAD) // (FRAME_HEAD + PAGE_BYTES)].add(name)
    commits: list[set[bytes]] = []
    seen: set[bytes] = set()
    pending: set[bytes] = set()
    for number in range((len(raw) - WAL_HEAD) // (FRAME_HEAD + PAGE_BYTES)):
        start = WAL_HEAD + number * (FRAME_HEAD + PAGE_BYTES)
        if raw[start + FRAME_HEAD] == TABLE_LEAF:
            pending |= by_frame[number]
        if int.from_bytes(raw[start + 4 : start + 8], "big"):
            commits.append(pending - seen)
            seen |= pending
            pending = set()
    return [held for held in commits if held]


def judge_neighbours(groups: Iterable[Sequence[bytes]], truth: Mapping[bytes, Hashable]) -> Score:
    """Guess that neighbours belong together, and count how often they do."""
    return _judge(groups, truth, lambda group: list(pairwise(group)))


def judge_ranks(
    envelopes: Sequence[Envelope],
    truth: Mapping[bytes, Hashable],
    agency_of: Mapping[bytes, Hashable],
) -> Score:
    """Guess that what stands at one rank in two mailboxes of an agency left together."""
    by_mailbox: dict[tuple[Hashable, bytes], list[Envelope]] = defaultdict(list)
    for held in envelopes:
        by_mailbox[agency_of[held.mailbox], held.mailbox].append(held)
    ranks: dict[tuple[Hashable, int], list[bytes]] = defaultdict(list)
    for (agency, _), held in by_mailbox.items():
        for rank, envelope in enumerate(sorted(held, key=lambda one: one.seq)):
            ranks[agency, rank].append(envelope.envelope_id)
    everything = [[held.envelope_id for held in envelopes]]
    chance = _find_chance(everything, truth)
    pairs = [pair for names in ranks.values() for pair in pairwise(names)]
    right = sum(truth[one] == truth[other] for one, other in pairs)
    return Score(len(pairs), right, chance)


def _find_ids(raw: bytes, envelopes: Sequence[Envelope]) -> list[tuple[int, bytes]]:
    """Find where ids stand: in a row the id comes after the mailbox, at most its number between."""
    known = {held.envelope_id for held in envelopes}
    found: list[tuple[int, bytes]] = []
    for mailbox in {held.mailbox for held in envelopes}:
        at = raw.find(mailbox)
        while at >= 0:
            starts = range(at + len(mailbox), at + len(mailbox) + 5)
            found += [
                (place, raw[place : place + 16])
                for place in starts
                if raw[place : place + 16] in known
            ]
            at = raw.find(mailbox, at + 1)
    return sorted(found)


def _judge(
    groups: Iterable[Sequence[bytes]],
    truth: Mapping[bytes, Hashable],
    guess: Callable[[Sequence[bytes]], list[tuple[bytes, bytes]]],
) -> Score:
    guesses, right, expected = 0, 0, 0.0
    for group in groups:
        pairs = guess(group)
        guesses += len(pairs)
        right += sum(truth[one] == truth[other] for one, other in pairs)
        expected += len(pairs) * _find_chance([group], truth)
    return Score(guesses, right, expected / max(guesses, 1))


def _find_chance(groups: Iterable[Sequence[bytes]], truth: Mapping[bytes, Hashable]) -> float:
    """Give the share of all pairs within a group that belong together."""
    together = every = 0
    for group in groups:
        together += sum(
            math.comb(count, 2) for count in Counter(truth[one] for one in group).values()
        )
        every += math.comb(len(group), 2)
    return together / max(every, 1)


def _ask(database: Path, question: str) -> list[tuple]:  # type: ignore[type-arg]  # as the driver gives them
    connection = sqlcipher3.dbapi2.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return list(connection.execute(question).fetchall())
    finally:
        connection.close()
