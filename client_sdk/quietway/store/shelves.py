"""The index of shelves: which record key each has. What the keyring calls it tells nothing.

A place is a case or a conversation, and the end of the week in which its content's retention ends.
Its key's name is random. The index lies in the encrypted store, one row for each place.

Spec: docs/spec/keys.md, "Record keys".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.ports import Delete, Put
from quietway.retention import bucket_end

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from quietway.ports import Row, Shelf
    from quietway_schemas.ids import AgencyId, CaseRef, ConversationId, ReferralRef
    from quietway_schemas.instants import Instant

RECORD_KEY: Final = "record_key"
OF_CASE: Final = b"\x01"
OF_CONVERSATION: Final = b"\x02"
OF_REFERRAL: Final = b"\x03"
_OWNER_BYTES: Final = 17


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One shelf.

    Attributes:
        owner: Whose it is: 0x01 and a case reference, or 0x02 and a conversation id.
        ends: When everything on it is over.
    """

    owner: bytes
    ends: Instant

    def to_key(self) -> bytes:
        """Write it as the key of its row: owner || u64 end."""
        return self.owner + self.ends.to_bytes(8, "big")

    @classmethod
    def from_key(cls, key: bytes) -> Place:
        """Read it back."""
        return cls(key[:_OWNER_BYTES], int.from_bytes(key[_OWNER_BYTES:], "big"))


def own(case: CaseRef) -> bytes:
    """Name the owner of what is kept for a case."""
    return OF_CASE + case.value


def own_conversation(conversation: ConversationId) -> bytes:
    """Name the owner of what is said in a conversation and names no case."""
    return OF_CONVERSATION + conversation.value


def own_referral(referral: ReferralRef) -> bytes:
    """Name what is said of a referral; it owns no shelf, and is what its messages are found by."""
    return OF_REFERRAL + referral.value


class Shelves:
    """The names of the record keys, by place.

    Attributes:
        names: As they stand, the unwritten ones among them.
    """

    def __init__(
        self, rows: Iterable[Row], name_case: Callable[[CaseRef, AgencyId], CaseRef]
    ) -> None:
        self.names = {Place.from_key(row.key): row.value for row in rows}
        self._written = set(self.names.values())
        self._name_case = name_case

    def place(self, shelf: Shelf) -> Place:
        """Find the place of a shelf, by one's own reference for its case."""
        owner = self._find_case(shelf) or own_conversation(shelf.conversation)
        return Place(owner, bucket_end(shelf.until))

    def tags(self, shelf: Shelf) -> tuple[bytes, ...]:
        """Name all that a row on this shelf is found by: conversation, own case, referral, more."""
        case = self._find_case(shelf)
        referral = shelf.referral_ref
        return (
            own_conversation(shelf.conversation),
            *(() if case is None else (case,)),
            *(() if referral is None else (own_referral(referral),)),
            *shelf.tags,
        )

    def _find_case(self, shelf: Shelf) -> bytes | None:
        if shelf.case_ref is None:
            return None
        return own(self._name_case(shelf.case_ref, shelf.agency))

    def name(self, names: Mapping[Place, bytes]) -> None:
        """Take in the names of keys that are durable."""
        self.names.update(names)

    def unwritten(self, places: Iterable[Place]) -> list[Put]:
        """Give the index rows that these places still lack."""
        return [
            Put(RECORD_KEY, place.to_key(), self.names[place])
            for place in sorted(set(places))
            if self.names[place] not in self._written
        ]

    def note_written(self, rows: Iterable[Put]) -> None:
        """Note that these index rows are on the disk."""
        self._written.update(row.value for row in rows)

    def without(self, alive: Collection[bytes]) -> list[Delete]:
        """Give the deletions of index rows whose key is not alive."""
        return [
            Delete(RECORD_KEY, place.to_key())
            for place, name in self.names.items()
            if name not in alive
        ]

    def forget(self, rows: Iterable[Delete]) -> None:
        """Let go of index rows that were deleted."""
        for row in rows:
            self._written.discard(self.names.pop(Place.from_key(row.key)))
