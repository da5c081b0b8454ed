"""Giving partners' devices their lanes, and taking in the one that a partner gave this device.

Whichever device of the agency first sees a partner's device without a lane sends it one. When the
relay has it on disk the other devices are told, so that none of them sends it again; where two were
equally quick they sent the same. A grant waits in the outbox like everything else.

Rules: a grant is sealed to one device. It goes out after the week that opens its lane was uploaded.
It is written down that it is on its way in the commit that puts it into the outbox.

Spec: docs/spec/lanes.md, "Grant".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.engine.inputs import Compose
from quietway.events import DeadLettered
from quietway.lanes import GRANTED_LANE, GrantedLane
from quietway.own.lane_rows import (
    GRANTING,
    LANE_GRANTED,
    NAME_BYTES,
    Granted,
    list_cut,
    name_secret,
    read_granted,
)
from quietway.own.open_lanes import NOBODY_PAUSED
from quietway.own.sharing import read_secret_time, write_shared
from quietway.own.taken import Taken
from quietway.ports import Delete, Put
from quietway.sealing import BAD_CONTENT, EARLY_MS
from quietway_crypto.lanes import derive_lane
from quietway_crypto.secret import Secret
from quietway_schemas.content.lane import LaneGrant
from quietway_schemas.content.registry import encode_content, find_class
from quietway_schemas.ids import ConversationId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.keyring.standing import VerifiedDevice
    from quietway.own.taken import Told
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

RENEWED_AFTER_MS: Final = 21 * DAY
"""Mail lives for 30 days: whoever was away finds a grant in the mailbox that still opens."""
_ID_BYTES: Final = 16
_WAITS_FOR_A_LANE: Final = frozenset({"lane_awaited", "not_found"})


async def grant_lanes(agent: Agent, *, paused: frozenset[AgencyId] = NOBODY_PAUSED) -> None:
    """Put a grant into the outbox for each device of a partner that has none.

    Args:
        agent: Of this device.
        paused: Agencies whose devices are given none for now.

    Raises:
        StorageFull: Nothing was written.
    """
    missing = await _find_missing(agent, paused)
    if not missing:
        return
    since = await read_secret_time(agent)
    composed = [_compose(agent, held, since) for held in missing]
    name = name_secret(agent.keyring.agency_secret)
    rows = [
        Put(
            GRANTING,
            held.device.value,
            write_row(local_id=said.local_id, secret=name, key=held.identity_key[:NAME_BYTES]),
        )
        for held, said in zip(missing, composed, strict=True)
    ]
    await agent.settle(*composed, also=rows)


async def note_granted(agent: Agent) -> None:
    """Tell the agency's other devices of the grants that the relay has on disk.

    Raises:
        StorageFull: Nothing was written.
    """
    name, now = name_secret(agent.keyring.agency_secret), agent.clock.now()
    stored: list[Put] = []
    over: list[Delete] = []
    for row in await agent.store.scan(GRANTING):
        held = Fields(row.value)
        entry = agent.state.outbox.get(held.raw("local_id"))
        if entry is not None and not entry.settled:
            continue
        over.append(Delete(GRANTING, row.key))
        was_handed_over = entry is None or not entry.expired
        if was_handed_over and held.raw("secret") == name:
            granted = Granted(name, held.raw("key"), now)
            stored.append(Put(LANE_GRANTED, row.key, granted.to_row()))
    if over:
        await write_shared(agent, *stored, also=over)


async def take_grant(agent: Agent, told: Told, content: LaneGrant) -> Taken:
    """Take in the lane that a partner gave this device, where it is later than the one held."""
    agency = told.agency
    if agency == agent.keyring.agency:
        return Taken(events=(DeadLettered(BAD_CONTENT, agent.clock.now()),))
    granted = GrantedLane(Secret(content.lane), date_grant(content, told.at), told.at)
    if not granted.is_later_than(agent.lanes.granted(agency)):
        return Taken()

    async def remember() -> None:
        agent.lanes.take(agency, granted)
        if _waits_for_a_lane(agent, agency):
            await agent.send_what_waits()

    return Taken((Put(GRANTED_LANE, agency.value, granted.to_row()),), (remember,))


def date_grant(content: LaneGrant, created: Instant) -> Instant:
    """Say since when a grant's secret counts: no secret is drawn long after it was used.

    Otherwise one device in other hands could name a time that no later secret ever reaches, and
    nothing could be sent to its agency any more, also long after it was revoked.
    """
    return min(content.since, created + EARLY_MS)


async def _find_missing(agent: Agent, paused: frozenset[AgencyId]) -> list[VerifiedDevice]:
    now, name = agent.clock.now(), name_secret(agent.keyring.agency_secret)
    cut, granted = await list_cut(agent), await read_granted(agent)
    under_way = {
        row.key
        for row in await agent.store.scan(GRANTING)
        if Fields(row.value).raw("secret") == name
    }

    def lacks(held: VerifiedDevice) -> bool:
        known = granted.get(held.device)
        given = (
            known is not None
            and (known.secret, known.key) == (name, held.identity_key[:NAME_BYTES])
            and now < known.at + RENEWED_AFTER_MS
        )
        return not given and held.device not in cut and held.device.value not in under_way

    return [held for held in _list_reachable(agent, paused, now) if lacks(held)]


def _list_reachable(
    agent: Agent, paused: frozenset[AgencyId], now: Instant
) -> Iterable[VerifiedDevice]:
    for agency in agent.lanes.partners:
        if agency not in paused and not agent.directory.hindrance(agency, now):
            yield from agent.directory.devices_of(agency)


def _compose(agent: Agent, held: VerifiedDevice, since: Instant) -> Compose:
    lane = derive_lane(agent.keyring.agency_secret, held.device.value)
    content = LaneGrant(lane=lane, since=since)
    return Compose(
        now=agent.clock.now(),
        local_id=agent.entropy.draw(_ID_BYTES),
        # One of its own: nobody ever answers to it.
        conversation=ConversationId(agent.entropy.draw(_ID_BYTES)),
        to=(held.agency,),
        kind=content.type,
        class_=find_class(content),
        content=encode_content(content),
        devices=(held.device,),
    )


def _waits_for_a_lane(agent: Agent, agency: AgencyId) -> bool:
    return any(
        held.agency == agency and held.reason in _WAITS_FOR_A_LANE
        for entry in agent.state.outbox.values()
        for held in entry.deliveries
    )
