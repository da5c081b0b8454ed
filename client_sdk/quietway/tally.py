"""Counts what one synchronisation does, and shows how far it is.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from quietway.errors import RelayRefused
from quietway.events import DeadLettered, Received, SentStored
from quietway.reports import SyncProgress, SyncReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from quietway.errors import QuietwayError
    from quietway.events import Event


class Tally:
    """The count of one synchronisation.

    Attributes:
        problems: What went wrong so far.
    """

    def __init__(self, progress: Callable[[SyncProgress], None] | None) -> None:
        self.problems: list[QuietwayError] = []
        self._progress = progress
        self._stage = SyncProgress("clock", 0, 0)
        self._received = 0
        self._sent = 0
        self._refused = 0

    def count(self, event: Event) -> None:
        """Listen to what happens meanwhile."""
        self._received += isinstance(event, Received)
        self._sent += isinstance(event, SentStored)
        self._refused += isinstance(event, DeadLettered)

    def reach(self, stage: str, *, total: int = 0) -> None:
        """Begin a stage."""
        self._stage = SyncProgress(stage, 0, total)
        self._show()

    def advance(self, done: int) -> None:
        """Count what the stage has done."""
        held = self._stage
        so_far = held.done + done
        self._stage = SyncProgress(held.stage, so_far, max(so_far, held.total))
        self._show()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Note what the relay refuses of this stage: the other stages need not wait for it."""
        try:
            yield
        except RelayRefused as problem:
            self.problems.append(problem)

    def report(self, *, waiting: int) -> SyncReport:
        """Sum up."""
        return SyncReport(self._received, self._sent, waiting, self._refused, tuple(self.problems))

    def _show(self) -> None:
        if self._progress is not None:
            self._progress(self._stage)
