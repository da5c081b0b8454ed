"""The `Relay` port over the network.

Two wires, never one: what is sent to other agencies shows a lane and no identity, what is read is
signed by the device, and on one connection the relay could put the two together. The sending wire
keeps no connection at all, so two submissions do not share one either. A mailbox opens as a
websocket where it shall stay open, and falls back to polling where something in between lets no
websocket pass.

Spec: docs/spec/relay-protocol.md.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from quietway.errors import RelayUnreachable
from quietway.transport.address import find_proxy, require_safe_address
from quietway.transport.answers import check_answer
from quietway.transport.asking import JSON, SMALL_BYTES, Asker
from quietway.transport.blobs import BlobWire
from quietway.transport.holds import HoldWire
from quietway.transport.polling import PolledMailbox
from quietway.transport.stream import SocketBlocked, StreamedMailbox, listen_for_latest
from quietway.transport.wire import Wire
from quietway_crypto.encoding import encode_base64
from quietway_schemas.checkpoints import MAX_NOTE_BYTES
from quietway_schemas.directory import DirectoryPage
from quietway_schemas.errors import SchemaError
from quietway_schemas.fields import Count, WireModel
from quietway_schemas.frames import Hello
from quietway_schemas.log import LogConsistency, LogLeaves

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from quietway.ports import BlobPart, BlobStored, Clock, Entropy, Mailbox
    from quietway_crypto.signing import SigningKey
    from quietway_schemas.directory import SignedObject
    from quietway_schemas.holds import Claim, Ladder
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant
    from quietway_schemas.wake import WakeEndpoints
    from quietway_schemas.withdrawal import Slip

ENVELOPES: Final = "application/vnd.quietway.envelopes"
WITHDRAWALS: Final = "application/vnd.quietway.withdrawals"
LISTEN: Final = "listen:"
MAX_PAGE_BYTES: Final = 24 * 1_048_576
"""64 objects of 256 KiB, and the JSON around them."""
MAX_LEAVES_BYTES: Final = 262_144
NOTE: Final = "text/plain"
_Read = TypeVar("_Read", bound=WireModel)


class _Accepted(WireModel):
    """The relay's word that a batch is durable."""

    accepted: Count


class _Withdrawn(WireModel):
    """The relay's word for each slip."""

    withdrawn: tuple[bool, ...]


class HttpRelay:
    """A relay on the network, as one device sees it.

    Args:
        url: Its address: https, or http on this machine.
        key_id: The device's id in text form, or `root:` and an agency's; None to publish only.
        identity: The device's identity key, or the root key.
        clock: Says when requests are signed, and waits between polls.
        entropy: For the nonces of signatures.

    Raises:
        InsecureRelay: The address would send everything in the clear.
    """

    def __init__(
        self,
        url: str,
        *,
        key_id: str | None,
        identity: SigningKey,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._url = require_safe_address(url)
        self._proxy = find_proxy(self._url)
        self._clock = clock
        self._sending, self._reading = _open_wires(self._url, self._proxy)
        self._blobs = BlobWire(self._sending, clock)
        self._holds = HoldWire(self._sending, clock)
        self._asker = Asker(self._url, self._reading, key_id, identity, clock, entropy)

    async def submit(self, capability: bytes, records: Sequence[bytes]) -> None:
        """Hand over submission records for one agency's mailboxes; durable there on return."""
        headers = {"content-type": ENVELOPES, "quietway-lane": encode_base64(capability)}
        answer = await self._sending.ask(
            "POST",
            "/v1/envelopes",
            body=b"".join(records),
            headers=headers,
            limit_bytes=SMALL_BYTES,
        )
        raw = check_answer(answer, status=201, media_type=JSON, now=self._clock.now())
        if _read(_Accepted, raw).accepted != len(records):
            raise RelayUnreachable

    async def withdraw(self, slips: Sequence[Slip]) -> list[bool]:
        """Take envelopes back, on the wire for sending; gone durably there on return."""
        answer = await self._sending.ask(
            "POST",
            "/v1/envelopes/withdraw",
            body=b"".join(slip.pack() for slip in slips),
            headers={"content-type": WITHDRAWALS},
            limit_bytes=SMALL_BYTES,
        )
        raw = check_answer(answer, status=200, media_type=JSON, now=self._clock.now())
        withdrawn = _read(_Withdrawn, raw).withdrawn
        if len(withdrawn) != len(slips):
            raise RelayUnreachable
        return list(withdrawn)

    async def place_hold(self, capability: bytes, hold_id: bytes, ladder: Ladder) -> None:
        """Hand over a ladder of alerts, on the wire for sending; durable there on return."""
        await self._holds.place(capability, hold_id, ladder)

    async def claim_hold(self, hold_id: bytes, claim: Claim) -> bool:
        """Claim a ladder, on the wire for sending; durable there on return."""
        return await self._holds.claim(hold_id, claim)

    async def open_mailbox(
        self, *, after: int, witness_now: bytes, witness_was: bytes | None, live: bool
    ) -> Mailbox:
        """Open this device's mailbox: a socket to stay, pages for a look."""
        hello = Hello(after=after, witness_now=witness_now, witness_was=witness_was)
        if live:
            try:
                return await StreamedMailbox.open(self._asker, hello, proxy=self._proxy)
            except SocketBlocked:
                return await PolledMailbox.open(self._asker, hello, live=True)
        return await PolledMailbox.open(self._asker, hello, live=False)

    async def listen(self) -> AsyncGenerator[int, None]:
        """Yield the newest number of the mailbox, where `identity` is the device's listen key."""
        listener = replace(self._asker, key_id=f"{LISTEN}{self._asker.key_id}")
        async with aclosing(listen_for_latest(listener, proxy=self._proxy)) as told:
            async for latest in told:
                yield latest

    async def put_manifest(
        self, agency: AgencyId, signed: SignedObject, *, enrolment_code: str | None = None
    ) -> None:
        """Publish a manifest; the first one needs the operator's one-time code."""
        target = f"/v1/agencies/{agency}/manifest"
        await self._asker.put(target, signed.to_canonical(), enrolment_code=enrolment_code)

    async def put_epochs(self, agency: AgencyId, signed: SignedObject) -> None:
        """Publish this device's epoch batch."""
        await self._asker.put(f"/v1/agencies/{agency}/epochs", signed.to_canonical())

    async def put_lanes(self, week: str, signed: SignedObject) -> None:
        """Publish the hashes of the agency's lanes for an ISO week."""
        await self._asker.put(f"/v1/lanes/{week}", signed.to_canonical())

    async def put_wake(self, endpoints: WakeEndpoints) -> None:
        """Leave where this device's human is told that there is something."""
        await self._asker.put_signed("/v1/wake", endpoints.to_canonical())

    async def directory(self, after: int, *, log_size: int = 0) -> DirectoryPage:
        """Return the next page of the directory after a cursor."""
        target = f"/v1/directory?after={after}&size={log_size}"
        raw = await self._asker.get(target, media_type=JSON, limit_bytes=MAX_PAGE_BYTES)
        return _read(DirectoryPage, raw)

    async def log_checkpoint(self) -> str:
        """Return the note of the log's newest checkpoint, unverified."""
        raw = await self._asker.get(
            "/v1/log/checkpoint", media_type=NOTE, limit_bytes=MAX_NOTE_BYTES
        )
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise RelayUnreachable from None

    async def log_consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the consistency path between two sizes of the log, unverified."""
        target = f"/v1/log/consistency?from={old}&to={new}"
        raw = await self._asker.get(target, media_type=JSON, limit_bytes=SMALL_BYTES)
        return _read(LogConsistency, raw).path

    async def log_leaves(self, after: int) -> LogLeaves:
        """Return the openings of the log's leaves from an index on, unverified."""
        target = f"/v1/log/leaves?after={after}"
        raw = await self._asker.get(target, media_type=JSON, limit_bytes=MAX_LEAVES_BYTES)
        return _read(LogLeaves, raw)

    async def put_blob_part(self, capability: bytes, part: BlobPart) -> BlobStored:
        """Upload the next part of a sealed file; durable there on return."""
        return await self._blobs.put_part(capability, part)

    async def blob_status(self, blob_id: bytes, writer: bytes) -> BlobStored | None:
        """Return how much of a sealed file the relay has."""
        return await self._blobs.status(blob_id, writer)

    async def get_blob(self, blob_id: bytes, opening: bytes, *, first: int, last: int) -> bytes:
        """Return a range of a sealed file."""
        return await self._blobs.get(blob_id, opening, first=first, last=last)

    async def delete_blob(self, blob_id: bytes, writer: bytes) -> None:
        """Have a sealed file dropped."""
        await self._blobs.delete(blob_id, writer)

    async def read_clock(self) -> Instant:
        """Return the relay's clock, to the second."""
        answer = await self._reading.ask("GET", "/healthz", limit_bytes=SMALL_BYTES)
        check_answer(answer, status=200, media_type=JSON, now=self._clock.now())
        return answer.date

    async def aclose(self) -> None:
        """Close every connection; closing twice is fine."""
        await self._sending.aclose()
        await self._reading.aclose()


def _open_wires(url: str, proxy: str | None) -> tuple[Wire, Wire]:
    """Make the wire for sending and the one for reading, which have nothing in common."""
    return Wire(url, proxy=proxy, keep=False), Wire(url, proxy=proxy, keep=True)


def _read(model: type[_Read], raw: bytes) -> _Read:
    try:
        return model.from_body(raw, max_bytes=MAX_PAGE_BYTES)
    except SchemaError:
        raise RelayUnreachable from None
