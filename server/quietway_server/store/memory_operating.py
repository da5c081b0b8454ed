"""What an operator is told of a store in memory.

Spec: docs/reference/operating.md, "The operator's listener".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway_server.rows import Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway_server.rows import MailboxRow


class MemoryOperating:
    """The part of a transaction that an operator looks through."""

    def all_mailboxes(self) -> Iterable[MailboxRow]:
        """Give all mailboxes; whoever has the state says which."""
        raise NotImplementedError

    def probe(self) -> None:
        """Do nothing: memory takes everything."""

    def is_current(self) -> bool:
        """Say that what this program made is of its version."""
        return True

    def count_waiting(self) -> Waiting:
        """Count what waits."""
        waiting = [row.waiting for row in self.all_mailboxes()]
        return Waiting(sum(waiting), max(waiting, default=0))

    def count_rows(self) -> dict[str, int]:
        """Say that there are no tables."""
        return {}
