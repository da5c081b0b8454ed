"""Snapshots as they come and go: who offered what to whom, who approved it, which pieces are here.

Every device of the agency keeps the offers and approvals, so that an ops holder anywhere can
approve. The giver keeps the text until it is approved, and only then sends the pieces. The new
device takes them in when all are there, their digest is the one that was approved, and approved it
was by as many different ops keys as it takes. Offers for another device are never taken in here.

The text speaks of cases, so all of it lies under record keys of its own, which die after a month.

Spec: docs/spec/keys.md, "A snapshot for a new device".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

from quietway.engine.codec import Fields, write_row
from quietway.errors import MembershipError, QuietwayError, SnapshotRefused
from quietway.events import DeadLettered, SnapshotOffered, SnapshotTaken
from quietway.own.proposals import find_certificate, find_ops_list
from quietway.own.snapshot_form import digest_snapshot, read_items, read_snapshot
from quietway.own.standing import AWAITS_SNAPSHOT, STANDING
from quietway.own.taken import Taken
from quietway.own.telling import tell_own
from quietway.ports import Delete, Put, Shelf
from quietway.records import MESSAGE, SNAPSHOT, tag_shelf
from quietway.retention import choose_shelf
from quietway.sealing import BAD_CONTENT
from quietway.talked import Talked, find_case
from quietway_crypto.encoding import TAG_SNAPSHOT
from quietway_crypto.errors import CryptoError
from quietway_crypto.signing import verify
from quietway_schemas.content.agency import (
    PART_BYTES,
    AgencySnapshotApproval,
    AgencySnapshotOffer,
    AgencySnapshotPart,
)
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.ids import AgencyId, ConversationId, DeviceId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Collection

    from quietway.agent import Agent
    from quietway.events import Event
    from quietway.own.taken import Told
    from quietway.ports import Row
    from quietway_schemas.directory import Approval, OpsList
    from quietway_schemas.instants import Instant
    from quietway_schemas.snapshot import SnapshotItem

ENOUGH_APPROVALS: Final = 2
WAITED_FOR_MS: Final = 30 * DAY
_OFFER: Final = b"o"
_APPROVAL: Final = b"a"
_PIECE: Final = b"p"
_GIVEN: Final = b"g"
_ID_BYTES: Final = 16
_NUMBER_BYTES: Final = 2
_NOBODY: Final = AgencyId(bytes(16))
"""Whose reference for a case it would be; a snapshot's shelf names no case."""

SnapshotContent = AgencySnapshotOffer | AgencySnapshotApproval | AgencySnapshotPart


@dataclass(frozen=True, slots=True)
class SnapshotOffer:
    """A snapshot that somebody offers to a new device.

    Attributes:
        snapshot_id: Its name, 16 bytes.
        to: The new device.
        offered_by: The device that gives it.
        digest: What is approved, 32 bytes.
        statuses: How many status indicators are in it.
        referrals: How many referrals.
        approvals: How many ops keys have approved it.
        needed: How many it takes.
    """

    snapshot_id: bytes
    to: DeviceId
    offered_by: DeviceId
    digest: bytes
    statuses: int
    referrals: int
    approvals: int
    needed: int


async def list_offers(agent: Agent) -> list[SnapshotOffer]:
    """List the snapshots that are on their way, oldest first."""
    rows = list(await agent.store.scan(SNAPSHOT))
    offers = [row for row in rows if row.key[_ID_BYTES:] == _OFFER]
    return [_show(agent, row, rows) for row in offers]


async def drop_old(agent: Agent) -> tuple[Delete, ...]:
    """Give the rows of snapshots that nobody approved or took in within a month."""
    rows = await agent.store.scan(SNAPSHOT)
    since = agent.clock.now() - WAITED_FOR_MS
    lasting = {
        row.key[:_ID_BYTES]
        for row in rows
        if row.key[_ID_BYTES:] == _OFFER and Fields(row.value).number("at") > since
    }
    offered = {row.key[:_ID_BYTES] for row in rows if row.key[_ID_BYTES:] == _OFFER}
    return tuple(
        Delete(SNAPSHOT, row.key) for row in rows if row.key[:_ID_BYTES] in offered - lasting
    )


async def drop_holding(agent: Agent, messages: Collection[bytes]) -> list[Delete]:
    """Give the rows of snapshots that wait for approval and hold one of these messages.

    What was approved can't be given with less in it: it is gathered and offered anew.
    """
    rows = await agent.store.scan(SNAPSHOT)
    holding = {
        row.key[:_ID_BYTES]
        for row in rows
        if row.key[_ID_BYTES:] == _GIVEN
        and any(held.message.value in messages for held in read_items(row.value))
    }
    return [Delete(SNAPSHOT, row.key) for row in rows if row.key[:_ID_BYTES] in holding]


async def take_snapshot(agent: Agent, told: Told, content: SnapshotContent) -> Taken:
    """Keep an offer, an approval or a piece; what is then complete is given or taken in."""
    name, now = content.snapshot_id, agent.clock.now()
    events: tuple[Event, ...] = ()
    match content:
        case AgencySnapshotOffer():
            if await agent.store.read(SNAPSHOT, name + _OFFER) is not None:
                return Taken()
            row = write_offer(content, offered_by=told.device, at=now)
            events = (SnapshotOffered(name, content.to, content.statuses, content.referrals),)
        case AgencySnapshotApproval():
            if not is_sound(content):
                # It must not take the place of one that holds.
                return Taken(events=(DeadLettered(BAD_CONTENT, now),))
            row = write_approval(content, at=now)
        case AgencySnapshotPart():
            key = name + _PIECE + content.number.to_bytes(_NUMBER_BYTES, "big")
            row = _put(key, content.piece, at=now)
        case _:
            assert_never(content)
    return Taken((*await drop_old(agent), row), (partial(go_on, agent, name),), events)


async def go_on(agent: Agent, snapshot_id: bytes) -> None:
    """Give the pieces, or take them in, where nothing is missing any more."""
    rows = {
        row.key[_ID_BYTES:]: row.value
        for row in await agent.store.scan(SNAPSHOT)
        if row.key.startswith(snapshot_id)
    }
    if _OFFER not in rows:
        return
    offer = Fields(rows[_OFFER])
    try:
        check_approvals(agent, offer.raw("digest"), _approvals_in(rows))
    except MembershipError:
        return
    if _GIVEN in rows:
        await _give(agent, snapshot_id, DeviceId.from_text(offer.text("to")), rows[_GIVEN])
    elif agent.standing.awaits_snapshot:
        await _take_when_whole(agent, snapshot_id, offer, rows)


def check_approvals(agent: Agent, digest: bytes, approvals: list[Approval]) -> None:
    """Demand that enough different ops keys approved a digest.

    Raises:
        SnapshotRefused: They did not, or not this one.
    """
    ops = find_ops_list(agent)
    if count_approvals(ops, digest, approvals, agent.clock.now()) < min(
        ENOUGH_APPROVALS, len(ops.ops)
    ):
        raise SnapshotRefused("approvals")


def count_approvals(ops: OpsList, digest: bytes, approvals: list[Approval], now: int) -> int:
    """Count the ops keys, living ones, that approved a digest."""
    living = {held.key for held in ops.ops if held.expires > now}
    return len({held.key for held in approvals if held.key in living and _holds(digest, held)})


def is_sound(content: AgencySnapshotApproval) -> bool:
    """Say whether an approval is by the key that it names, of the digest that it names."""
    return _holds(content.digest, content.approval)


def check_digest(offer: Fields, snapshot_id: bytes, me: DeviceId, raw: bytes) -> None:
    """Demand that the pieces are those that were approved, for this device.

    Raises:
        SnapshotRefused: Something was changed, or they are another device's.
    """
    if digest_snapshot(snapshot_id, me, raw) != offer.raw("digest"):
        raise SnapshotRefused("digest")


def write_offer(content: AgencySnapshotOffer, *, offered_by: DeviceId, at: Instant) -> Put:
    """Write an offer for the store."""
    row = write_row(
        to=str(content.to),
        by=str(offered_by),
        at=at,
        digest=content.digest,
        parts=content.parts,
        statuses=content.statuses,
        referrals=content.referrals,
    )
    return _put(content.snapshot_id + _OFFER, row, at=at)


def write_approval(content: AgencySnapshotApproval, *, at: Instant) -> Put:
    """Write an approval for the store."""
    key = content.snapshot_id + _APPROVAL + content.approval.key
    return _put(key, content.to_canonical(), at=at)


def write_given(snapshot_id: bytes, raw: bytes, *, at: Instant) -> Put:
    """Write the text down that is sent once it is approved."""
    return _put(snapshot_id + _GIVEN, raw, at=at)


async def read_offer(agent: Agent, snapshot_id: bytes) -> SnapshotOffer | None:
    """Read one offer, None where it is not here."""
    found = [held for held in await list_offers(agent) if held.snapshot_id == snapshot_id]
    return found[0] if found else None


def _put(key: bytes, value: bytes, *, at: Instant) -> Put:
    # A snapshot is a conversation of its own: what led nowhere is over after a month.
    shelf = Shelf(
        conversation=ConversationId(key[:_ID_BYTES]),
        case_ref=None,
        agency=_NOBODY,
        until=at + WAITED_FOR_MS,
    )
    return Put(SNAPSHOT, key, value, shelf)


async def _give(agent: Agent, snapshot_id: bytes, to: DeviceId, raw: bytes) -> None:
    pieces = [raw[start : start + PART_BYTES] for start in range(0, len(raw), PART_BYTES)]
    parts = [
        AgencySnapshotPart(snapshot_id=snapshot_id, number=number, piece=piece)
        for number, piece in enumerate(pieces)
    ]
    # The text goes in the commit that puts the pieces into the outbox: they are given once.
    given = Delete(SNAPSHOT, snapshot_id + _GIVEN)
    await tell_own(agent, *parts, devices=(to,), also=[given])


async def _take_when_whole(
    agent: Agent, snapshot_id: bytes, offer: Fields, rows: dict[bytes, bytes]
) -> None:
    me = agent.keyring.device
    pieces = [rows[key] for key in sorted(rows) if key.startswith(_PIECE)]
    if offer.text("to") != str(me) or len(pieces) < offer.number("parts"):
        return
    raw = b"".join(pieces)
    try:
        check_digest(offer, snapshot_id, me, raw)
        items = read_snapshot(raw, roles=_own_roles(agent))
    except QuietwayError as refused:
        await agent.settle(also=[Delete(SNAPSHOT, snapshot_id + key) for key in rows])
        agent.tell(SnapshotTaken(snapshot_id, 0, str(refused)))
        return
    known = {row.key for row in await agent.store.scan(MESSAGE)}
    own = agent.keyring.agency
    puts = [_to_message(item, own) for item in items if item.message.value not in known]
    gone = [Delete(SNAPSHOT, snapshot_id + key) for key in rows]
    for item in items:
        puts += await _note_talk(agent, item)
    await agent.settle(also=[*puts, *gone, Delete(STANDING, AWAITS_SNAPSHOT)])
    agent.standing.awaits_snapshot = False
    await agent.remember_held_back()
    # It may have been gathered before something of it was ordered away: that is looked after now.
    agent.held_back.look_again()
    agent.tell(SnapshotTaken(snapshot_id, len(items)))


async def _note_talk(agent: Agent, item: SnapshotItem) -> list[Put]:
    """Give the row by which a conversation that came with it is about its case for good."""
    called = find_case(item.content)
    if called is None:
        return []
    own = agent.keyring.agency
    others = item.to if item.agency == own else (item.agency,)
    found = [Talked(called, other, item.agency != own) for other in others]
    return await agent.talked.note(agent.store, item.conversation, found)


def _own_roles(agent: Agent) -> tuple[str, ...]:
    held = find_certificate(agent, agent.keyring.device)
    return () if held is None else held.roles


def _to_message(item: SnapshotItem, me: AgencyId) -> Put:
    # A case is called as the agency calls it that it is spoken of with.
    other = min(item.to, default=item.agency) if item.agency == me else item.agency
    shelf = choose_shelf(
        item.content,
        EnvelopeClass.CASE,
        created=item.said_at,
        conversation=item.conversation,
        agency=other,
    )
    row = write_row(
        received=True,
        snapshot=True,
        message=item.message.value,
        conversation=str(item.conversation),
        agency=str(item.agency),
        program=item.program or "",
        to=[str(held) for held in item.to],
        said_at=item.said_at,
        content=item.content,
        core_hash=item.core_hash,
    )
    return Put(MESSAGE, item.message.value, row, tag_shelf(shelf, item.content, item.message.value))


def _show(agent: Agent, row: Row, rows: list[Row]) -> SnapshotOffer:
    name, held = row.key[:_ID_BYTES], Fields(row.value)
    mine = {found.key[_ID_BYTES:]: found.value for found in rows if found.key.startswith(name)}
    ops, digest = find_ops_list(agent), held.raw("digest")
    return SnapshotOffer(
        snapshot_id=name,
        to=DeviceId.from_text(held.text("to")),
        offered_by=DeviceId.from_text(held.text("by")),
        digest=digest,
        statuses=held.number("statuses"),
        referrals=held.number("referrals"),
        approvals=count_approvals(ops, digest, _approvals_in(mine), agent.clock.now()),
        needed=min(ENOUGH_APPROVALS, len(ops.ops)),
    )


def _approvals_in(rows: dict[bytes, bytes]) -> list[Approval]:
    return [
        AgencySnapshotApproval.from_canonical(value, max_bytes=len(value)).approval
        for key, value in rows.items()
        if key.startswith(_APPROVAL)
    ]


def _holds(digest: bytes, approval: Approval) -> bool:
    try:
        verify(approval.key, TAG_SNAPSHOT, digest, approval.signature)
    except CryptoError:
        return False
    return True
