"""A store that lives as long as the process: for tests, sandboxes, and programs that keep nothing.

It keeps the same promises as the encrypted one, apart from outliving the process, and is held to
them by the same contract suite. A commit is whole or nothing; positions grow by first writing and
are never given twice.

Spec: docs/decisions/one-row-store.md.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from quietway.ports import Delete, Put, Row, Tag, Untag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quietway.ports import Write


class MemoryStore:
    """A `Store` in memory."""

    __slots__ = ("_last_position", "_lock", "_rows", "_tagged")

    def __init__(self) -> None:
        self._rows: dict[str, dict[bytes, Row]] = {}
        self._tagged: dict[str, dict[bytes, set[bytes]]] = {}
        self._last_position = 0
        self._lock = threading.Lock()

    async def read(self, kind: str, key: bytes) -> bytes | None:
        """Return the value, or None where there is no such row."""
        with self._lock:
            row = self._rows.get(kind, {}).get(key)
        return None if row is None else row.value

    async def scan(self, kind: str, *, after: int = 0, limit: int | None = None) -> Sequence[Row]:
        """Return the rows of a kind with a position greater than `after`, in order of position."""
        return tuple(row for row in self._list(kind) if row.position > after)[:limit]

    async def scan_back(self, kind: str, *, before: int | None = None, limit: int) -> Sequence[Row]:
        """Return the newest rows of a kind, those with a position below `before`, newest first."""
        rows = [row for row in self._list(kind) if before is None or row.position < before]
        return tuple(reversed(rows))[:limit]

    async def scan_tagged(
        self, kind: str, tag: bytes, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Row]:
        """Return the rows of a kind that bear a tag, in order of position."""
        with self._lock:
            keys = self._tagged.get(kind, {}).get(tag, ())
            rows = [self._rows[kind][key] for key in keys]
        ordered = sorted(rows, key=lambda row: row.position)
        return tuple(row for row in ordered if row.position > after)[:limit]

    async def kinds(self) -> Sequence[str]:
        """Return the kinds of which there is a row, sorted."""
        with self._lock:
            return tuple(sorted(kind for kind, held in self._rows.items() if held))

    async def commit(self, writes: Sequence[Write]) -> None:
        """Write all of it, or none."""
        with self._lock:
            for write in writes:
                self._write(write)

    async def drop_copies(self) -> None:
        """Do nothing: there is neither a journal nor a copy."""

    async def aclose(self) -> None:
        """Do nothing: the rows stay, so that a test may open a client on them again."""

    def _list(self, kind: str) -> list[Row]:
        with self._lock:
            return sorted(self._rows.get(kind, {}).values(), key=lambda row: row.position)

    def _write(self, write: Write) -> None:
        rows = self._rows.setdefault(write.kind, {})
        tagged = self._tagged.setdefault(write.kind, {})
        match write:
            case Put(key=key, value=value):
                rows[key] = Row(self._position_of(rows, key), key, value)
            case Delete(key=key):
                rows.pop(key, None)
                for keys in tagged.values():
                    keys.discard(key)
            case Tag(key=key, tag=tag) if key in rows:
                tagged.setdefault(tag, set()).add(key)
            case Tag():
                pass
            case Untag(key=key, tag=tag):
                tagged.get(tag, set()).discard(key)

    def _position_of(self, rows: dict[bytes, Row], key: bytes) -> int:
        if key in rows:
            return rows[key].position
        self._last_position += 1
        return self._last_position
