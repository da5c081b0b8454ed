"""Places for requests: how many are worked on, what their bodies hold, and who gives way.

Theory of operation: a request takes a place at the door, and room for its body as that comes in.
Urgent requests take both from their reserve. A place is for work: a request that only waits, for
its peer or for its turn, keeps its place while nobody else needs it. When there is none left, the
one that has waited longest gives way, and is told `overloaded` where it can be told. So slow bodies
and slow readers can't fill the relay.

Rules: everybody may wait for a second. Who holds a place in the reserve is never displaced.

Spec: docs/spec/relay-protocol.md, "Under load"; docs/decisions/crisis-has-room-of-its-own.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from quietway_server.core.capacity import Capacity
from quietway_server.core.quota import BUSY_RETRY_SECONDS, HOLDS_BODY_BYTES
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Scope

    from quietway_server.core.capacity import Urgent
    from quietway_server.settings import Settings

BODIES_BYTES: Final = 64 * 1024 * 1024
CRISIS_BODIES_BYTES: Final = 16 * 1024 * 1024
CLAIM_REQUESTS: Final = 16
GRACE_SECONDS: Final = 1.0
_PLACE: Final = "quietway.place"


class Places:
    """All places of one relay.

    Args:
        settings: How many there are.
    """

    def __init__(self, settings: Settings) -> None:
        self._requests = Capacity(settings.max_requests, reserved=settings.crisis_requests)
        self._claims = Capacity(CLAIM_REQUESTS)
        self._claims_bytes = Capacity(CLAIM_REQUESTS * HOLDS_BODY_BYTES)
        self._bytes = Capacity(BODIES_BYTES, reserved=CRISIS_BODIES_BYTES)
        self._waiting: dict[Place, float] = {}

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._requests.taken + self._claims.taken

    def take(self, urgent: Urgent | None, *, is_claim: bool = False) -> Place:
        """Take a place; whoever takes it lets it go.

        Args:
            urgent: What the request's capability opens, where that is for alarms.
            is_claim: Whether it is for the address of claims, which has a few places of its own.

        Raises:
            RefusedError: `overloaded`: there is none.
        """
        if urgent is not None and self._requests.take_reserved(urgent):
            return Place(self, self._requests, urgent, is_claim=is_claim)
        if self._requests.take():
            return Place(self, self._requests, None, is_claim=is_claim)
        if is_claim and self._claims.take():
            return Place(self, self._claims, None, is_claim=True)
        if self._displace() and self._requests.take():
            return Place(self, self._requests, None, is_claim=is_claim)
        raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS)

    def _displace(self) -> bool:
        """Let who has waited longest give way; tell whether somebody had waited long enough."""
        first = next(iter(self._waiting.items()), None)
        if first is None or asyncio.get_running_loop().time() - first[1] < GRACE_SECONDS:
            return False
        first[0].give_way()
        return True


class Place:
    """The place of one request."""

    def __init__(
        self, places: Places, requests: Capacity, urgent: Urgent | None, *, is_claim: bool = False
    ) -> None:
        self._places = places
        self._requests = requests
        self._urgent = urgent
        self._is_claim = is_claim
        self._is_taken = True
        self._held = 0
        self._held_by_claim = 0
        self._held_urgently = 0
        self.deadline: asyncio.Timeout | None = None

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Let the request be displaced while the context lasts: it only waits."""
        if self._urgent is None and self._is_taken:
            self._places._waiting[self] = asyncio.get_running_loop().time()  # noqa: SLF001, the two are one
        try:
            yield
        finally:
            self._places._waiting.pop(self, None)  # noqa: SLF001, as above

    def hold(self, more: int) -> None:
        """Take room for a piece of the body, in bytes.

        Raises:
            RefusedError: `overloaded`: there is none.
        """
        room = self._places._bytes  # noqa: SLF001, as above
        if self._urgent is not None and room.take_reserved(self._urgent, more):
            self._held_urgently += more
            return
        if self._is_claim and self._places._claims_bytes.take(more):  # noqa: SLF001, as above
            self._held_by_claim += more
            return
        while not room.take(more):
            if not self._places._displace() or not self._is_taken:  # noqa: SLF001, as above
                raise RefusedError("overloaded", retry_after=BUSY_RETRY_SECONDS)
        self._held += more

    def give_way(self) -> None:
        """Leave at once, for somebody who needs the place."""
        self.leave()
        if self.deadline is not None:
            self.deadline.reschedule(0.0)

    def leave(self) -> None:
        """Give back what was taken; once is enough."""
        if not self._is_taken:
            return
        self._is_taken = False
        places = self._places
        places._waiting.pop(self, None)  # noqa: SLF001, as above
        self._requests.give_back(self._urgent)
        if self._held_by_claim:
            places._claims_bytes.give_back(None, self._held_by_claim)  # noqa: SLF001, as above
        if self._held:
            places._bytes.give_back(None, self._held)  # noqa: SLF001, as above
        if self._held_urgently:
            places._bytes.give_back(self._urgent, self._held_urgently)  # noqa: SLF001, as above


def put_place(scope: Scope, place: Place) -> None:
    """Let what is below the door find the place of its request."""
    scope[_PLACE] = place


def find_place(scope: Scope) -> Place | None:
    """Find the place of a request; a websocket has none."""
    place: Place | None = scope.get(_PLACE)
    return place


def waiting_at(scope: Scope) -> contextlib.AbstractContextManager[None]:
    """Give the context in which a request only waits."""
    place = find_place(scope)
    return contextlib.nullcontext() if place is None else place.waiting()
