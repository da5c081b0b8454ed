"""What the directory holds and the store does not have yet, row by row.

A day in a large directory changes thousands of rows, a minute none or one. So each change is noted
where it is made, and what is written in a commit is what was noted since the one before.

Spec: docs/spec/directory.md, "Reading".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.ports import Delete, Put

if TYPE_CHECKING:
    from collections.abc import Iterable


class Unwritten:
    """Writes that wait for a commit; of each row the last one."""

    def __init__(self) -> None:
        self._writes: dict[tuple[str, bytes], Put | Delete] = {}

    def put(self, kind: str, key: bytes, value: bytes) -> None:
        """Note that a row is written."""
        self._writes[kind, key] = Put(kind, key, value)

    def delete(self, kind: str, key: bytes) -> None:
        """Note that a row is deleted, where it is there."""
        self._writes[kind, key] = Delete(kind, key)

    def find(self, kind: str, key: bytes) -> bytes | None:
        """Return the value of a row that waits, or None."""
        write = self._writes.get((kind, key))
        return write.value if isinstance(write, Put) else None

    def take(self) -> tuple[Put | Delete, ...]:
        """Take all of it out, deletions first, for one commit."""
        taken = sorted(self._writes.values(), key=lambda write: isinstance(write, Put))
        self._writes = {}
        return tuple(taken)

    def give_back(self, writes: Iterable[Put | Delete]) -> None:
        """Let what was not committed wait again, unless it was written anew meanwhile."""
        for write in writes:
            self._writes.setdefault((write.kind, write.key), write)
