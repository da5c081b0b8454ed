"""Which cases each conversation speaks of, and with whom: longer than its messages are kept.

A text in a conversation about a case is about that case, though it does not name it. When retention
or an order emptied the conversation, that is still so. So the first message that names a case there
leaves a row, in its own commit: what the case is called, with whom, and who said so first.

Rules: ids only; a row is never taken back.

Spec: docs/spec/policy.md, "What is asked".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.crisis.naming import name_huddle
from quietway.engine.codec import Fields, write_row
from quietway.engine.effects import RecordReceived, RecordSent
from quietway.ports import Put
from quietway_crypto.encoding import decode_kept_base64
from quietway_schemas.canonical import decode_kept
from quietway_schemas.ids import AgencyId, CaseRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.engine.effects import Record
    from quietway.ports import Store
    from quietway_schemas.ids import ConversationId

TALKED: Final = "talked_of"
_LARGEST_CONTENT: Final = 65_536


@dataclass(frozen=True, slots=True)
class Talked:
    """A case that is spoken of in a conversation.

    Attributes:
        called: As it travelled.
        agency: The other agency.
        received: Whether that agency named it first.
    """

    called: CaseRef
    agency: AgencyId
    received: bool

    def to_text(self) -> str:
        """Write it."""
        return f"{self.called} {self.agency} {int(self.received)}"

    @classmethod
    def from_text(cls, text: str) -> Talked:
        """Read it back."""
        called, agency, received = text.split(" ")
        return cls(CaseRef.from_text(called), AgencyId.from_text(agency), received == "1")


class TalkBook:
    """What conversations speak of, as far as this process touched them."""

    def __init__(self) -> None:
        self._known: dict[ConversationId, tuple[Talked, ...]] = {}

    async def find(self, store: Store, conversation: ConversationId) -> tuple[Talked, ...]:
        """Give the cases of a conversation, the one that was named first first."""
        if conversation not in self._known:
            raw = await store.read(TALKED, conversation.value)
            texts = Fields(raw or b"{}").texts("cases")
            self._known[conversation] = tuple(Talked.from_text(text) for text in texts)
        return self._known[conversation]

    async def note(
        self, store: Store, conversation: ConversationId, found: Iterable[Talked]
    ) -> list[Put]:
        """Give the row of a conversation in which these are named, where that is new."""
        known = await self.find(store, conversation)
        places = {(held.called, held.agency) for held in known}
        new = tuple(held for held in found if (held.called, held.agency) not in places)
        if not new:
            return []
        self._known[conversation] = (*known, *new)
        texts = [held.to_text() for held in self._known[conversation]]
        return [Put(TALKED, conversation.value, write_row(cases=texts))]

    async def note_record(
        self, store: Store, record: Record, me: AgencyId, to: Iterable[AgencyId]
    ) -> list[Put]:
        """Give what belongs into the commit of a message; as `note`.

        Args:
            store: Where the rows are.
            record: What is kept.
            me: This device's agency.
            to: For what a colleague said, whom it was said to.
        """
        match record:
            case RecordReceived():
                core = record.opened.core
                content, conversation = core.content, core.conversation
                others = to if core.agency == me else (core.agency,)
                received = core.agency != me
            case RecordSent():
                content, conversation, others = record.content, record.conversation, record.to
                received = False
            case _:
                return []
        called = find_case(content)
        if called is None:
            return []
        found = [Talked(called, agency, received) for agency in others if agency != me]
        rows = await self.note(store, conversation, found)
        event = find_event(content)
        if event is not None:
            # What is said of the event names no case, and is about this one.
            rows += await self.note(store, name_huddle(event), found)
        return rows

    def forget(self) -> None:
        """Read anew: what was noted last is not on the disk."""
        self._known.clear()


def find_event(content: bytes) -> bytes | None:
    """Find the event that a content names; None where it names none."""
    if b'"event_id":' not in content:
        return None
    named = decode_kept(content, max_bytes=_LARGEST_CONTENT).get("event_id")
    return decode_kept_base64(named) if isinstance(named, str) else None


def find_case(content: bytes) -> CaseRef | None:
    """Find the case that a content names, as it travelled; None where it names none."""
    if b'"case_ref":' not in content:
        return None
    named = decode_kept(content, max_bytes=_LARGEST_CONTENT).get("case_ref")
    return CaseRef.from_text(named) if isinstance(named, str) else None
