"""Whether this agency shares with a partner now: what its devices decided, by partner.

One row for each partner that was ever decided about: the names that were named, and the current
versions as they were written. Where there is none, the partner is granted what its invitation
brought. In memory a pause counts from the moment before it is on the disk, so that nothing slips
out in between.

Spec: docs/spec/conversations.md, "Pausing a partner".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from quietway.engine.codec import Fields, write_row
from quietway.engine.withdrawal import PAUSED
from quietway.policy.absolute import Permission, Stance, Versions, decide, learn
from quietway.ports import Put
from quietway_crypto.encoding import (
    TAG_VERSION_HASH,
    decode_base64,
    encode_base64,
    hash_tagged,
)
from quietway_schemas.content.agency import AgencyStanding
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import AgencyId

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from quietway.ports import Row
    from quietway_schemas.instants import Instant

PARTNER_STANDING: Final = "partner_standing"
NAMES: Final[dict[Stance, Literal["granted", "paused", "ended"]]] = {
    Stance.GRANTED: "granted",
    Stance.PAUSED: "paused",
    Stance.ENDED: "ended",
}
_STANCES: Final = {name: stance for stance, name in NAMES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingVersion(Permission):
    """A version as the merge takes it, with what was written.

    Attributes:
        content: What was written.
    """

    content: AgencyStanding

    @classmethod
    def of(cls, content: AgencyStanding) -> StandingVersion:
        """Read a version; its name is the hash of its canonical form."""
        return cls(
            name=hash_tagged(TAG_VERSION_HASH, content.to_canonical()),
            supersedes=frozenset(content.supersedes),
            stance=_STANCES[content.stance],
            scopes=None if content.scopes is None else frozenset(content.scopes),
            content=content,
        )


Known = Versions[StandingVersion]
_NOTHING: Final[Known] = Versions()


class StandingBook:
    """What was decided about each partner, as far as this device knows.

    Attributes:
        shut_out_at: When somebody was last shut out, by this device's clock; 0 for never.
        turn: Held from reading what is known until what came of it is on the disk.
    """

    def __init__(self) -> None:
        self._held: dict[AgencyId, Known] = {}
        self.turn = asyncio.Lock()
        self.shut_out_at: Instant = 0

    @classmethod
    def restore(cls, rows: Iterable[Row]) -> StandingBook:
        """Bring back what the store holds.

        Raises:
            SchemaError, CryptoError, ValueError: A row is not what this room writes.
        """
        book = cls()
        for row in rows:
            held = Fields(row.value)
            named = frozenset(decode_base64(text) for text in held.texts("named"))
            current = [_read(decode_base64(text)) for text in held.texts("current")]
            book._held[AgencyId(row.key)] = learn(Versions({}, named), *current)
            if book.hindrance(AgencyId(row.key)):
                book.note_shut_out(held.number("at"))
        return book

    def find(self, partner: AgencyId) -> Known:
        """Give what is known of a partner's standing."""
        return self._held.get(partner, _NOTHING)

    def put(self, partner: AgencyId, known: Known) -> None:
        """Go by this from now on."""
        self._held[partner] = known

    def stance(self, partner: AgencyId) -> Stance:
        """Say what counts for a partner now."""
        return find_stance(self.find(partner))

    def hindrance(self, agency: AgencyId) -> str:
        """Say why nothing may go to an agency: `paused`, or empty where it may."""
        return "" if self.stance(agency) is Stance.GRANTED else PAUSED

    def shut_out(self) -> frozenset[AgencyId]:
        """Give the partners that nothing goes to, and that can send nothing here."""
        return frozenset(held for held in self._held if self.hindrance(held))

    def note_shut_out(self, at: Instant) -> None:
        """Remember that somebody was shut out at this time, in so far as it is the latest."""
        self.shut_out_at = max(self.shut_out_at, at)

    def gather(self) -> list[AgencyStanding]:
        """Gather the current versions about everyone, for a new device."""
        return [
            version.content
            for _, known in sorted(self._held.items())
            for version in known.current.values()
        ]


def find_stance(known: Known) -> Stance:
    """Say what counts where this is known: granted, where nothing was ever decided."""
    decided = decide(known.current.values())
    return Stance.GRANTED if decided is None else decided.stance


def write_standing(partner: AgencyId, known: Known, *, at: Instant) -> Put:
    """Write a partner's standing for the store, as it is since then."""
    row = write_row(
        at=at,
        named=[encode_base64(name) for name in sorted(known.named)],
        current=[
            encode_base64(version.content.to_canonical()) for version in known.current.values()
        ],
    )
    return Put(PARTNER_STANDING, partner.value, row)


def may_be_theirs(
    label: str, made: Instant, *, shut_out: Collection[str], others: Collection[str], at: Instant
) -> bool:
    """Say whether an invitation may be in the hands of a partner that is shut out.

    It names nobody, so it is known by what it was called. What nobody is called counts as theirs,
    where it was made before: rather a new partner waits than a paused one gets in.

    Args:
        label: What the invitation was called.
        made: When it was made.
        shut_out: What the partners may be called that are shut out.
        others: What the others may be called.
        at: When somebody was last shut out.
    """
    if not shut_out:
        return False
    return label in shut_out or (label not in others and made <= at)


def _read(raw: bytes) -> StandingVersion:
    room = EnvelopeClass.CASE.content_room
    return StandingVersion.of(AgencyStanding.from_canonical(raw, max_bytes=room))
