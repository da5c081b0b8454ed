"""Which cases are held back: a partner stopped sharing, so nothing it said of them is shown.

Beside them stand the cases of which this agency itself tells a partner nothing any more: of these
everything is shown, and the board says with whom it is stopped.

In memory, so that it counts from the moment before it is on the disk and can be asked of each
message that is shown. There are as many as there are stops, which are few.

Rules: what says how consent stands is never held back; nor what this agency said itself.

Spec: docs/spec/consent.md, "Pausing and revoking".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.policy.categories import WORD_KINDS
from quietway.ports import Delete, Put
from quietway_schemas.content.base import CaseContent
from quietway_schemas.content.status import StatusIndicator
from quietway_schemas.ids import AgencyId, CaseRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.ports import Row
    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import ConversationId

HELD_BACK: Final = "held_back"
TOLD_NO_MORE: Final = "told_no_more"
_ID_BYTES: Final = 16

Pair = tuple[CaseRef, AgencyId]


class HeldBackBook:
    """The cases that are held back, by the partner that stopped.

    Attributes:
        arrived: Of which something came since it was looked after last.
        told_no_more: The cases of which sharing with a partner is stopped, whoever stopped it.
        changes: Grows with everything that is held back or let go.
    """

    def __init__(self) -> None:
        self._pairs: set[Pair] = set()
        self._conversations: dict[ConversationId, set[Pair]] = {}
        self.arrived: set[Pair] = set()
        self.told_no_more: set[Pair] = set()
        self.changes = 0

    @classmethod
    def restore(cls, rows: Iterable[Row], told_no_more: Iterable[Row] = ()) -> HeldBackBook:
        """Bring back what the store holds; the conversations are to be told."""
        book = cls()
        for row in rows:
            pair = _read_pair(row)
            book.hold(*pair, conversations=())
            book.arrived.add(pair)
        book.told_no_more.update(map(_read_pair, told_no_more))
        return book

    @property
    def stopped(self) -> frozenset[Pair]:
        """Each case with each partner with which sharing is stopped, in either direction."""
        return frozenset(self._pairs | self.told_no_more)

    @property
    def pairs(self) -> frozenset[Pair]:
        """Each case with the partner that stopped."""
        return frozenset(self._pairs)

    def hold(
        self, case: CaseRef, agency: AgencyId, *, conversations: Iterable[ConversationId]
    ) -> None:
        """Hold back what a partner said of a case, also in the conversations that speak of it."""
        self.changes += 1
        self._pairs.add((case, agency))
        for conversation in conversations:
            self._conversations.setdefault(conversation, set()).add((case, agency))

    def let_go(self, case: CaseRef, agency: AgencyId) -> None:
        """Show it again."""
        self.changes += 1
        self._pairs.discard((case, agency))
        for pairs in self._conversations.values():
            pairs.discard((case, agency))

    def look_again(self) -> None:
        """Look after all of it as if something had come: a snapshot may have brought it."""
        self.arrived |= self._pairs

    def stops(self, case: CaseRef) -> bool:
        """Say whether a partner stopped what it said of this case, whoever opened it."""
        return any(held == case for held, _ in self._pairs)

    def find(
        self, content: ContentModel, agency: AgencyId, conversation: ConversationId
    ) -> Pair | None:
        """Find the stop by which a message is held back; None where it may be shown.

        Args:
            content: With one's own case reference.
            agency: Who said it.
            conversation: Where.
        """
        if not self._pairs or content.type in WORD_KINDS or not isinstance(content, CaseContent):
            return None
        if content.case_ref is not None:
            pair = content.case_ref, agency
            return pair if pair in self._pairs else None
        if isinstance(content, StatusIndicator):
            # Of no case: all that two agencies say to their boards lies in one conversation.
            return None
        pairs = self._conversations.get(conversation, ())
        return next((pair for pair in pairs if pair[1] == agency), None)


def write_held_back(
    case: CaseRef, agency: AgencyId, *, held: bool, told_no_more: bool
) -> list[Put | Delete]:
    """Write for the store whether a case is held back, and whether the partner is told no more."""
    key = case.value + agency.value
    wanted = {HELD_BACK: held, TOLD_NO_MORE: told_no_more}
    return [Put(kind, key, b"-") if holds else Delete(kind, key) for kind, holds in wanted.items()]


def _read_pair(row: Row) -> Pair:
    return CaseRef(row.key[:_ID_BYTES]), AgencyId(row.key[_ID_BYTES:])
