"""What a room of the process gives back, and how it refuses.

Spec: docs/spec/cleaning.md, "What comes back".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Progress = Callable[[int, int], None]
"""Is told how many parts are done, out of how many."""


class Refused(Exception):
    """A file is not cleaned.

    Attributes:
        reason: One of `frames.REASONS`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Result:
    """A new file.

    Attributes:
        kind: Of the new file, as `kinds.KINDS` calls it.
        content: Its bytes.
        removed: Codes of what it does not say any more.
        texts: What it, or what was removed from it, says in words.
    """

    kind: str
    content: bytes = field(repr=False)
    removed: frozenset[str] = frozenset()
    texts: tuple[str, ...] = field(default=(), repr=False)
