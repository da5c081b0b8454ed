"""How often one agency's alerts page a person; what is over that goes into a digest. Pure.

Five hundred false alarms make a person deaf, and one of them may be true. So nothing is ever
dropped: an alert that does not page is kept, listed and claimed like any other, and a digest pages
for all of them together, once in a while. Each sending agency has a budget of its own, and an
exercise another one, so nobody's alarms take the place of somebody else's.

Rules: what a clock that was put back says lies ahead is not counted: in doubt a person is paged.

Spec: docs/spec/alerts.md, "Budgets".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from quietway_schemas.instants import MINUTE

if TYPE_CHECKING:
    from quietway_schemas.instants import Instant

MOST_PAGES: Final = 6
"""How many alerts of one agency page each by itself within the window."""
WINDOW_MS: Final = 30 * MINUTE
DIGEST_EVERY_MS: Final = 15 * MINUTE
NEVER: Final = 0

Paging: TypeAlias = Literal["page", "digest", "wait"]
"""This alert pages; the digest pages, with all that waited; it waits for the next digest."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one agency's alerts have used here.

    Attributes:
        pages: When alerts paged by themselves, oldest first, in milliseconds since
            1970-01-01T00:00:00Z.
        digest_at: When a digest paged last; 0 for never.
        waiting: How many alerts came since that no page told of.
    """

    pages: tuple[Instant, ...] = ()
    digest_at: Instant = NEVER
    waiting: int = 0

    def spend(self, now: Instant) -> tuple[Budget, Paging]:
        """Take in one more alert, and say whether somebody is paged for it."""
        lately = tuple(at for at in self.pages if _is_within(at, now, WINDOW_MS))
        if len(lately) < MOST_PAGES:
            return replace(self, pages=(*lately, now)), "page"
        held = replace(self, pages=lately, waiting=self.waiting + 1)
        return held.page_digest(now) if held.is_digest_due(now) else (held, "wait")

    def is_digest_due(self, now: Instant) -> bool:
        """Say whether a digest pages now."""
        return self.waiting > 0 and not _is_within(self.digest_at, now, DIGEST_EVERY_MS)

    def page_digest(self, now: Instant) -> tuple[Budget, Paging]:
        """Note that a digest pages now, with all that waited."""
        return replace(self, digest_at=now, waiting=0), "digest"


def _is_within(at: Instant, now: Instant, length_ms: int) -> bool:
    return 0 <= now - at < length_ms
