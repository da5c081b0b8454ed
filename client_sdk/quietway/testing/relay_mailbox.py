"""The mailboxes of the in-memory relay: numbered envelopes, the witness, and who is listening.

Numbers start at 1 and leave no hole. The same envelope with the same bytes is taken once, also
after it was delivered, until it would have expired; with other bytes it is a conflict. This room
asks no clock: it is told the time.

Spec: docs/spec/relay-protocol.md, "Submitting" and "The mailbox".
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quietway.ports import Arrival, Welcome
from quietway.testing.relay_refusal import make_refusal
from quietway_crypto.encoding import TAG_WITHDRAW, hash_tagged
from quietway_schemas.envelope import HEADER_BYTES, Header
from quietway_schemas.instants import HOUR, Instant, round_up_to_minute

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway_schemas.envelope import SubmissionRecord
    from quietway_schemas.ids import EnvelopeId, MailboxId
    from quietway_schemas.withdrawal import Slip

MAILBOX_ENVELOPES: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Held:
    envelope: bytes
    expires: Instant
    withdraw_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class _Seen:
    digest: bytes
    expires: Instant


@dataclass(eq=False, slots=True)
class Listener:
    """Someone who waits for news of a mailbox, in whichever thread their loop runs."""

    loop: asyncio.AbstractEventLoop
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        """Wake them; a loop that is gone is left in peace."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.news.set)


@dataclass(eq=False, slots=True)
class HeldMailbox:
    """One mailbox as a relay keeps it."""

    latest: int = 0
    acknowledged: int = 0
    witness: bytes | None = None
    witness_changed: bool = False
    listeners: list[Listener] = field(default_factory=list)
    promised: int = 0
    _held: dict[int, _Held] = field(default_factory=dict)
    _seen: dict[EnvelopeId, _Seen] = field(default_factory=dict)

    def is_new(self, record: SubmissionRecord, *, index: int) -> bool:
        """Tell whether an envelope has still to be stored.

        Raises:
            RelayRefused: `conflict`: its id came before with other bytes.
        """
        seen = self._seen.get(record.header.envelope_id)
        if seen is not None and seen.digest != _digest(record):
            raise make_refusal("conflict", index=index)
        return seen is None

    def check_room(self, more: int) -> None:
        """Refuse what would not fit."""
        if len(self._held) + self.promised + more > MAILBOX_ENVELOPES:
            raise make_refusal("mailbox_full")

    def add(self, record: SubmissionRecord, *, now: Instant) -> None:
        """Store a new envelope under the next number."""
        self.remember(record, now=now)
        self.deliver(record, now=now)

    def remember(self, record: SubmissionRecord, *, now: Instant) -> None:
        """Remember that an envelope came, and no more."""
        expires = round_up_to_minute(now + record.header.class_.life_ms)
        self._seen[record.header.envelope_id] = _Seen(_digest(record), expires)

    def deliver(self, record: SubmissionRecord, *, now: Instant) -> None:
        """Store an envelope that is remembered already, under the next number.

        It is dropped when the memory of it is, but not before an hour is over.
        """
        self.latest += 1
        seen = self._seen.get(record.header.envelope_id)
        expires = max(round_up_to_minute(now + HOUR), 0 if seen is None else seen.expires)
        self._held[self.latest] = _Held(
            record.header.pack() + record.sealed, expires, record.withdraw_hash
        )

    def greet(self, *, now: Instant, witness_now: bytes, witness_was: bytes | None) -> Welcome:
        """Answer a hello, and keep the new witness in any case.

        The same hello again gets the same answer: the first may have been lost.
        """
        if self.witness != witness_now:
            self.witness_changed = self.witness not in {None, witness_was}
            self.witness = witness_now
        return Welcome(self.latest, self.acknowledged, now, not self.witness_changed)

    def after(self, seq: int) -> tuple[Arrival, ...]:
        """Return what is held beyond a number, in order."""
        return tuple(
            Arrival(held, self._held[held].envelope) for held in sorted(self._held) if held > seq
        )

    def acknowledge(self, seqs: Sequence[int]) -> None:
        """Delete what the device has; acknowledging what is gone is fine."""
        for seq in seqs:
            self._held.pop(seq, None)
        given = [seq for seq in seqs if seq <= self.latest]
        self.acknowledged = max([self.acknowledged, *given])

    def take_back(self, slip: Slip) -> bool:
        """Delete an envelope for whoever sealed it. That it came stays known."""
        digest = hash_tagged(TAG_WITHDRAW, slip.preimage)
        for seq, held in self._held.items():
            named = Header.unpack(held.envelope[:HEADER_BYTES]).envelope_id == slip.envelope_id
            if named and held.withdraw_hash == digest:
                del self._held[seq]
                return True
        return False

    def sweep(self, *, now: Instant) -> None:
        """Forget what has lived its class's life."""
        self._held = {seq: held for seq, held in self._held.items() if held.expires > now}
        self._seen = {known: seen for known, seen in self._seen.items() if seen.expires > now}

    def tell(self) -> None:
        """Wake everyone who waits for news."""
        for listener in self.listeners:
            listener.tell()


def tell_all(mailboxes: Iterable[HeldMailbox]) -> None:
    """Wake everyone who waits for news of any of these."""
    for mailbox in mailboxes:
        mailbox.tell()


def _digest(record: SubmissionRecord) -> bytes:
    return hashlib.sha256(record.pack()).digest()


Mailboxes = dict["MailboxId", HeldMailbox]
"""Mailboxes by their id."""
