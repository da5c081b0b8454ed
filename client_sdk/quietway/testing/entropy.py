"""Randomness that comes out the same each time, so that a test that failed fails again.

Never give it to a client that holds anything real: whoever knows the seed knows every key. The
bytes are SHA-256 in counter mode over the seed, so two draws never repeat and the stream is the
same on every machine and Python version.

Spec: docs/spec/envelope.md, "Conventions".
"""

from __future__ import annotations

import hashlib
import threading
from typing import Final

_BLOCK_BYTES: Final = 32


class SeededEntropy:
    """An `Entropy` that a seed decides.

    Args:
        seed: Any whole number; another seed gives another stream.
    """

    __slots__ = ("_drawn", "_lock", "_seed")

    def __init__(self, seed: int) -> None:
        self._seed = hashlib.sha256(
            b"quietway-testing-entropy:" + str(seed).encode("ascii")
        ).digest()
        self._drawn = 0
        self._lock = threading.Lock()

    def draw(self, size: int) -> bytes:
        """Return the next `size` bytes of the stream."""
        blocks = -(-size // _BLOCK_BYTES)
        with self._lock:
            first, self._drawn = self._drawn, self._drawn + blocks
        stream = b"".join(self._block(first + step) for step in range(blocks))
        return stream[:size]

    def _block(self, number: int) -> bytes:
        return hashlib.sha256(self._seed + number.to_bytes(8, "big")).digest()
