"""What a device does about huddles by itself: brings in who accepted, puts out who may not stay.

The owner's device does the one and the other by its next statement. Another device whose agency
vouched for somebody says that it does so no more. Both are read from what was said, so a look that
was cut off is taken up by the next one.

Rules: it widens nothing that a person did not decide: whoever is brought in was called by a person,
and answered.

Spec: docs/spec/crises.md, "Who takes part"; docs/spec/policy.md, "Huddles".
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quietway.consent.asking import weigh
from quietway.crisis.chain import Seat
from quietway.crisis.seating import propose_role
from quietway.crisis.summary import make_summary
from quietway.errors import QuietwayError, StorageFull
from quietway.huddling.grounds import find_grounds
from quietway.huddling.plans import read_plan
from quietway.huddling.reading import list_crises, read_crisis
from quietway.huddling.saying import is_certified, say_in_huddle, say_to_seats
from quietway.huddling.stating import keep_allowed, state_members
from quietway_schemas.content.crisis import LEAD, HuddleStopped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.crisis.sequence import Step
    from quietway.views.crises import Crisis
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant


FALLEN: Final = frozenset({"P10", "P11", "P62", "P63", "P64"})
"""Rules by which a release was taken back, or is over; see docs/spec/policy.md, "The rules"."""


@dataclass(frozen=True, slots=True)
class _Next:
    """The next statement, as far as it differs from the last one."""

    seats: tuple[Seat, ...]
    owner: DeviceId
    joined: tuple[Seat, ...]
    change: str


class Minder:
    """Minds the huddles of one device. It keeps nothing."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.turn = asyncio.Lock()

    async def mind(self) -> list[QuietwayError]:
        """Do what is to be done in each huddle. Reports, does not raise."""
        async with self.turn:
            for crisis in await list_crises(self._agent):
                try:
                    await self._mind_one(crisis)
                except StorageFull as full:
                    return [full]
                except QuietwayError:
                    # A rule is in the way of one huddle; its view says what is missing.
                    continue
        return []

    async def mind_quietly(self) -> None:
        """Do the same, where nobody asks for what is in the way."""
        await self.mind()

    async def _mind_one(self, crisis: Crisis) -> None:
        if crisis.membership.forked:
            return
        if crisis.is_owner:
            await self._as_owner(crisis)
        elif crisis.seat is not None:
            await self._as_voucher(crisis)

    async def _as_owner(self, crisis: Crisis) -> None:
        found = await self._find_next(crisis)
        if found is None:
            return
        await state_members(
            self._agent,
            crisis,
            found.seats,
            change=found.change,
            grounds=await find_grounds(self._agent, crisis),
            owner=found.owner,
        )
        if found.joined:
            await self.brief(crisis.event_id, found.joined)

    async def brief(self, event_id: bytes, joined: Iterable[Seat]) -> None:
        """Say to who joined where the event stands: a summary, and never history."""
        crisis = await read_crisis(self._agent, event_id)
        summary = make_summary(crisis, now=self._agent.clock.now())
        with suppress(QuietwayError):
            await say_in_huddle(self._agent, crisis, summary, only={seat.device for seat in joined})

    async def _find_next(self, crisis: Crisis) -> _Next | None:
        agent, last = self._agent, crisis.membership.last
        me = Seat(agent.keyring.agency, crisis.me, LEAD)
        seats = list(crisis.members) if last is not None else [me]
        # An event that is closed is still spoken about: nobody comes in, and who may not stay goes.
        joined = await self._list_joining(crisis, seats) if crisis.is_open else []
        kept, has_fallen = await keep_allowed(agent, crisis, [*seats, *joined])
        joined = [seat for seat in joined if seat in kept]
        owner = await self._find_owner(crisis, kept) if crisis.is_open else crisis.me
        before = set() if last is None else set(crisis.membership.seats)
        if last is None and not joined:
            return None
        if last is not None and {seat.device for seat in kept} == before and owner == crisis.me:
            return None
        change = self._name_change(crisis, owner, joined, has_fallen=has_fallen)
        return _Next(tuple(kept), owner, tuple(joined), change)

    async def _list_joining(self, crisis: Crisis, seats: list[Seat]) -> list[Seat]:
        agent, membership = self._agent, crisis.membership
        agencies, joined = {seat.agency for seat in seats}, []
        plan = await read_plan(agent.store, crisis.event_id)
        steps = () if plan is None else plan.steps
        asked = {step.agency: step.told_at or 0 for step in steps}
        for answer in crisis.answers:
            gone = find_put_out(crisis, answer.agency, answer.device)
            seat = Seat(answer.agency, answer.device, self._propose(answer.agency, answer.device))
            if answer.answer != "accept" or answer.device in {*membership.seats, *crisis.left}:
                continue
            if gone is not None and gone >= min(answer.at, asked.get(answer.agency, 0)):
                continue
            if not is_certified(agent, seat):
                continue
            if find_unpaired(crisis, answer.agency, agencies):
                continue
            agencies.add(answer.agency)
            joined.append(seat)
        return joined

    def _propose(self, agency: AgencyId, device: DeviceId) -> str:
        held = self._agent.directory.device(agency, device)
        return propose_role(() if held is None else held.roles)

    async def _find_owner(self, crisis: Crisis, kept: list[Seat]) -> DeviceId:
        devices = {seat.device for seat in kept}
        for offer in crisis.offers:
            if offer.is_accepted and offer.to in devices:
                return offer.to
        if crisis.me != crisis.activation.opener_device:
            return crisis.me
        plan = await read_plan(self._agent.store, crisis.event_id)
        steps = () if plan is None else plan.steps
        named = find_named_lead(crisis, steps, () if plan is None else plan.fallback)
        if named == self._agent.keyring.agency:
            return crisis.me
        # It was asked to lead by the activation, and answered: nobody presses twice.
        before = crisis.membership.seats
        new = [seat for seat in kept if seat.agency == named and seat.device not in before]
        return new[0].device if new else crisis.me

    def _name_change(
        self, crisis: Crisis, owner: DeviceId, joined: list[Seat], *, has_fallen: bool
    ) -> str:
        if crisis.membership.last is None:
            return "opened"
        if owner != crisis.me:
            return "handed_over"
        if joined:
            return "joined"
        if crisis.left & crisis.membership.seats.keys():
            return "left"
        return "sharing_stopped" if has_fallen else "removed"

    async def _as_voucher(self, crisis: Crisis) -> None:
        agent, last = self._agent, crisis.membership.last
        mine = agent.keyring.agency
        for party in () if last is None else last.content.parties:
            if party.vouched_by != mine or party.agency in {mine, *crisis.stopped}:
                continue
            content = HuddleStopped(
                event_id=crisis.event_id,
                exercise=crisis.exercise,
                epoch=crisis.epoch,
                agency=party.agency,
                at=agent.clock.now(),
            )
            if await self._has_fallen(crisis, content, party.agency):
                others = [
                    seat
                    for seat in crisis.members
                    if seat.agency != party.agency and seat.device != crisis.me
                ]
                await say_to_seats(agent, crisis, content, others)

    async def _has_fallen(self, crisis: Crisis, content: HuddleStopped, agency: AgencyId) -> bool:
        """Say whether what was granted for an agency is over or was taken back.

        A device that knows of no release yet (it was linked a moment ago) says nothing.
        """
        if self._agent.standings.hindrance(agency):
            return True
        answer = await weigh(self._agent, content, agency, conversation=crisis.conversation)
        return answer.ruling.rule in FALLEN


def find_named_lead(
    crisis: Crisis, steps: Iterable[Step], fallback: Iterable[AgencyId]
) -> AgencyId:
    """Say who is to lead: who was named, or the next in order that did not let its time pass."""
    passed = {step.agency for step in steps if step.state in {"declined", "refused", "unanswered"}}
    named = (crisis.activation.lead, *fallback)
    return next((agency for agency in named if agency not in passed), crisis.activation.opener)


def find_put_out(crisis: Crisis, agency: AgencyId, device: DeviceId) -> Instant | None:
    """Say when somebody was put out, who comes back only where a person asked them since.

    Where nobody of an agency takes part any more, all of it was put out with the last one.
    """
    membership = crisis.membership
    ends = {
        seat.device: membership.put_out[seat.device][0]
        for held in membership.statements
        for seat in held.seats.values()
        if seat.agency == agency and seat.device in membership.put_out
    }
    is_there = any(seat.agency == agency for seat in membership.seats.values())
    return ends.get(device) if is_there else max(ends.values(), default=None)


def find_unpaired(
    crisis: Crisis, agency: AgencyId, agencies: Iterable[AgencyId]
) -> tuple[AgencyId, ...]:
    """Name those of some agencies that are no partners of another one, as the two say."""
    lacking = {held.agency: held.not_partners for held in crisis.answers}
    mine = lacking.get(agency, ())
    return tuple(
        other for other in sorted(agencies) if other in mine or agency in lacking.get(other, ())
    )
