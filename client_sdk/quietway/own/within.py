"""Takes in what another device of this agency told: once, in order, and in one commit each.

What came is a row of the store before it is acknowledged, and its row goes in the commit that holds
what came of it. So a device that is cut off in between goes on at the next start. Who speaks is one
of this agency's certified devices, in the moment when it is taken in: what a device that was given
back said to partners stays said, but it decides nothing about the others any more. What it says of
others' keys is judged by signatures all the same. A lane that a partner gave this device comes
the same way, and decides nothing else. What is shown as a message and heeded too (a consent, an
agreement) has a copy here, and a taker of its own in `agent.takers`.

Spec: docs/spec/keys.md, "Messages within an agency"; docs/spec/lanes.md, "Grant".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.engine.codec import Fields
from quietway.events import DeadLettered
from quietway.own.accesses import take_access
from quietway.own.granting import take_grant
from quietway.own.leaving import take_leaving
from quietway.own.proposals import find_certificate, take_proposal
from quietway.own.reviews import take_review
from quietway.own.sharing import take_shared
from quietway.own.snapshot_rows import take_snapshot
from quietway.own.stances import take_standing
from quietway.own.taken import Taken, Told
from quietway.ports import Delete
from quietway.records import WITHIN
from quietway.sealing import BAD_CONTENT, QUARANTINED
from quietway_crypto.errors import CryptoError
from quietway_schemas.content.access import AccessEvent
from quietway_schemas.content.agency import (
    AgencyLeaving,
    AgencyProposal,
    AgencyReview,
    AgencyShared,
    AgencySnapshotApproval,
    AgencySnapshotOffer,
    AgencySnapshotPart,
    AgencyStanding,
)
from quietway_schemas.content.lane import LaneGrant
from quietway_schemas.content.oncall import OnCallPublished
from quietway_schemas.content.quiet import is_heeded
from quietway_schemas.content.registry import parse_content
from quietway_schemas.envelope import EnvelopeClass
from quietway_schemas.errors import SchemaError
from quietway_schemas.ids import AgencyId, DeviceId

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.ports import Row


async def take_in(agent: Agent) -> None:
    """Take in everything that waits.

    Raises:
        StorageFull: What was not taken in waits for the next time.
    """
    async with agent.taking_in:
        if not agent.within_waits:
            return
        for row in await agent.store.scan(WITHIN):
            taken = await _take_one(agent, row)
            await agent.settle(also=[*taken.writes, Delete(WITHIN, row.key)])
            for remember in taken.after:
                await remember()
            for event in taken.events:
                agent.tell(event)
        agent.within_waits = False


async def _take_one(agent: Agent, row: Row) -> Taken:
    try:
        told = _read(row)
    except (SchemaError, CryptoError):
        return Taken(events=(DeadLettered(BAD_CONTENT, agent.clock.now()),))
    if isinstance(told.content, LaneGrant):
        return await take_grant(agent, told, told.content)
    # What a partner says of who is on call is taken in here too; shown is neither.
    heeded = is_heeded(told.content.type) or isinstance(told.content, OnCallPublished)
    if heeded and told.agency != agent.keyring.agency:
        # Its signer was judged when it was opened; what it may decide is its taker's to say.
        return await _act_on(agent, told)
    if not still_decides(agent, told.device):
        # What a wiped machine asks for was done, where it is not of the agency any more.
        left = isinstance(told.content, AgencyLeaving)
        return Taken() if left else Taken(events=(DeadLettered(QUARANTINED, agent.clock.now()),))
    return await (_act_on if heeded else _take_of_colleague)(agent, told)


async def _act_on(agent: Agent, told: Told) -> Taken:
    taker = agent.takers.get(told.content.type)
    return Taken() if taker is None else await taker(agent, told)


async def _take_of_colleague(agent: Agent, told: Told) -> Taken:  # noqa: PLR0911 - one case for each type
    match told.content:
        case AccessEvent():
            return await take_access(agent, told)
        case AgencyShared():
            return await take_shared(agent, told, told.content)
        case AgencyProposal():
            return await take_proposal(agent, told, told.content)
        case AgencySnapshotOffer() | AgencySnapshotApproval() | AgencySnapshotPart():
            return await take_snapshot(agent, told, told.content)
        case AgencyReview():
            return await take_review(agent, told, told.content)
        case AgencyStanding():
            return await take_standing(agent, told.content)
        case AgencyLeaving():
            return await take_leaving(agent, told)
        case _:
            return await _act_on(agent, told)


def still_decides(agent: Agent, device: DeviceId) -> bool:
    """Say whether a device is one of the agency's now, so that it may tell the others something."""
    return find_certificate(agent, device) is not None


def _read(row: Row) -> Told:
    held = Fields(row.value)
    class_ = EnvelopeClass.FLASH if held.truth("flash") else EnvelopeClass.CASE
    return Told(
        agency=AgencyId.from_text(held.text("agency")),
        device=DeviceId.from_text(held.text("device")),
        at=held.number("said_at"),
        content=parse_content(held.raw("content"), class_),
        kept=held,
    )
