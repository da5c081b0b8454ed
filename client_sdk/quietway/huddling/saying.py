"""Saying something in a huddle: to exactly those who take part, and in one message.

Rules: what is said is sealed to the devices of the last statement that counts, and to nobody else.
Whose agency may not be told any more is left out at once; the others get it.

Spec: docs/spec/crises.md, "Who takes part"; docs/spec/policy.md, "Huddles".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.consent.asking import weigh
from quietway.errors import ContentRefused, NotPartners, NotPermitted, PartnerPaused
from quietway.speaking import speak
from quietway_schemas.content.crisis import OBSERVER, HuddleLeft

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from quietway.agent import Agent
    from quietway.crisis.chain import Seat
    from quietway.reports import Sent
    from quietway.views.crises import Crisis
    from quietway_schemas.content.base import CaseContent
    from quietway_schemas.ids import AgencyId, DeviceId
    from quietway_schemas.instants import Instant


async def say_in_huddle(
    agent: Agent,
    crisis: Crisis,
    content: CaseContent,
    *,
    only: Collection[DeviceId] | None = None,
    until: Instant | None = None,
) -> Sent:
    """Say something to those who take part.

    Args:
        agent: Of this device.
        crisis: The event, as it stands.
        content: What; the same for all.
        only: Only to these of them; None for all.
        until: When it may not go out any more, as in `speaking.speak`.

    Raises:
        ContentRefused: This device takes no part, or is an observer; or it is a drill and the
            event is none, or the other way round. Nothing was sealed.
        NotPartners: An agency that takes part is no partner of this one. The same.
        NotPermitted: Nobody who takes part may be told. The same.
        PartnerPaused: Nothing may go to any of them now. The same.
        QuietwayError: As `speaking.speak`.
    """
    check_may_say(crisis, content)
    seats = [seat for seat in crisis.members if seat.device != crisis.me]
    if only is not None:
        seats = [seat for seat in seats if seat.device in only]
    return await say_to_seats(agent, crisis, content, seats, until=until)


async def say_to_seats(
    agent: Agent,
    crisis: Crisis,
    content: CaseContent,
    seats: Iterable[Seat],
    *,
    until: Instant | None = None,
) -> Sent:
    """Say something to these devices, as far as they are certified and may be told.

    Raises:
        PartnerPaused: Nothing may go to any of them now. Nothing was sealed.
        NotPartners, NotPermitted, QuietwayError: As `say_in_huddle`.
    """
    there = [seat for seat in seats if is_certified(agent, seat)]
    if not there:
        raise ContentRefused("to", "is nobody: no device but this one takes part.")
    check_partners(agent, {seat.agency for seat in there})
    told = await find_allowed(agent, crisis, content, {seat.agency for seat in there})
    reached = [seat for seat in there if seat.agency in {*told, agent.keyring.agency}]
    if not reached:
        # To name no device would be to name all of one's own agency.
        raise PartnerPaused(call(agent, there[0].agency))
    return await speak(
        agent,
        content,
        to=told or {agent.keyring.agency},
        conversation=crisis.conversation,
        devices=sorted(seat.device for seat in reached),
        until=until,
    )


def check_may_say(crisis: Crisis, content: CaseContent) -> None:
    """Demand that this device takes part and may say this.

    Raises:
        ContentRefused: It does not. Nothing was sealed.
    """
    seat = crisis.seat
    if seat is None:
        raise ContentRefused("event_id", "is of a huddle in which this device takes no part.")
    if seat.role == OBSERVER and not isinstance(content, HuddleLeft):
        raise ContentRefused("role", "is observer: ask the lead for another one to speak.")
    check_exercise(crisis, content)


def check_exercise(crisis: Crisis, content: CaseContent) -> None:
    """Demand that what is said of a drill says so, and nothing else does (V25).

    Raises:
        ContentRefused: It is not as the event is. Nothing was sealed.
    """
    if content.exercise != crisis.exercise:
        raise ContentRefused("exercise", "is not as in the event: a drill stays one, to its end.")


def check_partners(agent: Agent, agencies: Collection[AgencyId]) -> None:
    """Demand that this agency is a partner of each that takes part.

    Raises:
        NotPartners: Of one it is none. Nothing was sealed.
    """
    mine = agent.keyring.agency
    for agency in sorted(agencies):
        if agency != mine and agency not in agent.lanes.partners:
            raise NotPartners(call(agent, mine), call(agent, agency))


def call(agent: Agent, agency: AgencyId) -> str:
    """Call an agency by its code, where that is known here."""
    return agent.directory.agency_code(agency) or str(agency)


def is_certified(agent: Agent, seat: Seat) -> bool:
    """Say whether a device is one of its agency's now."""
    return agent.directory.device(seat.agency, seat.device) is not None


async def find_allowed(
    agent: Agent, crisis: Crisis, content: CaseContent, agencies: Collection[AgencyId]
) -> tuple[AgencyId, ...]:
    """Find the agencies that may be told now, one's own left out.

    Raises:
        NotPermitted: There are others, and none of them may be.
    """
    allowed, refused = [], None
    for agency in sorted(agencies):
        if agency == agent.keyring.agency:
            continue
        if agent.standings.hindrance(agency):
            continue
        answer = await weigh(agent, content, agency, conversation=crisis.conversation)
        if answer.ruling.allowed:
            allowed.append(agency)
        else:
            refused = NotPermitted(call(agent, agency), answer.ruling)
    if refused is not None and not allowed and agent.keyring.agency not in agencies:
        raise refused
    return tuple(allowed)
