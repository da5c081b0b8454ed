"""Room that is bounded, and of which a part is for alarms alone.

Theory of operation: work waits in places that are counted: requests, sockets, jobs, bytes. Each
such room has a part for everybody and a reserve. The reserve is for urgent work, and urgent is who
showed a capability that opens a lane of kind crisis: that was looked up, never claimed. Of a
reserve one lane has at most an eighth and all lanes of one agency a quarter, so that who has such a
lane, or publishes some, can't take the reserve from others. What is over a share is work like any
other.

Rules: pure; counts, and decides nothing else.

Spec: docs/spec/relay-protocol.md, "Under load"; docs/decisions/crisis-has-room-of-its-own.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

OF_A_LANE: Final = 8
OF_AN_AGENCY: Final = 4


@dataclass(frozen=True, slots=True)
class Urgent:
    """What a capability of kind crisis opens.

    Attributes:
        lane: The hash of the capability.
        agency: Whose lane it is.
    """

    lane: bytes
    agency: bytes


class Capacity:
    """How much of a room is taken.

    Args:
        for_all: How much there is for everybody.
        reserved: How much there is beside it for urgent work.
    """

    def __init__(self, for_all: int, *, reserved: int = 0) -> None:
        self._for_all = for_all
        self._reserved = reserved
        self._taken = 0
        self._taken_urgently = 0
        self._by_lane: Counter[bytes] = Counter()
        self._by_agency: Counter[bytes] = Counter()

    @property
    def taken(self) -> int:
        """How much is taken, by all and urgently."""
        return self._taken + self._taken_urgently

    def take(self, amount: int = 1) -> bool:
        """Take some of what is for everybody; tell whether it was there."""
        if self._taken + amount > self._for_all:
            return False
        self._taken += amount
        return True

    def take_reserved(self, urgent: Urgent, amount: int = 1) -> bool:
        """Take some of the reserve; tell whether it was there and within its shares."""
        if not self._is_within(urgent, amount):
            return False
        self._taken_urgently += amount
        self._by_lane[urgent.lane] += amount
        self._by_agency[urgent.agency] += amount
        return True

    def give_back(self, urgent: Urgent | None, amount: int = 1) -> None:
        """Give back what was taken: of the reserve for `urgent`, or of what is for everybody."""
        if urgent is None:
            self._taken -= amount
            return
        self._taken_urgently -= amount
        for taken, key in ((self._by_lane, urgent.lane), (self._by_agency, urgent.agency)):
            taken[key] -= amount
            if not taken[key]:
                del taken[key]

    def _is_within(self, urgent: Urgent, amount: int) -> bool:
        return (
            self._taken_urgently + amount <= self._reserved
            and self._by_lane[urgent.lane] + amount <= self._reserved // OF_A_LANE
            and self._by_agency[urgent.agency] + amount <= self._reserved // OF_AN_AGENCY
        )
