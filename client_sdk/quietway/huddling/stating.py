"""Stating who takes part: the owner's next statement, said to exactly those whom it names.

Rules: one statement follows another in the order in which they were written, whatever the network
does. What was said to whoever is not named any more is taken back in so far as it was not fetched.

Spec: docs/spec/crises.md, "Who takes part".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietway.errors import ContentRefused
from quietway.huddling.reading import read_crisis
from quietway.huddling.saying import find_allowed, is_certified, say_to_seats
from quietway.speaking import speak
from quietway_schemas.content.crisis import (
    MOST_MEMBERS,
    HuddleMember,
    HuddleMembers,
    HuddleParty,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from quietway.agent import Agent
    from quietway.crisis.chain import Seat
    from quietway.reports import Sent
    from quietway.views.crises import Crisis
    from quietway_schemas.ids import AgencyId, DeviceId


async def state_members(
    agent: Agent,
    crisis: Crisis,
    seats: Collection[Seat],
    *,
    change: str,
    grounds: Mapping[AgencyId, str],
    owner: DeviceId | None = None,
    follows: bytes | None = None,
) -> Sent:
    """Say who takes part from now on.

    Args:
        agent: Of this device, the owner's.
        crisis: The event, as it stands.
        seats: Who takes part.
        change: A code of the list `huddle_change`.
        grounds: For agencies that no statement named: on which ground, in this agency's word.
        owner: The device that says the next one; None for this one.
        follows: The statement that is gone on from, where another owner's chain ended.

    Raises:
        ContentRefused: Too many take part. Nothing was sealed.
        QuietwayError: As `saying.say_in_huddle`.
    """
    if len(seats) > MOST_MEMBERS:
        raise ContentRefused("members", f"are more than {MOST_MEMBERS} devices.")
    last = None if follows is not None else crisis.membership.last
    content = HuddleMembers(
        event_id=crisis.event_id,
        exercise=crisis.exercise,
        epoch=0 if last is None else last.content.epoch + 1,
        prev=None if last is None else last.name,
        follows=follows,
        owner=owner or crisis.me,
        parties=_make_parties(agent, crisis, seats, grounds),
        change=change,
        at=agent.clock.now(),
    )
    others = [
        seat
        for seat in seats
        if seat.device != crisis.me and not agent.standings.hindrance(seat.agency)
    ]
    sent = await (
        say_to_seats(agent, crisis, content, others)
        if others
        else _say_to_nobody(agent, crisis, content)
    )
    await cut_off(agent, await read_crisis(agent, crisis.event_id))
    return sent


async def _say_to_nobody(agent: Agent, crisis: Crisis, content: HuddleMembers) -> Sent:
    """Write a statement down that names this device alone: it counts here, and goes nowhere."""
    mine = agent.keyring.agency
    sent = await speak(
        agent, content, to=[mine], conversation=crisis.conversation, devices=[crisis.me]
    )
    await agent.withdrawer.begin([sent.local_id])
    return sent


async def cut_off(agent: Agent, crisis: Crisis) -> None:
    """Take back what was said in a huddle to whoever does not take part any more."""
    if crisis.membership.last is None:
        return
    staying = {seat.device for seat in crisis.members}
    stops, asked = await agent.withdrawer.keep_to(crisis.conversation, staying)
    if stops or asked:
        await agent.settle(*stops, also=asked)
        await agent.send_what_waits()


async def keep_allowed(
    agent: Agent, crisis: Crisis, seats: Iterable[Seat]
) -> tuple[list[Seat], bool]:
    """Keep the seats of devices that are certified, and of agencies that may be told.

    Returns:
        The seats, and whether an agency fell.
    """
    certified = [seat for seat in seats if is_certified(agent, seat)]
    mine = agent.keyring.agency
    agencies = {seat.agency for seat in certified} - {mine}
    probe = HuddleMembers(
        event_id=crisis.event_id,
        exercise=crisis.exercise,
        epoch=0,
        owner=crisis.me,
        parties=(HuddleParty(agency=mine, members=(_seat_me(crisis),)),),
        change="opened",
        at=agent.clock.now(),
    )
    allowed = await find_allowed(agent, crisis, probe, {*agencies, mine})
    kept = [seat for seat in certified if seat.agency in {*allowed, mine}]
    return kept, len(kept) < len(certified)


def _seat_me(crisis: Crisis) -> HuddleMember:
    return HuddleMember(device=crisis.me, role="lead")


def _make_parties(
    agent: Agent, crisis: Crisis, seats: Collection[Seat], grounds: Mapping[AgencyId, str]
) -> tuple[HuddleParty, ...]:
    last = crisis.membership.last
    before = {} if last is None else {held.agency: held for held in last.content.parties}
    mine = agent.keyring.agency
    parties = []
    for agency in sorted({seat.agency for seat in seats} | before.keys() | grounds.keys()):
        if agency in crisis.stopped:
            continue
        former = before.get(agency)
        ground = grounds.get(agency)
        members = sorted(
            (seat for seat in seats if seat.agency == agency), key=lambda seat: seat.device
        )
        parties.append(
            HuddleParty(
                agency=agency,
                ground=former.ground if former is not None else ground,
                vouched_by=former.vouched_by
                if former is not None
                else (None if ground is None else mine),
                members=tuple(HuddleMember(device=seat.device, role=seat.role) for seat in members),
            )
        )
    return tuple(parties)
