"""Legal holds: what a court or a lawyer asked to be kept stays, until it is released.

A hold is on a case, by one's own reference, or on a conversation. It keeps record keys and nothing
else: no epoch's seed lives longer for it, so what was never opened here is not kept either. A hold
on a case also keeps what is said without naming the case in a conversation that speaks of it:
answers to its referrals are such.

Spec: docs/spec/keys.md, "Record keys".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.engine.codec import Fields, write_row
from quietway.errors import ContentRefused, NotFound
from quietway.history import list_messages
from quietway.ports import Delete, Put
from quietway.reports import LegalHold, SweepReport
from quietway.store.shelves import OF_CASE, own, own_conversation
from quietway_schemas.errors import IdError
from quietway_schemas.ids import CaseRef, ConversationId

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.ports import Row

HOLD: Final = "hold"
Holdable = CaseRef | ConversationId


class AsyncRetention:
    """What is kept, and for how long."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def hold(self, case: Holdable | str) -> LegalHold:
        """Keep everything of a case or a conversation until it is released.

        Args:
            case: One's own case reference, or a conversation's id; as an object or as text.

        Raises:
            ContentRefused: The text is neither.
        """
        held, agent = _read_holdable(case), self._agent
        at = agent.clock.now()
        former = next((hold for hold in await self.holds() if hold.of == held), None)
        if former is not None:
            return former
        await agent.settle(also=[Put(HOLD, _owner(held), write_row(at=at))])
        agent.sweeper.follow_holds(await held_owners(agent))
        return LegalHold(held, at)

    async def release(self, case: Holdable | str) -> None:
        """End a hold. The former times count again: what is over goes at the next sweep.

        Raises:
            NotFound: There is no such hold.
            ContentRefused: The text is neither a case reference nor a conversation's id.
        """
        held, agent = _read_holdable(case), self._agent
        if await agent.store.read(HOLD, _owner(held)) is None:
            raise NotFound(f"A hold on {held}")
        await agent.settle(also=[Delete(HOLD, _owner(held))])
        agent.sweeper.follow_holds(await held_owners(agent))

    async def holds(self) -> list[LegalHold]:
        """List the holds, in the order in which they were laid."""
        return [_read_hold(row) for row in await self._agent.store.scan(HOLD)]

    async def sweep(self) -> SweepReport:
        """Erase what is due now; the relay is asked for the time, where it answers.

        Returns:
            What was erased, or why nothing was.

        Raises:
            StoreError: The device's own files are in the way.
        """
        return await self._agent.sweep()


async def held_owners(agent: Agent) -> frozenset[bytes]:
    """Name the owners of the shelves that are held."""
    owners = frozenset(row.key for row in await agent.store.scan(HOLD))
    if not any(owner.startswith(OF_CASE) for owner in owners):
        return owners
    cases = (CaseRef(owner[len(OF_CASE) :]) for owner in owners if owner.startswith(OF_CASE))
    return owners | {
        own_conversation(message.conversation)
        for case in cases
        for message in await list_messages(agent, case=case, held_back=True)
    }


def _owner(held: Holdable) -> bytes:
    return own(held) if isinstance(held, CaseRef) else own_conversation(held)


def _read_hold(row: Row) -> LegalHold:
    name = row.key[len(OF_CASE) :]
    of = CaseRef(name) if row.key.startswith(OF_CASE) else ConversationId(name)
    return LegalHold(of, Fields(row.value).number("at"))


def _read_holdable(named: Holdable | str) -> Holdable:
    if not isinstance(named, str):
        return named
    for kind in (CaseRef, ConversationId):
        try:
            return kind.from_text(named)
        except IdError:
            continue
    raise ContentRefused("case", "is neither a case reference nor the id of a conversation.")
