"""Read a mailbox: say hello, fetch after a cursor, acknowledge.

Rules: a mailbox is named only by the verified device that reads it, never by a request. Fetching
leaves no trace. Acknowledging deletes, and acknowledging what is gone is fine.

Spec: docs/spec/relay-protocol.md, "The mailbox".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietway_server.core.soundness import is_whole
from quietway_server.errors import RefusedError
from quietway_server.log import log_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from quietway_schemas.instants import Instant
    from quietway_server.ports import Clock, Transaction
    from quietway_server.rows import DeviceRow, MailboxRow, StoredEnvelope
    from quietway_server.services.reader import Reader
    from quietway_server.services.writer import Writer


@dataclass(frozen=True, slots=True)
class Greeting:
    """The relay's answer to a hello."""

    latest: int
    acknowledged: int
    now: Instant
    witness_kept: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a mailbox holds after a cursor, at one moment."""

    latest: int
    envelopes: tuple[StoredEnvelope, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a device asks for: the oldest envelopes after a number, at most `limit`."""

    device: DeviceRow
    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class Done:
    """An acknowledgement: by whom, and what the device holds safely itself."""

    device: DeviceRow
    through: int | None
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """Serves mailboxes to their devices."""

    writer: Writer
    reader: Reader
    clock: Clock

    async def greet(
        self, device: DeviceRow, *, witness_now: bytes, witness_was: bytes | None
    ) -> Greeting:
        """Compare the client's witnesses with the one that is kept, and keep the new one.

        The same hello again gets the same answer, so that an alarm whose answer was lost is heard.

        Raises:
            RefusedError: `not_found`: the device is no longer certified as it was.
        """

        def work(transaction: Transaction) -> tuple[MailboxRow, bool]:
            if not is_certified(transaction.find_devices([device.device]), device):
                raise RefusedError("not_found")
            row = transaction.find_mailboxes([device.mailbox])[device.mailbox]
            if row.witness == witness_now:
                return row, not row.witness_changed
            kept = row.witness in {None, witness_was}
            transaction.keep_witness(row.mailbox, witness_now, changed=not kept)
            return row, kept

        row, kept = await self.writer.write(work, frees=True)
        return Greeting(row.latest, row.acknowledged, self.clock.now(), kept)

    async def fetch(self, device: DeviceRow, *, after: int, limit: int) -> Fetched:
        """Give the oldest envelopes after a number, at most `limit`.

        Raises:
            RefusedError: `not_found`: the device is no longer certified as it was.
        """
        return await self.reader.run(fetch_all, Wanted(device, after, limit))

    async def acknowledge(
        self, device: DeviceRow, *, through: int | None, seqs: Sequence[int]
    ) -> None:
        """Delete what the client holds safely itself. On a full disk this may use the reserve.

        Raises:
            RefusedError: `not_found`: the device is no longer certified as it was.
        """
        done = Done(device, through, tuple(seqs))
        await self.writer.run(self.carry_out, done, frees=True)

    def hand_in(
        self,
        device: DeviceRow,
        *,
        through: int | None,
        seqs: Sequence[int],
        settle: Callable[[BaseException | None], None],
    ) -> None:
        """Hand in an acknowledgement that nobody waits for: many are carried out together.

        Args:
            device: Who acknowledges.
            through: All up to a number; None where `seqs` names them.
            seqs: Exactly these.
            settle: Is told when it is durable, or with the error of `acknowledge`.

        Raises:
            RefusedError: `overloaded`.
        """
        done = Done(device, through, tuple(seqs))
        self.writer.hand_in(
            self.carry_out, done, lambda _, error: settle(error), frees=True, is_patient=True
        )

    def carry_out(
        self, transaction: Transaction, acknowledgements: Sequence[Done]
    ) -> list[RefusedError | None]:
        """Run in the writing thread: delete what was acknowledged by devices that still may."""
        held = transaction.find_devices({done.device.device for done in acknowledgements})
        outcomes: list[RefusedError | None] = []
        for done in acknowledgements:
            if not is_certified(held, done.device):
                outcomes.append(RefusedError("not_found"))
                continue
            transaction.acknowledge(done.device.mailbox, through=done.through, seqs=done.seqs)
            outcomes.append(None)
        return outcomes


def fetch_all(transaction: Transaction, wanted: Sequence[Wanted]) -> list[Fetched | RefusedError]:
    """Run in a reading thread: find what each device still certified asks for."""
    held = transaction.find_devices({want.device.device for want in wanted})
    boxes = transaction.find_mailboxes({want.device.mailbox for want in wanted})
    outcomes: list[Fetched | RefusedError] = []
    for want in wanted:
        if not is_certified(held, want.device):
            outcomes.append(RefusedError("not_found"))
            continue
        row = boxes[want.device.mailbox]
        found: list[StoredEnvelope] = []
        if row.latest > want.after and row.waiting > 0 and want.limit > 0:
            found = _find_whole(transaction, row.mailbox, want)
        outcomes.append(Fetched(row.latest, tuple(found)))
    return outcomes


def _find_whole(transaction: Transaction, mailbox: bytes, want: Wanted) -> list[StoredEnvelope]:
    """Find what goes out: an envelope that is no longer what came is left where it lies."""
    found: list[StoredEnvelope] = []
    after, withheld = want.after, 0
    while len(found) < want.limit:
        most = want.limit - len(found)
        read = transaction.envelopes_after(mailbox, after, most)
        whole = [stored for stored in read if is_whole(stored)]
        found += whole
        withheld += len(read) - len(whole)
        if len(read) < most or len(whole) == most:
            break
        after = read[-1].seq
    if withheld:
        log_event("row_withheld", failed=True, envelopes=withheld)
    return found


def is_certified(held: Mapping[bytes, DeviceRow], device: DeviceRow) -> bool:
    """Tell whether a device's manifest still says of it what was verified.

    A socket outlives its signature, so a device that is revoked, or has other keys now, is found
    out here, with every job.

    Args:
        held: What the directory says now, by device.
        device: What it said when the device's signature was verified.
    """
    return held.get(device.device) == device
