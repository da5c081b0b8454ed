"""How long to wait before the relay is tried again.

Up to a second at first, doubling up to a minute, each with full jitter: a relay that comes back is
not met by everyone at once. Pure: the randomness comes in.

Spec: docs/explanation/reliability.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from quietway.ports import Entropy

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0


def pause_after(failures: int, entropy: Entropy) -> float:
    """Draw how many seconds to wait after that many failures in a row."""
    longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 16), LONGEST_PAUSE_SECONDS)
    return longest * int.from_bytes(entropy.draw(4), "big") / 2.0**32
