"""The ladders of the in-memory relay: which alerts wait for their time, and who may stop them.

It says which records go now; the relay around it puts them into mailboxes. Time is an argument: a
ladder's age is what the relay's clock says of it. Words, refusals and orders are those of a real
relay, which the contract suite compares.

Spec: docs/spec/holds.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.testing.relay_refusal import make_refusal
from quietway_crypto.encoding import TAG_CANCEL, hash_tagged
from quietway_schemas.instants import HOUR, SECOND, Instant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_schemas.holds import Claim, Ladder, Place, Tier
    from quietway_schemas.ids import MailboxId

LIFE_MS: Final = 96 * HOUR
MOST_CLAIMS: Final = 8


@dataclass(slots=True)
class _Tier:
    """One tier: its places by mailbox, and the records that wait for its time."""

    due: Instant
    places: dict[MailboxId, bytes]
    held: list[SubmissionRecord]
    is_released: bool = False

    def release(self) -> list[SubmissionRecord]:
        going, self.held, self.is_released = self.held, [], True
        return going


@dataclass(slots=True)
class _Ladder:
    body: bytes
    over: Instant
    tiers: list[_Tier]
    claims: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def mailboxes(self) -> set[MailboxId]:
        return {mailbox for tier in self.tiers for mailbox in tier.places}

    def knows(self, cancel_hash: bytes) -> bool:
        return any(cancel_hash in tier.places.values() for tier in self.tiers)


class RelayHolds:
    """All ladders of a relay."""

    def __init__(self) -> None:
        self._ladders: dict[bytes, _Ladder] = {}

    def is_known(self, hold_id: bytes, ladder: Ladder) -> bool:
        """Tell whether these bytes came before under this id."""
        held = self._ladders.get(hold_id)
        return held is not None and held.body == ladder.pack()

    def place(
        self, hold_id: bytes, ladder: Ladder, new: Collection[SubmissionRecord], *, now: Instant
    ) -> None:
        """Keep a ladder, with those of its records that did not come before.

        Raises:
            RelayRefused: `conflict`: other bytes came before under this id.
        """
        if hold_id in self._ladders:
            raise make_refusal("conflict")
        tiers = [_open_tier(tier, new, now=now) for tier in ladder.tiers]
        self._ladders[hold_id] = _Ladder(ladder.pack(), now + LIFE_MS, tiers)

    def look(self, *, now: Instant) -> list[SubmissionRecord]:
        """Give what is due now, in order, and forget the ladders that are over."""
        going: list[SubmissionRecord] = []
        for hold_id, ladder in list(self._ladders.items()):
            for tier in ladder.tiers:
                if not tier.is_released and tier.due <= now:
                    going += tier.release()
            if ladder.over <= now:
                del self._ladders[hold_id]
        return going

    def list_called(self, hold_id: bytes) -> set[MailboxId]:
        """List whom a ladder has called so far; nobody where there is none."""
        ladder = self._ladders.get(hold_id)
        tiers = () if ladder is None else ladder.tiers
        return {mailbox for tier in tiers if tier.is_released for mailbox in tier.places}

    def find_claimed(self, hold_id: bytes, claim: Claim) -> tuple[bool, set[MailboxId]]:
        """Judge a claim.

        Returns:
            Whether it came before, and whom the ladder addresses.

        Raises:
            RelayRefused: `not_found` or `over_quota`.
        """
        ladder = self._ladders.get(hold_id)
        cancel_hash = hash_tagged(TAG_CANCEL, claim.secret)
        if ladder is None or not ladder.knows(cancel_hash):
            raise make_refusal("not_found")
        if (cancel_hash, claim.pack()) in ladder.claims:
            return True, ladder.mailboxes
        if sum(known == cancel_hash for known, _ in ladder.claims) >= MOST_CLAIMS:
            raise make_refusal("over_quota")
        return False, ladder.mailboxes

    def claim(self, hold_id: bytes, claim: Claim) -> tuple[bool, list[SubmissionRecord]]:
        """Note a claim that was judged; give whether it is the first, and what is held."""
        ladder = self._ladders[hold_id]
        use = (hash_tagged(TAG_CANCEL, claim.secret), claim.pack())
        if use not in ladder.claims:
            ladder.claims.append(use)
        held = [record for tier in ladder.tiers for record in tier.release()]
        return ladder.claims[0] == use, held

    def close(self, mailbox: MailboxId) -> list[SubmissionRecord]:
        """Take a closed mailbox off all ladders; give what is due because a tier is empty now."""
        going: list[SubmissionRecord] = []
        for ladder in self._ladders.values():
            emptied = [n for n, tier in enumerate(ladder.tiers) if set(tier.places) == {mailbox}]
            for tier in ladder.tiers:
                tier.places.pop(mailbox, None)
                tier.held = [each for each in tier.held if each.header.mailbox != mailbox]
                tier.is_released |= not tier.places
            for number in emptied:
                following = next((t for t in ladder.tiers[number + 1 :] if t.places), None)
                if following is not None:
                    going += following.release()
        return going


def _open_tier(tier: Tier, new: Collection[SubmissionRecord], *, now: Instant) -> _Tier:
    return _Tier(
        now + tier.due * SECOND,
        {place.record.header.mailbox: place.cancel_hash for place in tier.places},
        _records(tier.places, new),
    )


def _records(places: Iterable[Place], new: Collection[SubmissionRecord]) -> list[SubmissionRecord]:
    return [place.record for place in places if place.record in new]
