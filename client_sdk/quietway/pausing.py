"""How long to wait before the relay is tried again.

Up to a second at first, doubling up to a minute, each with full jitter: a relay that comes back is
not met by everyone at once. The few who are called in a crisis, and who calls, wait for four
seconds at most: an alert may be there for them, and they are no crowd. A relay that said when to
come back is asked then, within a second: it told each another time, and a wait that grows with each
refusal would leave it idle. It may ask for a minute at most, since alarms wait. Pure: the
randomness comes in.

Spec: docs/explanation/reliability.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import RelayRefused

if TYPE_CHECKING:
    from quietway.errors import RelayError
    from quietway.ports import Entropy

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
LONGEST_CALLED_SECONDS: Final = 4.0
"""For a device that alerts are sealed for, or that has one to send."""


def pause_after(
    failures: int, entropy: Entropy, *, told: float = 0.0, most: float = LONGEST_PAUSE_SECONDS
) -> float:
    """Draw how many seconds to wait after that many failures in a row.

    Args:
        failures: How many.
        entropy: For the jitter.
        told: In how many seconds the relay said to come back.
        most: What doubling ends at.
    """
    doubled = 0 if told else min(failures, 16)
    longest = min(FIRST_PAUSE_SECONDS * 2.0**doubled, most)
    jitter = longest * int.from_bytes(entropy.draw(4), "big") / 2.0**32
    return min(told, LONGEST_PAUSE_SECONDS) + jitter


def told_by(problem: RelayError) -> float:
    """Read from what failed in how many seconds the relay said to come back; 0 where it did not."""
    return float(problem.retry_after or 0) if isinstance(problem, RelayRefused) else 0.0
