"""Ladders as a sender would seal them, and the secrets that lie inside; sealed bytes are random."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietway_crypto.encoding import TAG_CANCEL, TAG_WITHDRAW, hash_tagged
from quietway_schemas.envelope import EnvelopeClass, Header, SubmissionRecord
from quietway_schemas.holds import Claim, Ladder, Place, Tier
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_schemas.withdrawal import Slip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass
class Sealer:
    """Seals alerts and claims for mailboxes, with random bytes for what would be sealed."""

    seed: int = 1
    epoch: int = 7
    slips: dict[bytes, Slip] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def draw(self, count: int) -> bytes:
        """Draw seeded random bytes."""
        return self._random.randbytes(count)

    def record(self, mailbox: bytes) -> SubmissionRecord:
        """Seal something; its slip is kept under its envelope id."""
        name, preimage = EnvelopeId(self.draw(16)), self.draw(32)
        header = Header(EnvelopeClass.FLASH, 2, self.epoch, MailboxId(mailbox), name)
        self.slips[name.value] = Slip(MailboxId(mailbox), name, preimage)
        sealed = self.draw(EnvelopeClass.FLASH.sealed_bytes)
        return SubmissionRecord(header, hash_tagged(TAG_WITHDRAW, preimage), sealed)

    def ladder(self, tiers: Mapping[int, Sequence[bytes]]) -> Sealed:
        """Seal an alert for the mailboxes of each tier, by when it is due, in seconds."""
        secrets: list[bytes] = []
        made: list[Tier] = []
        for due, mailboxes in tiers.items():
            places = []
            for mailbox in mailboxes:
                secrets.append(self.draw(32))
                places.append(Place(hash_tagged(TAG_CANCEL, secrets[-1]), self.record(mailbox)))
            made.append(Tier(due, tuple(places)))
        return Sealed(self.draw(16), Ladder(tuple(made)), tuple(secrets))

    def claim(self, secret: bytes, *mailboxes: bytes) -> Claim:
        """Seal the words of whoever has an alert."""
        return Claim(secret, tuple(self.record(mailbox) for mailbox in mailboxes))


@dataclass(frozen=True)
class Sealed:
    """A ladder, its id, and the secret of each of its places."""

    hold: bytes
    ladder: Ladder
    secrets: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        """The ladder as it travels."""
        return self.ladder.pack()

    @property
    def names(self) -> list[list[bytes]]:
        """The envelope ids of each tier."""
        return [
            [place.record.header.envelope_id.value for place in tier.places]
            for tier in self.ladder.tiers
        ]
