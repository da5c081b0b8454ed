"""Rows that came in one minute are put into an order drawn at random, once the minute is over.

Theory of operation. What comes is appended, so its rows lie in the order of the commits; where
little is sent, each commit is one batch, and its neighbours in the file left together. So rows come
under high numbers. When the minute in which they came is over, all of a piece are taken out of the
file and put back in another order under low numbers: the pages that were free are filled anew, so
neither numbers nor pages nor places within a page keep the former order. The memory of what came
(`seen`) has no numbers; its rows are taken out and put back likewise.

Rules: a piece is one transaction, so that a crash leaves each row either here or there. Which rows
of `seen` are still to be mixed is known to the process alone: after a crash those of its last two
minutes stay as they lie.

Spec: docs/spec/relay-protocol.md, "Ground rules"; docs/decisions/rows-are-mixed-by-the-minute.md.
"""

from __future__ import annotations

import itertools
from secrets import SystemRandom
from typing import TYPE_CHECKING, Final, Protocol

from sqlalchemy import bindparam, delete, func, select

from quietway_schemas.instants import MINUTE, Instant
from quietway_server.core.retention import expiry_of
from quietway_server.store.statements import SEEN_KEY
from quietway_server.store.tables import ENVELOPE_TABLES, seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Table
    from sqlalchemy.sql import ClauseElement

    from quietway_schemas.envelope import EnvelopeClass
    from quietway_server.rows import Arrival
    from quietway_server.store.statements import Driver

FIRST_FRESH: Final = 1 << 62
"""Rows from this number on came since the last mixing."""
MOST_REMEMBERED: Final = 100_000
_NEVER: Final = (1 << 62) - 1
_RANDOM: Final = SystemRandom()

_FRESH: Final = {
    of: select(table.c.id).where(
        table.c.id >= bindparam("first"), table.c.expires_minute < bindparam("before")
    )
    for of, table in ENVELOPE_TABLES.items()
}
_DROP: Final = {
    of: delete(table).where(table.c.id == bindparam("row")) for of, table in ENVELOPE_TABLES.items()
}
_LAST: Final = {
    of: select(func.max(table.c.id)).where(table.c.id < bindparam("first"))
    for of, table in ENVELOPE_TABLES.items()
}
_NEWEST: Final = {of: select(func.max(table.c.id)) for of, table in ENVELOPE_TABLES.items()}
_FORGET: Final = delete(seen).where(
    seen.c.mailbox == bindparam("of"), seen.c.envelope_id == bindparam("envelope")
)

SeenKey = tuple[bytes, bytes]


def shuffle(rows: list[tuple[object, ...]]) -> None:
    """Put rows into an order drawn at random."""
    _RANDOM.shuffle(rows)


class Numbers(Protocol):
    """Which numbers rows get."""

    def fresh(self, envelope_class: EnvelopeClass) -> int:
        """Give the next row's number; one that is rolled back is not used again."""
        ...

    def mixed(self, driver: Driver, envelope_class: EnvelopeClass) -> Iterator[int]:
        """Give numbers for rows that are put back in another order."""
        ...


class Counted:
    """Numbers that are counted up, for a database that one process writes to.

    Args:
        driver: A transaction, to see which numbers are taken.
    """

    def __init__(self, driver: Driver) -> None:
        self._numbers: Mapping[EnvelopeClass, Iterator[int]] = {
            of: itertools.count(max(FIRST_FRESH, _ask_number(driver, newest) + 1))
            for of, newest in _NEWEST.items()
        }

    def fresh(self, envelope_class: EnvelopeClass) -> int:
        """Give the next row's number; one that is rolled back is not used again."""
        return next(self._numbers[envelope_class])

    def mixed(self, driver: Driver, envelope_class: EnvelopeClass) -> Iterator[int]:
        """Give the numbers after the last that was given to a row put back."""
        return itertools.count(_ask_number(driver, _LAST[envelope_class], (FIRST_FRESH,)) + 1)


class Fresh:
    """What came since the last mixing, and the numbers for what comes next.

    Args:
        numbers: Which numbers rows get.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._seen: dict[SeenKey, tuple[EnvelopeClass, int]] = {}

    def number(self, envelope_class: EnvelopeClass) -> int:
        """Give the next row's number; one that is rolled back is not used again."""
        return self._numbers.fresh(envelope_class)

    def note(self, arrivals: Iterable[Arrival]) -> None:
        """Remember what was committed, so that its memory is mixed too."""
        for arrival in arrivals:
            if len(self._seen) >= MOST_REMEMBERED:
                # A minute with so many is mixed well enough by what is remembered of it.
                return
            header = arrival.record.header
            key = (header.mailbox.value, header.envelope_id.value)
            self._seen[key] = (header.class_, arrival.expires // MINUTE)

    def choose(self, *, now: Instant | None, limit: int) -> list[SeenKey]:
        """Choose keys of `seen` whose minute is over, at most `limit`, at random."""
        over = [key for key, (of, minute) in self._seen.items() if minute < _end(of, now)]
        return _RANDOM.sample(over, min(limit, len(over)))

    def forget(self, keys: Iterable[SeenKey]) -> None:
        """Let go of keys that were mixed."""
        for key in keys:
            self._seen.pop(key, None)

    def mix_envelopes(self, driver: Driver, *, now: Instant | None, limit: int) -> int:
        """Put envelopes whose minute is over into another order, at most `limit` of each class.

        Args:
            driver: The writing transaction.
            now: Milliseconds since 1970, UTC; None for all, also of the minute that goes on.
            limit: The most rows of one table.

        Returns:
            How many of the class of which there were most.
        """
        return max(self._mix_table(driver, of, now=now, limit=limit) for of in ENVELOPE_TABLES)

    def _mix_table(
        self, driver: Driver, of: EnvelopeClass, *, now: Instant | None, limit: int
    ) -> int:
        table = ENVELOPE_TABLES[of]
        fresh = list(driver.ask(_FRESH[of], (FIRST_FRESH, _end(of, now))))
        chosen = _RANDOM.sample(fresh, min(limit, len(fresh)))
        rows = _read_rows(driver, table, chosen)
        # All go before the first comes back: else each would take the page that it left.
        driver.change(_DROP[of], chosen)
        shuffle(rows)
        numbers = self._numbers.mixed(driver, of)
        driver.insert(table, [(next(numbers), *row) for row in rows])
        return len(rows)


def mix_seen(driver: Driver, keys: Sequence[SeenKey]) -> None:
    """Take the memory of what came out of the file, and put it back in another order."""
    columns = tuple(seen.columns)
    rows = list(driver.find(columns, SEEN_KEY, keys))
    driver.change(_FORGET, keys)
    shuffle(rows)
    driver.insert(seen, rows)


def _read_rows(
    driver: Driver, table: Table, chosen: Sequence[tuple[object, ...]]
) -> list[tuple[object, ...]]:
    columns = tuple(column for column in table.columns if column.name != "id")
    return list(driver.find(columns, (table.c.id,), chosen))


def _ask_number(driver: Driver, question: ClauseElement, values: tuple[object, ...] = ()) -> int:
    ((found,),) = driver.ask(question, values)
    return found or 0


def _end(of: EnvelopeClass, now: Instant | None) -> int:
    """Give the first minute of expiry in which something may still come."""
    return _NEVER if now is None else expiry_of(of, now=now) // MINUTE
