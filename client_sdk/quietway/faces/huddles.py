"""Who takes part in an event: answering, inviting, leaving, roles, and who leads.

Spec: docs/spec/crises.md, "Who takes part".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quietway.crisis.chain import Seat
from quietway.crisis.seating import propose_role
from quietway.crisis.sequence import Step
from quietway.errors import ContentRefused, NotPartners
from quietway.faces.saying import saying_refusals
from quietway.huddling.calling import Caller, tell_agency
from quietway.huddling.grounds import find_ground_of, find_grounds
from quietway.huddling.minding import Minder, find_unpaired
from quietway.huddling.plans import Plan, read_plan
from quietway.huddling.reading import read_crisis
from quietway.huddling.saying import call, find_allowed, say_in_huddle
from quietway.huddling.stating import state_members
from quietway.huddling.taking import TAKERS
from quietway.huddling.vouching import find_vouched
from quietway.speaking import find_partner, speak
from quietway_schemas.codebook.lists import check
from quietway_schemas.content.crisis import LEAD, CrisisAnswer, HuddleHandover, HuddleLeft
from quietway_schemas.ids import DeviceId

if TYPE_CHECKING:
    from quietway.agent import Agent
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway.views.crises import Crisis
    from quietway.views.crisis_parts import Offer
    from quietway_schemas.ids import AgencyId

_ID_BYTES = 16


class HuddleFace:
    """Who takes part, and who leads."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._caller = Caller(agent)
        self._minder = Minder(agent)
        agent.takers |= TAKERS
        agent.find_vouched = self._find_vouched
        agent.mind_huddles = self._minder.mind_quietly
        agent.errands_of_cases += [self._caller.look, self._minder.mind]
        agent.beside.append(self._caller.run)

    async def answer(self, event_id: bytes | str, answer: str = "accept") -> Sent:
        """Say that this device's person takes part, or can't.

        Args:
            event_id: Of the event that this agency was called to.
            answer: Of the list `crisis_answer`.

        Raises:
            NotFound: This store knows no such event.
            ContentRefused: This agency opened it, or there is no such answer. Nothing was sealed.
        """
        agent, crisis = self._agent, await self._read_open(event_id)
        mine, partners = agent.keyring.agency, agent.lanes.partners
        asking = ({crisis.activation.opener, crisis.lead} - {mine}) & set(partners)
        if not asking:
            raise ContentRefused("event_id", "is of an event that this agency opened itself.")
        with saying_refusals():
            content = CrisisAnswer(
                event_id=crisis.event_id,
                exercise=crisis.exercise,
                answer=answer,
                not_partners=tuple(sorted(set(crisis.activation.parties) - {mine} - set(partners))),
                at=agent.clock.now(),
            )
        told = await find_allowed(agent, crisis, content, asking)
        return await speak(agent, content, to=told, conversation=crisis.conversation)

    async def invite(
        self, event_id: bytes | str, who: Addressee | DeviceId, *, role: str | None = None
    ) -> None:
        """Call a further partner, or bring in a device: a colleague's, or one that was named.

        A partner that is called takes part once somebody there answers; a device at once.

        Args:
            event_id: Of the event.
            who: A partner, or a device.
            role: Of the list `huddle_role`, for a device; proposed by its roles where it is None.

        Raises:
            NotFound: This store knows no such event.
            ContentRefused: Another device says who takes part, or that device left. Nothing was
                sealed.
            NotPartners: Its agency and one that takes part are no partners. The same.
            NotPermitted: Its agency may not be told. The same.
        """
        async with self._minder.turn:
            crisis = self._demand_owner(await self._read_open(event_id))
            if isinstance(who, DeviceId):
                await self._bring_in(crisis, who, role)
                return
            agency = find_partner(self._agent, who).agency_id
            plan = await self._read_plan(crisis)
            await tell_agency(self._agent, crisis.activation, crisis.case, agency, basis=plan.basis)
            told = Step(agency, state="told", told_at=self._agent.clock.now())
            others = tuple(step for step in plan.steps if step.agency != agency)
            steps = Plan(crisis.event_id, (*others, told), plan.basis, plan.fallback)
            await self._agent.settle(also=[steps.write()])

    async def remove(self, event_id: bytes | str, who: Addressee | DeviceId) -> Sent:
        """Put a device out, or all of an agency: nothing more goes there, and what waits is cut.

        Raises:
            NotFound: This store knows no such event.
            ContentRefused: Another device says who takes part, or it is this one. Nothing was
                sealed.
        """
        async with self._minder.turn:
            crisis = self._demand_owner(await self._read(event_id))
            agency = None if isinstance(who, DeviceId) else self._find_agency(who)
            gone = [seat for seat in crisis.members if who == seat.device or agency == seat.agency]
            if not gone or any(seat.device == crisis.me for seat in gone):
                raise ContentRefused("who", "takes no part, or is this device: hand over first.")
            kept = [seat for seat in crisis.members if seat not in gone]
            return await self._state(crisis, kept, "removed")

    async def leave(self, event_id: bytes | str) -> Sent:
        """Take part no more. This device says nothing there from now on, and is told nothing.

        Raises:
            NotFound: This store knows no such event.
            ContentRefused: This device takes no part, or owns the huddle: hand over first.
        """
        crisis = await self._read(event_id)
        if crisis.is_owner:
            raise ContentRefused("event_id", "is of a huddle that you lead: hand over first.")
        content = HuddleLeft(**self._of(crisis), at=self._agent.clock.now())
        return await say_in_huddle(self._agent, crisis, content)

    async def assign_role(self, event_id: bytes | str, device: DeviceId, role: str) -> Sent:
        """Say what somebody who takes part does there. An `observer` only reads.

        Args:
            event_id: Of the event.
            device: Whose.
            role: Of the list `huddle_role`.

        Raises:
            NotFound: This store knows no such event.
            ContentRefused: Another device says who takes part, that one takes no part, or there is
                no such role. Nothing was sealed.
        """
        async with self._minder.turn:
            crisis = self._demand_owner(await self._read(event_id))
            if device not in crisis.roles:
                raise ContentRefused("device", "takes no part.")
            with saying_refusals():
                check("huddle_role", role, "role")
            seats = [
                Seat(seat.agency, seat.device, role if seat.device == device else seat.role)
                for seat in crisis.members
            ]
            return await self._state(crisis, seats, "role_changed")

    async def hand_over(self, event_id: bytes | str, to: DeviceId) -> Sent:
        """Ask somebody who takes part to lead. Nothing changes until they accept.

        Raises:
            NotFound: This store knows no such event.
            ContentRefused: Another device leads, or that one takes no part. Nothing was sealed.
        """
        crisis = self._demand_owner(await self._read_open(event_id))
        if to not in crisis.roles or to == crisis.me:
            raise ContentRefused("to", "takes no part, or leads already.")
        content = HuddleHandover(
            **self._of(crisis),
            offer_id=self._agent.entropy.draw(_ID_BYTES),
            step="offered",
            to=to,
            at=self._agent.clock.now(),
        )
        return await say_in_huddle(self._agent, crisis, content)

    async def accept_lead(self, event_id: bytes | str) -> Sent:
        """Accept to lead: this device does so once the one that led states it.

        Raises:
            NotFound: This store knows no such event.
            ContentRefused: Nobody asked this device. Nothing was sealed.
        """
        return await self._answer_offer(event_id, "accepted")

    async def decline_lead(self, event_id: bytes | str) -> Sent:
        """Decline to lead: the other one goes on.

        Raises:
            NotFound: This store knows no such event.
            ContentRefused: Nobody asked this device. Nothing was sealed.
        """
        return await self._answer_offer(event_id, "declined")

    async def succeed(self, event_id: bytes | str) -> Sent:
        """Go on for a colleague whose device is lost or revoked: this one states who takes part.

        Raises:
            NotFound: This store knows no such event.
            ContentRefused: This device takes no part, or another agency leads. Nothing was sealed.
        """
        async with self._minder.turn:
            crisis = await self._read(event_id)
            owner, last = crisis.owner, crisis.membership.last
            if owner is None or last is None or crisis.seat is None:
                raise ContentRefused("event_id", "is of a huddle in which this device has no part.")
            if owner.agency != self._agent.keyring.agency or owner.device == crisis.me:
                raise ContentRefused("event_id", "is led by another agency, or by this device.")
            seats = [seat for seat in crisis.members if seat.device != owner.device]
            return await state_members(
                self._agent, crisis, seats, change="succeeded", grounds={}, follows=last.name
            )

    async def _bring_in(self, crisis: Crisis, device: DeviceId, role: str | None) -> None:
        agent = self._agent
        agency = next(
            (
                held
                for held in (agent.keyring.agency, *agent.lanes.partners)
                if agent.directory.device(held, device) is not None
            ),
            None,
        )
        if agency is None:
            raise ContentRefused("who", "is no device of this agency, or of a partner.")
        if device in crisis.left:
            raise ContentRefused("who", "left this huddle: name another device of its agency.")
        self.check_pairs(crisis, agency)
        if agency != agent.keyring.agency:
            plan = await self._read_plan(crisis)
            await tell_agency(agent, crisis.activation, crisis.case, agency, basis=plan.basis)
        held = agent.directory.device(agency, device)
        proposed = propose_role(() if held is None else held.roles)
        seat = Seat(agency, device, role or proposed)
        seats = [held for held in self._list_seats(crisis) if held.device != device]
        await self._state(crisis, [*seats, seat], "joined", new=agency)
        await self._minder.brief(crisis.event_id, [seat])

    def check_pairs(self, crisis: Crisis, agency: AgencyId) -> None:
        """Demand that an agency is a partner of each that takes part, as far as they said.

        Raises:
            NotPartners: Of one it is none. Nothing was sealed.
        """
        there = {seat.agency for seat in crisis.members}
        for other in find_unpaired(crisis, agency, there):
            raise NotPartners(call(self._agent, agency), call(self._agent, other))

    async def _state(
        self,
        crisis: Crisis,
        seats: list[Seat],
        change: str,
        *,
        new: AgencyId | None = None,
    ) -> Sent:
        grounds = await find_grounds(self._agent, crisis)
        if new is not None and new != self._agent.keyring.agency and new not in grounds:
            plan = await self._read_plan(crisis)
            found = await find_ground_of(self._agent, crisis, new, basis=plan.basis)
            grounds |= {} if found is None else {new: found}
        return await state_members(
            self._agent,
            crisis,
            seats,
            change=change if crisis.membership.statements else "opened",
            grounds=grounds,
        )

    def _list_seats(self, crisis: Crisis) -> list[Seat]:
        if crisis.membership.last is not None:
            return list(crisis.members)
        return [Seat(self._agent.keyring.agency, crisis.me, LEAD)]

    async def _answer_offer(self, event_id: bytes | str, step: str) -> Sent:
        crisis = await self._read(event_id)
        offer = self._find_offer(crisis)
        content = HuddleHandover(
            **self._of(crisis),
            offer_id=offer.offer_id,
            step=step,
            to=crisis.me,
            at=self._agent.clock.now(),
        )
        return await say_in_huddle(self._agent, crisis, content)

    def _find_offer(self, crisis: Crisis) -> Offer:
        for offer in reversed(crisis.offers):
            if offer.to == crisis.me:
                return offer
        raise ContentRefused("event_id", "is of an event whose lead nobody offered to you.")

    def _demand_owner(self, crisis: Crisis) -> Crisis:
        if not crisis.is_owner:
            raise ContentRefused("event_id", "is of a huddle that another device leads: ask it.")
        return crisis

    async def _read(self, event_id: bytes | str) -> Crisis:
        return await read_crisis(self._agent, event_id)

    async def _read_open(self, event_id: bytes | str) -> Crisis:
        crisis = await self._read(event_id)
        if not crisis.is_open:
            raise ContentRefused("event_id", "is of an event that is closed.")
        return crisis

    async def _read_plan(self, crisis: Crisis) -> Plan:
        plan = await read_plan(self._agent.store, crisis.event_id)
        return Plan(crisis.event_id, ()) if plan is None else plan

    async def _find_vouched(self, content: Any, agency: AgencyId) -> Any:
        return await find_vouched(self._agent, content, agency)

    def _find_agency(self, named: Addressee | None) -> AgencyId:
        mine = self._agent.keyring
        if named is None or named in (mine.agency, mine.agency_code, str(mine.agency)):
            return mine.agency
        return find_partner(self._agent, named).agency_id

    def _of(self, crisis: Crisis) -> dict[str, Any]:
        return {
            "event_id": crisis.event_id,
            "epoch": crisis.epoch,
            "exercise": crisis.exercise,
        }
