"""A relay that lies: it withholds, repeats, reorders, alters, misdelivers and tells old stories.

It does so to what it shows, since what it does inside is nobody's to see. It has no device's keys.
When it is healed it shows what it has, as a relay does; what it said it had taken and has not is
lost, and its senders and readers must notice.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.client_sdk.devices import make_device
from tests.sim.clocks import SimEntropy
from tests.sim.wire import Tap

from quietway.ports import Arrival
from quietway_schemas.envelope import (
    HEADER_BYTES,
    EnvelopeClass,
    Header,
    SubmissionRecord,
)
from quietway_schemas.holds import CANCEL_SECRET_BYTES, Claim
from quietway_schemas.ids import EnvelopeId, MailboxId
from quietway_server.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.sim.run import Run
    from tests.sim.wire import Wire

    from quietway_schemas.directory import DirectoryEntry, DirectoryPage
    from quietway_schemas.holds import Ladder

OFTEN = 0.12
SELDOM = 0.03
FORGED = 0.4


class WorldTap(Tap):
    """Sees everything that passes, for the model; lies where the seed says so."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._random = run.random
        self.lies = False
        self._kept: list[bytes] = []
        self._held: dict[Any, list[Arrival]] = {}

    def see_records(self, wire: Wire, records: Sequence[Any]) -> None:
        self._run.see_sealed(wire, [record.header for record in records])
        for record in records:
            self._keep(record.header.pack() + record.sealed)

    def see_ladder(self, wire: Wire, hold_id: bytes, ladder: Ladder) -> None:
        self._run.ladders.see_ladder(hold_id, ladder)

    def ladder_taken(self, wire: Wire, hold_id: bytes) -> None:
        self._run.ladders.take(hold_id)
        if self._random.random() < FORGED:
            self._run.spawn(self._forge_claim(wire, hold_id))

    async def _forge_claim(self, wire: Wire, hold_id: bytes) -> None:
        """Claim a ladder without having opened its alert: with any secret, and with any words."""
        await asyncio.sleep(self._random.uniform(0, 60))
        places = sorted(box for box, _ in self._run.ladders.places_of(hold_id))
        records = tuple(self._make_garbage(box) for box in places)
        claim = Claim(self._random.randbytes(CANCEL_SECRET_BYTES), records)
        try:
            await wire.core.holds.claim(hold_id, claim.pack())
        except RefusedError as refused:
            self._run.history.note(f"a forged claim: {refused.code}")
            self._run.history.counts["forged claims"] += 1
        else:
            if not self._run.ladders.ladders[hold_id].dropped:
                self._run.history.break_promise("I7: the relay took a forged claim")

    def _make_garbage(self, mailbox: bytes) -> SubmissionRecord:
        draw, class_ = self._random.randbytes, EnvelopeClass.FLASH
        header = Header(class_, 2, 1, MailboxId(mailbox), EnvelopeId(draw(16)))
        return SubmissionRecord(header, draw(32), draw(class_.sealed_bytes))

    def see_claim(self, wire: Wire, hold_id: bytes, claim: Claim) -> None:
        self._run.ladders.see_claim(hold_id)

    def swallows(self, wire: Wire, hold: bytes = b"") -> bool:
        if not self.lies or self._random.random() > SELDOM:
            return False
        self._run.history.note("the relay lies: it has taken what it drops")
        if hold:
            self._run.ladders.drop(hold)
        self._run.model.swallowed.add(self._run.device_of(wire))
        return True

    def show_page(self, wire: Wire, page: DirectoryPage, after: int) -> DirectoryPage:
        if self._run.device_of(wire) in self._run.model.revoked:
            # Whoever has a device that was taken away sees to it that it doesn't learn that.
            return page.model_copy(update={"entries": (), "next": after, "more": False})
        if not self.lies or self._random.random() > OFTEN:
            return page
        if page.entries and self._random.random() < 0.5:
            self._run.history.note("the relay lies: a forged manifest")
            return page.model_copy(update={"entries": tuple(map(self._forge, page.entries))})
        self._run.history.note("the relay lies: nothing is new")
        return page.model_copy(update={"entries": (), "next": after, "more": False})

    def _forge(self, entry: DirectoryEntry) -> DirectoryEntry:
        """Put a stranger's devices in the place of an agency's."""
        if entry.kind != "manifest":
            return entry
        stranger = make_device(SimEntropy("a stranger"))
        forged = stranger.sign_manifest(self._run.world.clock.now())
        return entry.model_copy(update={"object": forged})

    def show_arrival(self, wire: Wire, arrival: Arrival) -> list[Arrival]:
        if not self.lies or self._random.random() > OFTEN:
            return [arrival]
        lie = self._random.choice(
            (
                self._twice,
                self._again,
                self._altered,
                self._foreign,
                self._garbage,
                self._withhold,
            )
        )
        self._run.history.note(f"the relay lies: {lie.__name__}")
        if lie in {self._again, self._altered}:
            self._run.model.robbed.add(self._run.device_of(wire))
        return lie(wire, arrival)

    def _keep(self, envelope: bytes) -> None:
        if len(self._kept) < 200:
            self._kept.append(envelope)

    def _twice(self, wire: Wire, arrival: Arrival) -> list[Arrival]:
        return [arrival, arrival]

    def _again(self, wire: Wire, arrival: Arrival) -> list[Arrival]:
        """Show an envelope that came long ago, of whoever it was, under this number."""
        return [
            Arrival(arrival.seq, self._random.choice(self._kept or [arrival.envelope])),
            arrival,
        ]

    def _altered(self, wire: Wire, arrival: Arrival) -> list[Arrival]:
        body = bytearray(arrival.envelope)
        body[self._random.randrange(len(body))] ^= 1 << self._random.randrange(8)
        return [Arrival(arrival.seq, bytes(body)), arrival]

    def _foreign(self, wire: Wire, arrival: Arrival) -> list[Arrival]:
        return [arrival, Arrival(arrival.seq, self._random.randbytes(len(arrival.envelope)))]

    def _garbage(self, wire: Wire, arrival: Arrival) -> list[Arrival]:
        """Show words of a claim that nobody said: well formed outside, and nothing within."""
        record = self._make_garbage(Header.unpack(arrival.envelope[:HEADER_BYTES]).mailbox.value)
        return [arrival, Arrival(arrival.seq, record.header.pack() + record.sealed)]

    def _withhold(self, wire: Wire, arrival: Arrival) -> list[Arrival]:
        """Show it not now; it comes with the next opening."""
        return []
