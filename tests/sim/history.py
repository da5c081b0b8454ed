"""What happened in a seed, line by line, and its hash: the same seed gives the same hash."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

LAST_LINES = 5_000


@dataclass
class History:
    """Lines, of which the last are kept and all are hashed.

    Attributes:
        loop: Whose time stands before each line.
        broken: What a promise was broken by, in a sentence each.
        lines: How many there were.
        counts: How often there was what the seed is about.
    """

    loop: asyncio.AbstractEventLoop
    broken: list[str] = field(default_factory=list)
    lines: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def note(self, line: str) -> None:
        """Write a line."""
        whole = f"{self.loop.time():10.3f} {line}"
        self.lines += 1
        self.last.append(whole)
        self._hash.update(whole.encode() + b"\n")

    def break_promise(self, sentence: str) -> None:
        """Write down that a promise was broken."""
        self.note(f"BROKEN {sentence}")
        self.broken.append(sentence)

    @property
    def digest(self) -> str:
        """The hash of all lines."""
        return self._hash.hexdigest()[:16]
